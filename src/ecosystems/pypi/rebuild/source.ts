/**
 * What the index says of a release and where its source may be: the files of its page, and of one of them the metadata inside, whose
 * links name the repository. The index states no commits, so tags that fit are a guess, which `confirm.ts` holds against the tree;
 * last comes the source archive that the index itself has. Pure; asks and is answered.
 */

import type { ArchiveLimits, Format } from '../../../archive/archive.ts'
import { ARCHIVE_LIMITS } from '../../../archive/archive.ts'
import { readArchiveNow } from '../../../archive/reading/read-archive.ts'
import { readZip } from '../../../archive/zip.ts'
import { isStrong } from '../../../base/digest.ts'
import { isKind } from '../../../base/errors.ts'
import type { Got, Located, Need } from '../../../base/located.ts'
import { type Purl, purlParts } from '../../../base/purl.ts'
import type { ReleaseFacts, SourceCandidate, SourceFound } from '../../../base/rebuild/build-plan.ts'
import type { ResolveContext } from '../../ecosystem.ts'
import { normalName } from '../names.ts'
import { type FileRow, rowsOf } from '../pages/file-table.ts'
import { locatedFile, pageRequest, provenanceRequest } from '../resolve.ts'
import { filesView } from '../transform.ts'
import { pypiBundles } from './attestations.ts'
import { type CoreMetadata, readCoreMetadata, readGenerator } from './core-metadata.ts'
import { isPureWheel, isSourceArchive } from './release-files.ts'
import { repositoriesOf, tagsOf } from './tags.ts'

/** Larger files are not opened for their metadata. */
const OPENED_BYTES_MAX = 67_108_864
const METADATA_BYTES_MAX = 1_048_576
const WHEEL_LIMITS = { entriesMax: 100_000, entryBytesMax: METADATA_BYTES_MAX, totalBytesMax: 4 * METADATA_BYTES_MAX }
const SOURCE_FORMAT: Format = { name: 'metadata/1', container: 'tar', layer: false, rules: [] }
const SOURCE_LIMITS: ArchiveLimits = {
  ...ARCHIVE_LIMITS,
  keptBytesMax: METADATA_BYTES_MAX,
  unpackedBytesMax: 512 * 1_048_576,
}

/** What one file of a release says. */
interface Opened {
  readonly metadata: CoreMetadata
  readonly generator: { readonly tool: string; readonly version: string } | undefined
}

/** `Rebuild.source` of Python packages. */
export function* sourcePypi(purl: Purl, context: ResolveContext): Generator<Need, SourceFound, Got> {
  const { name, version } = purlParts(purl)
  if (version === undefined) return absent(`${purl} names no version`)
  const project = normalName(name)
  const page = yield { kind: 'document', request: pageRequest(project, context), view: filesView(project) }
  if (page.kind === 'absent' || page.kind === 'unavailable') return { kind: page.kind, reason: page.reason }
  const rows = rowsOf(page.bytes).filter((row) => row.version === version)
  const files = rows.flatMap((row) => locatedOf(project, row, context))
  if (files.length === 0) return absent(`the index has no file of ${name} ${version} with a strong digest`)
  const times = rows.flatMap(({ releasedAtMs }) => releasedAtMs ?? [])
  const opened = yield* open(files)
  if (opened !== undefined && 'kind' in opened) return opened
  const attested = yield* attestedOf(project, rows, context)
  const facts: ReleaseFacts = {
    candidates: [...attested, ...candidatesOf(name, version, opened?.metadata, files)],
    files,
    releasedAtSeconds: times.length === 0 ? undefined : Math.floor(Math.min(...times) / 1000),
    licence: opened?.metadata.licence,
    tools: opened === undefined ? {} : toolsOf(opened),
  }
  return { kind: 'release', facts }
}

function locatedOf(project: string, row: FileRow, context: ResolveContext): Located[] {
  const found = locatedFile(project, row, context)
  return found.kind === 'file' && found.located.digests.some(isStrong) ? [found.located] : []
}

/** What made a wheel. Of setuptools before 70.1 the wheel names another package, and shows at most that it was an old one. */
function toolsOf({ generator, metadata }: Opened): Record<string, string> {
  if (generator === undefined) return {}
  const known = { [generator.tool]: generator.version }
  return generator.tool === 'bdist_wheel' && metadata.isOldStyle ? { ...known, setuptools: '<62.2' } : known
}

