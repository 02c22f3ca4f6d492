/** Keeps what a build made, pinned and for everybody: artefacts, its log, its list of dependencies. Peers are told of it by `keep/`. */
import { createHash, hash } from 'node:crypto'
import { type BlobId, hexOf } from '../../base/digest.ts'
import type { FileDigests } from '../../base/entries/result.ts'
import { collect } from '../../base/streams.ts'
import type { Store } from '../../store/store.ts'

/** What the blobs of builds are pinned with, followed by the purl. */
export const BUILT_LABEL = 'built'

/** Keeps bytes for good; durable when it resolves. @throws exhausted.disk, unavailable.storage */
export async function keepBytes(
  { name, bytes, mediaType, purl }: Kept,
  store: Pick<Store, 'begin' | 'pin'>,
): Promise<FileDigests> {
  const { byteLength: sizeBytes } = bytes
  const writer = await store.begin({ digests: [], aliases: ['sha512', 'sha1'], sizeBytes, bytesMax: sizeBytes })
  try {
    await writer.write(bytes)
    const { id } = await writer.commit({ mediaType, share: 'world', origin: { kind: 'local' } })
    store.pin(id, `${BUILT_LABEL} ${purl}`)
    return digestsOfBytes(name, bytes)
  } catch (error) {
    await writer.abort()
    throw error
  }
}

/** Bytes to keep. */
export interface Kept {
  readonly name: string
  readonly bytes: Uint8Array
  readonly mediaType: string
  /** The package that they belong to. */
  readonly purl: string
}

/** The bytes of a blob. @throws exhausted.size, damaged.blob, aborted.caller */
export async function readBlob(
  id: BlobId,
  bytesMax: number,
  store: Pick<Store, 'open'>,
  signal: AbortSignal,
): Promise<Buffer> {
  const reader = await store.open(id)
  try {
    return await collect(reader.stream(undefined, signal), bytesMax)
  } finally {
    await reader.close()
  }
}

/** The names of bytes by their digests. */
export function digestsOfBytes(name: string, bytes: Uint8Array): FileDigests {
  const [sha256, sha512, sha1] = [hash('sha256', bytes), hash('sha512', bytes), hash('sha1', bytes)]
  return { name, sha256, sha512, sha1, sizeBytes: bytes.byteLength }
}

/** The same of a blob, however large. @throws damaged.blob, aborted.caller */
export async function digestsOfBlob(
  name: string,
  id: BlobId,
  store: Pick<Store, 'open'>,
  signal: AbortSignal,
): Promise<FileDigests> {
  const [sha512, sha1] = [createHash('sha512'), createHash('sha1')]
  const reader = await store.open(id)
  let sizeBytes = 0
  try {
    for await (const chunk of reader.stream(undefined, signal)) {
      sha512.update(chunk)
      sha1.update(chunk)
      sizeBytes += chunk.byteLength
    }
  } finally {
    await reader.close()
  }
  return { name, sha256: hexOf(id), sha512: sha512.digest('hex'), sha1: sha1.digest('hex'), sizeBytes }
}
