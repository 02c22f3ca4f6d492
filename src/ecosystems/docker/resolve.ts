/**
 * How an image's parts are found. A tag is a pointer that upstream is asked for with HEAD (free of Docker Hub's quota), then the
 * manifest is a file like any other, found by its digest in the store, at peers or upstream.
 */
import { type Digest, digestBytes, isStrong, parseDigest } from '../../base/digest.ts'
import { AppError } from '../../base/errors.ts'
import type { DocumentRequest, Evidence, Got, Headers, Located, Need, Resolution, Want } from '../../base/located.ts'
import type { RequestView, ResolveContext } from '../ecosystem.ts'
import { repositoryPurl } from './coordinates.ts'
import { MANIFEST_BYTES_MAX, readManifest } from './manifests/manifest.ts'
import { bareMediaType, MANIFEST_ACCEPT, SIGNED_SCHEMA1 } from './manifests/media-types.ts'
import { type Repository, repositoryText } from './names.ts'
import { API_VERSION_HEADER } from './refuse.ts'

const BLOB_BYTES_MAX = 64 * 1024 ** 3
const LIST_BYTES_MAX = 16 * 1024 ** 2
/** Clients go to the registry themselves when they are told no; while nothing is said they wait (a hung mirror: 15 s). */
const PATIENCE_MS = 2_500
const POINTER_HEADERS = ['docker-content-digest', 'content-type', 'content-length']

type Flow = Generator<Need, Resolution, Got>
type Params = Readonly<Record<string, string>>

/** What a tag points at, and who said so. */
export interface Pointed {
  readonly digest: Digest
  readonly mediaType: string | undefined
  readonly sizeBytes: number | undefined
  readonly evidence: Evidence
}

/** Resolves pulls: manifests, blobs, tag lists, referrers. */
export function* resolveDocker(want: Want, request: RequestView, context: ResolveContext): Flow {
  if (want.kind !== 'artifact' && want.kind !== 'blob' && want.kind !== 'document') {
    return absent(`nothing is looked up for a request of kind ${want.kind}`)
  }
  if (!context.upstreams.includes(want.upstream)) {
    return absent(`no registry ${want.upstream} is configured; add it with --upstream ${want.upstream}=URL`)
  }
  const repository: Repository = { registry: want.upstream, name: want.params.repository ?? '' }
  if (want.kind === 'blob') return { kind: 'file', located: locateBlob(repository, want.digest, want.params) }
  if (want.kind === 'document') return yield* resolveDocument(repository, want.params, request, context)
  if (want.params.digest !== undefined) {
    const digest = parseDigest(want.params.digest)
    const evidence: Evidence = { kind: 'name', digest, statedBy: 'the request' }
    return yield* resolveManifest(repository, want.params, {
      digest,
      mediaType: undefined,
      sizeBytes: undefined,
      evidence,
    })
  }
  const pointed = yield* resolveTag(repository, want.params.tag ?? '', context)
  return 'kind' in pointed ? pointed : yield* resolveManifest(repository, want.params, pointed)
}

/** What a tag points at, as the registry says now; or why that cannot be told. */
export function* resolveTag(
  repository: Repository,
  tag: string,
  context: ResolveContext,
): Generator<Need, Pointed | Resolution, Got> {
  const pointer = manifestRequest(repository, tag, 'HEAD', context)
  const head = yield { kind: 'document', request: pointer }
  if (head.kind === 'unavailable') {
    const pointed = yield* pointedByBody(repository, tag, head.reason.code !== 'untrusted', context)
    if (!('kind' in pointed)) return pointed
  }
  if (head.kind === 'absent' || head.kind === 'unavailable') {
    const message = `${repositoryText(repository)}:${tag}: ${head.reason.message}`
    return { kind: head.kind, reason: { code: head.reason.code, message } }
  }
  if (head.kind !== 'document') throw new AppError('bug.assertion', 'a document was asked for, something else answered')
  const contentType = head.headers['content-type'] ?? head.mediaType
  if (bareMediaType(contentType) === SIGNED_SCHEMA1) {
    return absent(
      `${repositoryText(repository)}:${tag} has a signed schema 1 manifest, whose digest does not name its bytes`,
    )
  }
  const stated = strongDigest(head.headers['docker-content-digest'])
  if (stated === undefined) return yield* pointedByBody(repository, tag, false, context)
  const sizeBytes = Number(head.headers['content-length'] ?? Number.NaN)
  return {
    digest: stated,
    mediaType: contentType,
    sizeBytes: Number.isSafeInteger(sizeBytes) && sizeBytes > 0 ? sizeBytes : undefined,
    evidence: {
      kind: 'header',
      digest: stated,
      statedBy: `docker-content-digest of tag ${tag} at ${repository.registry}`,
    },
  }
}

/** Some registries leave the digest out of HEAD (which is then not kept as a pointer): the document itself says it. */
function* pointedByBody(
  repository: Repository,
  tag: string,
  keptOnly: boolean,
  context: ResolveContext,
): Generator<Need, Pointed | Resolution, Got> {
  const request = manifestRequest(repository, tag, 'GET', context)
  const body = yield { kind: 'document', request, ...(keptOnly ? { keptOnly } : {}) }
  if (body.kind === 'absent' || body.kind === 'unavailable') return body
  const digest = digestBytes('sha256', body.bytes)
  return {
    digest,
    mediaType: body.mediaType,
    sizeBytes: body.bytes.byteLength,
    evidence: { kind: 'index', digest, statedBy: `the manifest that tag ${tag} at ${repository.registry} gave` },
  }
}

