/**
 * Reads manifests: of which type a document is, and what it refers to. Bytes are never changed. Called by `resolve.ts` and
 * `references.ts` with bytes whose digest was already checked; their content may still be anything.
 */
import type { Digest } from '../../../base/digest.ts'
import { AppError } from '../../../base/errors.ts'
import type { Reference } from '../../../base/located.ts'
import { readContentDigest } from '../names.ts'
import { bareMediaType, MANIFEST_KINDS, type ManifestKind } from './media-types.ts'

/** More than this is not a manifest (OCI distribution spec: registries should enforce a limit of 4 MiB). */
export const MANIFEST_BYTES_MAX = 4_194_304

/** What a manifest says of itself. */
export interface Manifest {
  readonly mediaType: string
  readonly kind: ManifestKind
  /** Manifests of an index. */
  readonly children: readonly Reference[]
  /** Configuration and layers, without those that registries do not distribute. */
  readonly blobs: readonly Reference[]
}

/**
 * Reads a manifest. Its type is the first known one of `stated` (stored or upstream's Content-Types), then the one that the
 * document names, then the one that its structure shows. @throws untrusted.reply
 */
export function readManifest(bytes: Uint8Array, stated: readonly (string | undefined)[]): Manifest {
  if (bytes.byteLength > MANIFEST_BYTES_MAX) {
    throw malformed(`at most ${MANIFEST_BYTES_MAX} bytes`, `${bytes.byteLength}`)
  }
  const document = parseObject(bytes)
  const hasManifests = Array.isArray(document.manifests)
  // A document that is both an index and an image means different things to different clients (CVE-2021-41190).
  if (hasManifests && (document.layers !== undefined || document.config !== undefined)) {
    throw malformed('either manifests or layers', 'both')
  }
  const mediaType = mediaTypeOf(document, stated)
  const kind = MANIFEST_KINDS.get(mediaType) ?? 'opaque'
  if (kind === 'index') return { mediaType, kind, children: descriptors(document.manifests), blobs: [] }
  if (kind === 'image') {
    const blobs = [...descriptors([document.config]), ...descriptors(document.layers)]
    return { mediaType, kind, children: [], blobs: unique(blobs) }
  }
  if (kind === 'artifact') return { mediaType, kind, children: [], blobs: unique(descriptors(document.blobs ?? [])) }
  return { mediaType, kind, children: [], blobs: [] }
}

function mediaTypeOf(document: Record<string, unknown>, stated: readonly (string | undefined)[]): string {
  for (const candidate of [...stated, document.mediaType]) {
    if (typeof candidate !== 'string') continue
    const bare = bareMediaType(candidate)
    if (MANIFEST_KINDS.has(bare)) return bare
  }
  if (Array.isArray(document.manifests)) return 'application/vnd.oci.image.index.v1+json'
  if (document.config !== undefined && Array.isArray(document.layers))
    return 'application/vnd.oci.image.manifest.v1+json'
  if (document.schemaVersion === 1) return 'application/vnd.docker.distribution.manifest.v1+json'
  throw malformed('a manifest', 'a document of no known type')
}

function descriptors(value: unknown): Reference[] {
  if (!Array.isArray(value)) throw malformed('a list of descriptors', typeof value)
  const found: Reference[] = []
  for (const item of value as unknown[]) {
    if (typeof item !== 'object' || item === null) throw malformed('a descriptor', typeof item)
    const { digest, size, mediaType, urls, platform } = item as Record<string, unknown>
    if (isNonDistributable(mediaType, urls)) continue
    const stated = platformOf(platform)
    found.push({
      digest: contentDigest(digest),
      sizeBytes: Number.isSafeInteger(size) && (size as number) >= 0 ? (size as number) : undefined,
      mediaType: typeof mediaType === 'string' ? mediaType : undefined,
      ...(stated === undefined ? {} : { platform: stated }),
    })
  }
  return found
}

/** OCI image spec 1.1, "image index": `platform.os`, `.architecture`, `.variant`. */
function platformOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { os, architecture, variant } = value as Record<string, unknown>
  if (typeof os !== 'string' || typeof architecture !== 'string') return undefined
  return typeof variant === 'string' && variant !== '' ? `${os}/${architecture}/${variant}` : `${os}/${architecture}`
}

/** Foreign layers are fetched from elsewhere by the clients themselves; no registry has to have them. */
function isNonDistributable(mediaType: unknown, urls: unknown): boolean {
  if (Array.isArray(urls) && urls.length > 0) return true
  return typeof mediaType === 'string' && /\.nondistributable\.|\.foreign\./.test(mediaType)
}

function contentDigest(value: unknown): Digest {
  try {
    return readContentDigest(String(value))
  } catch (cause) {
    throw new AppError('untrusted.reply', 'reading a manifest: a descriptor has no sha256 or sha512 digest', { cause })
  }
}

function unique(references: readonly Reference[]): Reference[] {
  return [...new Map(references.map((reference) => [reference.digest, reference])).values()]
}

function parseObject(bytes: Uint8Array): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new AppError('untrusted.reply', 'reading a manifest: it is no JSON', { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed('an object', typeof value)
  return value as Record<string, unknown>
}

function malformed(wanted: string, found: string): AppError {
  return new AppError('untrusted.reply', `reading a manifest: wanted ${wanted}, found ${found}`)
}
