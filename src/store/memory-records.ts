/**
 * What the memory store keeps beside blobs: documents and their variants, notebook, served facts. Plain maps in the order of
 * their last change, with the bounds of `bounds.ts`. The disk's counterpart is `disk/records.ts`.
 */
import type { BlobId } from '../base/digest.ts'
import type { DocumentKey, StoredDocument } from '../base/document.ts'
import { type Purl, purlParts } from '../base/purl.ts'
import { SERVED_ALL_COUNT_MAX, SERVED_REPLY_COUNT_MAX, type StoreBounds } from './bounds.ts'
import { notebookText, packageOf, pageOf, type ShelfBlobs, servedKey } from './facts.ts'
import type { DocumentShelf, Notebook, ServedFact } from './store.ts'

/** A shelf in memory; `forget` is told about blobs that were removed. */
export class MemoryShelf implements DocumentShelf {
  readonly #bounds: StoreBounds
  readonly #blobs: ShelfBlobs
  readonly #documents = new Map<DocumentKey, StoredDocument>()
  readonly #variants = new Map<BlobId, Map<string, { readonly id: BlobId; readonly mediaType: string }>>()

  constructor(bounds: StoreBounds, blobs: ShelfBlobs) {
    this.#bounds = bounds
    this.#blobs = blobs
  }

  get(key: DocumentKey): StoredDocument | undefined {
    const found = this.#documents.get(key)
    if (found?.body !== undefined && !this.#blobs.has(found.body)) return undefined
    return found
  }

  put(document: StoredDocument): void {
    const former = this.#documents.get(document.key)
    this.#documents.delete(document.key)
    this.#documents.set(document.key, document)
    if (former !== undefined) this.#releaseBody(former.body)
    while (this.#documents.size > this.#bounds.documentCountMax) this.#dropOldest()
  }

  confirm(key: DocumentKey, checkedAtMs: number, headers?: Readonly<Record<string, string>>): void {
    const found = this.#documents.get(key)
    if (found === undefined) return
    this.#documents.set(key, { ...found, checkedAtMs, headers: { ...found.headers, ...headers } })
  }

  delete(key: DocumentKey): void {
    const former = this.#documents.get(key)
    this.#documents.delete(key)
    this.#releaseBody(former?.body)
  }

  list({ after, limit }: { readonly after?: DocumentKey; readonly limit: number }): StoredDocument[] {
    const keys = [...this.#documents.keys()].map((key) => Buffer.from(key)).sort(Buffer.compare)
    const from = after === undefined ? undefined : Buffer.from(after)
    const later = from === undefined ? keys : keys.filter((key) => Buffer.compare(key, from) > 0)
    return pageOf(later.values().map(String), limit, (key) => this.get(key))
  }

  variant(body: BlobId, variant: string): { readonly id: BlobId; readonly mediaType: string } | undefined {
    const found = this.#variants.get(body)?.get(variant)
    return found !== undefined && this.#blobs.has(found.id) ? found : undefined
  }

  putVariant(body: BlobId, variant: string, made: { readonly id: BlobId; readonly mediaType: string }): void {
    const ofBody = this.#variants.get(body) ?? new Map()
    ofBody.set(variant, made)
    this.#variants.set(body, ofBody)
  }

  /** Drops what depends on a blob that was removed. */
  forget(id: BlobId): void {
    this.#variants.delete(id)
    for (const ofBody of this.#variants.values()) {
      for (const [variant, made] of ofBody) if (made.id === id) ofBody.delete(variant)
    }
    for (const [key, document] of this.#documents) if (document.body === id) this.#documents.delete(key)
  }

  #releaseBody(body: BlobId | undefined): void {
    if (body === undefined) return
    for (const document of this.#documents.values()) if (document.body === body) return
    const made = [...(this.#variants.get(body)?.values() ?? [])].map((variant) => variant.id)
    this.#blobs.release([body, ...made])
  }

  #dropOldest(): void {
    const rank = (document: StoredDocument) => (document.status === 'absent' ? 0 : 1)
    const oldest = [...this.#documents.values()].sort((a, b) => rank(a) - rank(b) || a.checkedAtMs - b.checkedAtMs)[0]
    if (oldest !== undefined) this.delete(oldest.key)
  }
}

/** A notebook in memory. Values are kept as JSON, so that what is read is never what was written. */
export class MemoryNotebook implements Notebook {
  readonly #bounds: StoreBounds
  readonly #namespaces = new Map<string, Map<string, string>>()

  constructor(bounds: StoreBounds) {
    this.#bounds = bounds
  }

  get(namespace: string, key: string): unknown {
    const text = this.#namespaces.get(namespace)?.get(key)
    return text === undefined ? undefined : JSON.parse(text)
  }

  set(namespace: string, key: string, value: unknown): void {
    const entries = this.#namespaces.get(namespace) ?? new Map<string, string>()
    const text = notebookText(namespace, key, value, this.#bounds.notebookValueBytesMax)
    entries.delete(key)
    entries.set(key, text)
    this.#namespaces.set(namespace, entries)
    for (const oldest of entries.keys()) {
      if (entries.size <= this.#bounds.notebookCountMax) break
      entries.delete(oldest)
    }
  }

  delete(namespace: string, key: string): void {
    this.#namespaces.get(namespace)?.delete(key)
  }

  entries(namespace: string): Array<readonly [key: string, value: unknown]> {
    const entries = [...(this.#namespaces.get(namespace) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))
    return entries.map(([key, text]) => [key, JSON.parse(text)])
  }
}

/** Served facts in memory, the one longest not served first. */
export class MemoryServed {
  readonly #bounds: StoreBounds
  readonly #facts = new Map<string, ServedFact>()

  constructor(bounds: StoreBounds) {
    this.#bounds = bounds
  }

  record(fact: Omit<ServedFact, 'firstAtMs' | 'lastAtMs'>, nowMs: number): void {
    const key = servedKey(fact)
    const firstAtMs = this.#facts.get(key)?.firstAtMs ?? nowMs
    this.#facts.delete(key)
    this.#facts.set(key, { ...fact, firstAtMs, lastAtMs: nowMs })
    for (const oldest of this.#facts.keys()) {
      if (this.#facts.size <= this.#bounds.servedCountMax) break
      this.#facts.delete(oldest)
    }
  }

  served(purl: Purl | undefined): ServedFact[] {
    if (purl === undefined) return [...this.#facts.values()].reverse().slice(0, SERVED_ALL_COUNT_MAX)
    const wholePackage = purlParts(purl).version === undefined
    const wanted = wholePackage ? packageOf(purl) : purl
    return [...this.#facts.values()]
      .filter((fact) => (wholePackage ? packageOf(fact.purl) : fact.purl) === wanted)
      .reverse()
      .slice(0, SERVED_REPLY_COUNT_MAX)
  }
}
