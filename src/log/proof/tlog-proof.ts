/**
 * Proof files of one entry (C2SP tlog-proof): index, inclusion proof and checkpoint in one text that needs nothing but pinned keys.
 * Reading it trusts nothing; `verifyTlogProof` asks for the entry and for whoever judges the checkpoint.
 */
import { decodeBase64, encodeBase64 } from '../../base/crypto/base64.ts'
import { AppError } from '../../base/errors.ts'
import { NOTE_BYTES_MAX } from '../note/note.ts'
import { HASH_BYTES, type Hash, leafHash } from '../tree/hash.ts'
import { PROOF_HASHES_MAX, verifyInclusion } from '../tree/proof.ts'

/** Bytes of the extra data, which means nothing to us. */
export const EXTRA_BYTES_MAX = 65_536
/** Bytes of a whole proof file: its checkpoint, 63 hashes, the extra data in base64. */
export const TLOG_PROOF_BYTES_MAX: number = NOTE_BYTES_MAX + 98_304

const HEADER = 'c2sp.org/tlog-proof@v1'

/** A proof file as it was read: nothing of it is verified. */
export interface TlogProof {
  /** Unauthenticated: whoever passes the file on can write anything here. */
  readonly extra?: Uint8Array
  /** Index of the entry. */
  readonly index: number
  /** The leaf's sibling first. */
  readonly hashes: readonly Hash[]
  /** The checkpoint, a signed note, verbatim. */
  readonly checkpoint: Uint8Array
}

/** The text of a proof file, in bytes. @throws usage.log if `parseTlogProof` would not read it again */
export function formatTlogProof({ extra, index, hashes, checkpoint }: TlogProof): Uint8Array {
  const lines = [
    HEADER,
    ...(extra === undefined ? [] : [`extra ${encodeBase64(extra)}`]),
    `index ${index}`,
    ...hashes.map(encodeBase64),
  ]
  const bytes = Buffer.concat([Buffer.from(`${lines.join('\n')}\n\n`), checkpoint])
  parseTlogProof(bytes)
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** The proof file in `bytes`. The checkpoint in it is not parsed yet. @throws usage.log */
export function parseTlogProof(bytes: Uint8Array): TlogProof {
  if (bytes.byteLength > TLOG_PROOF_BYTES_MAX) throw malformed(`at most ${TLOG_PROOF_BYTES_MAX} bytes`)
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const split = buffer.indexOf('\n\n')
  // Latin-1 keeps every byte apart: what is not ASCII matches nothing below.
  const [header, ...lines] = buffer.toString('latin1', 0, Math.max(0, split)).split('\n')
  if (header !== HEADER) throw malformed(`the line ${HEADER} first, and an empty line before the checkpoint`)
  const extra = lines[0]?.startsWith('extra ') ? extraOf(lines.shift() ?? '') : undefined
  const [, decimal] = /^index (0|[1-9]\d{0,15})$/.exec(lines.shift() ?? '') ?? []
  const index = Number(decimal)
  if (decimal === undefined || !Number.isSafeInteger(index)) throw malformed('a line with the index in decimal')
  if (lines.length > PROOF_HASHES_MAX) throw malformed(`at most ${PROOF_HASHES_MAX} hashes`)
  const hashes = lines.map(hashOf)
  const checkpoint = bytes.subarray(split + 2)
  return extra === undefined ? { index, hashes, checkpoint } : { extra, index, hashes, checkpoint }
}

/** What a checkpoint says, once somebody vouched for it. */
export interface TrustedHead {
  readonly size: number
  readonly root: Hash
}

/**
 * Returns what `judge` made of the checkpoint if it holds this entry at the proof's index. `judge` checks origin, signatures and
 * cosignatures (tlog-proof, "Verifying", 2 and 3) and throws if they do not suffice. @throws untrusted.proof; what `judge` throws
 */
export function verifyTlogProof<T extends TrustedHead>(
  proof: TlogProof,
  entry: Uint8Array,
  judge: (checkpoint: Uint8Array) => T,
): T {
  const head = judge(proof.checkpoint)
  const { index, hashes } = proof
  verifyInclusion({ index, size: head.size, leafHash: leafHash(entry), proof: hashes, root: head.root })
  return head
}

function extraOf(line: string): Uint8Array {
  const extra = decodeBase64(line.slice('extra '.length))
  if (extra === undefined || extra.byteLength > EXTRA_BYTES_MAX) {
    throw malformed(`extra data of at most ${EXTRA_BYTES_MAX} bytes in base64`)
  }
  return extra
}

function hashOf(line: string): Hash {
  const hash = decodeBase64(line)
  if (hash?.byteLength !== HASH_BYTES) throw malformed('a hash of 32 bytes in base64 per line')
  return hash
}

function malformed(wanted: string): AppError {
  return new AppError('usage.log', `reading a proof file: wanted ${wanted}`)
}
