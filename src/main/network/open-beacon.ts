/** Builds the beacon that a network pins: drand over the outbound client's connections, or the node's own. */
import type { Clock, Logger } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import type { Network } from '../../base/network/network.ts'
import { collect } from '../../base/streams.ts'
import type { Beacon, BeaconChain } from '../../beacon/beacon.ts'
import { chainOf } from '../../beacon/chain-of.ts'
import { type BeaconGet, createDrandBeacon } from '../../beacon/drand.ts'
import { createLocalBeacon } from '../../beacon/local.ts'
import type { Constants } from '../../consensus/draft/draft.ts'
import type { Upstream, UpstreamConfig } from '../../upstream/upstream.ts'

/** What only this node has for its beacon. */
export interface BeaconSources {
  /** Base URLs of drand endpoints, without trailing slash; configuration, none is built in. */
  readonly endpoints: readonly string[]
  /** The seed of the local beacon's key, if this node has it. */
  readonly seed: Uint8Array | undefined
}

/** What it runs on. `upstream` must know `beaconUpstreams` of the endpoints. */
export interface BeaconDependencies {
  readonly upstream: Pick<Upstream, 'request'>
  readonly clock: Clock
  readonly logger: Logger
}

/** The endpoints as upstreams: limits, breaker and `--offline` hold for them as for all others, and nothing of them is shared. */
export function beaconUpstreams(endpoints: readonly string[]): UpstreamConfig[] {
  return endpoints.map((url) => ({ name: nameOf(url), url, share: 'none', source: 'flag' }))
}

/** The beacon of this network. @throws usage.config if this node has no way to its rounds; usage.network as `chainOf` */
export function openBeacon(
  { beacon: pinned }: Pick<Network, 'beacon'>,
  { endpoints, seed }: BeaconSources,
  deps: BeaconDependencies,
): Beacon {
  const chain = chainOf(pinned)
  if (pinned.kind === 'local') {
    const own = seed === undefined ? undefined : createLocalBeacon({ seed }, deps)
    if (own !== undefined && Buffer.compare(own.chainHash, chain.chainHash) === 0) return own
    throw new AppError('usage.config', "wanted the key of the network's local beacon, which only its owner has")
  }
  if (endpoints.length === 0) {
    throw new AppError('usage.config', 'wanted at least one endpoint of the drand beacon of this network, found none')
  }
  const publicKey = new Uint8Array(Buffer.from(pinned.publicKey, 'hex'))
  const { chainHash, schedule } = chain
  return createDrandBeacon(
    { chainHash, publicKey, schedule, endpoints },
    { get: getOver(deps.upstream, endpoints), clock: deps.clock, logger: deps.logger },
  )
}

/** A chain as the state machine wants it: hex, and yes or no. */
export function beaconConstants(chain: BeaconChain): Constants['beacon'] {
  return {
    chainHash: Buffer.from(chain.chainHash).toString('hex'),
    schedule: chain.schedule,
    check(round, randomness, proof) {
      try {
        return Buffer.from(chain.verify(round, Buffer.from(proof, 'hex'))).toString('hex') === randomness
      } catch {
        return false
      }
    },
  }
}

function getOver(upstream: Pick<Upstream, 'request'>, endpoints: readonly string[]): BeaconGet {
  return async (url, bytesMax, signal) => {
    const endpoint = endpoints.find((base) => url.startsWith(`${base}/`)) ?? ''
    const path = url.slice(endpoint.length)
    const headers = { accept: 'application/json' }
    const request = { upstream: nameOf(endpoint), method: 'GET', path, headers, interactive: true, signal } as const
    const reply = await upstream.request(request)
    if (reply.status === 200) return collect(reply.body, bytesMax)
    await collect(reply.body, bytesMax)
    throw new AppError('untrusted.reply', `wanted the beacon's round, found the status ${reply.status}`)
  }
}

function nameOf(url: string): string {
  return `beacon+${url}`
}
