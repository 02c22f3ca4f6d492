/**
 * Searching somebody else's log: a light node asks those who hold it in full which entries a query may want, and gets indexes.
 * The entries are fetched and proven like any others; that nothing was left out is proven by nobody, so several are asked and
 * their answers united. A query travels as the path `find/<base64url of JSON>`.
 */
import { z } from 'zod'
import { AppError, isKind, throwIfAborted } from '../../base/errors.ts'
import type { LogSource } from '../files/source.ts'
import type { LogQuery, LogReader } from '../log.ts'
import { HITS_MAX } from '../rules.ts'

const PREFIX = 'find/'
/** Longest query, in bytes of its JSON. */
const QUERY_BYTES_MAX = 1_536
/** Longest answer: a thousand indexes. */
export const ANSWER_BYTES_MAX = 20_000
/** So many are asked, and may be too slow or too quiet without harm. */
const ASKED_MAX = 3

const index = z.int().nonnegative()
const queryShape = z.strictObject({
  purl: z.string().max(1024).optional(),
  digest: z.string().max(200).optional(),
  kind: z.string().max(64).optional(),
  package: z.string().max(1024).optional(),
  before: index.optional(),
  from: index.optional(),
  limit: z.int().min(1).max(HITS_MAX).optional(),
})
const answerShape = z.strictObject({ indexes: z.array(index).max(HITS_MAX) })

/** The path that asks for a query. */
export function searchPath(query: LogQuery): string {
  return PREFIX + Buffer.from(JSON.stringify(query)).toString('base64url')
}

/** The answer to a search path; undefined if it is none. @throws usage.request, damaged.log */
export async function answerSearch(log: Pick<LogReader, 'find'>, path: string): Promise<Uint8Array | undefined> {
  if (!path.startsWith(PREFIX)) return undefined
  const text = Buffer.from(path.slice(PREFIX.length), 'base64url')
  let query: LogQuery
  try {
    if (text.byteLength > QUERY_BYTES_MAX) throw new AppError('exhausted.size', 'the query is too long')
    query = queryShape.parse(JSON.parse(text.toString('utf8'))) as LogQuery
  } catch (cause) {
    throw new AppError('usage.request', 'wanted a query of the log', { cause })
  }
  const hits = await log.find(query)
  return Buffer.from(JSON.stringify({ indexes: hits.map((hit) => hit.index) }))
}

/** An entry that a query may want, and who says so. */
export interface ClaimedHit {
  readonly index: number
  readonly givers: readonly LogSource[]
}

/** What several sources say, united, newest first. @throws unavailable.peer if none of them answers, aborted.caller */
export async function searchSources(
  query: LogQuery,
  sources: readonly LogSource[],
  signal: AbortSignal,
): Promise<ClaimedHit[]> {
  const path = searchPath(query)
  const givers = new Map<number, LogSource[]>()
  let answered = false
  await Promise.all(
    sources.slice(0, ASKED_MAX).map(async (source) => {
      const indexes = await askOne(source, path, signal)
      answered ||= indexes !== undefined
      for (const at of new Set(indexes)) givers.set(at, [...(givers.get(at) ?? []), source])
    }),
  )
  if (!answered) throw new AppError('unavailable.peer', 'nobody who holds the log in full can be asked')
  return [...givers].map(([at, by]) => ({ index: at, givers: by })).sort((a, b) => b.index - a.index)
}

async function askOne(source: LogSource, path: string, signal: AbortSignal): Promise<number[] | undefined> {
  try {
    const bytes = await source.fetch(path, { bytesMax: ANSWER_BYTES_MAX, signal })
    if (bytes === undefined) return undefined
    const answer = answerShape.safeParse(JSON.parse(Buffer.from(bytes).toString('utf8')))
    if (answer.success) return answer.data.indexes
    source.blame('the answer to a search of the log')
  } catch (error) {
    throwIfAborted(signal)
    if (error instanceof SyntaxError) source.blame('the answer to a search of the log')
    else if (!isKind(error, 'unavailable') && !isKind(error, 'exhausted')) throw error
  }
  return undefined
}
