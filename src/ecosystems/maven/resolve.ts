/**
 * How files are found: a file by what its repository states of it (`statement.ts`), metadata and signatures as documents, and a
 * checksum by what this node computed of the bytes it gave. A file that is kept is given without asking anybody.
 */
import { type Algorithm, algorithmOf, type Digest, hexOf } from '../../base/digest.ts'
import type { DocumentRequest, Got, Located, Need, Resolution, Want } from '../../base/located.ts'
import { type Purl, purlParts } from '../../base/purl.ts'
import type { RequestView, ResolveContext } from '../ecosystem.ts'
import { artifactPurl, filePurl, MAVEN_TYPE } from './coordinates.ts'
import { checksumHeaders, readAlgorithm } from './formats/checksums.ts'
import {
  isSignature,
  isSnapshot,
  isTimestamped,
  type MavenPlace,
  METADATA_FILE,
  metadataPath,
  readPlace,
} from './names.ts'
import { MAVEN_UPSTREAM } from './routes.ts'
import {
  askedStatement,
  besideRequest,
  FILE_BYTES_MAX,
  keptStatement,
  refusal,
  type Statement,
  smallRequest,
} from './statement.ts'
import { METADATA, SIGNATURE } from './transform.ts'

const METADATA_BYTES_MAX = 64 * 1024 ** 2
/** More repositories than this are not asked: one request may ask the core for only so much. */
const UPSTREAMS_MAX = 5
/** A checksum of metadata is made of the copy that was given last, not of a newer one. */
const CHECKSUM_GRACE_SECONDS = 600

/** Making one takes longer than all else that is done to resolve a file. */
const ORDER = new Intl.Collator('en', { numeric: true })

const RELEASED_HEADERS = { 'cache-control': 'public, max-age=31536000, immutable' }
const MEDIA_TYPES: Readonly<Record<string, string>> = {
  jar: 'application/java-archive',
  war: 'application/java-archive',
  aar: 'application/java-archive',
  pom: 'text/xml',
  xml: 'text/xml',
  module: 'application/json',
  zip: 'application/zip',
}

type Flow = Generator<Need, Resolution, Got>
type Place = MavenPlace & { readonly kind: 'file' }

/** Resolves files, metadata, signatures and checksums. */
export function* resolveMaven(want: Want, _request: RequestView, context: ResolveContext): Flow {
  if (want.kind !== 'artifact' && want.kind !== 'document') {
    return absent(`nothing is looked up for a request of kind ${want.kind}`)
  }
  const upstreams = mavenUpstreams(context.upstreams)
  if (upstreams.length === 0) return absent(`no upstream ${MAVEN_UPSTREAM} is configured`)
  const place = readPlace(want.params.path ?? '')
  const checksum = readAlgorithm(want.params.checksum)
  if (place.kind === 'metadata') return yield* resolveMetadata(place, checksum, upstreams, context)
  if (isSignature(place.file)) {
    const requests = upstreams.map((upstream) => {
      return { ...besideRequest(place, place.path, upstream, context), provenBy: SIGNATURE }
    })
    const found = yield* firstWith(requests)
    return 'request' in found ? documentOf(found.request, filePurl(place), place.file) : found
  }
  return yield* resolveFile(place, checksum, upstreams, context)
}

/** The configured upstreams of this ecosystem in the order in which they are asked: `maven`, then `maven-…` by name. */
export function mavenUpstreams(configured: readonly string[]): string[] {
  const further = configured.filter((name) => name.startsWith(`${MAVEN_UPSTREAM}-`))
  const first = configured.filter((name) => name === MAVEN_UPSTREAM)
  return [...first, ...further.sort(ORDER.compare)].slice(0, UPSTREAMS_MAX)
}

/** The package that a path is about. */
export function subjectOf(place: MavenPlace): Purl | undefined {
  if (place.kind === 'file') return artifactPurl(place.group, place.artifact, place.version)
  const isVersion = isSnapshot(place.segments.at(-1) ?? '')
  const [version, names] = isVersion
    ? [place.segments.at(-1), place.segments.slice(0, -1)]
    : [undefined, place.segments]
  const artifact = names.at(-1)
  const group = names.slice(0, -1).join('.')
  return artifact === undefined || group === '' ? undefined : artifactPurl(group, artifact, version)
}

/**
 * Metadata of `com/acme` is of the artifact `com:acme`, or of the plugins of the group `com.acme`, whatever they are called; that of
 * `com/acme/lib/1.0` tells of `com.acme:lib`.
 */
export function mavenReadings(want: Want): readonly Purl[] {
  if (want.kind !== 'artifact' && want.kind !== 'document') return []
  const place = readPlace(want.params.path ?? '')
  if (place.kind !== 'metadata') return []
  const plugins = artifactPurl(place.segments.join('.'), METADATA_FILE, undefined)
  const [artifact = '', version] = place.segments.slice(-2)
  const group = place.segments.slice(0, -2)
  return group.length === 0 ? [plugins] : [plugins, artifactPurl(group.join('.'), artifact, version)]
}

