/**
 * Rounds of a drand chain from HTTP endpoints, any of which may lie, lag or be down: what the group's key does not verify is as good as
 * no answer. The endpoints are configuration and nothing is asked by itself; how HTTP is spoken is handed in.
 */
import { z } from 'zod'
import type { Clock, Logger } from '../base/clock.ts'
import { AppError, errorChain, throwIfAborted } from '../base/errors.ts'
import type { Beacon, BeaconChain, BeaconRound } from './beacon.ts'
import { type DrandChainOptions, drandChain } from './drand-chain.ts'
import { refuseUnborn } from './unborn.ts'

/** One GET: the body of a 200, at most `bytesMax` bytes long. Every other outcome is an error. */
export type BeaconGet = (url: string, bytesMax: number, signal: AbortSignal) => Promise<Uint8Array>

/** Which chain, and who gives it. */
export interface DrandOptions extends DrandChainOptions {
  /** Base URLs without trailing slash, the preferred first; at most `ENDPOINTS_MAX` are asked. */
  readonly endpoints: readonly string[]
}

/** What it needs. */
export interface DrandDependencies {
  readonly get: BeaconGet
  readonly clock: Clock
  readonly logger: Logger
}

/** Endpoints that are asked for one round, one after the other. */
export const ENDPOINTS_MAX = 8
/** How long one endpoint may take. */
export const ENDPOINT_PATIENCE_MS = 5000
/** A round is some 300 bytes of JSON. */
const BODY_BYTES_MAX = 4096

const reply = z.object({
  round: z.int().min(1),
  signature: z.string().regex(/^[0-9a-f]{96}$/),
})

/** The beacon of this chain. Remembers which endpoint answered last, nothing else. @throws usage.network for a key that is none */
export function createDrandBeacon(options: DrandOptions, deps: DrandDependencies): Beacon {
  const chain = drandChain(options)
  const endpoints = options.endpoints.slice(0, ENDPOINTS_MAX)
  const path = `/${Buffer.from(options.chainHash).toString('hex')}/public/`
  let first = 0
  return {
    ...chain,
    async fetch(round, signal) {
      throwIfAborted(signal)
      refuseUnborn(chain, round, deps.clock)
      for (let at = 0; at < endpoints.length; at += 1) {
        const index = (first + at) % endpoints.length
        const endpoint = endpoints[index] ?? ''
        try {
          const found = await ask(chain, { url: `${endpoint}${path}${round}`, round, signal }, deps)
          first = index
          return found
        } catch (error) {
          throwIfAborted(signal)
          deps.logger.warn(
            { endpoint, round, error: errorChain(error) },
            'an endpoint of the beacon did not give a round',
          )
        }
      }
      throw new AppError(
        'unavailable.beacon',
        `none of ${endpoints.length} endpoints gave round ${round} of the beacon`,
        {
          data: { round, endpoints: endpoints.length },
        },
      )
    },
  }
}

interface Question {
  readonly url: string
  readonly round: number
  readonly signal: AbortSignal
}

async function ask(
  chain: BeaconChain,
  { url, round, signal }: Question,
  deps: DrandDependencies,
): Promise<BeaconRound> {
  const patience = new AbortController()
  const cancel = deps.clock.after(ENDPOINT_PATIENCE_MS, () => {
    patience.abort(new AppError('unavailable.timeout', `nothing within ${ENDPOINT_PATIENCE_MS} ms`))
  })
  try {
    const body = await deps.get(url, BODY_BYTES_MAX, AbortSignal.any([signal, patience.signal]))
    const signature = signatureIn(body, round)
    return { round, signature, randomness: chain.verify(round, signature) }
  } finally {
    cancel()
  }
}

function signatureIn(body: Uint8Array, round: number): Uint8Array {
  let found: z.infer<typeof reply>
  try {
    found = reply.parse(JSON.parse(Buffer.from(body).toString('utf8')))
  } catch (error) {
    throw new AppError('untrusted.reply', `wanted round ${round} as JSON, found something else`, { cause: error })
  }
  if (found.round !== round) {
    throw new AppError('untrusted.reply', `wanted round ${round}, found round ${found.round}`)
  }
  return new Uint8Array(Buffer.from(found.signature, 'hex'))
}
