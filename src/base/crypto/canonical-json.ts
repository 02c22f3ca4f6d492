/**
 * Canonical JSON (RFC 8785): one value, one byte string, so that hashes and signatures of entries mean something. What is read
 * must already be in that form; there is no lenient reader.
 */
import { AppError } from '../errors.ts'

/** A JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** How deep arrays and objects may be nested. */
export const DEPTH_MAX = 32
/** Bytes that `parseCanonicalJson` reads unless told otherwise: the largest log entry, whose length is a uint16 (tlog-tiles). */
export const ENTRY_BYTES_MAX = 65_535

/** Gives back what it is made of, so that a class below it puts its private fields on that. */
class Borrowed {
  constructor(value: object) {
    // biome-ignore lint/correctness/noConstructorReturn: it is what this class is for
    return value as Borrowed
  }
}

/**
 * A text on a value itself, where nothing but this file sees it: not JSON, not the keys of the value, no comparison. A WeakMap would say
 * the same, and costs the garbage collector a twentieth of the time of a transaction.
 */
class Noted extends Borrowed {
  #text: string

  constructor(value: object, text: string) {
    super(value)
    this.#text = text
  }

  static of(value: object): string | undefined {
    return #text in value ? value.#text : undefined
  }
}

const PROTO = '"__proto__":'
const encoder = new TextEncoder()
// A byte order mark is no JSON: it must stay in the text, where the parser refuses it.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * `value` in the form of RFC 8785: no white space, members sorted by UTF-16 code units, numbers and strings as ECMAScript
 * writes them. @throws usage.json for what JSON cannot say (NaN, infinities, lone surrogates, undefined) or what is too deep
 */
export function canonicalJson(value: Json): Uint8Array {
  return encoder.encode(textOf(value, 0))
}

/** As `canonicalJson`, as text, for whoever hashes or copies it at once. @throws usage.json */
export function canonicalText(value: Json): string {
  return textOf(value, 0)
}

/**
 * Notes the canonical text of a value that is never changed again, so that whatever holds it later need not write it anew. For whoever
 * read the value from that text, and knows it to be nowhere near `DEPTH_MAX`.
 */
export function rememberText(value: object, text: string): void {
  if (Noted.of(value) === undefined) new Noted(value, text)
}

/** The text that was noted of this value; undefined if none was. */
export function rememberedText(value: object): string | undefined {
  return Noted.of(value)
}

/**
 * The value of bytes that are canonical JSON. Duplicate members, other spellings and anything above the limits are refused, and a member
 * that is called `__proto__`: schemas pass over it unread, so that what was signed and what was checked would be two things.
 * @throws usage.json
 */
export function parseCanonicalJson(bytes: Uint8Array, options: { readonly bytesMax?: number } = {}): Json {
  return parseCanonicalText(bytes, options).value
}

/** As `parseCanonicalJson`, with the text that the bytes are. @throws usage.json */
export function parseCanonicalText(
  bytes: Uint8Array,
  options: { readonly bytesMax?: number } = {},
): { readonly value: Json; readonly text: string } {
  const bytesMax = options.bytesMax ?? ENTRY_BYTES_MAX
  if (bytes.byteLength > bytesMax) {
    throw new AppError('usage.json', `wanted at most ${bytesMax} bytes of JSON, found ${bytes.byteLength}`)
  }
  let text: string
  let value: Json
  try {
    text = decoder.decode(bytes)
    value = JSON.parse(text) as Json
  } catch (error) {
    throw new AppError('usage.json', 'wanted JSON in UTF-8', { cause: error })
  }
  if (textOf(value, 0) !== text) {
    throw new AppError('usage.json', 'wanted canonical JSON (RFC 8785), found another spelling or a duplicate member')
  }
  // Canonical, so it has one spelling; of a member's name only, as quotes within a text are escaped.
  if (text.includes(PROTO)) throw new AppError('usage.json', 'found a member called __proto__')
  return { value, text }
}

function textOf(value: Json, depth: number): string {
  if (depth > DEPTH_MAX) throw new AppError('usage.json', `wanted at most ${DEPTH_MAX} levels of JSON`)
  switch (typeof value) {
    case 'string':
      if (!value.isWellFormed()) throw new AppError('usage.json', 'found a string with a lone surrogate')
      return JSON.stringify(value)
    case 'number':
      if (!Number.isFinite(value)) throw new AppError('usage.json', `found ${value}, which JSON cannot say`)
      return JSON.stringify(value)
    case 'boolean':
      return value ? 'true' : 'false'
    case 'object':
      if (value === null) return 'null'
      return Noted.of(value) ?? textOfComposite(value, depth)
    default:
      throw new AppError('usage.json', `found ${typeof value}, which JSON cannot say`)
  }
}

function textOfComposite(value: readonly Json[] | { readonly [key: string]: Json }, depth: number): string {
  // The engine's own writer is several times faster, and writes the canonical form of whatever is in order already.
  if (isInOrder(value, depth)) return JSON.stringify(value)
  return isArray(value) ? textOfArray(value, depth) : textOfObject(value, depth)
}

/** True if nothing in the value has to be sorted or refused. */
function isInOrder(value: Json, depth: number): boolean {
  if (typeof value === 'string') return value.isWellFormed()
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value === 'boolean' || value === null) return true
  if (typeof value !== 'object' || depth > DEPTH_MAX || 'toJSON' in value) return false
  if (isArray(value)) {
    for (let at = 0; at < value.length; at += 1) if (!isInOrder(value[at] as Json, depth + 1)) return false
    return true
  }
  const keys = Object.keys(value)
  // The keys first: what is out of order is so at a glance.
  for (let at = 1; at < keys.length; at += 1) if ((keys[at - 1] as string) >= (keys[at] as string)) return false
  for (let at = 0; at < keys.length; at += 1) {
    const key = keys[at] as string
    if (!key.isWellFormed() || !isInOrder(value[key] as Json, depth + 1)) return false
  }
  return true
}

function isArray(value: object): value is readonly Json[] {
  return Array.isArray(value)
}

function textOfArray(items: readonly Json[], depth: number): string {
  let text = '['
  for (let index = 0; index < items.length; index += 1) {
    // A hole or an undefined goes on to the switch above, which refuses it.
    text += (index === 0 ? '' : ',') + textOf(items[index] as Json, depth + 1)
  }
  return `${text}]`
}

function textOfObject(members: { readonly [key: string]: Json }, depth: number): string {
  let text = '{'
  for (const key of Object.keys(members).sort()) {
    if (text.length > 1) text += ','
    text += `${textOf(key, depth)}:${textOf(members[key] as Json, depth + 1)}`
  }
  return `${text}}`
}
