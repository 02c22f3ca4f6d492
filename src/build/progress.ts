/** How far an attempt at a package is, from log entries alone: what a builder decides by, and what people are shown. Pure. */
import { type Entry, parseEntry, type SelectionEntry, type VerdictEntry } from '../base/entries/entry.ts'
import { entryName } from '../base/entries/entry-name.ts'
import type { Hex32 } from '../base/entries/fields.ts'
import { isKind } from '../base/errors.ts'
import type { LogHit } from '../log/log.ts'

/** A selection that names builders. */
export type Selected = Extract<SelectionEntry, { outcome: 'selected' }>

/** What the log has on one request. Nodes are named by their attestation keys. */
export interface Progress {
  readonly request: Hex32
  /** Index in the log of the request; undefined if it is not there (yet). */
  readonly requestIndex: number | undefined
  readonly attempt: number | undefined
  /** Whether a draw came too late and was fixed anew. */
  readonly redrawn: boolean
  /** The draw found too few organisations that build this. */
  readonly refused: boolean
  readonly selection: Selected | undefined
  /** Commitments by node. */
  readonly commits: ReadonlyMap<Hex32, Hex32>
  readonly reveals: ReadonlySet<Hex32>
  /** Nodes that did not commit in time. */
  readonly missed: ReadonlySet<Hex32>
  /** Nodes whose vote no longer counts. */
  readonly faulty: ReadonlySet<Hex32>
  readonly verdict: { readonly index: number; readonly entry: VerdictEntry } | undefined
}

/** The phase of an attempt, in the order in which they come; the last two end it. */
export type Phase = 'ordered' | 'drawing' | 'committing' | 'revealing' | 'refused' | 'decided'

/** What these entries, in any order, say of the request. */
export function progressOf(request: Hex32, hits: readonly LogHit[]): Progress {
  const commits = new Map<Hex32, Hex32>()
  const [reveals, missed, faulty] = [new Set<Hex32>(), new Set<Hex32>(), new Set<Hex32>()]
  let found: Pick<Progress, 'requestIndex' | 'attempt' | 'redrawn' | 'refused' | 'selection' | 'verdict'> = {
    requestIndex: undefined,
    attempt: undefined,
    redrawn: false,
    refused: false,
    selection: undefined,
    verdict: undefined,
  }
  for (const { index, entry: bytes } of hits.toSorted((a, b) => a.index - b.index)) {
    const entry = parsed(bytes)
    if (entry === undefined) continue
    const asks = entry.kind === 'request' || (entry.kind === 'dispute' && entry.step === 'opened')
    if (asks && entryName(bytes) === request) found = { ...found, requestIndex: index, attempt: entry.attempt }
    else if (entry.kind === 'commit' && entry.tx.body.request === request) {
      commits.set(entry.tx.body.key, entry.tx.body.commitment)
    } else if (entry.kind === 'reveal' && entry.tx.body.request === request) reveals.add(entry.tx.body.key)
    else if (!('request' in entry) || entry.request !== request) continue
    else if (entry.kind === 'selection' && entry.outcome === 'selected') found = { ...found, selection: entry }
    else if (entry.kind === 'selection') {
      found = { ...found, ...(entry.outcome === 'refused' ? { refused: true } : { redrawn: true }) }
    } else if (entry.kind === 'verdict') found = { ...found, verdict: { index, entry } }
    else if (entry.kind === 'fault' && entry.fault === 'missed-commit') missed.add(entry.node)
    else if (entry.kind === 'fault' && FAULTY.includes(entry.fault)) faulty.add(entry.node)
  }
  return { request, ...found, commits, reveals, missed, faulty }
}

const FAULTY = ['equivocation', 'copied-commitment', 'mismatched-reveal', 'unlisted-recipe']

/** Who is asked to build: the selected, and a standby for each commitment that was missed. */
export function panelOf({ selection, missed }: Progress): Selected['selected'] {
  if (selection === undefined) return []
  return [...selection.selected, ...selection.standbys.slice(0, missed.size)]
}

/** The phase. Results are told as soon as everybody on the panel has committed or can no longer. */
export function phaseOf(progress: Progress): Phase {
  const { verdict, refused, selection, requestIndex, commits, missed, faulty } = progress
  if (verdict !== undefined) return 'decided'
  if (refused) return 'refused'
  if (selection === undefined) return requestIndex === undefined ? 'ordered' : 'drawing'
  const waits = panelOf(progress).some(({ node }) => !commits.has(node) && !missed.has(node) && !faulty.has(node))
  return waits ? 'committing' : 'revealing'
}

function parsed(bytes: Uint8Array): Entry | undefined {
  try {
    return parseEntry(bytes)
  } catch (error) {
    // A newer version may log what this one does not know.
    if (isKind(error, 'usage')) return undefined
    throw error
  }
}
