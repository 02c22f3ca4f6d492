/**
 * Reads the head of an HTTP/1.1 response from a peer: status line, bounded headers, exactly one Content-Length, nothing else
 * that frames a body (RFC 9112, 4-6). Stricter than the RFC where our own server never needs the freedom. Pure.
 */
import { AppError } from '../../../base/errors.ts'

/** Bytes of a response head, its empty line included. */
export const HEAD_BYTES_MAX = 8_192

/** The head of a response. */
export interface ResponseHead {
  readonly status: number
  readonly contentLengthBytes: number
  /** Lower-case names. */
  readonly headers: ReadonlyMap<string, string>
  /** False: the connection ends after this response. */
  readonly keepAlive: boolean
}

/** `text` up to and without the empty line as a response head. @throws untrusted.reply */
export function parseResponseHead(text: string): ResponseHead {
  const lines = text.split('\r\n')
  const status = /^HTTP\/1\.1 ([1-5][0-9]{2})(?: [\t\x20-\x7e]*)?$/.exec(lines[0] ?? '')?.[1]
  if (status === undefined) throw malformed('a status line', lines[0] ?? '')
  const headers = new Map<string, string>()
  for (const line of lines.slice(1)) {
    const found = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t ]*([\t\x20-\x7e]*?)[\t ]*$/.exec(line)
    const name = found?.[1]?.toLowerCase()
    if (name === undefined || (name === 'content-length' && headers.has(name))) throw malformed('a header', line)
    headers.set(name, found?.[2] ?? '')
  }
  if (headers.has('transfer-encoding')) throw malformed('a body of stated length', 'a transfer encoding')
  const length = headers.get('content-length')
  const contentLengthBytes = length !== undefined && /^[0-9]{1,16}$/.test(length) ? Number(length) : -1
  if (!Number.isSafeInteger(contentLengthBytes) || contentLengthBytes < 0) {
    throw malformed('one Content-Length', length ?? 'none')
  }
  return {
    status: Number(status),
    contentLengthBytes,
    headers,
    keepAlive: headers.get('connection')?.toLowerCase() !== 'close',
  }
}

function malformed(wanted: string, found: string): AppError {
  const shown = JSON.stringify(found.slice(0, 100))
  return new AppError('untrusted.reply', `reading a peer's response: wanted ${wanted}, found ${shown}`)
}
