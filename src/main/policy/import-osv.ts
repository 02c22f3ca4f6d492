/**
 * Imports an OSV database: zip files as they are published for each ecosystem, single records, or a folder of either (a mirror).
 * Runs in the command line's process, so that a node goes on serving; it may also run while there is none.
 */
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { AdvisoriesState, ImportedRecord } from '../../advisories/advisories.ts'
import { openAdvisories } from '../../advisories/sqlite.ts'
import { readZip } from '../../archive/zip.ts'
import { AppError } from '../../base/errors.ts'
import { readOsvRecord } from '../../base/osv/read-record.ts'
import type { OsvImport } from '../../cli/context.ts'
import type { Ecosystem } from '../../ecosystems/ecosystem.ts'
import { ecosystems } from '../../ecosystems/index.ts'
import { ensureDataDirectory } from '../data-directory.ts'

/** What an import did. */
export interface OsvImported {
  /** What is held now. */
  readonly state: AdvisoriesState
  /** Records that were read and name a package of an ecosystem that this node serves. */
  readonly taken: number
  /** Records that were read and do not, or are no records, or were withdrawn. */
  readonly passedOver: number
}

/** The published archive of everything unpacks to a few GiB. */
const ZIP_LIMITS = { entriesMax: 5_000_000, entryBytesMax: 16 * 1024 ** 2, totalBytesMax: 64 * 1024 ** 3 }
const RECORD_BYTES_MAX = 16 * 1024 ** 2
const DEPTH_MAX = 8

/** Where the advisories of a data directory lie. */
export function advisoriesPath(directory: string): string {
  return join(directory, 'advisories.sqlite')
}

/**
 * Replaces, or with `keep` adds to, the advisories of a data directory; whole or not at all.
 * @throws usage.request if nothing usable is found, usage.config, untrusted.reply for a malformed archive, exhausted.size,
 * exhausted.disk, damaged.database
 */
export async function importOsv(request: OsvImport, directory: string, nowMs: number): Promise<OsvImported> {
  await ensureDataDirectory(directory)
  const counts = { taken: 0, passedOver: 0 }
  const database = openAdvisories(advisoriesPath(directory))
  try {
    const source = request.paths.join(', ')
    database.importAll(records(request.paths, counts), { source, nowMs, keep: request.add })
    return { ...counts, state: database.state() }
  } finally {
    database.close()
  }
}

/** What is held. @throws damaged.database */
export async function osvState(directory: string): Promise<AdvisoriesState> {
  await ensureDataDirectory(directory)
  const database = openAdvisories(advisoriesPath(directory))
  try {
    return database.state()
  } finally {
    database.close()
  }
}

function* records(paths: readonly string[], counts: { taken: number; passedOver: number }): Generator<ImportedRecord> {
  const byOsvName = new Map(ecosystems.flatMap((each) => (each.osvName === undefined ? [] : [[each.osvName, each]])))
  for (const path of paths) {
    for (const text of documents(path, 0)) {
      const record = asImported(text, byOsvName as ReadonlyMap<string, Ecosystem>)
      if (record === undefined) {
        counts.passedOver++
      } else {
        counts.taken++
        yield record
      }
    }
  }
  if (counts.taken === 0) {
    const known = [...byOsvName.keys()].join(', ')
    throw new AppError(
      'usage.request',
      `${paths.join(', ')}: no advisory for ${known} was found, so nothing is changed`,
    )
  }
}

function* documents(path: string, depth: number): Generator<Buffer | Uint8Array> {
  const stat = statOf(path)
  if (stat.isDirectory()) {
    if (depth >= DEPTH_MAX) return
    for (const name of readdirSync(path).sort()) {
      if (statOf(join(path, name)).isDirectory() || /\.(?:json|zip)$/i.test(name)) {
        yield* documents(join(path, name), depth + 1)
      }
    }
  } else if (/\.zip$/i.test(path)) {
    yield* zipped(path)
  } else if (stat.size <= RECORD_BYTES_MAX) {
    yield readFileSync(path)
  }
}

function* zipped(path: string): Generator<Uint8Array> {
  const file = openSync(path, 'r')
  try {
    const source = {
      sizeBytes: fstatSync(file).size,
      read(offsetBytes: number, lengthBytes: number) {
        const bytes = Buffer.alloc(lengthBytes)
        const found = readSync(file, bytes, 0, lengthBytes, offsetBytes)
        if (found !== lengthBytes) throw new AppError('untrusted.reply', `${path}: it ends at ${offsetBytes + found}`)
        return bytes
      },
    }
    for (const entry of readZip(source, ZIP_LIMITS)) if (/\.json$/i.test(entry.name)) yield entry.bytes()
  } finally {
    closeSync(file)
  }
}

function asImported(bytes: Uint8Array, byOsvName: ReadonlyMap<string, Ecosystem>): ImportedRecord | undefined {
  let document: unknown
  try {
    document = JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    return undefined
  }
  const record = readOsvRecord(document)
  if (record === undefined) return undefined
  const affected: Array<ImportedRecord['affected'][number]> = []
  for (const { ecosystem, name, advisory } of record.affected) {
    const ours = byOsvName.get(ecosystem)
    if (ours === undefined) continue
    try {
      affected.push({ purl: ours.coordinates.toPurl(name), advisory })
    } catch (error) {
      // A name that the registry itself could not hold.
      if (!(error instanceof AppError) || error.kind !== 'usage') throw error
    }
  }
  return affected.length === 0 ? undefined : { id: record.id, shown: record.shown, affected }
}

function statOf(path: string) {
  try {
    return statSync(path)
  } catch (cause) {
    throw new AppError('usage.request', `cannot read ${path}`, { cause })
  }
}