/** Where upstream's own attestation says that a file was built, if the index has one that verifies. The first file's will do. */
function* attestedOf(
  project: string,
  rows: readonly FileRow[],
  context: ResolveContext,
): Generator<Need, SourceCandidate[], Got> {
  const row = rows.find(({ provenance }) => provenance !== undefined)
  const request = row === undefined ? undefined : provenanceRequest(project, row, context)
  if (row === undefined || request === undefined || context.verifyAttestation === undefined) return []
  const got = yield { kind: 'document', request }
  if (got.kind !== 'document') return []
  try {
    for (const bundle of pypiBundles(got.bytes)) {
      const { repository, commit } = context.verifyAttestation(bundle, row.digests)
      const how = `the attestation of ${row.file} that the index has`
      return [{ type: 'git', grade: 'attested', how, repository, revisions: [commit], directory: '' }]
    }
  } catch (error) {
    // What does not verify is no evidence; the release is looked for as if there were none.
    if (!isKind(error, 'untrusted')) throw error
  }
  return []
}

function candidatesOf(
  name: string,
  version: string,
  metadata: CoreMetadata | undefined,
  files: readonly Located[],
): SourceCandidate[] {
  const spelled = { name: metadata?.name ?? name, version: metadata?.version ?? version }
  const repositories = repositoriesOf(metadata?.urls ?? []).map(
    ({ repository, directory, label }): SourceCandidate => ({
      type: 'git',
      grade: 'guessed',
      how: `the link ${JSON.stringify(label.slice(0, 40))} of the metadata, and a tag that fits`,
      repository,
      revisions: tagsOf(spelled.name, spelled.version, repository),
      directory,
    }),
  )
  const archives = files
    .filter(({ label }) => isSourceArchive(label))
    .map(
      (file): SourceCandidate => ({
        type: 'archive',
        grade: 'guessed',
        how: 'the source archive that the index has',
        file,
      }),
    )
  return [...repositories, ...archives.slice(0, 1)]
}

/** Opens the file that tells most: a wheel also says what made it. */
function* open(files: readonly Located[]): Generator<Need, Opened | SourceFound | undefined, Got> {
  const isOpenable = ({ sizeBytes }: Located): boolean => (sizeBytes ?? 0) <= OPENED_BYTES_MAX
  const wheels = files.filter(({ label }) => label.endsWith('.whl')).filter(isOpenable)
  const order = [
    ...wheels.filter(({ label }) => isPureWheel(label)),
    ...wheels,
    ...files.filter(({ label }) => isSourceArchive(label)).filter(isOpenable),
  ]
  const [located] = order
  if (located === undefined) return undefined
  const got = yield { kind: 'blob', located, bytesMax: OPENED_BYTES_MAX }
  if (got.kind === 'unavailable') return { kind: 'unavailable', reason: got.reason }
  if (got.kind !== 'blob') return undefined
  try {
    return located.label.endsWith('.whl') ? openWheel(got.bytes) : openSource(got.bytes)
  } catch (error) {
    // A file that cannot be opened says nothing; when it is compared it is found malformed.
    if (isKind(error, 'untrusted') || isKind(error, 'exhausted')) return undefined
    throw error
  }
}

function openWheel(bytes: Uint8Array): Opened | undefined {
  let metadata: CoreMetadata | undefined
  let generator: Opened['generator']
  const source = {
    sizeBytes: bytes.byteLength,
    read: (offset: number, length: number) => bytes.subarray(offset, offset + length),
  }
  for (const entry of readZip(source, WHEEL_LIMITS)) {
    if (/^[^/]+\.dist-info\/METADATA$/.test(entry.name)) metadata = readCoreMetadata(textOf(entry.bytes()))
    if (/^[^/]+\.dist-info\/WHEEL$/.test(entry.name)) generator = readGenerator(textOf(entry.bytes()))
  }
  return metadata === undefined ? undefined : { metadata, generator }
}

function openSource(bytes: Uint8Array): Opened | undefined {
  const keep = (path: string): boolean => /^[^/]+\/PKG-INFO$/.test(path)
  const { contents } = readArchiveNow(bytes, SOURCE_FORMAT, { limits: SOURCE_LIMITS, keep })
  const [found] = contents.values()
  return found === undefined ? undefined : { metadata: readCoreMetadata(textOf(found)), generator: undefined }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8')
}

function absent(message: string): SourceFound {
  return { kind: 'absent', reason: { code: 'absent', message } }
}
