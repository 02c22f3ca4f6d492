/**
 * How gems are found. Bundler checks a gem's sha256 against the index, plain `gem install` checks nothing: here every file is
 * located by the digest that `/info/<name>` states, looked up in a view of that document. Quick specifications carry no digest
 * and are index documents.
 */
import type { DocumentRequest, Got, Located, Need, Reason, Resolution, Want } from '../../base/located.ts'
import type { Purl } from '../../base/purl.ts'
import type { RequestView, ResolveContext } from '../ecosystem.ts'
import { FILES_VIEW, type FileRow, findFile } from './compact-index.ts'
import { GEM_TYPE, packagePurl, releasePurl } from './coordinates.ts'
import { filePath, infoPath, numberOf, type Release, readingsOf } from './names.ts'
import { GEM_UPSTREAM } from './routes.ts'
import { PACKAGES_VIEW, QUICK_VIEW } from './specs.ts'
import { COMPACT } from './transform.ts'

const MIB = 1024 ** 2
const BYTES_MAX = { versions: 256 * MIB, names: 64 * MIB, info: 32 * MIB, list: 128 * MIB, quick: 4 * MIB } as const
const FILE_BYTES_MAX = 2 * 1024 ** 3

/** A version is never published twice. */
const FILE_HEADERS = { 'cache-control': 'public, max-age=31536000, immutable' }

type Flow = Generator<Need, Resolution, Got>

/** Resolves indexes, quick specifications and files. */
export function* resolveGem(want: Want, _request: RequestView, context: ResolveContext): Flow {
  if (want.kind !== 'artifact' && want.kind !== 'document') {
    return absent(`nothing is looked up for a request of kind ${want.kind}`)
  }
  if (!context.upstreams.includes(want.upstream)) return absent(`no upstream ${want.upstream} is configured`)
  const { what, name = '', file = '', list = '' } = want.params
  if (want.kind === 'artifact') return yield* resolveFile(file, context)
  if (what === 'info') {
    const purl = packagePurl(name)
    return { kind: 'document', request: infoRequest(name, context), purl, label: name, listsReleases: true }
  }
  if (what === 'quick') {
    const path = `/quick/Marshal.4.8/${file}.gemspec.rz`
    // A version is never published twice, so neither is its specification.
    const request: DocumentRequest = {
      ...documentRequest(path, 'quick', context),
      immutable: true,
      provenBy: QUICK_VIEW,
    }
    const release = yield* releaseOf(file, context)
    return { kind: 'document', request, purl: purlOf(release), label: `${file}.gemspec` }
  }
  if (what === 'versions') {
    const request: DocumentRequest = {
      ...documentRequest('/versions', 'versions', context),
      appendOnly: true,
      provenBy: COMPACT,
    }
    return { kind: 'document', request, purl: undefined, label: what }
  }
  if (what === 'names') {
    const request: DocumentRequest = { ...documentRequest('/names', 'names', context), provenBy: COMPACT }
    return { kind: 'document', request, purl: undefined, label: what }
  }
  const request: DocumentRequest = { ...documentRequest(`/${list}`, 'list', context), provenBy: PACKAGES_VIEW }
  return { kind: 'document', request, purl: undefined, label: list, listsPackages: true }
}

/** What a full name is of, by the index where the name alone leaves a choice: else a blocked release could have another reading. */
function* releaseOf(fullName: string, context: ResolveContext): Generator<Need, Release | undefined, Got> {
  const readings = readingsOf(fullName)
  for (const release of readings.length > 1 ? readings : []) {
    const table = yield { kind: 'document', request: infoRequest(release.name, context), view: FILES_VIEW }
    if (table.kind === 'document' && findFile(table.bytes, numberOf(release)) !== undefined) return release
  }
  return readings[0]
}

/** The info document of a package, of which the view `FILES_VIEW` is made. */
export function infoRequest(name: string, context: ResolveContext): DocumentRequest {
  return { ...documentRequest(infoPath(name), 'info', context), provenBy: FILES_VIEW }
}

/** What a want is about, as far as the request tells: of a file the likeliest reading of its name. */
export function gemSubject(want: Want): Purl | undefined {
  if (want.kind !== 'artifact' && want.kind !== 'document') return undefined
  const { name, file } = want.params
  if (name !== undefined) return packagePurl(name)
  return file === undefined ? undefined : purlOf(readingsOf(file)[0])
}

/** The other packages that a file's name may be of: their info documents are looked at too. */
export function gemReadings(want: Want): readonly Purl[] {
  if ((want.kind !== 'artifact' && want.kind !== 'document') || want.params.file === undefined) return []
  return readingsOf(want.params.file)
    .slice(1)
    .map(({ name }) => packagePurl(name))
}

/** Which package a file belongs to shows in the index that lists it. */
function* resolveFile(fullName: string, context: ResolveContext): Flow {
  let unavailable: Reason | undefined
  let missing: Reason | undefined
  for (const release of readingsOf(fullName)) {
    const table = yield { kind: 'document', request: infoRequest(release.name, context), view: FILES_VIEW }
    if (table.kind === 'unavailable') unavailable ??= table.reason
    const row = table.kind === 'document' ? findFile(table.bytes, numberOf(release)) : undefined
    if (row !== undefined) return locate(release, fullName, row)
    if (table.kind === 'absent') missing ??= table.reason
    if (table.kind === 'absent' && table.reason.code === 'denied') return table
  }
  if (unavailable !== undefined) return { kind: 'unavailable', reason: unavailable }
  return missing === undefined
    ? absent(`upstream's index lists no file ${fullName}.gem`)
    : { kind: 'absent', reason: missing }
}

function locate(release: Release, fullName: string, { sha256, releasedAtMs }: FileRow): Resolution {
  if (sha256 === undefined) {
    return untrusted(`${fullName}.gem: upstream's index states no checksum for it, so it cannot be checked`)
  }
  const located: Located = {
    ecosystem: GEM_TYPE,
    purl: releasePurl(release),
    label: `${fullName}.gem`,
    digests: [sha256],
    sizeBytes: undefined,
    bytesMax: FILE_BYTES_MAX,
    mediaType: 'application/octet-stream',
    upstream: GEM_UPSTREAM,
    path: filePath(fullName),
    requestHeaders: {},
    replyHeaders: FILE_HEADERS,
    evidence: [{ kind: 'index', digest: sha256, statedBy: `/info/${release.name} at ${GEM_UPSTREAM}` }],
    requires: [],
    ...(releasedAtMs === undefined ? {} : { releasedAtMs }),
  }
  return { kind: 'file', located }
}

function documentRequest(path: string, what: keyof typeof BYTES_MAX, context: ResolveContext): DocumentRequest {
  return {
    upstream: GEM_UPSTREAM,
    path,
    method: 'GET',
    headers: {},
    keepHeaders: [],
    bytesMax: BYTES_MAX[what],
    freshSeconds: context.freshSeconds,
    staleSeconds: context.freshSeconds,
    immutable: false,
  }
}

function purlOf(release: Release | undefined): Purl | undefined {
  return release === undefined ? undefined : releasePurl(release)
}

function absent(message: string): Resolution {
  return { kind: 'absent', reason: { code: 'absent', message } }
}

function untrusted(message: string): Resolution {
  return { kind: 'unavailable', reason: { code: 'untrusted', message } }
}