/** The metadata of a package at one upstream. */
export function metadataOf(purl: Purl, upstream: string, context: ResolveContext): DocumentRequest | undefined {
  const { namespace, name } = purlParts(purl)
  if (namespace === undefined) return undefined
  return metadataRequest(metadataPath(namespace, name), upstream, context)
}

function metadataRequest(path: string, upstream: string, context: ResolveContext): DocumentRequest {
  const isBuilds = isSnapshot(path.split('/').at(-2) ?? '')
  return {
    ...smallRequest(path, upstream, context),
    bytesMax: METADATA_BYTES_MAX,
    provenBy: METADATA,
    ...(isBuilds ? { unshared: true } : {}),
  }
}

function* resolveMetadata(
  place: MavenPlace & { readonly kind: 'metadata' },
  checksum: Algorithm | undefined,
  upstreams: readonly string[],
  context: ResolveContext,
): Flow {
  const grace = checksum === undefined ? 0 : CHECKSUM_GRACE_SECONDS
  const requests = upstreams.map((upstream) => {
    const asked = metadataRequest(place.path, upstream, context)
    return { ...asked, freshSeconds: asked.freshSeconds + grace }
  })
  const found = yield* firstWith(requests)
  if (!('request' in found)) return found
  const purl = subjectOf(place)
  return { ...documentOf(found.request, purl, place.path), listsReleases: true }
}

function* resolveFile(
  place: Place,
  checksum: Algorithm | undefined,
  upstreams: readonly string[],
  context: ResolveContext,
): Flow {
  const isFixed = !isSnapshot(place.version) || isTimestamped(place)
  const kept = isFixed ? yield* keptStatement(place, upstreams, context) : undefined
  const stated = kept ?? (yield* askedStatement(place, upstreams, context))
  if ('kind' in stated) return stated
  const located = locate(place, stated, isFixed)
  const own = yield { kind: 'blob', located, bytesMax: FILE_BYTES_MAX, namesOnly: true }
  const names = own.kind === 'blob' ? (own.names ?? []) : []
  if (checksum === undefined) {
    const known = names.length > 0 ? names : located.digests
    return {
      kind: 'file',
      located: { ...located, replyHeaders: { ...located.replyHeaders, ...checksumHeaders(known) } },
    }
  }
  const digest = [...names, ...stated.digests].find((name) => algorithmOf(name) === checksum)
  if (digest !== undefined) return checksumReply(digest)
  const beside = besideRequest(place, `${place.path}.${checksum}`, stated.upstream, context)
  return documentOf(beside, filePurl(place), `${place.file}.${checksum}`)
}

/** The first request whose document is there; the last one is not asked here, whoever gives the document asks it. */
function* firstWith(
  requests: readonly DocumentRequest[],
): Generator<Need, { readonly request: DocumentRequest } | Resolution, Got> {
  for (const [index, request] of requests.entries()) {
    if (index === requests.length - 1) return { request }
    const got = yield { kind: 'document', request }
    if (got.kind === 'document') return { request }
    if (got.kind === 'unavailable') return got
    if (got.kind === 'absent' && got.refused === true) return refusal(got.reason.message)
  }
  return absent('no repository is configured')
}

function locate(place: Place, stated: Statement, isFixed: boolean): Located {
  const isBuild = isSnapshot(place.version)
  const mediaType = MEDIA_TYPES[place.file.slice(place.file.lastIndexOf('.') + 1)]
  return {
    ecosystem: MAVEN_TYPE,
    // A file whose name says nothing more (`a-1.0.jar.sigstore.json`) is of its release all the same.
    purl: filePurl(place) ?? artifactPurl(place.group, place.artifact, place.version),
    label: place.file,
    digests: stated.digests,
    sizeBytes: undefined,
    bytesMax: FILE_BYTES_MAX,
    mediaType,
    upstream: stated.upstream,
    path: place.path,
    requestHeaders: {},
    replyHeaders: isFixed ? RELEASED_HEADERS : { 'cache-control': 'no-cache' },
    evidence: stated.evidence,
    requires: [],
    ...(stated.releasedAtMs === undefined ? {} : { releasedAtMs: stated.releasedAtMs }),
    ...(isFixed ? {} : { mutable: true }),
    ...(isBuild ? { unshared: true } : {}),
    ...(place.file.endsWith('.pom') ? { leads: true } : {}),
  }
}

function documentOf(
  request: DocumentRequest,
  purl: Purl | undefined,
  label: string,
): Resolution & { kind: 'document' } {
  return { kind: 'document', request, purl, label }
}

function checksumReply(digest: Digest): Resolution {
  const headers = { 'content-type': 'text/plain', ...RELEASED_HEADERS }
  return { kind: 'reply', reply: { status: 200, headers, body: hexOf(digest) } }
}

function absent(message: string): Resolution {
  return { kind: 'absent', reason: { code: 'absent', message } }
}
