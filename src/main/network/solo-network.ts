/**
 * The solo network: what a node makes for itself on its first start, so that builds, log and proofs work at once. One organisation,
 * one authority, the origin `local/<hash of the log key>`. What it says was built once, by you; nobody else vouches for it.
 */
import { createHash } from 'node:crypto'
import type { Random } from '../../base/clock.ts'
import { type Network, quorumOf, SOLO_PREFIX } from '../../base/network/network.ts'
import { formatVkey } from '../../base/network/vkey.ts'
import type { RoleKeys } from './role-keys.ts'

/** How a solo network is made. */
export interface SoloOptions {
  /** For people, and the name of its one organisation: lower-case letters, digits, dots and hyphens; default `solo`. */
  readonly name?: string | undefined
  readonly nowSeconds: number
  /** This node's peer id. */
  readonly peerId: string
}

/** Its one member makes the rules, so that an expiry protects nobody; proofs are to outlive the machine. */
const LIFE_SECONDS = 10 * 366 * 86_400
/** Answers to "latest" rest on a checkpoint of at most this age; the node signs a new one every quarter of it. */
const FRESHNESS_SECONDS = 86_400
const BEACON_DELAY_SECONDS = 3

/** The network of these keys, which are made if they are not there. @throws what `RoleKeys.make` throws */
export function makeSoloNetwork(keys: RoleKeys, random: Random, options: SoloOptions): Network {
  const log = keys.make('log', random).publicKey
  const origin = soloOrigin(log)
  const name = options.name ?? 'solo'
  return {
    format: 'pyrsia.network/1',
    name,
    origin,
    created: options.nowSeconds,
    expires: options.nowSeconds + LIFE_SECONDS,
    freshnessSeconds: FRESHNESS_SECONDS,
    organisations: [
      {
        name,
        roles: ['authority', 'builder'],
        keys: {
          log: formatVkey({ name: origin, type: 'ed25519', publicKey: log }),
          cosigner: formatVkey({
            name: `${origin}/cosigner`,
            type: 'cosignature',
            publicKey: keys.make('cosigner', random).publicKey,
          }),
          consensus: base64(keys.make('consensus', random).publicKey),
          attestation: base64(keys.make('attestation', random).publicKey),
          peer: options.peerId,
        },
      },
    ],
    quorum: { k: quorumOf(1), of: 1 },
    beacon: { kind: 'local', publicKey: base64(keys.make('beacon', random).publicKey) },
    beaconDelaySeconds: BEACON_DELAY_SECONDS,
    bootstrap: [],
  }
}

/** `local/` and the first 16 bytes of the SHA-256 of the log's public key, hex: nobody else can have a log of this origin. */
export function soloOrigin(logPublicKey: Uint8Array): string {
  return `${SOLO_PREFIX}${createHash('sha256').update(logPublicKey).digest('hex').slice(0, 32)}`
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}
