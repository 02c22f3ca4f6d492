/**
 * Private networks: what is derived from the network key. Everything has its own key (HKDF, RFC 5869), so that no use of one
 * tells anything about another, and the network key itself never leaves this node. Pure.
 */
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { AppError } from '../base/errors.ts'
import type { PeerId } from './peers.ts'

/** Least bytes of a network key: fewer could be guessed. */
export const NETWORK_KEY_BYTES_MIN = 16
/** Bytes of a membership MAC. */
export const MEMBERSHIP_MAC_BYTES = 32

const MAC_DOMAIN = 'pyrsia-member-1\0'

/**
 * What `peerId` shows to prove that it holds the network key: HMAC-SHA-256 over a domain and the peer id. It is bound to the
 * peer id, so it is worth nothing to who cannot also prove that identity. @throws usage.config if the key is too short
 */
export function membershipMac(networkKey: Uint8Array, peerId: PeerId): Uint8Array {
  const key = derive(networkKey, 'membership')
  return Uint8Array.from(createHmac('sha256', key).update(MAC_DOMAIN).update(peerId).digest())
}

/** True if `mac` proves that `peerId` holds the network key. Takes the same time whatever `mac` holds. */
export function provesMembership(networkKey: Uint8Array, peerId: PeerId, mac: Uint8Array | undefined): boolean {
  if (mac?.byteLength !== MEMBERSHIP_MAC_BYTES) return false
  return timingSafeEqual(membershipMac(networkKey, peerId), mac)
}

/** The libp2p pre-shared key file (`/key/swarm/psk/1.0.0/`) of a network. Secret. @throws usage.config */
export function swarmKey(networkKey: Uint8Array): Uint8Array {
  const hex = derive(networkKey, 'swarm').toString('hex')
  return Uint8Array.from(Buffer.from(`/key/swarm/psk/1.0.0/\n/base16/\n${hex}`))
}

/** A name by which members find one another on a LAN and that tells outsiders nothing but that it is the same network. */
export function networkTag(networkKey: Uint8Array): string {
  return derive(networkKey, 'tag').subarray(0, 8).toString('hex')
}

function derive(networkKey: Uint8Array, use: string): Buffer {
  if (networkKey.byteLength < NETWORK_KEY_BYTES_MIN) {
    const found = networkKey.byteLength
    throw new AppError(
      'usage.config',
      `wanted a network key of at least ${NETWORK_KEY_BYTES_MIN} bytes, found ${found}`,
    )
  }
  return Buffer.from(hkdfSync('sha256', networkKey, new Uint8Array(0), `pyrsia/${use}/1`, 32))
}
