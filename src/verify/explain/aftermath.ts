/**
 * What follows from a verdict: builders that claimed upstream's bytes and did not build them, and how a dispute ends for the verdict that
 * was doubted and for those who agreed on it. Computed again, so that what is wrong is named, and what is missing too. Pure. 2-trust.md,
 * "Agreement"; attacks D9, D10.
 */
import type { DisputeEntry, FaultEntry, VerdictEntry } from '../../base/entries/entry.ts'
import type { Members } from '../../consensus/draft/members.ts'
import { claimsUpstream, filesHash } from '../../consensus/rules/decide.ts'
import { type AskedEntry, differences, type Logged, type Problem, problemOf } from './problem.ts'
import type { SeatState } from './seats.ts'

/** How a dispute ended. */
export type EndEntry = Extract<DisputeEntry, { step: 'upheld' | 'dismissed' | 'unresolved' }>

/** Who must be blamed in which entries, until they have been seen. */
export interface Blame {
  /** What must follow, by node. */
  readonly wanted: Map<string, { readonly organisation: string; readonly evidence: readonly number[] }>
  readonly fault: 'unbuilt' | 'disputed'
  /** The entry that they follow from. */
  readonly because: Logged
}

/** Those who told exactly upstream's bytes where the agreed ones are others. */
export function unbuiltAfter(logged: Logged<VerdictEntry>, seats: readonly SeatState[]): Blame {
  const { agreed } = logged.entry
  const wanted: Blame['wanted'] = new Map()
  for (const { node, organisation, stage, reveal, agreed: told } of seats) {
    if (stage !== 'revealed' || agreed === null || told === undefined || !claimsUpstream(told, agreed)) continue
    wanted.set(node, { organisation, evidence: [reveal ?? 0, logged.index] })
  }
  return { wanted, fault: 'unbuilt', because: logged }
}

/** Those who agreed on a verdict that a fresh selection overturned, as far as the network remembers them: who left years ago is forgotten. */
export function blamedFor(
  end: Logged<EndEntry>,
  doubted: Logged<VerdictEntry>,
  fresh: Logged,
  members: Members | undefined,
): Blame {
  const evidence = [doubted.index, fresh.index, end.index]
  const isKnown = (organisation: string, node: string) =>
    members === undefined || members.organisations.get(organisation)?.nodes.some((each) => each.node === node) === true
  const agreeing = doubted.entry.panel.filter(({ agreed, organisation, node }) => agreed && isKnown(organisation, node))
  const holders = end.entry.step === 'upheld' ? agreeing : []
  const wanted = new Map(holders.map(({ node, organisation }) => [node, { organisation, evidence }] as const))
  return { wanted, fault: 'disputed', because: end }
}

/** Whether a fault is one of those that had to follow; each may come once. */
export function takeBlame(logged: Logged<FaultEntry>, blame: Blame | undefined): Problem[] {
  const { node, organisation, fault } = logged.entry
  const due = blame?.wanted.get(node)
  if (due === undefined || blame?.fault !== fault) {
    return [problemOf(logged, 'fault', `${fault} of ${organisation}: nothing before it shows that`)]
  }
  blame.wanted.delete(node)
  return differences(logged, { organisation: due.organisation, evidence: due.evidence, tx: null })
}

/** Faults that had to follow and did not. */
export function missingBlame({ wanted, fault, because }: Blame): Problem[] {
  return [...wanted.values()].map(({ organisation }) => {
    return problemOf(because, undefined, `wanted the fault ${fault} of ${organisation} after it, found none`)
  })
}

/** Whether the end of a dispute follows from both verdicts. `fresh` is undefined if nobody could be drawn. */
export function checkEnd(
  logged: Logged<EndEntry>,
  asked: Logged<AskedEntry>,
  doubted: Logged<VerdictEntry> | undefined,
  fresh: VerdictEntry | undefined,
): Problem[] {
  const verdictOf = asked.entry.kind === 'dispute' ? asked.entry.verdictOf : undefined
  const wanted = { purl: asked.entry.purl, verdictOf, request: asked.name }
  if (doubted === undefined) {
    return [...differences(logged, wanted), problemOf(logged, 'verdictOf', 'the log has no verdict of that request')]
  }
  return differences(logged, { ...wanted, step: endOf(doubted.entry, fresh) })
}

function endOf(doubted: VerdictEntry, fresh: VerdictEntry | undefined): EndEntry['step'] {
  const [before, after] = [filesIn(doubted), fresh && filesIn(fresh)]
  // Having merely seen upstream's bytes says nothing about having built them.
  const comparable = (fresh?.outcome === 'witnessed') === (doubted.outcome === 'witnessed')
  if (after === undefined || !comparable) return 'unresolved'
  return before === after ? 'dismissed' : 'upheld'
}

function filesIn({ agreed }: VerdictEntry): string | undefined {
  return agreed !== null && 'files' in agreed ? filesHash(agreed.files) : undefined
}
