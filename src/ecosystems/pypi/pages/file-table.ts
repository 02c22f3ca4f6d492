/**
 * The view of a project's page in which files are looked up: lines of text, made once by `transform`, searched without parsing.
 *   <place> TAB <file> TAB <version> TAB <digests> TAB <size> TAB <upload time> TAB <URL> TAB <metadata digests> TAB <provenance URL> TAB <signed>
 * Digests have a space between them; what is unknown is empty. Every line has a line feed before and after it. Who changes this
 * changes the view's revision too: kept tables outlive an upgrade.
 */
import { ALGORITHMS, type Digest, digestOf, parseDigest } from '../../../base/digest.ts'
import { AppError } from '../../../base/errors.ts'
import { releaseTime } from '../../../base/releases.ts'
import { versionOfFile } from '../names.ts'
import { isObject } from './json.ts'
import { placeOf } from './places.ts'
import type { PageFile, ProjectPage } from './project-page.ts'

/** One file. */
export interface FileRow {
  readonly place: string
  readonly file: string
  /** Normal form; undefined if the file's name does not tell. */
  readonly version: string | undefined
  /** As the index states them, strongest first; old indexes have an md5 only, a few have none. */
  readonly digests: readonly Digest[]
  readonly sizeBytes: number | undefined
  readonly releasedAtMs: number | undefined
  /** Absolute, or relative to the page. */
  readonly url: string
  /** Digests of the metadata file beside a wheel (PEP 658); empty: none is served. */
  readonly metadata: readonly Digest[]
  readonly provenance: string | undefined
  /** True if the index says that there is a detached signature. */
  readonly signed: boolean
}

const FIELDS = 10

/** The table of the page of `project`. */
export function makeFileTable(project: string, { files }: ProjectPage): Buffer {
  const lines: string[] = ['']
  for (const file of files) {
    const { size } = file
    lines.push(
      [
        placeOf(project, file),
        file.filename,
        versionOfFile(project, file.filename) ?? '',
        digestsOf(file.hashes).join(' '),
        typeof size === 'number' && Number.isSafeInteger(size) && size >= 0 ? size : '',
        releaseTime(file['upload-time']) ?? '',
        file.url.split('#', 1)[0],
        metadataDigests(file).join(' '),
        provenanceOf(file) ?? '',
        file['gpg-sig'] === true ? 'signed' : '',
      ].join('\t'),
    )
  }
  lines.push('')
  return Buffer.from(lines.join('\n'))
}

/** The row of a place. @throws untrusted.reply if the table is damaged */
export function findPlace(table: Uint8Array, place: string): FileRow | undefined {
  const buffer = Buffer.from(table.buffer, table.byteOffset, table.byteLength)
  const at = buffer.indexOf(`\n${place}\t`)
  return at < 0 ? undefined : rowAt(buffer, at + 1)
}

/** The row of the file with this digest. @throws untrusted.reply if the table is damaged */
export function findDigest(table: Uint8Array, digest: Digest): FileRow | undefined {
  const buffer = Buffer.from(table.buffer, table.byteOffset, table.byteLength)
  for (let at = buffer.indexOf(digest); at >= 0; at = buffer.indexOf(digest, at + digest.length)) {
    const row = rowAt(buffer, buffer.lastIndexOf('\n', at) + 1)
    if (row.digests.includes(digest)) return row
  }
  return undefined
}

/** All rows. @throws untrusted.reply if the table is damaged */
export function rowsOf(table: Uint8Array): FileRow[] {
  const buffer = Buffer.from(table.buffer, table.byteOffset, table.byteLength)
  const rows: FileRow[] = []
  for (let at = 0; at >= 0 && at + 1 < buffer.length; at = buffer.indexOf('\n', at + 1))
    rows.push(rowAt(buffer, at + 1))
  return rows
}

/** Digests of the metadata that a client may be told of: unproven metadata is not. */
export function metadataDigests(file: PageFile): Digest[] {
  const stated = file['core-metadata'] ?? file['dist-info-metadata'] ?? file['data-dist-info-metadata']
  return digestsOf(stated)
}

/** The URL of a file's attestations, if it is one (PEP 740). */
export function provenanceOf(file: PageFile): string | undefined {
  const { provenance } = file
  return typeof provenance === 'string' && provenance !== '' && !/\p{Cc}/u.test(provenance) ? provenance : undefined
}

/** The digests in a file's `hashes`, strongest first. */
export function digestsOf(hashes: unknown): Digest[] {
  if (!isObject(hashes)) return []
  const digests: Digest[] = []
  for (const algorithm of ALGORITHMS) {
    const hex = hashes[algorithm]
    if (typeof hex !== 'string') continue
    try {
      digests.push(digestOf(algorithm, hex))
    } catch {
      // Nobody can check bytes against this; the others count.
    }
  }
  return digests
}

function rowAt(buffer: Buffer, start: number): FileRow {
  const end = buffer.indexOf('\n', start)
  const fields = buffer.toString('utf8', start, end < 0 ? undefined : end).split('\t')
  if (fields.length !== FIELDS) {
    throw new AppError('untrusted.reply', `reading the table of files: wanted ${FIELDS} fields, found ${fields.length}`)
  }
  const [place = '', file = '', version = '', digests = '', size = '', time = '', url = ''] = fields
  const [metadata = '', provenance = '', signed = ''] = fields.slice(7)
  return {
    place,
    file,
    version: version || undefined,
    digests: parseDigests(digests),
    sizeBytes: size === '' ? undefined : Number(size),
    releasedAtMs: time === '' ? undefined : Number(time),
    url,
    metadata: parseDigests(metadata),
    provenance: provenance || undefined,
    signed: signed !== '',
  }
}

function parseDigests(text: string): Digest[] {
  return text === '' ? [] : text.split(' ').map(parseDigest)
}
