/**
 * The read API of the log, C2SP tlog-tiles to the letter: the newest checkpoint, hash tiles, bundles of entries, as static
 * resources below `/log/`. On the API port, and with `--log-listen` on a port for outsiders.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { AppError } from '../../base/errors.ts'
import type { LogReader } from '../../log/log.ts'
import { sendReply } from '../reply.ts'
import { parseTarget } from '../request-target.ts'

/** Where the log's files are: `<prefix>/checkpoint`, `<prefix>/tile/...`. */
export const LOG_PREFIX = '/log/'

const gzipped = promisify(gzip)
/** Less is not worth the header. */
const GZIP_BYTES_MIN = 1024

/** What is served of a log. */
export interface ServedLog extends Pick<LogReader, 'newest' | 'tile'> {
  /** Answers a search, `find/...`: not of tlog-tiles, for light nodes; undefined: it is none. @throws usage.request, damaged.log */
  search?(path: string): Promise<Uint8Array | undefined>
}

/** One file of the log, ready to be sent. */
export interface LogFile {
  readonly bytes: Uint8Array
  readonly mediaType: string
  readonly cacheControl: string
}

/** The file at a path below the log's prefix; undefined: there is none. @throws damaged.log */
export async function logFile(log: ServedLog, path: string): Promise<LogFile | undefined> {
  if (path === 'checkpoint') {
    const newest = log.newest()
    if (newest === undefined) return undefined
    const bytes = Buffer.from(newest.note, 'utf8')
    return { bytes, mediaType: 'text/plain; charset=utf-8', cacheControl: 'public, max-age=2' }
  }
  if (path.startsWith('find/')) {
    const answer = await log.search?.(path)
    return answer && { bytes: answer, mediaType: 'application/json', cacheControl: 'no-store' }
  }
  const bytes = path.startsWith('tile/') ? await log.tile(path) : undefined
  if (bytes === undefined) return undefined
  return { bytes, mediaType: 'application/octet-stream', cacheControl: 'public, max-age=31536000, immutable' }
}

/** Answers a request for `<prefix><path>`. @throws usage.request, absent.document, damaged.log, aborted.caller */
export async function serveLogFile(
  log: ServedLog | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    throw new AppError('usage.request', `the log takes GET and HEAD, found ${request.method}`)
  }
  const { path } = parseTarget(request.url ?? '')
  const file = log === undefined ? undefined : await logFile(log, path.slice(LOG_PREFIX.length))
  if (file === undefined) throw new AppError('absent.document', `this node's log has no ${path.slice(0, 200)}`)
  const entries = path.startsWith(`${LOG_PREFIX}tile/entries/`)
  const zip = entries && file.bytes.byteLength >= GZIP_BYTES_MIN && takesGzip(request)
  const headers = {
    'content-type': file.mediaType,
    'cache-control': file.cacheControl,
    'x-content-type-options': 'nosniff',
    'access-control-allow-origin': '*',
    ...(entries && { vary: 'accept-encoding' }),
    ...(zip && { 'content-encoding': 'gzip' }),
  }
  const body = zip ? await gzipped(file.bytes) : file.bytes
  await sendReply(response, { status: 200, statusText: undefined, headers, body }, request.method === 'HEAD')
}

function takesGzip(request: IncomingMessage): boolean {
  return /(?:^|,)\s*(?:gzip|x-gzip|\*)\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))[0-9.]+\s*)?(?:,|$)/i.test(
    String(request.headers['accept-encoding'] ?? ''),
  )
}
