/** Takes out of a log's entries, in their order, what one package's requests depend on: members, rules, and all that is said of it. Pure. */
import { type Entry, parseEntry } from '../../base/entries/entry.ts'
import { entryName } from '../../base/entries/entry-name.ts'
import { AppError, isKind } from '../../base/errors.ts'
import { parsePurl } from '../../base/purl.ts'
import type { Logged, Problem } from './problem.ts'
import { createList } from './withdrawn.ts'

/** An entry as the log has it. */
export interface RawEntry {
  readonly index: number
  readonly bytes: Uint8Array
}

/** What was taken out. */
export interface Collected {
  readonly purl: string
  /** By index. */
  readonly logged: readonly Logged[]
  /** Entries that cannot be read. */
  readonly problems: readonly Problem[]
}

/** What a request is called by. */
const NAME = /^[0-9a-f]{64}$/

/**
 * The package that `wanted` is about: itself, if it is a package URL, else that of the request of this name. `entries` is the whole log.
 * @throws usage.purl; usage.request for text that is neither; absent.entry if the log has no such request
 */
export async function purlWanted(entries: AsyncIterable<RawEntry>, wanted: string): Promise<string> {
  if (wanted.startsWith('pkg:')) return parsePurl(wanted)
  if (!NAME.test(wanted)) {
    throw new AppError(
      'usage.request',
      `wanted a package URL or the 64 hex digits of a build, found ${JSON.stringify(wanted.slice(0, 100))}`,
    )
  }
  for await (const { bytes } of entries) {
    const entry = readable(bytes)
    if (entry === undefined || !('purl' in entry)) continue
    if (entryName(bytes) === wanted || requestOf(entry) === wanted) return entry.purl
  }
  throw new AppError('absent.entry', `the log has no request ${wanted}`)
}

/** Goes through the whole log once. */
export async function collectAbout(entries: AsyncIterable<RawEntry>, purl: string): Promise<Collected> {
  const logged: Logged[] = []
  const problems: Problem[] = []
  const names = new Set<string>()
  const list = createList()
  for await (const { index, bytes } of entries) {
    const entry = readable(bytes)
    if (entry === undefined) {
      problems.push({ index, kind: 'unknown', field: undefined, problem: 'it is no entry that this version can read' })
      continue
    }
    const membership = entry.kind === 'member' || entry.kind === 'policy'
    const about = purlOf(entry) === purl
    const request = requestOf(entry)
    problems.push(...list({ index, name: '', entry }))
    if (!membership && !about && (request === undefined || !names.has(request))) continue
    const name = entryName(bytes)
    if (entry.kind === 'request' || entry.kind === 'dispute') names.add(name)
    logged.push({ index, name, entry })
  }
  return { purl, logged, problems }
}

function purlOf(entry: Entry): string | undefined {
  if ('purl' in entry) return entry.purl
  return entry.kind === 'revocation' ? entry.tx.body.purl : undefined
}

/** The request that an entry belongs to; undefined for the request itself, and for entries that belong to none. */
export function requestOf(entry: Entry): string | undefined {
  switch (entry.kind) {
    case 'selection':
    case 'verdict':
      return entry.request
    case 'fault':
      // It stands after the second build, and names the first.
      return entry.fault === 'disputed' ? undefined : entry.request
    case 'commit':
    case 'reveal':
      return entry.tx.body.request
    case 'dispute':
      return entry.step === 'opened' ? undefined : entry.request
    default:
      return undefined
  }
}

function readable(bytes: Uint8Array): Entry | undefined {
  try {
    return parseEntry(bytes)
  } catch (error) {
    if (isKind(error, 'usage')) return undefined
    throw error
  }
}
