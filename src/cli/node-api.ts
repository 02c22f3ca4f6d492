/**
 * Speaks to the running node: finds it by `node.json` of its data directory and carries the token that lies there. The only
 * file of `cli/` with effects.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError, ERROR_CODES, type ErrorCode, wrapError } from '../base/errors.ts'
import type { ByteStream } from '../base/streams.ts'
import type { NodeApi } from './context.ts'

/** Longest wait for a reply; a scrub of a full disk takes minutes. */
const REPLY_MS = 3_600_000
/** Longest time for a bundle. */
const BULK_MS = 86_400_000
/** Longest wait for the first answer of a read. */
const READ_MS = 10_000

/** The node of `directory`. @throws unavailable.node if no node says that it runs there */
export async function connectNode(directory: string): Promise<NodeApi> {
  const url = await findNode(directory)
  const call = async <T>(method: string, path: string, init: CallInit): Promise<T> => {
    const target = new URL(path, url)
    for (const [name, value] of Object.entries(init.query ?? {})) {
      if (value !== undefined) target.searchParams.set(name, value)
    }
    return parse<T>(await send(target, method, init, directory), `${method} ${path}`)
  }
  return {
    url,
    get: (path, query) => call('GET', path, { timeoutMs: READ_MS, ...(query === undefined ? {} : { query }) }),
    async change(method, path, given = {}) {
      return call(method, path, { ...given, timeoutMs: REPLY_MS, token: await readToken(directory) })
    },
    async download(path, body) {
      const init = { body, timeoutMs: BULK_MS, token: await readToken(directory) }
      const reply = await send(new URL(path, url), 'POST', init, directory)
      if (!reply.ok || reply.body === null) await parse(reply, `POST ${path}`)
      return unbroken(reply.body ?? [], directory)
    },
    async upload(path, bytes) {
      const init = { bytes, timeoutMs: BULK_MS, token: await readToken(directory) }
      return parse(await send(new URL(path, url), 'POST', init, directory), `POST ${path}`)
    },
  }
}

/** The node resets the connection when it cannot complete a body. */
async function* unbroken(body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, directory: string): ByteStream {
  try {
    yield* body
  } catch (cause) {
    throw new AppError('unavailable.node', `the node of ${directory} broke off its reply: its log says why`, { cause })
  }
}

interface CallInit {
  readonly timeoutMs: number
  readonly token?: string
  readonly body?: object
  readonly bytes?: ByteStream
  readonly query?: Readonly<Record<string, string | undefined>>
}

async function findNode(directory: string): Promise<string> {
  const path = join(directory, 'node.json')
  try {
    const { api } = JSON.parse(await readFile(path, 'utf8')) as { readonly api?: unknown }
    const url = typeof api === 'string' ? URL.parse(api) : null
    // The token goes there: never to another machine, whatever the file says.
    if (url?.protocol === 'http:' && (url.hostname === '127.0.0.1' || url.hostname === '[::1]')) return url.href
  } catch (cause) {
    throw new AppError('unavailable.node', `no node runs with its data in ${directory}: start one with pyrsia start`, {
      cause,
    })
  }
  throw new AppError('unavailable.node', `${path} names no node on this machine: start one with pyrsia start`)
}

async function readToken(directory: string): Promise<string> {
  const path = join(directory, 'api-token')
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch (cause) {
    throw new AppError('denied.token', `cannot read the token of the node in ${path}`, { cause })
  }
}

async function send(target: URL, method: string, init: CallInit, directory: string): Promise<Response> {
  try {
    return await fetch(target, {
      method,
      redirect: 'error',
      signal: AbortSignal.timeout(init.timeoutMs),
      headers: {
        ...(init.token === undefined ? {} : { authorization: `Bearer ${init.token}` }),
        ...(init.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(init.body === undefined ? {} : { body: JSON.stringify(init.body) }),
      ...(init.bytes === undefined ? {} : { body: ReadableStream.from(init.bytes), duplex: 'half' as const }),
    })
  } catch (cause) {
    throw new AppError('unavailable.node', `the node of ${directory} does not answer at ${target.origin}`, { cause })
  }
}

async function parse<T>(reply: Response, what: string): Promise<T> {
  let found: unknown
  try {
    found = await reply.json()
  } catch (cause) {
    throw wrapError(cause, 'untrusted.reply', `${what}: the node's reply is not JSON (HTTP ${reply.status})`)
  }
  if (reply.ok) return found as T
  const { error } = found as { readonly error?: { readonly code?: unknown; readonly message?: unknown } }
  const code =
    typeof error?.code === 'string' && error.code in ERROR_CODES ? (error.code as ErrorCode) : 'untrusted.reply'
  throw new AppError(code, typeof error?.message === 'string' ? error.message : `${what}: HTTP ${reply.status}`)
}
