/** The body of `add-checkpoint` (C2SP tlog-witness): the old size, a consistency proof, an empty line, a signed checkpoint. Pure. */
import { decodeBase64, encodeBase64 } from '../../base/crypto/base64.ts'
import { AppError } from '../../base/errors.ts'
import { type Checkpoint, parseCheckpoint } from '../note/checkpoint.ts'
import { NOTE_BYTES_MAX, type Note, parseNote } from '../note/note.ts'
import { HASH_BYTES, type Hash } from '../tree/hash.ts'
import { PROOF_HASHES_MAX } from '../tree/proof.ts'

/** Most bytes of a request: the note, 63 lines of hashes, and the size line. */
export const REQUEST_BYTES_MAX: number = NOTE_BYTES_MAX + 64 * 64

/** A request, parsed; nothing of it is verified. */
export interface AddCheckpoint {
  readonly oldSize: number
  readonly proof: readonly Hash[]
  readonly note: Note
  readonly checkpoint: Checkpoint
}

/** Reads a request strictly. @throws usage.log, which is answered 400 */
export function parseAddCheckpoint(body: Uint8Array): AddCheckpoint {
  if (body.byteLength > REQUEST_BYTES_MAX) throw malformed(`at most ${REQUEST_BYTES_MAX} bytes`)
  const split = Buffer.from(body.buffer, body.byteOffset, body.byteLength).indexOf('\n\n')
  if (split < 0) throw malformed('an empty line before the checkpoint')
  const [sizeLine = '', ...proofLines] = Buffer.from(body.subarray(0, split)).toString('latin1').split('\n')
  const oldSize = /^old (0|[1-9][0-9]{0,15})$/.exec(sizeLine)?.[1]
  if (oldSize === undefined || !Number.isSafeInteger(Number(oldSize))) throw malformed('an old size line')
  if (proofLines.length > PROOF_HASHES_MAX) throw malformed(`at most ${PROOF_HASHES_MAX} hashes`)
  const proof = proofLines.map((line) => {
    const hash = decodeBase64(line)
    if (hash?.byteLength !== HASH_BYTES) throw malformed('lines of one hash in base64 each')
    return hash
  })
  const note = parseNote(body.subarray(split + 2))
  return { oldSize: Number(oldSize), proof, note, checkpoint: parseCheckpoint(note.text) }
}

/** The body of a request for this checkpoint, as a log sends it to its witnesses. */
export function formatAddCheckpoint(oldSize: number, proof: readonly Hash[], note: Uint8Array): Uint8Array {
  const head = [`old ${oldSize}`, ...proof.map(encodeBase64)].map((line) => `${line}\n`).join('')
  return Buffer.concat([Buffer.from(`${head}\n`), note])
}

function malformed(wanted: string): AppError {
  return new AppError('usage.log', `reading a request to cosign: wanted ${wanted}`)
}
