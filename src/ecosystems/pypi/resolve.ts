/**
 * How files are found. The path of a file tells its name; the name tells the project, the project's page has the URL and the
 * digests. No URL of a request is ever fetched: only those that upstream's own index states.
 */
import { type Digest, digestOf } from '../../base/digest.ts'
import { AppError } from '../../base/errors.ts'
import type { DocumentRequest, Got, Located, Need, Resolution, Want } from '../../base/located.ts'
import type { Purl } from '../../base/purl.ts'
import type { RequestView, ResolveContext } from '../ecosystem.ts'
import { INDEX_ACCEPT } from './accept.ts'
import { PYPI_TYPE, projectPurl } from './coordinates.ts'
import { projectsOfFile, versionOfFile } from './names.ts'
import { type FileRow, findDigest, findPlace } from './pages/file-table.ts'
import { PYPI_UPSTREAM } from './routes.ts'
import { filesView } from './transform.ts'

const PAGE_BYTES_MAX = 64 * 1024 ** 2
const LIST_BYTES_MAX = 256 * 1024 ** 2
const PROVENANCE_BYTES_MAX = 2_097_152
const SIDECAR_BYTES_MAX = 16 * 1024 ** 2
const FILE_BYTES_MAX = 16 * 1024 ** 3
/** Where an index has no metadata files, resolvers read the end of wheels that they then reject: others will do so offline. */
const WHOLE_BYTES_MAX = 32 * 1024 ** 2

/** A file is never uploaded twice. */
const FILE_HEADERS = { 'cache-control': 'public, max-age=31536000, immutable' }

type Flow = Generator<Need, Resolution, Got>
type Params = Readonly<Record<string, string>>

/** A row and the project whose page has it. */
interface Found {
  readonly project: string
  readonly row: FileRow
}

/** Resolves pages, the list of projects, files, and what stands beside files. */
export function* resolvePypi(want: Want, _request: RequestView, context: ResolveContext): Flow {
  if (want.kind !== 'artifact' && want.kind !== 'document') {
    return absent(`nothing is looked up for a request of kind ${want.kind}`)
  }
  if (!context.upstreams.includes(want.upstream)) return absent(`no upstream ${want.upstream} is configured`)
  const { what, name = '' } = want.params
  if (what === 'list') {
    return { kind: 'document', request: listRequest(context), purl: undefined, label: 'the list of projects' }
  }
  if (what === 'page') {
    const request = pageRequest(name, context)
    return { kind: 'document', request, purl: purlOf(name, undefined), label: name, listsReleases: true }
  }
  const found = yield* findRow(want.params, context)
  if ('kind' in found) return found
  const url = absoluteUrl(found, sidecarUrl(found.row, want.params.sidecar), context)
  if (url === undefined) return absent(`${want.params.file}: the index does not say where it is`)
  return want.kind === 'artifact' ? locate(found, url, want.params.sidecar) : sidecarDocument(found, url, context)
}

/** The package that a want is about. Source files of ambiguous names are about the likeliest project. */
export function pypiSubject(want: Want): Purl | undefined {
  if (want.kind !== 'artifact' && want.kind !== 'document') return undefined
  const { name, project, file = '' } = want.params
  const about = name ?? project ?? projectsOfFile(file)[0]
  return about === undefined ? undefined : purlOf(about, versionOfFile(about, file))
}

/** The other projects that may have a file: their pages are looked at too. */
export function pypiReadings(want: Want): readonly Purl[] {
  if (want.kind !== 'artifact' && want.kind !== 'document') return []
  const { name, project, file = '' } = want.params
  if (name !== undefined || project !== undefined) return []
  return projectsOfFile(file)
    .slice(1)
    .map((each) => projectPurl(each, undefined))
}

/** The request for a project's page, always in the best form: one body serves every client. */
export function pageRequest(project: string, context: Pick<ResolveContext, 'freshSeconds'>): DocumentRequest {
  return { ...listRequest(context), path: `/${project}/`, bytesMax: PAGE_BYTES_MAX, provenBy: filesView(project) }
}

/** The file of a row, as upstream's own page has it. */
export function locatedFile(project: string, row: FileRow, context: ResolveContext): Resolution {
  const url = absoluteUrl({ project, row }, row.url, context)
  return url === undefined
    ? absent(`${row.file}: the index does not say where it is`)
    : locate({ project, row }, url, undefined)
}

/** The request for the attestations that the index has of a file (PEP 740); undefined if it says of none. */
export function provenanceRequest(project: string, row: FileRow, context: ResolveContext): DocumentRequest | undefined {
  const url = absoluteUrl({ project, row }, row.provenance, context)
  return url === undefined
    ? undefined
    : { ...listRequest(context), path: url, headers: {}, bytesMax: PROVENANCE_BYTES_MAX }
}

function listRequest({ freshSeconds }: Pick<ResolveContext, 'freshSeconds'>): DocumentRequest {
  return {
    upstream: PYPI_UPSTREAM,
    path: '/',
    method: 'GET',
    headers: { accept: INDEX_ACCEPT },
    keepHeaders: [],
    bytesMax: LIST_BYTES_MAX,
    freshSeconds,
    staleSeconds: freshSeconds,
    immutable: false,
  }
}

