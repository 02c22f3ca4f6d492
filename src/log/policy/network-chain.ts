/**
 * Whose word counts in a network, over time: `network.json` is the first version, and each voted change of members that the log holds
 * makes the next. Which version applies is decided by tree size, so old proofs keep verifying and a removed member's signature counts
 * for nothing newer. 2-trust.md, "Parties and keys". Pure.
 *
 * What it cannot see: a change that nobody shows it. Whoever pins an old `network.json` trusts its quorum until shown otherwise; a
 * reader that has the log sees every change, and a file's expiry bounds the rest. That at least two blocks lay between vote and
 * effect is kept by the state machine; heights of votes are not in the entry.
 */
import type { MemberEntry } from '../../base/entries/entry.ts'
import { changeId, isSigned } from '../../base/entries/transaction.ts'
import { AppError } from '../../base/errors.ts'
import { type Network, quorumOf } from '../../base/network/network.ts'
import type { Vkey } from '../../base/network/vkey.ts'
import { parseCheckpoint } from '../note/checkpoint.ts'
import {
  type CheckpointPolicy,
  type GoodCosignature,
  medianSeconds,
  type TrustedCheckpoint,
} from './check-checkpoint.ts'
import { authoritiesOf, type Members, membersOf, withChangedMembers } from './network-members.ts'
import type { Quorum } from './quorum.ts'

/** Changes that one chain may hold: each costs a few signatures to check. */
export const CHANGES_MAX = 1000

/** Whose word counts for trees of some sizes. */
export interface PolicyVersion extends CheckpointPolicy {
  /** Applies to trees of this size and larger, up to the next version's. */
  readonly fromSize: number
  readonly members: Members
  /** Organisations that must cosign, or vote, out of `authorities`. */
  readonly k: number
  readonly authorities: number
  /** The organisation of each key of `logs` and `cosigners`. */
  readonly organisationOf: ReadonlyMap<Vkey, string>
  /** Keys whose cosignatures count; those of witnesses are only shown. */
  readonly counted: ReadonlySet<Vkey>
}

/** The versions of a network's policy, oldest first. */
export interface PolicyChain {
  readonly origin: string
  /** Entries below this index are in `network.json` already. */
  readonly knownSize: number
  readonly versions: readonly [PolicyVersion, ...PolicyVersion[]]
}

/** The chain that `network.json` begins. @throws usage.log if the checkpoint in it is malformed */
export function chainOf(network: Network): PolicyChain {
  const { origin, checkpoint } = network
  // Only how far the file knows the log is taken from it; the file itself is what is trusted.
  const text = checkpoint?.slice(0, checkpoint.lastIndexOf('\n\n') + 1)
  const knownSize = text === undefined ? 0 : parseCheckpoint(text).size
  return { origin, knownSize, versions: [versionOf(0, membersOf(network), origin)] }
}

/** The version that applies to trees of this size. */
export function versionAt({ versions }: PolicyChain, size: number): PolicyVersion {
  let found: PolicyVersion = versions[0]
  for (const version of versions) if (version.fromSize <= size) found = version
  return found
}

/**
 * The chain with a change at its end: a `member` entry of step `active`, which stands in the log at `index` (proven elsewhere) and
 * applies to trees larger than that. Votes count once per organisation, by the consensus keys of the version before.
 * @throws untrusted.quorum if fewer than k voted; untrusted.change if it is out of order, or none that its members could make
 */
export function withChange(chain: PolicyChain, index: number, entry: MemberEntry): PolicyChain {
  const { origin, knownSize, versions } = chain
  const before = versions.at(-1) ?? versions[0]
  if (entry.step !== 'active') throw refused(`wanted one that holds, found step ${entry.step}`)
  if (index < knownSize || index < before.fromSize || versions.length > CHANGES_MAX) {
    throw refused(`the one at index ${index} is out of order`)
  }
  const [proposal] = entry.votes
  const { change } = proposal.body
  checkVotes(entry.votes, changeId(change), before, origin)
  const members = withChangedMembers(before.members, change, origin)
  return { origin, knownSize, versions: [...versions, versionOf(index + 1, members, origin)] }
}

/** Time of a checkpoint that `version` accepted: the median over those whose word counts, in seconds since 1970. */
export function timeOf(
  { cosignatures }: Pick<TrustedCheckpoint, 'cosignatures'>,
  { counted }: PolicyVersion,
): number | undefined {
  return medianSeconds(cosignatures.filter(({ key }) => counted.has(key)))
}

/** Who cosigned, by organisation, each once with its newest time. */
export function cosignersOf(cosignatures: readonly GoodCosignature[], version: PolicyVersion): Map<string, number> {
  const found = new Map<string, number>()
  for (const { key, timestampSeconds } of cosignatures) {
    const organisation = version.organisationOf.get(key)
    if (organisation === undefined) continue
    found.set(organisation, Math.max(timestampSeconds, found.get(organisation) ?? 0))
  }
  return found
}

function checkVotes(
  votes: Extract<MemberEntry, { step: 'active' }>['votes'],
  id: string,
  version: PolicyVersion,
  origin: string,
): void {
  const organisationOf = new Map(
    authoritiesOf(version.members).flatMap(([organisation, nodes]) =>
      nodes.map(({ consensus }) => [consensus, organisation] as const),
    ),
  )
  const found = new Set<string>()
  for (const tx of votes) {
    const { body } = tx
    const organisation = organisationOf.get(body.key)
    // A key is asked once: whoever made up a list of bad votes costs no more than an honest one.
    organisationOf.delete(body.key)
    const isFor = body.type === 'propose' ? changeId(body.change) === id : body.change === id
    if (organisation !== undefined && isFor && body.network === origin && isSigned(tx)) found.add(organisation)
  }
  if (found.size >= version.k) return
  const message = `a change of members: wanted votes of ${version.k} out of ${version.authorities} authorities, found ${found.size}`
  throw new AppError('untrusted.quorum', message, { data: { wanted: version.k, found: found.size } })
}

function versionOf(fromSize: number, members: Members, origin: string): PolicyVersion {
  const authorities = authoritiesOf(members)
  const organisationOf = new Map<Vkey, string>()
  const cosigners: Vkey[] = []
  for (const [organisation, nodes] of members) {
    for (const { log, cosigner } of nodes) {
      if (log !== undefined) organisationOf.set(log, organisation)
      if (cosigner === undefined) continue
      organisationOf.set(cosigner, organisation)
      cosigners.push(cosigner)
    }
  }
  const voices = authorities.map(([, nodes]) =>
    nodes.flatMap(({ cosigner }) => (cosigner === undefined ? [] : [cosigner])),
  )
  const k = quorumOf(authorities.length)
  // Organisations count, keys do not: several nodes of one are any of them.
  const groups = voices.map(
    (keys): Quorum => ({ kind: 'group', k: 1, members: keys.map((key) => ({ kind: 'key', key })) }),
  )
  return {
    fromSize,
    members,
    k,
    authorities: authorities.length,
    logs: authorities.flatMap(([, nodes]) => nodes.flatMap(({ log }) => (log?.name === origin ? [log] : []))),
    cosigners,
    quorum: { kind: 'group', k, members: groups },
    organisationOf,
    counted: new Set(voices.flat()),
  }
}

function refused(found: string): AppError {
  return new AppError('untrusted.change', `a change of members: ${found}`)
}
