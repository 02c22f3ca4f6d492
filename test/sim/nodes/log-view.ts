/** What follows from the entries of the log, request by request: all that builders, requesters and the referee know. */
import {
  type Entry,
  parseEntry,
  type SeatEntry,
  type SelectionEntry,
  type VerdictEntry,
} from '../../../src/base/entries/entry.ts'
import { entryName } from '../../../src/base/entries/entry-name.ts'
import { agreedPart } from '../../../src/base/entries/result.ts'
import type { CommitBody, RevealBody, Transaction } from '../../../src/base/entries/transaction.ts'
import { hashOf } from '../../../src/consensus/draft/draft.ts'

/** An entry of the log. */
export interface Seen {
  readonly index: number
  readonly bytes: Uint8Array
  readonly name: string
  readonly entry: Entry
}

/** An attempt, as the log tells it. */
export interface Attempt {
  readonly name: string
  readonly index: number
  readonly purl: string
  readonly attempt: number
  readonly membershipRoot: string
  /** The key that asked. */
  readonly asker: string
  readonly atSeconds: number
  readonly disputes: string | undefined
  selection: (SelectionEntry & { outcome: 'selected' }) | undefined
  selectionIndex: number
  readonly commits: Map<string, { readonly index: number; readonly tx: Transaction<CommitBody> }>
  readonly reveals: Map<
    string,
    { readonly index: number; readonly tx: Transaction<RevealBody>; readonly agreement: string }
  >
  readonly missed: Set<string>
  readonly missedReveal: Set<string>
  /** Shown to have cheated before the verdict: its vote does not count. */
  readonly faulty: Set<string>
  readonly faults: Set<string>
  verdict: VerdictEntry | undefined
  verdictIndex: number
  /** The hash of what was agreed on. */
  agreement: string | undefined
  closed: boolean
}

const VOID: ReadonlySet<string> = new Set(['equivocation', 'copied-commitment', 'mismatched-reveal', 'unlisted-recipe'])
const parsed = new WeakMap<Uint8Array, { readonly name: string; readonly entry: Entry }>()

/** The entry at a place; parsed once, however many nodes look at it. */
export function seeEntry(bytes: Uint8Array, index: number): Seen {
  const known = parsed.get(bytes) ?? { name: entryName(bytes), entry: parseEntry(bytes) }
  parsed.set(bytes, known)
  return { index, bytes, ...known }
}

/** The seats of an attempt as of now: selected builders, and standbys in their order, one for each that missed. */
export function seatsOf({ selection, missed }: Attempt): readonly SeatEntry[] {
  if (selection === undefined) return []
  return [...selection.selected, ...selection.standbys.slice(0, missed.size)]
}

/** Seats that neither committed nor missed it; nobody reveals while there is one. */
export function waitingFor(attempt: Attempt): readonly SeatEntry[] {
  return seatsOf(attempt).filter(({ node }) => !attempt.commits.has(node) && !attempt.missed.has(node))
}

/** All attempts of a log. */
export class LogView {
  readonly attempts: Map<string, Attempt> = new Map()
  size = 0

  /** Takes the next entry. */
  take({ index, name, entry }: Seen): void {
    this.size = index + 1
    if (entry.kind === 'request' || (entry.kind === 'dispute' && entry.step === 'opened')) {
      const { purl, attempt, membershipRoot, tx, at } = entry
      const disputes = entry.kind === 'dispute' ? entry.verdictOf : undefined
      this.attempts.set(name, {
        ...{ name, index, purl, attempt, membershipRoot, disputes, asker: tx.body.key, atSeconds: at.timeSeconds },
        ...{ selection: undefined, selectionIndex: -1, commits: new Map(), reveals: new Map() },
        ...{ missed: new Set(), missedReveal: new Set(), faulty: new Set(), faults: new Set() },
        ...{ verdict: undefined, verdictIndex: -1, agreement: undefined, closed: false },
      })
      return
    }
    const about = requestOf(entry)
    const attempt = about === undefined ? undefined : this.attempts.get(about)
    if (attempt !== undefined) takeInto(attempt, entry, index)
  }
}

/** The request that an entry is about. */
export function requestOf(entry: Entry): string | undefined {
  if (entry.kind === 'commit' || entry.kind === 'reveal') return entry.tx.body.request
  if (entry.kind === 'selection' || entry.kind === 'verdict' || entry.kind === 'fault') return entry.request
  return undefined
}

function takeInto(attempt: Attempt, entry: Entry, index: number): void {
  if (entry.kind === 'selection' && entry.outcome === 'selected') {
    attempt.selection = entry
    attempt.selectionIndex = index
  } else if (entry.kind === 'selection' && entry.outcome === 'refused') {
    attempt.closed = true
  } else if (entry.kind === 'commit') {
    attempt.commits.set(entry.tx.body.key, { index, tx: entry.tx })
  } else if (entry.kind === 'reveal') {
    const agreement = hashOf(agreedPart(entry.tx.body.result))
    attempt.reveals.set(entry.tx.body.key, { index, tx: entry.tx, agreement })
  } else if (entry.kind === 'verdict') {
    attempt.verdict = entry
    attempt.verdictIndex = index
    attempt.agreement = entry.agreed === null ? undefined : hashOf(entry.agreed)
    attempt.closed = true
  } else if (entry.kind === 'fault') {
    attempt.faults.add(`${entry.fault}/${entry.node}`)
    if (entry.fault === 'missed-commit') attempt.missed.add(entry.node)
    if (entry.fault === 'missed-reveal') attempt.missedReveal.add(entry.node)
    if (VOID.has(entry.fault) && !attempt.closed) attempt.faulty.add(entry.node)
  }
}
