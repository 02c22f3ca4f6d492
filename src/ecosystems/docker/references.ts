/** What a manifest refers to, for pinning and sync. Layers and configurations refer to nothing. */
import type { Reference } from '../../base/located.ts'
import { readManifest } from './manifests/manifest.ts'
import { bareMediaType, MANIFEST_KINDS } from './manifests/media-types.ts'

/** Children and blobs of a manifest; empty for files of other media types. @throws untrusted.reply */
export function dockerReferences(file: {
  readonly bytes: Uint8Array
  readonly mediaType: string | undefined
}): Reference[] {
  if (file.mediaType === undefined || !MANIFEST_KINDS.has(bareMediaType(file.mediaType))) return []
  const manifest = readManifest(file.bytes, [file.mediaType])
  return [...manifest.children, ...manifest.blobs]
}
