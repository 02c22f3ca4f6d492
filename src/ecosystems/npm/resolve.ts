/**
 * How packages are found. Documents are views of the full packument. A tarball is located at once if the client's lock data
 * names its digest (checked against the packument only if that is kept already: `npm ci` needs no metadata), else by the
 * packument's table of files.
 */
import { ALGORITHMS, algorithmOf, type Digest, digestsOfSri, isStrong } from '../../base/digest.ts'
import { AppError } from '../../base/errors.ts'
import type { DocumentRequest, Evidence, Got, Located, Need, Resolution, Want } from '../../base/located.ts'
import { type Purl, purlParts } from '../../base/purl.ts'
import type { RequestView, ResolveContext } from '../ecosystem.ts'
import { NPM_TYPE, packagePurl } from './coordinates.ts'
import { escapedName, tarballName, tarballPath, versionOfTarball } from './names.ts'
import { type FileRow, findFile, findTag } from './packument/file-table.ts'
import { NPM_UPSTREAM } from './routes.ts'
import { FILES_VIEW } from './transform.ts'

const PACKUMENT_BYTES_MAX = 100 * 1024 ** 2
const PLAIN_BYTES_MAX = 16 * 1024 ** 2
const TARBALL_BYTES_MAX = 4 * 1024 ** 3

/** A version is never published twice. */
const TARBALL_HEADERS = { 'cache-control': 'public, max-age=31536000, immutable' }

type Flow = Generator<Need, Resolution, Got>
type Params = Readonly<Record<string, string>>

/** Resolves packuments, versions, tags, tarballs, keys and attestations. */
export function* resolveNpm(want: Want, _request: RequestView, context: ResolveContext): Flow {
  if (want.kind !== 'artifact' && want.kind !== 'document') {
    return absent(`nothing is looked up for a request of kind ${want.kind}`)
  }
  if (!context.upstreams.includes(want.upstream)) return absent(`no upstream ${want.upstream} is configured`)
  if (want.kind === 'artifact') return yield* resolveTarball(want.params, context)
  const { what, name = '', specifier } = want.params
  if (what === 'plain') return resolvePlain(want.params, context)
  let version: string | undefined
  if (what === 'version' && specifier !== undefined) {
    const found = yield* versionOf(name, specifier, context)
    if (typeof found !== 'string') return found
    // Of all tags this one alone stays when its version is hidden: it moves to another.
    if (specifier !== 'latest') version = found
  }
  return {
    kind: 'document',
    request: packumentRequest(name, context),
    // A version that is hidden is refused with its reason, asked for by its number or by a tag.
    purl: purlOf(name, version),
    label: specifier === undefined ? name : `${name}@${specifier}`,
    listsReleases: true,
  }
}

/** Only versions and tags that exist become documents: a made-up one must not cost a transform. */
function* versionOf(
  name: string,
  specifier: string,
  context: ResolveContext,
): Generator<Need, Resolution | string, Got> {
  const table = yield { kind: 'document', request: packumentRequest(name, context), view: FILES_VIEW }
  if (table.kind === 'absent' || table.kind === 'unavailable') return table
  const version = findTag(table.bytes, specifier) ?? specifier
  return hasFile(table.bytes, tarballName(name, version))
    ? version
    : absent(`${name} has no version or tag ${specifier}`)
}

function* resolveTarball(params: Params, context: ResolveContext): Flow {
  const claimed = digestsOfSri(params.integrity ?? '').filter(isStrong)
  const { name, file } = params
  if (name === undefined || file === undefined) {
    if (params.path === undefined || !isFilled(claimed)) return absent('nothing says what this file must hash to')
    return locate({ label: params.path, path: params.path, digests: [claimed[0]], evidence: claims([claimed[0]]) })
  }
  const label = `${name}/-/${file}`
  const request = packumentRequest(name, context)
  if (!isFilled(claimed)) {
    const table = yield { kind: 'document', request, view: FILES_VIEW }
    if (table.kind === 'absent' || table.kind === 'unavailable') return table
    const row = readRow(table.bytes, file)
    if (row === undefined) return absent(`${name} has no file ${file}`)
    if (!isFilled(row.digests)) return untrusted(`${label}: upstream states no digest for it, so it cannot be checked`)
    const purl = purlOf(name, row.version)
    return locate({ purl, label, path: row.path, digests: row.digests, evidence: statements(name, row.digests) })
  }
  const kept = yield { kind: 'document', request, view: FILES_VIEW, keptOnly: true }
  const row = kept.kind === 'document' ? readRow(kept.bytes, file) : undefined
  const conflict = row === undefined ? undefined : findConflict(claimed, row.digests)
  if (conflict !== undefined) {
    return untrusted(
      `${label}: the lockfile says ${conflict[0]}, upstream says ${conflict[1]}; one of them was changed`,
    )
  }
  const stated = row?.digests ?? []
  const digests = onePerFunction([...stated, ...claimed])
  return locate({
    purl: purlOf(name, row?.version ?? versionOfTarball(name, file)),
    label,
    path: row?.path ?? tarballPath(name, file),
    digests: isFilled(digests) ? digests : claimed,
    evidence: [...claims(claimed), ...statements(name, stated)],
  })
}

