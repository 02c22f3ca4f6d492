/** Signature lines (C2SP signed-note, "Format"): an em dash, the key's name, and key id and signature in base64. */
import { decodeBase64, encodeBase64 } from '../../base/crypto/base64.ts'
import { AppError } from '../../base/errors.ts'

/** One signature line. */
export interface NoteSignature {
  readonly name: string
  /** 4 bytes. Together with the name it says which key is meant; it proves nothing. */
  readonly keyId: Uint8Array
  /** What follows the key id: 64 bytes of Ed25519, 72 of a cosignature, anything of keys that are not known. */
  readonly signature: Uint8Array
}

/** The signature of one line, without its newline. @throws usage.log */
export function parseSignatureLine(line: string): NoteSignature {
  const [, name = '', encoded = ''] = /^\u2014 ([^ ]+) ([^ ]+)$/.exec(line) ?? []
  const bytes = decodeBase64(encoded)
  if (bytes === undefined || bytes.byteLength < 5 || /[\p{White_Space}+]/u.test(name)) {
    throw new AppError(
      'usage.log',
      'reading a signed note: wanted signature lines of a dash, a name, and a key id with a signature in base64',
    )
  }
  return { name, keyId: bytes.subarray(0, 4), signature: bytes.subarray(4) }
}

/** One signature line, with its newline. */
export function formatSignatureLine({ name, keyId, signature }: NoteSignature): string {
  return `\u2014 ${name} ${encodeBase64(Buffer.concat([keyId, signature]))}\n`
}
