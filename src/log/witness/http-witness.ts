/**
 * Reaches a witness over HTTP: `POST <url>/add-checkpoint` (C2SP tlog-witness). Adapter: undici. No redirects are followed, and of the
 * answer only so much is read as signatures take.
 */
import { Agent } from 'undici'
import { AppError, throwIfAborted, wrapError } from '../../base/errors.ts'
import { collect } from '../../base/streams.ts'
import type { PostToWitness } from './ask-witness.ts'

/** Room for 16 post-quantum signatures, as in a note. */
const ANSWER_BYTES_MAX = 65_536
/** Witnesses may write to a disk far away before they answer. */
const TIMEOUT_MS = 20_000

/** A way to a witness. */
export interface HttpWitness {
  readonly post: PostToWitness
  close(): Promise<void>
}

/** The witness below `url`, e.g. `https://witness.example/w1`; a trailing slash makes no difference. */
export function createHttpWitness(url: string): HttpWitness {
  const target = new URL(`${url.replace(/\/+$/, '')}/add-checkpoint`)
  const agent = new Agent({ connections: 1, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS })
  return {
    async post(body, signal) {
      throwIfAborted(signal)
      try {
        const reply = await agent.request({
          origin: target.origin,
          path: target.pathname,
          method: 'POST',
          headers: { 'content-type': 'text/plain; charset=utf-8', 'accept-encoding': 'identity' },
          body,
          signal,
        })
        return { status: reply.statusCode, body: await collect(reply.body, ANSWER_BYTES_MAX) }
      } catch (error) {
        throwIfAborted(signal)
        if (error instanceof AppError && error.kind === 'exhausted') throw error
        throw wrapError(error, 'unavailable.peer', `asking the witness ${target.href}`)
      }
    },
    close: () => agent.destroy(),
  }
}
