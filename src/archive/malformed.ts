/** The error of every strict reader, and how a reader shows bytes in it. */
import { AppError } from '../base/errors.ts'

/** An archive is not what it should be at this offset of the (unpacked) file. */
export function malformed(offsetBytes: number, wanted: string, found: string): AppError {
  return new AppError('untrusted.archive', `wanted ${wanted} at offset ${offsetBytes}, found ${found}`, {
    data: { offset: offsetBytes, wanted, found },
  })
}

/** An archive asks for more than is read. */
export function tooLarge(wanted: string, found: string): AppError {
  return new AppError('exhausted.size', `reading an archive: wanted ${wanted}, found ${found}`)
}

/** Text of a stranger, for a message: quoted, at most 80 characters, control characters escaped. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 79)}…` : text)
}

/** Bytes for a message: at most 16 of them in hex. */
export function shownBytes(bytes: Uint8Array): string {
  if (bytes.byteLength === 0) return 'nothing'
  return `${Buffer.from(bytes.subarray(0, 16)).toString('hex')}${bytes.byteLength > 16 ? '…' : ''}`
}
