/**
 * Signed notes (C2SP signed-note): a text, a blank line, and lines of signatures. Parsing trusts nothing; `openNote` says which
 * known keys signed.
 */
import { type Signer, verifyEd25519 } from '../../base/crypto/ed25519.ts'
import { AppError } from '../../base/errors.ts'
import { makeVkey, type Vkey } from '../../base/network/vkey.ts'
import { sameHash } from '../tree/hash.ts'
import { verifyCosignature } from './cosignature.ts'
import { formatSignatureLine, type NoteSignature, parseSignatureLine } from './signature-line.ts'

/** Bytes that a note may have. Room for 16 post-quantum signatures of others, which are only passed over. */
export const NOTE_BYTES_MAX = 131_072
/** Signatures that a note may carry; the specification demands at least 16. */
export const NOTE_SIGNATURES_MAX = 100

/** A note as it was read: nothing of it is verified. */
export interface Note {
  /** Ends in a newline. */
  readonly text: string
  readonly signatures: readonly NoteSignature[]
}

/** A signature that verified. */
export interface GoodSignature {
  readonly key: Vkey
  /** When a cosigner says that it signed, in seconds since 1970; undefined for keys of type `ed25519`. */
  readonly timestampSeconds: number | undefined
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

/** The note in `bytes` (UTF-8). @throws usage.log */
export function parseNote(bytes: Uint8Array): Note {
  if (bytes.byteLength > NOTE_BYTES_MAX) throw malformed(`at most ${NOTE_BYTES_MAX} bytes`)
  let whole: string
  try {
    whole = decoder.decode(bytes)
  } catch (error) {
    throw new AppError('usage.log', 'reading a signed note: wanted UTF-8', { cause: error })
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a note must not hold
  if (/[\u0000-\u0009\u000b-\u001f]/.test(whole)) throw malformed('no control characters')
  const split = whole.lastIndexOf('\n\n')
  if (split <= 0 || !whole.endsWith('\n'))
    throw malformed('a text, an empty line and signatures, each ending in a newline')
  const lines = whole.slice(split + 2, -1).split('\n')
  if (lines.length > NOTE_SIGNATURES_MAX) throw malformed(`at most ${NOTE_SIGNATURES_MAX} signatures`)
  return { text: whole.slice(0, split + 1), signatures: lines.map(parseSignatureLine) }
}

/** The bytes of a note. @throws usage.log if `parseNote` would not read them again */
export function formatNote({ text, signatures }: Note): Uint8Array {
  const bytes = encoder.encode(`${text}\n${signatures.map(formatSignatureLine).join('')}`)
  const read = parseNote(bytes)
  if (read.text !== text || read.signatures.length !== signatures.length)
    throw malformed('a text that ends in a newline')
  return bytes
}

/** Signs the text of a note (which ends in a newline) with an Ed25519 key under a name. @throws usage.network */
export function signNote(text: string, name: string, signer: Signer): NoteSignature {
  const { keyId } = makeVkey(name, 'ed25519', signer.publicKey)
  return { name, keyId, signature: signer.sign(encoder.encode(text)) }
}

/** What a signature of a known key says, or undefined if it does not verify. */
export function verifyNoteSignature(text: string, key: Vkey, signature: Uint8Array): GoodSignature | undefined {
  if (key.type === 'cosignature') {
    const timestampSeconds = verifyCosignature(text, key, signature)
    return timestampSeconds === undefined ? undefined : { key, timestampSeconds }
  }
  if (!verifyEd25519(key.publicKey, encoder.encode(text), signature)) return undefined
  return { key, timestampSeconds: undefined }
}

/**
 * The signatures of `known` keys on a note, each key once (of several cosignatures the newest). Signatures whose name and id
 * are not both those of a known key are ignored; one of a known key that does not verify spoils the whole note.
 * signed-note, "Signatures". @throws untrusted.signature also if no known key signed
 */
export function openNote(note: Note, known: readonly Vkey[]): GoodSignature[] {
  const good = new Map<Vkey, GoodSignature>()
  for (const { name, keyId, signature } of note.signatures) {
    const keys = known.filter((key) => key.name === name && sameHash(key.keyId, keyId))
    if (keys.length === 0) continue
    // Key ids are short enough to be made alike on purpose: whoever does that must not spoil the notes of the other.
    const found = firstGood(note.text, keys, signature)
    if (found === undefined) {
      const message = `checking a note: the signature of ${name} does not verify`
      throw new AppError('untrusted.signature', message, { data: { name } })
    }
    const before = good.get(found.key)
    if ((before?.timestampSeconds ?? -1) < (found.timestampSeconds ?? 0)) good.set(found.key, found)
  }
  if (good.size === 0) throw new AppError('untrusted.signature', 'checking a note: wanted a signature of a known key')
  return [...good.values()]
}

function firstGood(text: string, keys: readonly Vkey[], signature: Uint8Array): GoodSignature | undefined {
  for (const key of keys) {
    const found = verifyNoteSignature(text, key, signature)
    if (found !== undefined) return found
  }
  return undefined
}

function malformed(wanted: string): AppError {
  return new AppError('usage.log', `reading a signed note: wanted ${wanted}`)
}