function* resolveManifest(repository: Repository, params: Params, pointed: Pointed): Flow {
  const located = locateManifest(repository, params, pointed)
  const got = yield { kind: 'blob', located, bytesMax: MANIFEST_BYTES_MAX }
  if (got.kind === 'absent' || got.kind === 'unavailable') return got
  try {
    const manifest = readManifest(got.bytes, [got.mediaType, pointed.mediaType])
    // Not the children of an index: nobody needs the images of the other platforms.
    const requires = manifest.kind === 'index' ? [] : manifest.blobs
    const file = { ...located, mediaType: manifest.mediaType, sizeBytes: got.bytes.byteLength, requires }
    return { kind: 'file', located: file }
  } catch (error) {
    const message = error instanceof AppError ? error.message : String(error)
    return { kind: 'unavailable', reason: { code: 'untrusted', message: `${located.label}: ${message}` } }
  }
}

function* resolveDocument(repository: Repository, params: Params, request: RequestView, context: ResolveContext): Flow {
  const isTags = params.what === 'tags'
  const tail = isTags ? 'tags/list' : `referrers/${params.digest}`
  const documentRequest: DocumentRequest = {
    upstream: repository.registry,
    path: `/v2/${repository.name}/${tail}${params.query ?? ''}`,
    method: 'GET',
    headers: { accept: isTags ? 'application/json' : 'application/vnd.oci.image.index.v1+json' },
    keepHeaders: ['link', 'oci-filters-applied'],
    bytesMax: LIST_BYTES_MAX,
    patienceMs: PATIENCE_MS,
    freshSeconds: context.freshSeconds,
    staleSeconds: 0,
    immutable: false,
    provenBy: isTags ? 'tags' : 'referrers',
  }
  const got = yield { kind: 'document', request: documentRequest }
  if (got.kind === 'absent' || got.kind === 'unavailable') return got
  if (got.kind !== 'document') throw new AppError('bug.assertion', 'a document was asked for, something else answered')
  const link = nextLink(got.headers.link, request)
  const filters = got.headers['oci-filters-applied']
  return {
    kind: 'document',
    request: documentRequest,
    purl: repositoryPurl(repository, undefined),
    label: `${repositoryText(repository)} ${isTags ? 'tags' : `referrers of ${params.digest}`}`,
    listsReleases: isTags,
    replyHeaders: {
      ...commonHeaders(params),
      ...(link === undefined ? {} : { link }),
      ...(filters === undefined ? {} : { 'oci-filters-applied': filters }),
    },
  }
}

/** Where a blob is. */
export function locateBlob(repository: Repository, digest: Digest, params: Params): Located {
  return {
    ecosystem: 'docker',
    purl: undefined,
    label: `${repositoryText(repository)}@${digest}`,
    digests: [digest],
    sizeBytes: undefined,
    bytesMax: BLOB_BYTES_MAX,
    patienceMs: PATIENCE_MS,
    mediaType: 'application/octet-stream',
    upstream: repository.registry,
    path: `/v2/${repository.name}/blobs/${digest}`,
    requestHeaders: {},
    replyHeaders: { ...commonHeaders(params), 'docker-content-digest': digest },
    evidence: [{ kind: 'name', digest, statedBy: 'the request' }],
    requires: [],
  }
}

/** Where a manifest is, by its digest. */
export function locateManifest(repository: Repository, params: Params, pointed: Pointed): Located {
  const { digest } = pointed
  return {
    ecosystem: 'docker',
    purl: repositoryPurl(repository, params.tag ?? digest),
    label: `${repositoryText(repository)}${params.tag === undefined ? `@${digest}` : `:${params.tag}`}`,
    digests: [digest],
    sizeBytes: pointed.sizeBytes,
    bytesMax: MANIFEST_BYTES_MAX,
    patienceMs: PATIENCE_MS,
    mediaType: undefined,
    upstream: repository.registry,
    path: `/v2/${repository.name}/manifests/${digest}`,
    requestHeaders: { accept: MANIFEST_ACCEPT },
    replyHeaders: { ...commonHeaders(params), 'docker-content-digest': digest },
    evidence: [pointed.evidence],
    requires: [],
    mutable: params.tag !== undefined,
  }
}

function manifestRequest(
  repository: Repository,
  reference: string,
  method: 'GET' | 'HEAD',
  context: ResolveContext,
): DocumentRequest {
  return {
    upstream: repository.registry,
    path: `/v2/${repository.name}/manifests/${reference}`,
    method,
    headers: { accept: MANIFEST_ACCEPT },
    keepHeaders: POINTER_HEADERS,
    bytesMax: MANIFEST_BYTES_MAX,
    patienceMs: PATIENCE_MS,
    freshSeconds: context.freshSeconds,
    staleSeconds: 0,
    immutable: false,
    provenBy: method === 'HEAD' ? 'pointer' : 'manifest',
  }
}

function commonHeaders(params: Params): Headers {
  return { ...API_VERSION_HEADER, ...(params.namespace === undefined ? {} : { 'oci-namespace': params.namespace }) }
}

function strongDigest(text: string | undefined): Digest | undefined {
  if (text === undefined) return undefined
  try {
    const digest = parseDigest(text)
    return isStrong(digest) ? digest : undefined
  } catch {
    return undefined
  }
}

/** Upstream's link to the next page, as a path of this node: the same query below the path that the client asked by. */
function nextLink(link: string | undefined, request: RequestView): string | undefined {
  const target = link === undefined ? undefined : /<([^>]{1,4096})>\s*;[^,]*\brel="?next"?/.exec(link)?.[1]
  if (target === undefined || !URL.canParse(target, 'http://upstream.invalid/')) return undefined
  const query = new URL(target, 'http://upstream.invalid/').searchParams
  if (request.query.ns) query.set('ns', request.query.ns)
  return `</v2${request.path}?${query}>; rel="next"`
}

function absent(message: string): Resolution {
  return { kind: 'absent', reason: { code: 'absent', message } }
}
