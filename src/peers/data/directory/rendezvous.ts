/**
 * Rendezvous hashing: which members of the neighbourhood keep the provider list of a digest, and who leads its upstream fetch.
 * Every node computes the same order from the same members; no coordination (`4-network.md`, "Who has it"). Pure.
 */
import { createHash } from 'node:crypto'
import { type Digest, hexOf } from '../../../base/digest.ts'
import type { PeerId } from '../../peers.ts'

/** A member that takes part, with the place it counts for: its subnet and zone. */
export interface RingMember {
  readonly peerId: PeerId
  /** At most one replica per place while others remain, because ids can be ground. */
  readonly place: string
  readonly seed: readonly [number, number]
}

/** The member of this id; `place` is compared as it is. */
export function ringMember(peerId: PeerId, place: string): RingMember {
  const hash = createHash('sha256').update(peerId).digest()
  return { peerId, place, seed: [hash.readUInt32BE(0), hash.readUInt32BE(4)] }
}

/**
 * The place of a node with these multiaddrs: the subnet (/24 or /48) of its first address that is not loopback. Taken from the
 * addresses that the node signed, so that everybody sees the same one.
 */
export function placeOf(addresses: readonly string[]): string {
  const hosts = addresses.flatMap((address) => /^\/ip[46]\/([0-9a-fA-F.:]+)/.exec(address)?.[1] ?? [])
  const host = hosts.find((one) => !one.startsWith('127.') && one !== '::1') ?? hosts[0] ?? ''
  return host.includes(':') ? host.split(':').slice(0, 3).join(':') : host.split('.').slice(0, 3).join('.')
}

/**
 * The first `count` members for `name`, best first. Places are spread: a second member of a place is taken only when no other
 * place is left.
 */
export function rendezvous(name: Digest, members: readonly RingMember[], count: number): PeerId[] {
  const hex = hexOf(name)
  const high = Number.parseInt(hex.slice(0, 8), 16)
  const low = Number.parseInt(hex.slice(8, 16), 16)
  const scored = members.map((member) => ({ member, score: mix(high ^ member.seed[0], low ^ member.seed[1]) }))
  scored.sort((a, b) => b.score - a.score || (a.member.peerId < b.member.peerId ? -1 : 1))
  const chosen: PeerId[] = []
  const rest: PeerId[] = []
  const places = new Set<string>()
  for (const { member } of scored) {
    if (chosen.length === count) break
    if (places.has(member.place)) {
      if (rest.length < count) rest.push(member.peerId)
      continue
    }
    places.add(member.place)
    chosen.push(member.peerId)
  }
  return [...chosen, ...rest].slice(0, count)
}

/** The finaliser of MurmurHash3 over both words: 32 well-mixed bits. Names are digests already, so speed is what matters. */
function mix(high: number, low: number): number {
  let h = Math.imul(high, 0xcc9e2d51) ^ Math.imul((low << 15) | (low >>> 17), 0x1b873593)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35) ^ low
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
