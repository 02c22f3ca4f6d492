/**
 * What a registry gives for an image: the manifest that a tag or digest names, those of its platforms, configurations and layers. An image
 * is not rebuilt: that several organisations see the same is all that a verdict on it says. 2-trust.md, "What a verdict says".
 */
import { readArchiveNow } from '../../archive/reading/read-archive.ts'
import { type Digest, parseDigest } from '../../base/digest.ts'
import { isKind } from '../../base/errors.ts'
import type { Got, Located, Need, Reference } from '../../base/located.ts'
import { type Purl, purlParts } from '../../base/purl.ts'
import type { ResolveContext, Seen, Witness } from '../ecosystem.ts'
import { formatOfMediaType } from './canonicalize.ts'
import { dockerFromPurl } from './coordinates.ts'
import { MANIFEST_BYTES_MAX, type Manifest, readManifest } from './manifests/manifest.ts'
import { bareMediaType } from './manifests/media-types.ts'
import { type Repository, readRepository } from './names.ts'
import { locateBlob, locateManifest, type Pointed, resolveTag } from './resolve.ts'

/** Files of one verdict: as many as there may be (`base/entries/result.ts`) and a statement about all of them has room for. */
const FILES_MAX = 60
/** Platforms whose configurations and layers come first where not all of them are so few. */
const FIRST_PLATFORMS = ['linux/amd64', 'linux/arm64', 'linux/arm64/v8']

/** How images are witnessed. */
export const dockerWitness: Witness = { see, check }

/**
 * Every manifest of the image, then configurations and layers, whole platforms at a time and as many as a verdict has room for. Those that are
 * left out are named by digest in the manifests all the same.
 */
function* see(purl: Purl, context: ResolveContext): Generator<Need, Seen, Got> {
  const { repository, tag, digest } = imageOf(purl)
  if (!context.upstreams.includes(repository.registry)) {
    return absent(`no registry ${repository.registry} is configured here`)
  }
  const pointed = digest === undefined ? yield* resolveTag(repository, tag ?? 'latest', context) : pointedBy(digest)
  if ('kind' in pointed)
    return pointed.kind === 'absent' || pointed.kind === 'unavailable' ? pointed : absent('no image')
  const top = yield* manifestAt(repository, tag === undefined ? {} : { tag }, pointed)
  if (top.kind !== 'read') return top
  const files = new Map<Digest, Located>([[pointed.digest, top.located]])
  const images: Array<{ readonly platform: string | undefined; readonly manifest: Manifest }> = [
    { platform: undefined, manifest: top.manifest },
  ]
  if (top.manifest.children.length >= FILES_MAX) {
    return malformed(`wanted manifests of fewer than ${FILES_MAX} platforms, found ${top.manifest.children.length}`)
  }
  for (const child of top.manifest.children) {
    const found = yield* manifestAt(repository, {}, pointedBy(child.digest, child))
    if (found.kind === 'absent')
      return malformed(`the registry does not give the manifest ${child.digest} that it names`)
    if (found.kind !== 'read') return found
    files.set(child.digest, named(found.located))
    images.push({ platform: child.platform, manifest: found.manifest })
  }
  for (const { manifest } of images.toSorted((a, b) => rankOf(a.platform) - rankOf(b.platform))) {
    const more = manifest.blobs.filter((blob) => !files.has(blob.digest))
    if (files.size + more.length > FILES_MAX) continue
    for (const blob of more) files.set(blob.digest, blobOf(repository, blob))
  }
  return { kind: 'seen', tag: tag !== undefined, files: [...files.values()] }
}

/** Layers are read to their last byte; what is no layer, or in a compression that is not read, is left to its digest. */
function check(mediaType: string | undefined, bytes: Uint8Array): void {
  const format = mediaType === undefined ? undefined : formatOfMediaType(bareMediaType(mediaType))
  if (format !== undefined) readArchiveNow(bytes, format)
}

type ManifestFound =
  | { readonly kind: 'read'; readonly located: Located; readonly manifest: Manifest }
  | Exclude<Seen, { readonly kind: 'seen' }>

function* manifestAt(
  repository: Repository,
  params: Readonly<Record<string, string>>,
  pointed: Pointed,
): Generator<Need, ManifestFound, Got> {
  const located = locateManifest(repository, params, pointed)
  const got = yield { kind: 'blob', located, bytesMax: MANIFEST_BYTES_MAX }
  if (got.kind === 'absent' || got.kind === 'unavailable') return { kind: got.kind, reason: got.reason }
  try {
    const manifest = readManifest(got.bytes, [got.mediaType, pointed.mediaType])
    const { mediaType } = manifest
    return { kind: 'read', manifest, located: { ...located, mediaType, sizeBytes: got.bytes.byteLength } }
  } catch (error) {
    if (!isKind(error, 'untrusted')) throw error
    return malformed(`${located.label}: ${error.message}`)
  }
}

function imageOf(purl: Purl): { readonly repository: Repository; readonly tag?: string; readonly digest?: Digest } {
  const text = dockerFromPurl(purl)
  const { version = 'latest' } = purlParts(purl)
  const at = text.indexOf('@')
  if (at >= 0) return { repository: readRepository(text.slice(0, at)), digest: parseDigest(text.slice(at + 1)) }
  const end = text.endsWith(`:${version}`) ? text.length - version.length - 1 : text.length
  return { repository: readRepository(text.slice(0, end)), tag: version }
}

function pointedBy(digest: Digest, { mediaType, sizeBytes }: Partial<Reference> = {}): Pointed {
  return { digest, mediaType, sizeBytes, evidence: { kind: 'name', digest, statedBy: 'whoever names it' } }
}

function blobOf(repository: Repository, { digest, sizeBytes, mediaType }: Reference): Located {
  return named({ ...locateBlob(repository, digest, {}), sizeBytes, mediaType })
}

/** By its digest alone: repositories have long names, and the statement about all files is bounded. */
function named(located: Located): Located {
  return { ...located, label: located.digests[0] }
}

function rankOf(platform: string | undefined): number {
  const at = platform === undefined ? -1 : FIRST_PLATFORMS.indexOf(platform)
  return at < 0 ? FIRST_PLATFORMS.length : at
}

function absent(message: string): Seen & { readonly kind: 'absent' } {
  return { kind: 'absent', reason: { code: 'absent', message } }
}

function malformed(message: string): Seen & { readonly kind: 'malformed' } {
  return { kind: 'malformed', reason: { code: 'malformed', message } }
}
