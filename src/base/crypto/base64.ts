/**
 * Base64 as the log's formats have it (RFC 4648, section 4, padded), read strictly: every byte string has one text form, so no
 * character of a signed file can be changed without changing what it says.
 */

/** `bytes` in padded standard base64. */
export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

/** The bytes of a padded standard base64 text, or undefined if it is another form of them or no base64 at all. */
export function decodeBase64(text: string): Uint8Array | undefined {
  const buffer = Buffer.from(text, 'base64')
  if (buffer.toString('base64') !== text) return undefined
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
}
