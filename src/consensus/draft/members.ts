/** The members as the rules need them, read out of the tree of members once per version of it. */
import type { Hex32 } from '../../base/entries/fields.ts'
import type { NodeKeys } from '../../base/entries/offer.ts'
import { assert } from '../../base/errors.ts'
import type { BuilderOrganisation } from '../selection/select.ts'
import { entriesOf, type Tree, type TreeNode } from '../tree/tree.ts'
import type { NodeRecord, OrganisationRecord, RulesRecord } from './records.ts'

/** Whose key it is. */
export interface Sender {
  readonly organisation: string
  readonly node: Hex32
  readonly use: 'attestation' | 'consensus'
}

/** The members of one version. */
export interface Members extends RulesRecord {
  /** By name, former members included. */
  readonly organisations: ReadonlyMap<string, OrganisationRecord>
  /** Present attestation and consensus keys. */
  readonly senders: ReadonlyMap<Hex32, Sender>
  /** Every present key, with its node. */
  readonly used: ReadonlyMap<string, Hex32>
  /** Organisations with an authority. */
  readonly authorities: ReadonlySet<string>
  /** How many of them must be for a change: floor((n + f) / 2) + 1. */
  readonly quorum: number
  /** f + 1 of them: at least one is honest. */
  readonly oneHonest: number
}

const known = new WeakMap<TreeNode, Members>()

/** The members in this tree. */
export function membersOf(tree: Tree): Members {
  assert(tree !== undefined, 'wanted a state with members')
  const before = known.get(tree)
  if (before !== undefined) return before
  const made = readMembers(tree)
  known.set(tree, made)
  return made
}

/** The names of a node's keys. */
export function keysOf({ attestation, consensus, log, cosigner, peer }: NodeKeys): string[] {
  return [attestation, consensus, log, cosigner, peer].filter((key) => key !== undefined)
}

/** True if the node is a member now. */
export function isPresent({ until }: NodeRecord): boolean {
  return until === null
}

/**
 * The authority for which this key votes now; undefined if it is no consensus key of one, any more or yet. Votes are counted by it, in the
 * state machine as by everybody who verifies the log: who counted by organisation alone would count a key that was given up.
 */
export function voiceOf({ senders, authorities }: Members, key: Hex32): string | undefined {
  const sender = senders.get(key)
  return sender?.use === 'consensus' && authorities.has(sender.organisation) ? sender.organisation : undefined
}

/** What a request of this index in the log draws from: who was a builder then, whatever became of it, and who came later. */
export function buildersFor(members: Members, requestIndex: number): BuilderOrganisation[] {
  const found: BuilderOrganisation[] = []
  for (const { name, joins, nodes } of members.organisations.values()) {
    const there = nodes.filter(
      ({ roles, until }) => roles.includes('builder') && (until === null || until > requestIndex),
    )
    if (there.length === 0) continue
    found.push({
      organisation: name,
      memberIndex: joins.findLast((index) => index < requestIndex) ?? joins.at(-1) ?? 0,
      nodes: there.map(({ node, index, builds }) => ({
        node,
        memberIndex: index,
        types: builds.map(({ type }) => type),
      })),
    })
  }
  return found
}

/** The nodes, present or former, that these entries of the log brought; those who left too long ago are not known any more. */
export function membersAt(
  { organisations }: Members,
  indexes: readonly number[],
): { organisation: string; node: Hex32 }[] {
  const wanted = new Set(indexes)
  return [...organisations.values()].flatMap(({ name, nodes }) =>
    nodes.filter(({ index }) => wanted.has(index)).map(({ node }) => ({ organisation: name, node })),
  )
}

function readMembers(tree: TreeNode): Members {
  const organisations = new Map<string, OrganisationRecord>()
  let rules: RulesRecord | undefined
  for (const { key, value } of entriesOf(tree)) {
    const record: unknown = JSON.parse(Buffer.from(value).toString('utf8'))
    if (Buffer.from(key).toString() === 'rules') rules = record as RulesRecord
    else organisations.set((record as OrganisationRecord).name, record as OrganisationRecord)
  }
  assert(rules !== undefined, 'wanted a state with rules')
  const senders = new Map<Hex32, Sender>()
  const used = new Map<string, Hex32>()
  const authorities = new Set<string>()
  for (const { name, nodes } of organisations.values()) {
    for (const { node, keys, roles } of nodes.filter(isPresent)) {
      for (const key of keysOf(keys)) used.set(key, node)
      if (roles.includes('authority')) authorities.add(name)
      for (const use of ['attestation', 'consensus'] as const) {
        const key = keys[use]
        if (key !== undefined) senders.set(key, { organisation: name, node, use })
      }
    }
  }
  const n = authorities.size
  const f = Math.floor((n - 1) / 3)
  return {
    ...rules,
    organisations,
    senders,
    used,
    authorities,
    quorum: Math.floor((n + f) / 2) + 1,
    oneHonest: f + 1,
  }
}
