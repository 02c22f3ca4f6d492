/** Checkpoints (C2SP tlog-checkpoint): the text of a signed note that says which tree a log has. Pure. */
import { decodeBase64, encodeBase64 } from '../../base/crypto/base64.ts'
import { AppError } from '../../base/errors.ts'
import { HASH_BYTES, type Hash } from '../tree/hash.ts'

/** Characters that an origin may have. */
export const ORIGIN_CHARACTERS_MAX = 255

/** A tree head. */
export interface Checkpoint {
  /** The log's name, not empty. */
  readonly origin: string
  /** Entries in the tree. */
  readonly size: number
  readonly root: Hash
  /** Further lines, opaque. We write none and ignore those of others. */
  readonly extensions: readonly string[]
}

/** The note text of a checkpoint, ending in a newline. @throws usage.log if `parseCheckpoint` would not read it again */
export function formatCheckpoint({ origin, size, root, extensions }: Checkpoint): string {
  const text = `${[origin, size, encodeBase64(root), ...extensions].join('\n')}\n`
  const read = parseCheckpoint(text)
  if (read.origin !== origin || read.extensions.length !== extensions.length) throw malformed('lines without newlines')
  return text
}

/** The checkpoint of a note's text. @throws usage.log */
export function parseCheckpoint(text: string): Checkpoint {
  if (!text.endsWith('\n')) throw malformed('a text that ends in a newline')
  const [origin = '', size = '', root = '', ...extensions] = text.slice(0, -1).split('\n')
  if (origin === '' || origin.length > ORIGIN_CHARACTERS_MAX) throw malformed('an origin')
  if (!/^(?:0|[1-9]\d{0,15})$/.test(size) || !Number.isSafeInteger(Number(size))) throw malformed('a decimal tree size')
  const hash = decodeBase64(root)
  if (hash?.byteLength !== HASH_BYTES) throw malformed('a root hash of 32 bytes in base64')
  if (extensions.includes('')) throw malformed('extension lines that are not empty')
  return { origin, size: Number(size), root: hash, extensions }
}

function malformed(wanted: string): AppError {
  return new AppError('usage.log', `reading a checkpoint: wanted ${wanted}`)
}
