/**
 * Reads a bundle into the store. The order of its files is fixed, every file must be announced by the manifest with its size,
 * and every blob must hash to its name before it becomes visible; a name in the archive is compared, never followed. Called
 * by `bundle.ts`.
 */
import { algorithmOf, type BlobId } from '../../base/digest.ts'
import type { StoredDocument } from '../../base/document.ts'
import { AppError, throwIfAborted } from '../../base/errors.ts'
import type { Origin } from '../../base/located.ts'
import { type ByteStream, collect } from '../../base/streams.ts'
import type { Store } from '../../store/store.ts'
import { blobFileName } from './export.ts'
import {
  BUNDLE_MANIFEST_BYTES_MAX,
  type BundledBlob,
  type BundledDocument,
  type BundleManifest,
  bundleName,
  MANIFEST_NAME,
  readManifest,
  SIGNATURE_BYTES_MAX,
  SIGNATURE_NAME,
  STRANGE_MANIFEST_BYTES_MAX,
  signerOf,
} from './manifest.ts'
import { readTar, type TarEntry } from './tar.ts'
import type { BundleDependencies, ImportedBundle } from './types.ts'

interface Opened {
  readonly manifest: BundleManifest
  readonly label: string
  readonly signer: string
  readonly trusted: boolean
}

/** Takes a bundle in; see `Bundles.import` for what it promises and throws. */
export async function importBundle(
  stream: ByteStream,
  dependencies: BundleDependencies,
  signal: AbortSignal,
): Promise<ImportedBundle> {
  const { store } = dependencies
  const entries = readTar(stream)
  const pinned: BlobId[] = []
  let label = ''
  try {
    const opened = await open(entries, dependencies)
    label = opened.label
    const waiting = new Map(opened.manifest.blobs.map((blob) => [blobFileName(blob.id), blob]))
    for await (const entry of entries) {
      throwIfAborted(signal)
      const blob = waiting.get(entry.name)
      if (blob === undefined || blob.sizeBytes !== entry.sizeBytes) throw unannounced(entry)
      waiting.delete(entry.name)
      await takeBlob(entry, blob, opened, dependencies)
      if (store.lookup(blob.id)?.pins.includes(label) === false) {
        store.pin(blob.id, label)
        pinned.push(blob.id)
      }
    }
    if (waiting.size > 0) {
      throw new AppError('untrusted.bundle', `the bundle lacks ${waiting.size} of the blobs that it announces`)
    }
    return finish(opened, dependencies)
  } catch (error) {
    // Half an import is no import: what was verified stays as ordinary cache.
    for (const id of pinned) store.unpin(id, label)
    throw error
  } finally {
    await entries.return()
  }
}

async function open(
  entries: AsyncGenerator<TarEntry, void, undefined>,
  { trust }: BundleDependencies,
): Promise<Opened> {
  const manifestBytes = await small(entries, MANIFEST_NAME, BUNDLE_MANIFEST_BYTES_MAX)
  const signature = await small(entries, SIGNATURE_NAME, SIGNATURE_BYTES_MAX)
  const signer = signerOf(manifestBytes, signature, trust)
  const trusted = trust.trusts(signer)
  if (!trusted && manifestBytes.byteLength > STRANGE_MANIFEST_BYTES_MAX) {
    const found = `wanted ${MANIFEST_NAME} of at most ${STRANGE_MANIFEST_BYTES_MAX} bytes by a signer who is not trusted`
    throw new AppError('exhausted.size', `reading a bundle: ${found}, found ${manifestBytes.byteLength} of ${signer}`)
  }
  const manifest = readManifest(manifestBytes)
  return { manifest, signer, trusted, label: `import:${bundleName(manifestBytes)}` }
}

async function small(
  entries: AsyncGenerator<TarEntry, void, undefined>,
  name: string,
  bytesMax: number,
): Promise<Buffer> {
  const next = await entries.next()
  if (next.done === true || next.value.name !== name) {
    const found = next.done === true ? 'its end' : JSON.stringify(next.value.name.slice(0, 100))
    throw new AppError('untrusted.bundle', `reading a bundle: wanted ${name}, found ${found}`)
  }
  const { sizeBytes, body } = next.value
  if (sizeBytes > bytesMax) {
    throw new AppError(
      'exhausted.size',
      `reading a bundle: wanted ${name} of at most ${bytesMax} bytes, found ${sizeBytes}`,
    )
  }
  return await collect(body, bytesMax)
}

async function takeBlob(
  entry: TarEntry,
  { id, sizeBytes, names, mediaType, share }: BundledBlob,
  opened: Opened,
  { store }: Pick<BundleDependencies, 'store'>,
): Promise<void> {
  const known = store.lookup(id)
  if (known !== undefined && names.every((name) => known.names.includes(name))) return
  const writer = await store.begin({
    digests: [id, ...names],
    aliases: names.map(algorithmOf),
    sizeBytes,
    bytesMax: sizeBytes,
  })
  try {
    for await (const chunk of entry.body) await writer.write(chunk)
  } catch (error) {
    await writer.abort()
    throw error
  }
  // What a stranger says of bytes is no better than nothing; least of all with whom they may be shared.
  const facts = opened.trusted ? { mediaType, share } : { mediaType: undefined, share: 'none' as const }
  await writer.commit({ ...facts, origin: originOf(opened) })
}

/** Documents and facts, once every blob is there. */
function finish(opened: Opened, { store, clock }: BundleDependencies): ImportedBundle {
  const { manifest, label, signer, trusted } = opened
  const nowMs = clock.nowMs()
  let documentCount = 0
  if (trusted) {
    for (const document of manifest.documents) if (keepDocument(document, opened, store, nowMs)) documentCount += 1
    const origin = originOf(opened)
    for (const fact of manifest.served) if (store.lookup(fact.id) !== undefined) store.record({ ...fact, origin })
  }
  return {
    label,
    signer,
    trusted,
    blobCount: manifest.blobs.length,
    sizeBytes: manifest.blobs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    documentCount,
    ignoredCount: trusted ? 0 : manifest.documents.length,
    importedAtMs: nowMs,
  }
}

/** True if the document is now what the bundle says; a newer one of this node's own stays. */
function keepDocument(bundled: BundledDocument, opened: Opened, store: Store, nowMs: number): boolean {
  const { body, ...facts } = bundled
  const checkedAtMs = Math.min(bundled.checkedAtMs, nowMs)
  const ours = store.documents.get(bundled.key)
  if (ours !== undefined && ours.checkedAtMs >= checkedAtMs) return false
  if (body !== undefined && store.lookup(body) === undefined) return false
  const changedAtMs = Math.min(bundled.changedAtMs, nowMs)
  const document: StoredDocument = { ...facts, body, checkedAtMs, changedAtMs, origin: originOf(opened) }
  store.documents.put(document)
  return true
}

function originOf({ signer, trusted }: Opened): Origin {
  return { kind: 'peer', peerId: signer, trusted }
}

function unannounced({ name, sizeBytes }: TarEntry): AppError {
  const shown = JSON.stringify(name.slice(0, 100))
  return new AppError('untrusted.bundle', `the bundle holds ${shown} of ${sizeBytes} bytes, which it does not announce`)
}