/** Looks in the pages of the projects that may have the file; first in those that are kept, if the name has several readings. */
function* findRow(params: Params, context: ResolveContext): Generator<Need, Found | Resolution, Got> {
  const { project, file = '' } = params
  let projects = project === undefined ? projectsOfFile(file) : [project]
  if (projects.length > 1) projects = yield* keptFirst(projects, params, context)
  let failed: Resolution | undefined
  for (const each of projects) {
    const got = yield { kind: 'document', request: pageRequest(each, context), view: filesView(each) }
    if (got.kind === 'document') {
      const row = readRow(got.bytes, params)
      if (row !== undefined) return { project: each, row }
    } else if (got.kind !== 'blob' && (failed === undefined || got.kind === 'unavailable')) {
      failed = got
    }
  }
  return failed ?? absent(`the index has no file ${file || params.sha256}`)
}

function* keptFirst(
  projects: readonly string[],
  params: Params,
  context: ResolveContext,
): Generator<Need, string[], Got> {
  for (const each of projects) {
    const request = pageRequest(each, context)
    const got = yield { kind: 'document', request, view: filesView(each), keptOnly: true }
    if (got.kind === 'document' && readRow(got.bytes, params) !== undefined) return [each]
  }
  return [...projects]
}

function locate({ project, row }: Found, url: string, sidecar: string | undefined): Resolution {
  const isMetadata = sidecar === 'metadata'
  const [first, ...others] = isMetadata ? row.metadata : row.digests
  const label = isMetadata ? `${row.file}.metadata` : row.file
  if (first === undefined) {
    return isMetadata
      ? absent(`${label}: the index states no digest for it, so it cannot be checked`)
      : untrusted(`${label}: the index states no digest for it, so it cannot be checked`)
  }
  const digests: readonly [Digest, ...Digest[]] = [first, ...others]
  const located: Located = {
    ecosystem: PYPI_TYPE,
    purl: purlOf(project, row.version),
    label,
    digests,
    sizeBytes: isMetadata ? undefined : row.sizeBytes,
    bytesMax: isMetadata ? SIDECAR_BYTES_MAX : FILE_BYTES_MAX,
    mediaType: 'application/octet-stream',
    upstream: PYPI_UPSTREAM,
    path: url,
    requestHeaders: {},
    replyHeaders: FILE_HEADERS,
    evidence: digests.map((digest) => ({
      kind: 'index',
      digest,
      statedBy: `index page of ${project} at ${PYPI_UPSTREAM}`,
    })),
    requires: [],
    wholeBytesMax: WHOLE_BYTES_MAX,
    ...(isMetadata ? { tellsOf: { name: row.file, digests: row.digests } } : {}),
    ...(row.releasedAtMs === undefined ? {} : { releasedAtMs: row.releasedAtMs }),
  }
  return { kind: 'file', located }
}

/** Attestations and signatures: small documents that clients check against the file by themselves. */
function sidecarDocument({ project, row }: Found, url: string, context: ResolveContext): Resolution {
  const request: DocumentRequest = {
    ...listRequest(context),
    path: url,
    headers: {},
    bytesMax: SIDECAR_BYTES_MAX,
  }
  return { kind: 'document', request, purl: purlOf(project, row.version), label: `what stands beside ${row.file}` }
}

function sidecarUrl(row: FileRow, sidecar: string | undefined): string | undefined {
  if (sidecar === 'provenance') return row.provenance
  const [bare = '', query] = row.url.split('?', 2)
  const beside = (ending: string) => `${bare}.${ending}${query === undefined ? '' : `?${query}`}`
  if (sidecar === 'metadata') return row.metadata.length === 0 ? undefined : beside(sidecar)
  if (sidecar === 'asc') return row.signed ? beside(sidecar) : undefined
  return row.url
}

/** What the index states may be relative to its page. */
function absoluteUrl({ project }: Found, stated: string | undefined, context: ResolveContext): string | undefined {
  if (stated === undefined) return undefined
  const base = context.baseUrl?.(PYPI_UPSTREAM)
  const url = base === undefined ? URL.parse(stated) : URL.parse(stated, `${base.replace(/\/+$/, '')}/${project}/`)
  return url !== null && /^https?:$/.test(url.protocol) ? url.href : undefined
}

function readRow(table: Uint8Array, { place, sha256 }: Params): FileRow | undefined {
  try {
    const row = place === undefined ? undefined : findPlace(table, place)
    if (row !== undefined) return row
    // A lockfile knows the digest, not where this page has the file.
    const keyed = sha256 ?? /^\/files\/[^/]+\/([0-9a-f]{64})\//.exec(place ?? '')?.[1]
    return keyed === undefined ? undefined : findDigest(table, digestOf('sha256', keyed))
  } catch (error) {
    // A damaged row is one that is not there; the table is made anew with the next body.
    if (error instanceof AppError) return undefined
    throw error
  }
}

function purlOf(name: string, version: string | undefined): Purl | undefined {
  try {
    return projectPurl(name, version)
  } catch {
    return undefined
  }
}

function absent(message: string): Resolution {
  return { kind: 'absent', reason: { code: 'absent', message } }
}

function untrusted(message: string): Resolution {
  return { kind: 'unavailable', reason: { code: 'untrusted', message } }
}
