/**
 * Verifies a proof file offline against nothing but a pinned `network.json`: yes with what it says, or the exact reason for no.
 * The steps are those of C2SP tlog-proof, "Verifying", for each entry, with the policy version that the tree size chooses. Pure: the time is
 * the caller's. Used by `pyrsia verify`, by nodes, and by the console.
 */
import type { Digest } from '../base/digest.ts'
import { type Entry, parseEntry } from '../base/entries/entry.ts'
import { AppError, isKind } from '../base/errors.ts'
import { isSolo, type Network } from '../base/network/network.ts'
import type { Purl } from '../base/purl.ts'
import { checkCheckpoint, type TrustedCheckpoint } from '../log/policy/check-checkpoint.ts'
import {
  chainOf,
  cosignersOf,
  type PolicyChain,
  type PolicyVersion,
  timeOf,
  versionAt,
  withChange,
} from '../log/policy/network-chain.ts'
import { verifyTlogProof } from '../log/proof/tlog-proof.ts'
import { sameHash } from '../log/tree/hash.ts'
import { type ProofBundle, type ProvenEntry, parseProofBundle } from './proof-bundle.ts'
import { checkRevocationList, type NotRevoked } from './revocations.ts'
import { findSubject, type Subject } from './subject.ts'
import { type CheckedBuilder, checkBuilders } from './verdict-builders.ts'

/** Different checkpoints of one file: one suffices, and each costs up to 100 signature checks. */
export const CHECKPOINTS_MAX = 16
/** How far ahead of the verifier's clock the log's time may be, in seconds. */
export const CLOCK_SKEW_SECONDS = 600

/** What is asked of a proof. */
export interface ProofQuestion {
  /** Now, in seconds since 1970. */
  readonly nowSeconds: number
  /** The package that the proof must be about. */
  readonly purl?: Purl | undefined
  /** Digests of the artefact at hand: the proof must be about one of them. */
  readonly digests?: readonly Digest[] | undefined
  /** The greatest age of the newest checkpoint, for questions of "latest" and "not revoked"; undefined: any age. */
  readonly ageSecondsMax?: number | undefined
  /** True: a verdict must come with what its builders signed, and not with the authorities' word alone. */
  readonly needBuilders?: boolean | undefined
}

/** An entry that the log holds. */
export interface LoggedEntry {
  readonly index: number
  readonly bytes: Uint8Array
  /** Undefined for a kind that this version does not know. */
  readonly entry: Entry | undefined
}

/** A yes. */
export interface VerifiedProof {
  readonly origin: string
  /** True: one node's own network; nobody else vouches for anything. */
  readonly solo: boolean
  /** The newest checkpoint in the file. */
  readonly size: number
  /** The median time of the cosignatures that count, in seconds since 1970. */
  readonly timeSeconds: number
  /** Organisations that cosigned it, with their times; advisory witnesses among them. */
  readonly cosigners: ReadonlyMap<string, number>
  /** How many organisations had to, out of how many. */
  readonly quorum: { readonly k: number; readonly of: number }
  /** Changes of members that the file carries. */
  readonly changes: number
  /** By index. */
  readonly entries: readonly LoggedEntry[]
  /** What the file says of the package or artefact that was asked for, or of the only one that it is about. */
  readonly subject: Subject | undefined
  /** The builders behind the verdict, each checked; undefined if the file does not carry what they signed. */
  readonly builders: readonly CheckedBuilder[] | undefined
  /** Organisations that signed the verification summary (VSA) in the file; undefined: there is none. */
  readonly summarisedBy: readonly string[] | undefined
  /** The subject is not on the complete revocation list in the file, as of then; undefined: the file has no list. */
  readonly notRevoked: NotRevoked | undefined
}

/**
 * Verifies the proof file in `bytes`.
 * @throws untrusted.malformed; untrusted.expired the network's file; untrusted.change, untrusted.quorum, untrusted.signature,
 * untrusted.origin, untrusted.proof by what fails; untrusted.stale; untrusted.subject; untrusted.revoked; untrusted.builders, untrusted.attestation
 */
