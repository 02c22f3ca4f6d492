/** The chain that a `network.json` pins: enough to check every round offline. */
import { AppError } from '../base/errors.ts'
import type { Beacon as PinnedBeacon } from '../base/network/network.ts'
import type { BeaconChain } from './beacon.ts'
import { DRAND_SCHEME, drandChain } from './drand-chain.ts'
import { localChain } from './local-chain.ts'

/** @throws usage.network for a scheme that is not known here, or a key that is none */
export function chainOf(pinned: PinnedBeacon): BeaconChain {
  if (pinned.kind === 'local') return localChain(new Uint8Array(Buffer.from(pinned.publicKey, 'base64')))
  if (pinned.schemeId !== DRAND_SCHEME) {
    throw new AppError('usage.network', `wanted a drand chain of the scheme ${DRAND_SCHEME}, found ${pinned.schemeId}`)
  }
  return drandChain({
    chainHash: new Uint8Array(Buffer.from(pinned.chainHash, 'hex')),
    publicKey: new Uint8Array(Buffer.from(pinned.publicKey, 'hex')),
    schedule: { genesisSeconds: pinned.genesisSeconds, periodSeconds: pinned.periodSeconds },
  })
}
