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
 * Asks for a package of one version. `since`: entries that this node's log had when it was first asked for; what was requested after that
 * is what this leads to, whatever became of it: an answer may have been lost, or this node killed before it was written down.
 * @throws usage.purl, denied.network with the reason of the network, unavailable.peer, exhausted.quota, aborted.caller
 */
export async function submit(
  purl: Purl,
  deps: SubmitDependencies,
  signal: AbortSignal,
  since: number = Number.POSITIVE_INFINITY,
): Promise<Admitted> {
  if (purlParts(purl).version === undefined) {
    throw new AppError('usage.purl', `wanted a package of one version, found ${purl}`)
  }
  const found = await requestFor(purl, deps.log, signal, since)
  if (found !== undefined) return admitted(purl, found)
  const ordered = await ask(purl, deps, signal)
  const [entry] = ordered.entries
  if (ordered.refusal === undefined && entry !== undefined) return admitted(purl, entry.name)
  if (await isAhead(purl, ordered.refusal, deps.log, signal)) {
    throw new AppError(
      'unavailable.peer',
      `the network was asked for ${purl} already, or has it doubted: the log here does not show yet what comes of it`,
    )
  }
  throw refused(purl, ordered.refusal)
}

function admitted(purl: string, request: Hex32): Admitted {
  return { purl, request } as Admitted
}

/** The last request for the purl, if it came behind the first `since` entries or the log has no end of it yet. */
async function requestFor(purl: Purl, log: WatchedLog, signal: AbortSignal, since: number): Promise<Hex32 | undefined> {
  const [asked] = await log.find({ purl, kind: 'request', limit: 1 }, signal)
  if (asked === undefined) return undefined
  const request = entryName(asked.entry)
  if (asked.index >= since) return request
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

/** Whether the network refuses because of something that the log here does not have yet. */
async function isAhead(
  purl: Purl,
  refusal: string | undefined,
  log: WatchedLog,
  signal: AbortSignal,
): Promise<boolean> {
  if (refusal === 'open') return true
  return refusal === 'live' && (await log.find({ purl, kind: 'verdict', limit: 1 }, signal)).length === 0
}

async function ask(purl: Purl, { ordering, member }: SubmitDependencies, signal: AbortSignal): Promise<Ordered> {
  if (member === undefined) return await ordering.ask(purl, signal)
  return await member.send<RequestBody>({ type: 'request', purl }, signal)
}

const REASONS: Readonly<Record<string, string>> = {
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
