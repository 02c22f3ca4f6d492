/**
 * A web server that has the files of a log below a URL (C2SP tlog-tiles): another node's `--log-listen`, a mirror, a bucket.
 * Adapter: undici. No redirects are followed and nothing is believed; who reads decides.
 */
import { Agent, type Dispatcher } from 'undici'
import type { Clock, Logger } from '../../base/clock.ts'
import { AppError, throwIfAborted, wrapError } from '../../base/errors.ts'
import type { LogSource } from './source.ts'

const CONNECTIONS = 8
/** A server that says that it is asked too much is given time so often, and so long. */
const BUSY_ATTEMPTS_MAX = 20
const BUSY_PAUSE_MS = 500
const TIMEOUT_MS = 10_000
/** After a lie the server is not asked again for so long. */
const DISTRUSTED_MS = 3_600_000

/** A web server as a source. */
export interface HttpSource extends LogSource {
  /** False for a while after it lied. */
  usable(): boolean
  close(): Promise<void>
}

/** The log below `baseUrl`, e.g. `https://log.example/log`; a trailing slash makes no difference. */
export function createHttpSource(
  baseUrl: string,
  dependencies: { readonly clock: Clock; readonly logger: Logger },
): HttpSource {
  const base = new URL(`${baseUrl.replace(/\/+$/, '')}/`)
  const agent = new Agent({ connections: CONNECTIONS, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS })
  let distrustedUntilMs = Number.NEGATIVE_INFINITY

  async function ask(path: string, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    for (let attempt = 1; ; attempt += 1) {
      const reply = await agent.request({
        origin: base.origin,
        path: `${base.pathname}${path}`,
        method: 'GET',
        headers: { 'accept-encoding': 'identity' },
        signal,
      })
      if ((reply.statusCode !== 429 && reply.statusCode !== 503) || attempt === BUSY_ATTEMPTS_MAX) return reply
      await reply.body.dump()
      await dependencies.clock.sleep(BUSY_PAUSE_MS, signal)
    }
  }

  async function get(path: string, bytesMax: number, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const reply = await ask(path, signal)
    if (reply.statusCode === 404 || reply.statusCode === 410) {
      await reply.body.dump()
      return undefined
    }
    if (reply.statusCode !== 200) {
      await reply.body.dump()
      throw new AppError('unavailable.peer', `${base.href}${path} answered ${reply.statusCode}`)
    }
    const chunks: Buffer[] = []
    let sizeBytes = 0
    for await (const chunk of reply.body) {
      sizeBytes += chunk.byteLength
      if (sizeBytes > bytesMax) {
        throw new AppError('exhausted.size', `wanted at most ${bytesMax} bytes of ${base.href}${path}`)
      }
      chunks.push(chunk)
    }
    return Buffer.concat(chunks, sizeBytes)
  }

  return {
    name: base.href,
    fetch: async (path, { bytesMax, signal }) => {
      throwIfAborted(signal)
      try {
        return await get(path, bytesMax, signal)
      } catch (error) {
        throwIfAborted(signal)
        throw wrapError(error, 'unavailable.peer', `asking ${base.href} for ${path}`)
      }
    },
    blame(about) {
      distrustedUntilMs = dependencies.clock.monotonicMs() + DISTRUSTED_MS
      dependencies.logger.warn({ source: base.href, about }, 'a web server gave a wrong file of the log')
    },
    usable: () => dependencies.clock.monotonicMs() >= distrustedUntilMs,
    close: () => agent.destroy(),
  }
}
