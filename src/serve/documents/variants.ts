/**
 * Documents in the form that a client or an ecosystem wants: made once per body, variant and set of hidden releases by the worker
 * pool, kept as blobs, and shared with nobody (they hold this node's own addresses). Never parsed per request.
 */
import { type BlobId, blobIdOf, hexOf } from '../../base/digest.ts'
import type { StoredDocument } from '../../base/document.ts'
import { AppError } from '../../base/errors.ts'
import type { Headers } from '../../base/located.ts'
import { collect } from '../../base/streams.ts'
import type { Ecosystem, HiddenRelease, Transformed } from '../../ecosystems/ecosystem.ts'
import type { BlobInfo } from '../../store/store.ts'
import type { ServeParts } from '../parts.ts'
import { createSingleFlight, orLeave } from '../waiting/single-flight.ts'

/** A stored form of a document. */
export interface Variant {
  readonly blob: BlobInfo
  readonly mediaType: string
  /** Content-Encoding of the blob's bytes. */
  readonly encoding: string | undefined
  /** What `Transformed.headers` said of the bytes. */
  readonly headers: Headers
}

/** The variants of kept documents. */
export interface Variants {
  /**
   * The stored variant, made now if it is not there yet. The empty `variant` is the body as upstream gave it,
   * unless some of its releases are hidden.
   * @throws absent.blob (the body was evicted), untrusted.reply (malformed), exhausted.queue, unavailable.timeout, aborted.caller
   */
  get(
    document: StoredDocument,
    ecosystem: Ecosystem,
    variant: string,
    signal: AbortSignal,
    hidden?: readonly HiddenRelease[],
  ): Promise<Variant>
  /**
   * Makes a view in order to find out whether the document is well-formed; what is made of a body is stored as by `get`.
   * @throws as `get`
   */
  prove(document: StoredDocument, ecosystem: string, view: string): Promise<void>
}

interface Wanted {
  /** Its id. */
  readonly ecosystem: string
  readonly variant: string
  readonly hidden: readonly HiddenRelease[]
}

/** Separates media type, encoding and headers (as JSON) in the one text that the shelf keeps; not a character of any of them. */
const SEPARATOR = '\n'

/** `life` ends work that is under way when the node stops. */
export function createVariants(parts: ServeParts, life: AbortSignal): Variants {
  const { store } = parts
  const making = createSingleFlight<Variant>()
  const nameOf = createListNames()

  function stored(body: BlobId, key: string): Variant | undefined {
    const made = store.documents.variant(body, key)
    const blob = made && store.lookup(made.id)
    if (made === undefined || blob === undefined) return undefined
    return { blob, ...readFacts(made.mediaType) }
  }

  async function make(
    document: StoredDocument,
    body: BlobInfo,
    { ecosystem, variant, hidden }: Wanted,
    key: string,
  ): Promise<Variant> {
    const load = (signal: AbortSignal) => readAll(body, store, signal)
    const given = { mediaType: document.mediaType, headers: document.headers }
    const facts = hidden.length === 0 ? given : { ...given, hidden }
    const made = await parts.transform({ ecosystem, sizeBytes: body.sizeBytes, load, facts, variant }, life)
    const writer = await store.begin({
      digests: [],
      aliases: [],
      sizeBytes: made.bytes.byteLength,
      bytesMax: made.bytes.byteLength,
    })
    try {
      await writer.write(made.bytes)
    } catch (error) {
      await writer.abort()
      throw error
    }
    const blob = await writer.commit({ mediaType: made.mediaType, share: 'none', origin: { kind: 'local' } })
    store.documents.putVariant(body.id, key, { id: blob.id, mediaType: writeFacts(made) })
    return { blob, mediaType: made.mediaType, encoding: made.encoding, headers: made.headers ?? {} }
  }

  async function get(document: StoredDocument, wanted: Wanted, signal: AbortSignal): Promise<Variant> {
    const { ecosystem, variant, hidden } = wanted
    const body = document.body && store.lookup(document.body)
    if (body === undefined) throw new AppError('absent.blob', `the body of ${document.key} is not in the store`)
    if (variant === '' && hidden.length === 0)
      return { blob: body, mediaType: document.mediaType, encoding: undefined, headers: {} }
    const key = `${ecosystem} ${hidden.length === 0 ? 'all' : nameOf(hidden)} ${variant}`
    const found = stored(body.id, key)
    if (found !== undefined) return found
    return await orLeave(
      making.run(`${body.id} ${key}`, () => make(document, body, wanted, key)),
      signal,
    )
  }

  return {
    get: (document, ecosystem, variant, signal, hidden = []) =>
      get(document, { ecosystem: ecosystem.id, variant, hidden }, signal),
    async prove(document, ecosystem, view) {
      if (document.body !== undefined) {
        await get(document, { ecosystem, variant: view, hidden: [] }, life)
        return
      }
      const { mediaType, headers } = document
      const load = async () => new Uint8Array(0)
      await parts.transform({ ecosystem, sizeBytes: 0, load, facts: { mediaType, headers }, variant: view }, life)
    },
  }
}

async function readAll(body: BlobInfo, store: ServeParts['store'], signal: AbortSignal): Promise<Uint8Array> {
  const reader = await store.open(body.id)
  try {
    return await collect(reader.stream(undefined, signal), body.sizeBytes)
  } finally {
    await reader.close()
  }
}

/** Names of lists of hidden releases: a list is made once and asked for with each request, and may have thousands. */
function createListNames(): (hidden: readonly HiddenRelease[]) => string {
  const names = new WeakMap<readonly HiddenRelease[], string>()
  return (hidden) => {
    const name = names.get(hidden) ?? hexOf(blobIdOf(Buffer.from(JSON.stringify(hidden))))
    names.set(hidden, name)
    return name
  }
}

function writeFacts({ mediaType, encoding, headers }: Transformed): string {
  if (headers === undefined) return encoding === undefined ? mediaType : `${mediaType}${SEPARATOR}${encoding}`
  return [mediaType, encoding ?? '', JSON.stringify(headers)].join(SEPARATOR)
}

function readFacts(text: string): Omit<Variant, 'blob'> {
  const [mediaType = '', encoding = '', headers = '{}'] = text.split(SEPARATOR)
  return { mediaType, encoding: encoding === '' ? undefined : encoding, headers: JSON.parse(headers) as Headers }
}
