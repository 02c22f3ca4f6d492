/**
 * What is kept for a lockfile, on record: a JSON blob that lists entries, blobs and documents, pinned like the rest, and a
 * note in the notebook that names it. Lost: the pins stay until the next sync of the file. Export reads it.
 */
import { z } from 'zod'
import { type BlobId, parseBlobId } from '../../base/digest.ts'
import { isKind, wrapError } from '../../base/errors.ts'
import { collect } from '../../base/streams.ts'
import type { Store } from '../../store/store.ts'
import type { SyncedFile } from './types.ts'

const NAMESPACE = 'keep.sync'
const RECORD_BYTES_MAX = 256 * 1_048_576

/** The parts of the store that records use. */
export type RecordStore = Pick<Store, 'notebook' | 'begin' | 'open' | 'lookup' | 'pin' | 'unpin'>

/** What a sync keeps. */
export interface SyncRecord extends SyncedFile {
  /** Everything that is pinned, the record's own blob excluded. */
  readonly blobs: readonly BlobId[]
  /** Keys of the documents that answers rest on. */
  readonly documents: readonly string[]
  /** Which package a file was kept for. */
  readonly files: readonly { readonly purl: string; readonly id: BlobId }[]
}

const noteSchema = z.object({
  record: z.string().max(100),
  path: z.string(),
  label: z.string(),
  ecosystem: z.string(),
  platform: z.string(),
  complete: z.boolean(),
  fileCount: z.int(),
  syncedAtMs: z.number(),
})
const recordSchema = z.object({
  blobs: z.array(z.string().transform(parseBlobId)),
  documents: z.array(z.string()),
  files: z.array(z.object({ purl: z.string(), id: z.string().transform(parseBlobId) })),
})

/** All that is kept, in the order of labels. */
export function listSynced(store: Pick<Store, 'notebook'>): SyncedFile[] {
  return store.notebook.entries(NAMESPACE).map(([, value]) => syncedOf(value).synced)
}

/** The record of a label; undefined if there is none or its blob is lost. @throws damaged.blob, bug.assertion */
export async function readRecord(store: RecordStore, label: string): Promise<SyncRecord | undefined> {
  const value = store.notebook.get(NAMESPACE, label)
  if (value === undefined) return undefined
  const { synced, record } = syncedOf(value)
  let bytes: Buffer
  try {
    const reader = await store.open(record)
    try {
      bytes = await collect(reader.stream(), RECORD_BYTES_MAX)
    } finally {
      await reader.close()
    }
  } catch (error) {
    if (isKind(error, 'absent')) return { ...synced, blobs: [], documents: [], files: [] }
    throw error
  }
  try {
    return { ...synced, ...recordSchema.parse(JSON.parse(bytes.toString('utf8'))) }
  } catch (cause) {
    throw wrapError(cause, 'damaged.blob', `the record of ${label} cannot be read`)
  }
}

/** Puts a record in the place of the one before; pins of its own blob move along. @throws exhausted.disk */
export async function writeRecord(store: RecordStore, record: SyncRecord): Promise<void> {
  const { blobs, documents, files, ...synced } = record
  const bytes = Buffer.from(JSON.stringify({ blobs, documents, files }))
  const writer = await store.begin({
    digests: [],
    aliases: [],
    sizeBytes: bytes.byteLength,
    bytesMax: RECORD_BYTES_MAX,
  })
  try {
    await writer.write(bytes)
  } catch (error) {
    await writer.abort()
    throw error
  }
  const { id } = await writer.commit({ mediaType: 'application/json', share: 'none', origin: { kind: 'local' } })
  const former = store.notebook.get(NAMESPACE, record.label)
  store.pin(id, record.label)
  store.notebook.set(NAMESPACE, record.label, { ...synced, record: id })
  const before = former === undefined ? undefined : syncedOf(former).record
  if (before !== undefined && before !== id && store.lookup(before) !== undefined) store.unpin(before, record.label)
}

/** Takes the record away. */
export function dropRecord(store: RecordStore, label: string): void {
  const value = store.notebook.get(NAMESPACE, label)
  if (value === undefined) return
  const { record } = syncedOf(value)
  if (store.lookup(record) !== undefined) store.unpin(record, label)
  store.notebook.delete(NAMESPACE, label)
}

function syncedOf(value: unknown): { readonly synced: SyncedFile; readonly record: BlobId } {
  const { record, ...synced } = noteSchema.parse(value)
  return { synced, record: parseBlobId(record) }
}