export function verifyProofBundle(bytes: Uint8Array, network: Network, question: ProofQuestion): VerifiedProof {
  const bundle = parseProofBundle(bytes)
  if (question.nowSeconds >= network.expires) {
    const message = `verifying a proof: the network ${network.name} expired at ${dateOf(network.expires)}`
    throw new AppError('untrusted.expired', message, { data: { expired: network.expires } })
  }
  const logged = bundle.entries.map(readLogged)
  const chain = followMembers(chainOf(network), logged)
  const newest = checkInclusion(bundle, chain)
  const version = versionAt(chain, newest.size)
  const timeSeconds = timeOf(newest, version) ?? 0
  checkAge(timeSeconds, question)
  const subject = findSubject(logged, question)
  const notRevoked = checkRevocationList(bundle.revocations, logged, subject, question.digests ?? [])
  checkExpiry(subject, question)
  const { builders, summarisedBy } = checkBuilders({
    chain,
    logged,
    envelopes: bundle.envelopes,
    subject,
    network,
    need: question.needBuilders,
  })
  return {
    origin: network.origin,
    solo: isSolo(network),
    size: newest.size,
    timeSeconds,
    cosigners: cosignersOf(newest.cosignatures, version),
    quorum: { k: version.k, of: version.authorities },
    changes: chain.versions.length - 1,
    entries: logged,
    subject,
    builders,
    summarisedBy,
    notRevoked,
  }
}

function readLogged({ entry: bytes, proof }: ProvenEntry): LoggedEntry {
  return { index: proof.index, bytes, entry: knownEntry(bytes) }
}

/** A log may hold what a newer version wrote: it is proven like any other, it only says nothing here. */
function knownEntry(bytes: Uint8Array): Entry | undefined {
  try {
    return parseEntry(bytes)
  } catch (error) {
    if (isKind(error, 'usage')) return undefined
    throw error
  }
}

/** Applies the changes of members in the log's order. Their indexes are claims until `checkInclusion` has proven them. */
function followMembers(start: PolicyChain, logged: readonly LoggedEntry[]): PolicyChain {
  let chain = start
  for (const { index, entry } of [...logged].sort((a, b) => a.index - b.index)) {
    if (entry?.kind === 'member' && entry.step === 'active' && index >= chain.knownSize) {
      chain = withChange(chain, index, entry)
    }
  }
  return chain
}

/** Checks every entry's proof; a checkpoint that several proofs share is judged once. Returns the one of the largest tree. */
function checkInclusion({ entries }: ProofBundle, chain: PolicyChain): TrustedCheckpoint {
  const judged = new Map<string, TrustedCheckpoint>()
  const judge = (bytes: Uint8Array): TrustedCheckpoint => {
    const key = Buffer.from(bytes).toString('latin1')
    const known = judged.get(key)
    if (known !== undefined) return known
    if (judged.size >= CHECKPOINTS_MAX) {
      throw new AppError('untrusted.malformed', `verifying a proof: wanted at most ${CHECKPOINTS_MAX} checkpoints`)
    }
    const found = checkNote(bytes, chain)
    judged.set(key, found)
    return found
  }
  for (const { entry, proof } of entries) verifyTlogProof(proof, entry, judge)
  const [newest, ...others] = [...judged.values()].sort((a, b) => b.size - a.size)
  if (newest === undefined) throw new AppError('untrusted.malformed', 'verifying a proof: it holds no entry')
  for (const other of others) {
    const twin = [newest, ...others].find(({ size }) => size === other.size)
    if (twin === undefined || sameHash(twin.root, other.root)) continue
    const message = `verifying a proof: two checkpoints of size ${other.size} have different roots`
    throw new AppError('untrusted.proof', message)
  }
  return newest
}

function checkNote(bytes: Uint8Array, chain: PolicyChain): TrustedCheckpoint {
  try {
    return checkCheckpoint(bytes, ({ size }): PolicyVersion => versionAt(chain, size))
  } catch (error) {
    if (!isKind(error, 'usage')) throw error
    throw new AppError('untrusted.malformed', 'verifying a proof: its checkpoint', { cause: error })
  }
}

function checkAge(timeSeconds: number, { nowSeconds, ageSecondsMax }: ProofQuestion): void {
  if (ageSecondsMax === undefined) return
  const ageSeconds = nowSeconds - timeSeconds
  if (ageSeconds <= ageSecondsMax && ageSeconds >= -CLOCK_SKEW_SECONDS) return
  const wanted = `wanted a checkpoint of the last ${ageSecondsMax} s`
  const message = `verifying a proof: ${wanted}, found one of ${dateOf(timeSeconds)}, ${ageSeconds} s ago`
  throw new AppError('untrusted.stale', message, { data: { ageSeconds, ageSecondsMax } })
}

function checkExpiry(subject: Subject | undefined, { nowSeconds }: ProofQuestion): void {
  const expires = subject?.verdict?.expiresSeconds ?? undefined
  if (expires === undefined || nowSeconds < expires) return
  const message = `verifying a proof: the verdict on ${subject?.purl} expired at ${dateOf(expires)}`
  throw new AppError('untrusted.stale', message, { data: { expired: expires } })
}

function dateOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString()
}
