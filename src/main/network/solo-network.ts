/**
 * The solo network: what a node makes for itself on its first start, so that builds, log and proofs work at once. One organisation,
 * one authority, the origin `local/<hash of the log key>`. What it says was built once, by you; nobody else vouches for it.
 */
import { createHash } from 'node:crypto'
import type { Random } from '../../base/clock.ts'
import { DEFAULT_RULES } from '../../base/entries/rules.ts'
import { organisationOf } from '../../base/network/founding.ts'
import { type Network, quorumOf, SOLO_PREFIX } from '../../base/network/network.ts'
import { makeOffer } from './node-offer.ts'
import type { RoleKeys } from './role-keys.ts'

/** How a solo network is made. */
export interface SoloOptions {
  /** For people, and the name of its one organisation: lower-case letters, digits, dots and hyphens; default `solo`. */
  readonly name?: string | undefined
  /** Purl types that it builds. */
  readonly types: readonly string[]
  readonly nowSeconds: number
  /** This node's peer id. */
  readonly peerId: string
}

/** Its one member makes the rules, so that an expiry protects nobody; proofs are to outlive the machine. */
const LIFE_SECONDS = 10 * 366 * 86_400
/** Answers to "latest" rest on a checkpoint of at most this age; the node signs a new one every quarter of it. */
const FRESHNESS_SECONDS = 86_400
const BEACON_DELAY_SECONDS = 3

/** The network of these keys, which are made if they are not there. @throws what `RoleKeys.make` throws; usage.network for a bad name */
export function makeSoloNetwork(keys: RoleKeys, random: Random, options: SoloOptions): Network {
  const origin = soloOrigin(keys.make('log', random).publicKey)
  const { name = 'solo', peerId, nowSeconds } = options
  const builds = options.types.map((type) => ({ type, toolchains: [] }))
  const roles = ['authority', 'builder'] as const
  const { offer } = makeOffer(keys, random, { network: origin, organisation: name, roles, builds, peerId, serial: 0 })
  return {
    format: 'pyrsia.network/1',
    name,
    origin,
    created: nowSeconds,
    expires: nowSeconds + LIFE_SECONDS,
    freshnessSeconds: FRESHNESS_SECONDS,
    organisations: [organisationOf(offer)],
    quorum: { k: quorumOf(1), of: 1 },
    beacon: { kind: 'local', publicKey: Buffer.from(keys.make('beacon', random).publicKey).toString('base64') },
    beaconDelaySeconds: BEACON_DELAY_SECONDS,
    bootstrap: [],
    founding: { offers: [offer], rules: { ...DEFAULT_RULES, beaconDelaySeconds: BEACON_DELAY_SECONDS } },
  }
}

/** `local/` and the first 16 bytes of the SHA-256 of the log's public key, hex: nobody else can have a log of this origin. */
export function soloOrigin(logPublicKey: Uint8Array): string {
  return `${SOLO_PREFIX}${createHash('sha256').update(logPublicKey).digest('hex').slice(0, 32)}`
}
