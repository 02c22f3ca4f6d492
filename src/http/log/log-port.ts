/**
 * The port for outsiders, `--log-listen`: the log's files and, for a witness, `add-checkpoint`, and nothing else. Anybody may
 * ask, so what one address may ask is bounded in number and at the same time, and bodies in size.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock, Logger } from '../../base/clock.ts'
import { AppError, errorChain, isKind } from '../../base/errors.ts'
import { collect } from '../../base/streams.ts'
import type { HttpHandler } from '../registry.ts'
import { sendError, sendReply } from '../reply.ts'
import { parseTarget } from '../request-target.ts'
import { AddressLimits, type AddressLimitsOptions } from './address-limits.ts'
import { LOG_PREFIX, type ServedLog, serveLogFile } from './log-files.ts'

/** A witness as this edge needs it: the bytes of a request in, an answer out. */
export interface WitnessDoor {
  addCheckpoint(body: Uint8Array): Promise<{
    readonly status: number
    readonly mediaType: string
    readonly body: string
  }>
}

/** What is behind the port; each may be absent. */
export interface LogPortParts {
  readonly log: () => ServedLog | undefined
  readonly witness: WitnessDoor | undefined
  readonly limits?: Partial<AddressLimitsOptions>
}

/** Told once per request: `kind` is `checkpoint`, `tile`, `witness` or `other`. */
export type LogObserver = (kind: string, status: number) => void

/** Largest body of `add-checkpoint`: a note with every signature that it may carry, and 63 hashes. */
const WITNESS_BYTES_MAX = 135_168

/** The handler; never throws. */
export function createLogPortHandler(
  parts: LogPortParts,
  deps: { readonly clock: Clock; readonly logger: Logger; readonly observe: LogObserver },
): HttpHandler {
  const limits = new AddressLimits(parts.limits ?? {}, deps.clock)

  async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { path } = parseTarget(request.url ?? '')
    if (path.startsWith(LOG_PREFIX)) return await serveLogFile(parts.log(), request, response)
    if (path !== '/add-checkpoint' || parts.witness === undefined) {
      throw new AppError('absent.document', `nothing is served at ${path.slice(0, 200)}`)
    }
    if (request.method !== 'POST') {
      throw new AppError('usage.request', `add-checkpoint takes POST, found ${request.method}`)
    }
    const { status, mediaType, body } = await parts.witness.addCheckpoint(await collect(request, WITNESS_BYTES_MAX))
    const headers = {
      'content-type': mediaType,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    }
    await sendReply(response, { status, statusText: undefined, headers, body }, false)
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const release = limits.enter(request.socket.remoteAddress ?? '')
    try {
      if (release === undefined) throw new AppError('exhausted.quota', 'this address asks too much: try again later')
      await route(request, response)
    } catch (error) {
      if (isKind(error, 'aborted') || response.headersSent || response.destroyed) return
      if (!(error instanceof AppError) || error.kind === 'damaged' || error.kind === 'bug') {
        deps.logger.error({ error: errorChain(error) }, 'a request on the log port failed')
      }
      // What was not read of a refused body must not be taken for the next request.
      if (!request.complete) response.setHeader('connection', 'close')
      response.setHeader('cache-control', 'no-store')
      sendError(response, error, request.method === 'HEAD')
    } finally {
      release?.()
      deps.observe(kindOf(request), response.statusCode)
    }
  }

  return (request, response) => void answer(request, response)
}

/** What a request is counted as. */
export function kindOf(request: Pick<IncomingMessage, 'url'>): string {
  const url = request.url ?? ''
  if (url.startsWith(`${LOG_PREFIX}checkpoint`)) return 'checkpoint'
  if (url.startsWith(`${LOG_PREFIX}tile/`)) return 'tile'
  return url.startsWith('/add-checkpoint') ? 'witness' : 'other'
}
