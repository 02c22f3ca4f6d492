/** JSON of an index, of which nothing is known before it is looked at. */
import { AppError } from '../../../base/errors.ts'

/** A JSON object of which nothing is known. */
export type JsonObject = Record<string, unknown>

/** A JSON object of this index. @throws untrusted.reply */
export function parseJson(bytes: Uint8Array): JsonObject {
  let found: unknown
  try {
    found = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'))
  } catch (cause) {
    throw new AppError('untrusted.reply', 'reading a page of the index: it is no JSON', { cause })
  }
  if (!isObject(found)) throw malformed('an object', found)
  return found
}

/** True for JSON objects that are no arrays. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The error for a page of another shape than it must have. */
export function malformed(wanted: string, found: unknown): AppError {
  return new AppError('untrusted.reply', `reading a page of the index: wanted ${wanted}, found ${typeof found}`)
}
