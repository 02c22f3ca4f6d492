/**
 * Who builds: a pure function of the seed and of the membership as it was at the request, so that `explain --verify` and the proof
 * file recompute it offline, for ever. Called by the state machine when a draw's randomness is known. Whether a selected node still
 * is a member when it votes is not asked here: taking members out between draw and selection would be choosing the builders.
 */
import { assert } from '../../base/errors.ts'
import { type PanelSize, panelSize } from './panel-size.ts'
import { rank } from './rank.ts'

/** A node that builds, as its member entry says. */
export interface BuilderNode {
  /** What the node is known by in the log, unique in the network. */
  readonly node: string
  /** Index in the log of the member entry that is in force for it. */
  readonly memberIndex: number
  /** Purl types that this entry declares. */
  readonly types: readonly string[]
}

/** An organisation with its builder nodes. */
export interface BuilderOrganisation {
  readonly organisation: string
  /** Index of the entry by which the organisation came in; it stays while the organisation is a member, whatever its nodes do. */
  readonly memberIndex: number
  readonly nodes: readonly BuilderNode[]
}

/** What a selection is made from. */
export interface SelectionInput {
  /** From `drawSeed`. */
  readonly seed: Uint8Array
  /** The membership at the request, in any order. */
  readonly members: readonly BuilderOrganisation[]
  /** The purl's type. */
  readonly ecosystemType: string
  /** Index of the request's entry: only member entries before it count. */
  readonly requestIndex: number
}

/** One place on the panel. */
export interface Seat {
  readonly organisation: string
  /** The one node of the organisation that builds. */
  readonly node: string
  /** 0 for the first of the eligible organisations. */
  readonly rank: number
}

/** Why an organisation is neither selected nor a standby. `rank` (from 0) only where it took part in the draw. */
export type PassedOver = { readonly organisation: string } & (
  | { readonly reason: 'joined-after-request' | 'type-not-declared' }
  | { readonly reason: 'ranked-below'; readonly rank: number }
)

/** Numbers that both outcomes state. */
export interface SelectionCounts {
  /** Builder organisations at the request. */
  readonly organisations: number
  /** Of them, those that declared the purl's type before it. */
  readonly eligible: number
  /** How many had to: two thirds, rounded up. */
  readonly eligibleNeeded: number
}

/** A panel was drawn. */
export interface Selection {
  readonly kind: 'selected'
  readonly counts: SelectionCounts
  readonly size: PanelSize
  readonly selected: readonly Seat[]
  /** In the order in which they step in, each after a missed commit; at most `size.builders - size.quorum`. */
  readonly standbys: readonly Seat[]
  readonly passedOver: readonly PassedOver[]
}

/** Too few organisations build this type: the request is refused, and that is logged. `passedOver` names who does not build it. */
export interface SelectionRefusal {
  readonly kind: 'refused'
  readonly counts: SelectionCounts
  readonly passedOver: readonly PassedOver[]
}

/**
 * Selects organisations and of each one node. `passedOver` comes in the order of the draw, those that took no part before it in the
 * order of their entries.
 * @throws bug.assertion for members that share an index or a name
 */
export function select(input: SelectionInput): Selection | SelectionRefusal {
  const { seed, ecosystemType } = input
  const { builders, late } = buildersAt(input)
  const eligible = builders.filter(({ nodes }) => nodes.some(({ types }) => types.includes(ecosystemType)))
  const counts = {
    organisations: builders.length,
    eligible: eligible.length,
    eligibleNeeded: Math.ceil((builders.length * 2) / 3),
  }
  const taking = new Set(eligible)
  const others = builders.filter((builder) => !taking.has(builder))
  const outside: PassedOver[] = [
    ...late.map((organisation) => ({ organisation, reason: 'joined-after-request' }) as const),
    ...others.map(({ organisation }) => ({ organisation, reason: 'type-not-declared' }) as const),
  ]
  if (eligible.length === 0 || eligible.length < counts.eligibleNeeded) {
    return { kind: 'refused', counts, passedOver: outside }
  }
  const size = panelSize(counts.organisations, counts.eligible)
  const order = rank('organisation', seed, eligible)
  const seats = size.builders + (size.builders - size.quorum)
  const drawn = order.slice(0, seats).map((organisation, at) => seatOf(organisation, at, input))
  const below = order.slice(seats).map(({ organisation }, at) => {
    return { organisation, reason: 'ranked-below', rank: seats + at } as const
  })
  return {
    kind: 'selected',
    counts,
    size,
    selected: drawn.slice(0, size.builders),
    standbys: drawn.slice(size.builders),
    passedOver: [...outside, ...below],
  }
}

/** The organisations with the nodes that they had at the request, in the order of their entries, and those that had none. */
function buildersAt({ members, requestIndex }: SelectionInput): { builders: BuilderOrganisation[]; late: string[] } {
  const names = new Set(members.map(({ organisation }) => organisation))
  assert(names.size === members.length, 'wanted each organisation once among the members')
  const builders: BuilderOrganisation[] = []
  const late: string[] = []
  for (const member of [...members].sort((a, b) => a.memberIndex - b.memberIndex)) {
    const nodes = member.nodes.filter(({ memberIndex }) => memberIndex < requestIndex)
    if (nodes.length > 0 && member.memberIndex < requestIndex) builders.push({ ...member, nodes })
    else if (member.nodes.length > 0) late.push(member.organisation)
  }
  return { builders, late }
}

function seatOf(member: BuilderOrganisation, at: number, { seed, ecosystemType }: SelectionInput): Seat {
  const able = member.nodes.filter(({ types }) => types.includes(ecosystemType))
  const [first] = rank('node', seed, able)
  assert(first !== undefined, 'wanted a node of an eligible organisation')
  return { organisation: member.organisation, node: first.node, rank: at }
}
