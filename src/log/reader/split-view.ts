/**
 * A split view: two checkpoints of one log that cannot both be true (`2-trust.md`, "The log"). What shows it is kept as evidence
 * that anybody can check; what it means depends on who signed. Only where both sides carry a quorum, or the side that this node
 * accepted is contradicted by a quorum with the tiles in hand, does a node stop and ask a person. Anything less is evidence
 * against its signers, so that one bad authority stops nobody. Pure.
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { decodeBase64, encodeBase64 } from '../../base/crypto/base64.ts'
import { AppError, isKind } from '../../base/errors.ts'
import { HASH_BYTES, type Hash, sameHash } from '../tree/hash.ts'
import { PROOF_HASHES_MAX, verifyConsistency } from '../tree/proof.ts'
import { type JudgedCheckpoint, judgeCheckpoint, type LogKeys } from './judge.ts'

/** Two checkpoints that contradict each other, with all that is needed to see it. */
export interface Evidence {
  /** The signed note of the smaller tree, or of one of two of the same size. */
  readonly smaller: string
  readonly larger: string
  /** The root that the larger tree had at the smaller one's size, and the proof of that (RFC 6962, 2.1.2). */
  readonly rootThen: Hash
  readonly proof: readonly Hash[]
}

/** Evidence that was checked. */
export interface CheckedEvidence {
  readonly evidence: Evidence
  /** The same for the same two checkpoints, whoever found them: hex. */
  readonly id: string
  readonly smaller: JudgedCheckpoint
  readonly larger: JudgedCheckpoint
  /** Organisations that it speaks against, in order of name. */
  readonly against: readonly string[]
}

/**
 * Checks evidence that came from anywhere. @throws untrusted.proof if the two do not contradict each other or it is not shown,
 * untrusted.signature if one of them is not signed by a member, usage.log if it is malformed
 */
export function checkEvidence(evidence: Evidence, keys: LogKeys): CheckedEvidence {
  const smaller = judgeCheckpoint(Buffer.from(evidence.smaller), keys)
  const larger = judgeCheckpoint(Buffer.from(evidence.larger), keys)
  const { rootThen, proof } = evidence
  if (smaller.size === 0) throw new AppError('untrusted.proof', 'every tree begins with the empty one')
  verifyConsistency({ size1: smaller.size, root1: rootThen, size2: larger.size, root2: larger.root, proof })
  if (sameHash(rootThen, smaller.root)) {
    throw new AppError('untrusted.proof', `the checkpoints of ${smaller.size} and ${larger.size} agree`)
  }
  if (smaller.signers.length === 0 || larger.signers.length === 0) {
    throw new AppError('untrusted.signature', 'a checkpoint that only witnesses signed is no evidence')
  }
  return { evidence, id: idOf(smaller, larger), smaller, larger, against: against(smaller, larger) }
}

/** A sentence on whom it speaks against, for `status`. */
export function evidenceText({ smaller, larger, against: whom }: CheckedEvidence): string {
  const sizes = smaller.size === larger.size ? `two of size ${larger.size}` : `${smaller.size} and ${larger.size}`
  return `${whom.join(', ')} signed checkpoints that contradict each other (${sizes})`
}

/** Whether a node that accepted `accepted` must stop: see the head of this file. */
export function mustStop(
  { smaller, larger }: CheckedEvidence,
  accepted: (checkpoint: JudgedCheckpoint) => boolean,
): boolean {
  if (smaller.counts && larger.counts) return true
  return (larger.counts && accepted(smaller)) || (smaller.counts && accepted(larger))
}

/** Who signed both; else who signed the side without a quorum; else all. */
function against(smaller: JudgedCheckpoint, larger: JudgedCheckpoint): string[] {
  const both = smaller.signers.filter((signer) => larger.signers.includes(signer))
  if (both.length > 0) return both
  if (smaller.counts !== larger.counts) return [...(smaller.counts ? larger : smaller).signers]
  return [...new Set([...smaller.signers, ...larger.signers])].sort()
}

function idOf(smaller: JudgedCheckpoint, larger: JudgedCheckpoint): string {
  const texts = smaller.size === larger.size ? [smaller.text, larger.text].sort() : [smaller.text, larger.text]
  return createHash('sha256').update(texts.join('\n')).digest('hex')
}

/** Longest evidence, in bytes of its JSON: it travels by gossip. */
export const EVIDENCE_BYTES_MAX = 16_384

const hash = z.string().transform((text, context) => {
  const bytes = decodeBase64(text)
  if (bytes?.byteLength === HASH_BYTES) return bytes
  context.addIssue('wanted a hash in base64')
  return z.NEVER
})
const shape = z.strictObject({
  smaller: z.string().max(EVIDENCE_BYTES_MAX),
  larger: z.string().max(EVIDENCE_BYTES_MAX),
  rootThen: hash,
  proof: z.array(hash).max(PROOF_HASHES_MAX),
})

/** Evidence as JSON. */
export function formatEvidence({ smaller, larger, rootThen, proof }: Evidence): string {
  return JSON.stringify({ smaller, larger, rootThen: encodeBase64(rootThen), proof: proof.map(encodeBase64) })
}

/** Evidence from JSON; nothing of it is checked. @throws usage.log */
export function parseEvidence(text: string): Evidence {
  try {
    return shape.parse(JSON.parse(text))
  } catch (cause) {
    throw isKind(cause, 'usage') ? cause : new AppError('usage.log', 'wanted evidence of a split view', { cause })
  }
}
