/**
 * A trust network of several organisations in data directories, as its ceremony leaves it: one authority that does not build, and builders.
 * Every directory has `network.json` and the keys of its own roles.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Offer } from '../../src/base/entries/offer.ts'
import { DEFAULT_RULES, type NetworkRules } from '../../src/base/entries/rules.ts'
import { organisationOf } from '../../src/base/network/founding.ts'
import { formatNetwork, type Network, quorumOf } from '../../src/base/network/network.ts'
import { systemRandom } from '../../src/main/effects.ts'
import { makeOffer, type OfferWish } from '../../src/main/network/node-offer.ts'
import { openRoleKeys } from '../../src/main/network/role-keys.ts'
import { loadIdentity } from '../../src/peers/identity.ts'

/** The network on disk. */
export interface TrustNetwork {
  readonly network: Network
  /** Path of `network.json` of the authority. */
  readonly file: string
  /** Data directory of the authority. */
  readonly authority: string
  /** Data directories of builders by organisation. */
  readonly builders: ReadonlyMap<string, string>
  /** Makes a node that only knows the network. */
  outsider(name: string): Promise<string>
}

/** How it is made. */
export interface TrustNetworkOptions {
  readonly builders: number
  readonly origin?: string
  readonly rules?: Partial<NetworkRules>
  /** Purl type that all of them build. */
  readonly type?: string
}

/** Makes it below `directory`. The beacon is the authority's own, its delay 3 s. */
export async function makeTrustNetwork(directory: string, options: TrustNetworkOptions): Promise<TrustNetwork> {
  const { origin = 'log.example/roles', type = 'npm' } = options
  const timeSeconds = Math.floor(Date.now() / 1000)
  const rules = { ...DEFAULT_RULES, beaconDelaySeconds: 3, ...options.rules }
  const authority = join(directory, 'authority')
  const names = Array.from({ length: options.builders }, (_, at) => `builder-${at + 1}`)
  const builders = new Map(names.map((name) => [name, join(directory, name)]))
  const builds = [{ type, toolchains: ['TEST BUILDER'] }]
  const offers = [
    await member(authority, { network: origin, organisation: 'authority', roles: ['authority'], builds: [] }),
    ...(await Promise.all(
      [...builders].map(([name, data]) =>
        member(data, { network: origin, organisation: name, roles: ['builder'], builds }),
      ),
    )),
  ]
  const beacon = openRoleKeys(authority).make('beacon', systemRandom).publicKey
  const network: Network = {
    format: 'pyrsia.network/1',
    name: 'roles',
    origin,
    created: timeSeconds,
    expires: timeSeconds + 86_400,
    freshnessSeconds: 3600,
    organisations: offers.map(organisationOf),
    quorum: { k: quorumOf(1), of: 1 },
    beacon: { kind: 'local', publicKey: Buffer.from(beacon).toString('base64') },
    beaconDelaySeconds: rules.beaconDelaySeconds,
    bootstrap: [],
    founding: { offers, rules },
  }
  const text = formatNetwork(network)
  for (const data of [authority, ...builders.values()]) await writeFile(join(data, 'network.json'), text)
  return {
    network,
    file: join(authority, 'network.json'),
    authority,
    builders,
    async outsider(name) {
      const data = join(directory, name)
      await mkdir(data, { recursive: true, mode: 0o700 })
      await writeFile(join(data, 'network.json'), text)
      return data
    },
  }
}

/** The offer of a node with keys of its own, which are made. */
async function member(data: string, wish: Omit<OfferWish, 'peerId' | 'serial'>): Promise<Offer> {
  await mkdir(data, { recursive: true, mode: 0o700 })
  const { peerId } = loadIdentity(data, { random: systemRandom })
  return makeOffer(openRoleKeys(data), systemRandom, { ...wish, peerId, serial: 0 }).offer
}
