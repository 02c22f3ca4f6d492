/**
 * `network.json`: what a user trusts. The log's origin, the organisations with their keys, the quorum, the beacon, a recent
 * checkpoint, an expiry and where to begin. Pure. `pyrsia network` makes and shows it, `pyrsia verify` pins it, and the log's
 * readers take their policy from it. Later changes are entries of the log; this file is where they begin.
 */
import { createHash } from 'node:crypto'
import { canonicalJson, type Json } from '../crypto/canonical-json.ts'
import type { Offer } from '../entries/offer.ts'
import type { NetworkRules } from '../entries/rules.ts'

/** The version of the format. */
export const NETWORK_FORMAT = 'pyrsia.network/1'

/** What an organisation does; see `2-trust.md`, "Parties and keys". */
export type Role = 'authority' | 'builder' | 'witness'

/** An organisation's public keys, one per role, never shared. */
export interface OrganisationKeys {
  /** Verifier key (type 1) named by the network's origin: signs its checkpoints. Authorities. */
  readonly log?: string | undefined
  /** Verifier key (type 4) under a name of its own: cosigns checkpoints, with the time. Authorities and witnesses. */
  readonly cosigner?: string | undefined
  /** Ed25519, base64 of 32 bytes: signs transactions of the consensus. Authorities, where there are several. */
  readonly consensus?: string | undefined
  /** Ed25519, base64 of 32 bytes: signs what came out of builds. Builders. */
  readonly attestation?: string | undefined
  /** Peer id of its node. */
  readonly peer?: string | undefined
}

/** One organisation; organisations count, keys and nodes do not. */
export interface Organisation {
  /** Unique within the network. */
  readonly name: string
  /** At least one, none twice. */
  readonly roles: readonly Role[]
  readonly keys: OrganisationKeys
}

/** Where public randomness comes from: drand, or a hash chain of the authority's own, which is unfit for strangers. */
export type Beacon =
  | { readonly kind: 'local' /** Ed25519, base64 of 32 bytes. */; readonly publicKey: string }
  | {
      readonly kind: 'drand'
      /** Hex, 32 bytes. */
      readonly chainHash: string
      /** Hex, 48 or 96 bytes: a point of BLS12-381. */
      readonly publicKey: string
      readonly periodSeconds: number
      /** Seconds since 1970 of round 1. */
      readonly genesisSeconds: number
      readonly schemeId: string
    }

/** What the members founded the network with: enough for anybody to make its first block and its first entries again. */
export interface Founding {
  /** One of each organisation, in their order, with the same keys: signed by the node itself. */
  readonly offers: readonly Offer[]
  readonly rules: NetworkRules
}

/** A trust network, as `network.json` says it. Times are integer seconds since 1970. */
export interface Network {
  readonly format: typeof NETWORK_FORMAT
  /** For people. */
  readonly name: string
  /** The log's: first line of its checkpoints and name of its log keys. */
  readonly origin: string
  readonly created: number
  /** From then on nothing is verified by this file. */
  readonly expires: number
  /** The greatest age of a checkpoint that answers "latest" and "not revoked". */
  readonly freshnessSeconds: number
  readonly organisations: readonly Organisation[]
  /** k cosignatures of n authorities make a checkpoint count; k is `quorumOf(n)`. */
  readonly quorum: { readonly k: number; readonly of: number }
  readonly beacon: Beacon
  readonly beaconDelaySeconds: number
  /** A recent checkpoint of the log (signed note), from which on members are followed. */
  readonly checkpoint?: string | undefined
  /** Multiaddrs of nodes to begin with. */
  readonly bootstrap: readonly string[]
  /** Undefined in the file of a node's own network from before there was a ceremony. */
  readonly founding?: Founding | undefined
}

/** Origins of solo networks begin with it: one organisation, this node's own. */
export const SOLO_PREFIX = 'local/'

/** True if the network is a node's own: what it says was built once, by one. */
export function isSolo({ origin }: Pick<Network, 'origin'>): boolean {
  return origin.startsWith(SOLO_PREFIX)
}

/** Authorities that may be hostile among n: the greatest f with n >= 3f+1. */
export function faultsTolerated(authorities: number): number {
  return Math.floor((authorities - 1) / 3)
}

/** Cosignatures that a checkpoint of n authorities needs: floor((n+f)/2)+1, so 1 of 1, 3 of 4, 5 of 7, 7 of 10. */
export function quorumOf(authorities: number): number {
  return Math.floor((authorities + faultsTolerated(authorities)) / 2) + 1
}

/** The file's text; `parseNetwork` of it is the same network. */
export function formatNetwork(network: Network): string {
  return `${JSON.stringify(network, null, 2)}\n`
}

/**
 * `sha256:<hex>` of the network as canonical JSON (RFC 8785): what people compare, whatever the file's line breaks and order.
 */
export function networkDigest(network: Network): string {
  return `sha256:${createHash('sha256')
    .update(canonicalJson(JSON.parse(JSON.stringify(network)) as Json))
    .digest('hex')}`
}