function resolvePlain(params: Params, context: ResolveContext): Resolution {
  const request: DocumentRequest = {
    upstream: NPM_UPSTREAM,
    path: params.path ?? '/',
    method: 'GET',
    headers: { accept: 'application/json' },
    keepHeaders: [],
    bytesMax: PLAIN_BYTES_MAX,
    freshSeconds: context.freshSeconds,
    staleSeconds: context.freshSeconds,
    immutable: false,
  }
  return { kind: 'document', request, purl: undefined, label: params.label ?? request.path }
}

/** The packument of a package, where the policy learns when its releases were published. */
export function packumentIndex(purl: Purl, _upstream: string, context: ResolveContext): DocumentRequest {
  const { namespace, name } = purlParts(purl)
  return packumentRequest(namespace === undefined ? name : `${namespace}/${name}`, context)
}

/** Always the full packument: the abbreviated one is made of it, so that one body serves every client. */
function packumentRequest(name: string, context: ResolveContext): DocumentRequest {
  return {
    upstream: NPM_UPSTREAM,
    path: `/${escapedName(name)}`,
    method: 'GET',
    headers: { accept: 'application/json' },
    keepHeaders: [],
    bytesMax: PACKUMENT_BYTES_MAX,
    freshSeconds: context.freshSeconds,
    staleSeconds: context.freshSeconds,
    immutable: false,
    provenBy: FILES_VIEW,
  }
}

function locate(file: {
  readonly purl?: Purl | undefined
  readonly label: string
  readonly path: string
  readonly digests: readonly [Digest, ...Digest[]]
  readonly evidence: readonly Evidence[]
}): Resolution {
  const located: Located = {
    ecosystem: NPM_TYPE,
    purl: file.purl,
    label: file.label,
    digests: file.digests,
    sizeBytes: undefined,
    bytesMax: TARBALL_BYTES_MAX,
    mediaType: 'application/octet-stream',
    upstream: NPM_UPSTREAM,
    path: file.path,
    requestHeaders: {},
    replyHeaders: TARBALL_HEADERS,
    evidence: file.evidence,
    requires: [],
  }
  return { kind: 'file', located }
}

/** A digest of each side that cannot both be true. Several of one function are alternatives (SRI, 3.3.4). */
function findConflict(claimed: readonly Digest[], stated: readonly Digest[]): readonly [Digest, Digest] | undefined {
  for (const digest of stated) {
    const comparable = claimed.filter((other) => algorithmOf(other) === algorithmOf(digest))
    if (comparable[0] !== undefined && !comparable.includes(digest)) return [comparable[0], digest]
  }
  return undefined
}

/** One digest for each function, strongest first; the first of several counts. */
function onePerFunction(digests: readonly Digest[]): Digest[] {
  return ALGORITHMS.flatMap((algorithm) => digests.find((digest) => algorithmOf(digest) === algorithm) ?? [])
}

function claims(digests: readonly Digest[]): Evidence[] {
  return digests.map((digest) => ({ kind: 'client', digest, statedBy: 'pacote-integrity of the client' }))
}

function statements(name: string, digests: readonly Digest[]): Evidence[] {
  return digests.map((digest) => ({ kind: 'index', digest, statedBy: `packument of ${name} at ${NPM_UPSTREAM}` }))
}

function readRow(table: Uint8Array, file: string): FileRow | undefined {
  try {
    return findFile(table, file)
  } catch (error) {
    // A damaged row is one that is not there; the table is made anew with the next body.
    if (error instanceof AppError) return undefined
    throw error
  }
}

function hasFile(table: Uint8Array, file: string): boolean {
  return readRow(table, file) !== undefined
}

function purlOf(name: string, version: string | undefined): Purl | undefined {
  try {
    return packagePurl(name, version)
  } catch {
    return undefined
  }
}

function isFilled(digests: readonly Digest[]): digests is readonly [Digest, ...Digest[]] {
  return digests.length > 0
}

function absent(message: string): Resolution {
  return { kind: 'absent', reason: { code: 'absent', message } }
}

function untrusted(message: string): Resolution {
  return { kind: 'unavailable', reason: { code: 'untrusted', message } }
}
