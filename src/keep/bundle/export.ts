/** Writes a bundle: its manifest first, then each blob under its digest, streamed one after the other. Called by `bundle.ts`. */
import type { BlobId } from '../../base/digest.ts'
import type { StoredDocument } from '../../base/document.ts'
import { AppError, isKind, throwIfAborted } from '../../base/errors.ts'
import { parsePurl } from '../../base/purl.ts'
import type { ByteStream } from '../../base/streams.ts'
import type { BlobInfo, Store } from '../../store/store.ts'
import { allBlobs } from './all-blobs.ts'
import { type BundleManifest, bundledDocument, MANIFEST_NAME, SIGNATURE_NAME, writeManifest } from './manifest.ts'
import { tarEnd, tarHeader, tarPadding } from './tar.ts'
import type { BundleDependencies, BundleSelection } from './types.ts'

const PAGE = 1000

/** The bundle of what is selected. @throws absent.blob if that is nothing, or one of the labels is of nothing; while it streams absent.blob, damaged.blob, aborted.caller */
export async function exportBundle(
  selection: BundleSelection,
  dependencies: BundleDependencies,
  signal: AbortSignal,
): Promise<ByteStream> {
  const { store, trust, clock } = dependencies
  const labels = selection.all ? [] : selection.labels
  const blobs = new Map<BlobId, BlobInfo>()
  for (const blob of allBlobs(store)) {
    if (selection.all || blob.pins.some((label) => labels.includes(label))) blobs.set(blob.id, blob)
  }
  const documents = await selectDocuments(selection, blobs, dependencies)
  for (const { body } of documents) {
    const blob = body === undefined ? undefined : store.lookup(body)
    if (blob !== undefined) blobs.set(blob.id, blob)
  }
  if (blobs.size === 0 && selection.all)
    throw new AppError('absent.blob', 'there is nothing to export: the store is empty')
  const pinned = new Set([...blobs.values()].flatMap(({ pins }) => pins))
  // One lockfile that was never synced is found out here, not on a machine without a network.
  const empty = labels.filter((label) => !pinned.has(label))
  if (empty.length > 0) throw new AppError('absent.blob', `nothing is pinned as ${empty.join(', ')}: sync it first`)
  const written = writeManifest(
    {
      createdAtMs: clock.nowMs(),
      labels: [...labels],
      blobs: [...blobs.values()].map(({ id, sizeBytes, names, mediaType, share }) => ({
        id,
        sizeBytes,
        names: names.filter((name) => name !== id),
        ...(mediaType === undefined ? {} : { mediaType }),
        share,
      })),
      documents: documents.map(bundledDocument),
      served: await servedFacts(labels, dependencies),
    },
    trust,
  )
  return streamBundle(written, [...blobs.values()], store, signal)
}

/** Name of a blob's file in a bundle. */
export function blobFileName(id: BlobId): string {
  return `blobs/sha256/${id.slice('sha256:'.length)}`
}

async function selectDocuments(
  selection: BundleSelection,
  blobs: ReadonlyMap<BlobId, BlobInfo>,
  { store, keptFor }: BundleDependencies,
): Promise<StoredDocument[]> {
  const found = new Map<string, StoredDocument>()
  let after: string | undefined
  for (;;) {
    const page = store.documents.list({ limit: PAGE, ...(after === undefined ? {} : { after }) })
    for (const document of page) {
      if (selection.all || (document.body !== undefined && blobs.has(document.body))) found.set(document.key, document)
    }
    after = page.at(-1)?.key
    if (page.length < PAGE) break
  }
  for (const label of selection.all ? [] : selection.labels) {
    for (const key of (await keptFor(label))?.documents ?? []) {
      const document = store.documents.get(key)
      if (document !== undefined) found.set(key, document)
    }
  }
  return [...found.values()]
}

async function servedFacts(
  labels: readonly string[],
  { store, keptFor }: BundleDependencies,
): Promise<BundleManifest['served']> {
  const facts = new Map<string, BundleManifest['served'][number]>()
  for (const label of labels) {
    for (const { purl, id } of (await keptFor(label))?.files ?? []) {
      for (const fact of store.served(parsePurl(purl))) {
        if (fact.id !== id) continue
        const { label: file, upstream, evidence } = fact
        facts.set(`${purl} ${id} ${upstream}`, { purl: fact.purl, label: file, id, upstream, evidence })
      }
    }
  }
  return [...facts.values()]
}

async function* streamBundle(
  written: ReturnType<typeof writeManifest>,
  blobs: readonly BlobInfo[],
  store: Pick<Store, 'open'>,
  signal: AbortSignal,
): ByteStream {
  for (const [name, bytes] of [
    [MANIFEST_NAME, written.manifest],
    [SIGNATURE_NAME, written.signature],
  ] as const) {
    yield tarHeader(name, bytes.byteLength)
    yield bytes
    yield tarPadding(bytes.byteLength)
  }
  for (const { id, sizeBytes } of blobs) {
    throwIfAborted(signal)
    const reader = await store.open(id).catch((error) => {
      if (!isKind(error, 'absent')) throw error
      throw new AppError('absent.blob', `${id} was evicted while the bundle was written: pin it and try again`, {
        cause: error,
      })
    })
    try {
      yield tarHeader(blobFileName(id), sizeBytes)
      yield* reader.stream(undefined, signal)
      yield tarPadding(sizeBytes)
    } finally {
      await reader.close()
    }
  }
  yield tarEnd()
}
