/**
 * Step 1: asks the network for a package. A purl and nothing else: no source, no lock, no recipe for a submitter to poison. Limits and
 * twins are the network's to judge; who asks for what is asked for already is led to that request.
 */
import type { Brand } from '../../base/brand.ts'
import { parseEntry } from '../../base/entries/entry.ts'
import { entryName } from '../../base/entries/entry-name.ts'
import type { Hex32 } from '../../base/entries/fields.ts'
import type { RequestBody } from '../../base/entries/transaction.ts'
import { AppError } from '../../base/errors.ts'
import { type Purl, purlParts } from '../../base/purl.ts'
import type { Member } from '../member.ts'
import type { Ordered, Ordering } from '../ordering.ts'
import type { WatchedLog } from '../watch.ts'

/** A package that the network was asked for: `request` names the entry. Only `submit` makes one. */
export type Admitted = Brand<{ readonly purl: string; readonly request: Hex32 }, 'Admitted'>

/** What asking needs. */
export interface SubmitDependencies {
  readonly log: WatchedLog
  readonly ordering: Ordering
  /** This node's own key, if it is a member; else a member is asked to ask. */
  readonly member: Member | undefined
}

/**
 * Asks for a package of one version.
 * @throws usage.purl, denied.network with the reason of the network, unavailable.peer, exhausted.quota, aborted.caller
 */
export async function submit(purl: Purl, deps: SubmitDependencies, signal: AbortSignal): Promise<Admitted> {
  if (purlParts(purl).version === undefined) {
    throw new AppError('usage.purl', `wanted a package of one version, found ${purl}`)
  }
  const open = await openRequest(purl, deps.log, signal)
  if (open !== undefined) return admitted(purl, open)
  const ordered = await ask(purl, deps, signal)
  const [entry] = ordered.entries
  if (ordered.refusal === undefined && entry !== undefined) return admitted(purl, entry.name)
  throw refused(purl, ordered.refusal)
}

function admitted(purl: string, request: Hex32): Admitted {
  return { purl, request } as Admitted
}

/** A request for the purl that the log has no end of yet. */
async function openRequest(purl: Purl, log: WatchedLog, signal: AbortSignal): Promise<Hex32 | undefined> {
  const [asked] = await log.find({ purl, kind: 'request', limit: 1 }, signal)
  if (asked === undefined) return undefined
  const request = entryName(asked.entry)
  const ends = [
    ...(await log.find({ purl, kind: 'verdict', limit: 8 }, signal)),
    ...(await log.find({ purl, kind: 'selection', limit: 8 }, signal)),
  ]
  const isOver = ends.some(({ entry: bytes }) => {
    const entry = parseEntry(bytes)
    if (entry.kind === 'selection') return entry.request === request && entry.outcome === 'refused'
    return entry.kind === 'verdict' && entry.request === request
  })
  return isOver ? undefined : request
}

async function ask(purl: Purl, { ordering, member }: SubmitDependencies, signal: AbortSignal): Promise<Ordered> {
  if (member === undefined) return await ordering.ask(purl, signal)
  return await member.send<RequestBody>({ type: 'request', purl }, signal)
}

const REASONS: Readonly<Record<string, string>> = {
  open: 'it is being built already',
  live: 'the network has a verdict on it that holds',
  revoked: 'it was withdrawn',
  attempts: 'three attempts in 30 days failed',
  limit: 'the limits of the organisation that asks are used up',
  purl: 'its package URL is not in canonical form',
}

function refused(purl: string, refusal: string | undefined): AppError {
  const why = REASONS[refusal ?? ''] ?? `it says ${refusal ?? 'nothing'}`
  return new AppError('denied.network', `asking the network for ${purl}: ${why}`, { data: { refusal } })
}
