/**
 * Signed peer records: what a node says of itself, passed on by anybody and believed because it is signed. Of two records of
 * one peer the newer wins; an old one expires. Pure: the current time is handed in.
 * On the wire: 64 bytes Ed25519 signature, then JSON. The signature covers a domain and those very bytes, so that there is
 * nothing to canonicalise and nothing is parsed before it was verified to be somebody's word.
 */
import { verify } from 'node:crypto'
import { multiaddr } from '@multiformats/multiaddr'
import { z } from 'zod'
import { AppError } from '../base/errors.ts'
import { keyObjectOf, publicKeyOf, SIGNATURE_BYTES } from './identity.ts'
import { MEMBERSHIP_MAC_BYTES } from './membership.ts'
import type { Identity } from './neighbour.ts'
import type { PeerId } from './peers.ts'

/** Most bytes of a record with its signature. */
export const RECORD_BYTES_MAX = 2048
/** Most addresses in a record. */
export const RECORD_ADDRESSES_MAX = 12
/** A record is worth nothing this long after it was issued; peers renew theirs much sooner. */
export const RECORD_LIFE_MS: number = 24 * 3_600_000
/** How far ahead a peer's clock may be. More, and its record would outlive every correction. */
export const RECORD_AHEAD_MS: number = 24 * 3_600_000
/** Version of the protocols between nodes; nodes of another one are not talked to. */
export const PROTOCOL_VERSION = 1

/** What a peer says of itself. */
export interface PeerRecord {
  readonly peerId: PeerId
  /** Milliseconds since 1970 by the peer's own clock; grows with each record, so it is the sequence number too. */
  readonly issuedAtMs: number
  /** Multiaddrs (IP and TCP only, without the peer id) of its control plane. May be empty. */
  readonly addresses: readonly string[]
  /** TCP port of its data plane; undefined: it accepts no data connections. */
  readonly dataPort: number | undefined
  readonly zone: string | undefined
  /** Membership MAC of its private network (`membership.ts`). */
  readonly membership: Uint8Array | undefined
}

/** A record together with the signed bytes that prove it. */
export interface SignedRecord {
  readonly record: PeerRecord
  /** Signature and JSON, as it travels. */
  readonly envelope: Uint8Array
}

const DOMAIN = Buffer.from('pyrsia-peer-record-1\0')

const schema = z.strictObject({
  version: z.literal(PROTOCOL_VERSION),
  peerId: z.string().max(64),
  issuedAtMs: z.int().min(0),
  addresses: z.array(z.string().max(128)).max(RECORD_ADDRESSES_MAX),
  dataPort: z.int().min(1).max(65_535).optional(),
  zone: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/)
    .optional(),
  membership: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
})

/** Signs what `identity` says of itself. @throws usage.config if an address or the zone is not of the allowed form */
export function signRecord(identity: Identity, facts: Omit<PeerRecord, 'peerId'>): SignedRecord {
  const record = { ...facts, peerId: identity.peerId }
  const checked = schema.safeParse({ ...record, version: PROTOCOL_VERSION, membership: hexOf(record.membership) })
  if (!checked.success || !record.addresses.every(isPlainAddress)) {
    throw new AppError('usage.config', 'signing the record of this node: an address or the zone is not allowed', {
      cause: checked.error,
      data: { addresses: record.addresses.join(' ').slice(0, 500), zone: record.zone },
    })
  }
  const payload = Buffer.from(JSON.stringify(checked.data))
  const envelope = Buffer.concat([identity.sign(Buffer.concat([DOMAIN, payload])), payload])
  if (envelope.byteLength > RECORD_BYTES_MAX) {
    throw new AppError('usage.config', `wanted a record of at most ${RECORD_BYTES_MAX} bytes, found more`)
  }
  return { record, envelope: Uint8Array.from(envelope) }
}

/**
 * The record in `envelope`, if its own peer signed it and it is current at `nowMs`. `expired: 'allowed'` is for records that
 * this node kept itself, to have addresses to try.
 * @throws usage.message if it is malformed; untrusted.signature if it is forged; unavailable.timeout if it is out of date
 */
export function openRecord(
  envelope: Uint8Array,
  nowMs: number,
  options: { readonly expired?: 'allowed' } = {},
): SignedRecord {
  if (envelope.byteLength <= SIGNATURE_BYTES || envelope.byteLength > RECORD_BYTES_MAX) {
    throw malformed(`a record of ${SIGNATURE_BYTES + 1} to ${RECORD_BYTES_MAX} bytes, found ${envelope.byteLength}`)
  }
  const payload = envelope.subarray(SIGNATURE_BYTES)
  const record = parse(payload)
  const key = keyObjectOf(publicKeyOf(record.peerId))
  if (!verify(null, Buffer.concat([DOMAIN, payload]), key, envelope.subarray(0, SIGNATURE_BYTES))) {
    throw new AppError('untrusted.signature', `the record of ${record.peerId} was not signed by it`)
  }
  const ageMs = nowMs - record.issuedAtMs
  if (ageMs < -RECORD_AHEAD_MS || (ageMs > RECORD_LIFE_MS && options.expired === undefined)) {
    throw new AppError('unavailable.timeout', `the record of ${record.peerId} is not current`, { data: { ageMs } })
  }
  return { record, envelope: Uint8Array.from(envelope) }
}

/** True for a multiaddr of an IP literal and a TCP port and nothing else: no names to resolve, no relays, no peer id. */
export function isPlainAddress(text: string): boolean {
  try {
    const parts = multiaddr(text).getComponents()
    const [host, port] = parts
    const isIp = host?.name === 'ip4' || host?.name === 'ip6'
    return parts.length === 2 && isIp && port?.name === 'tcp' && Number(port.value) > 0
  } catch {
    return false
  }
}

/** The IP literal of a plain address or of any multiaddr that begins with one. */
export function hostOf(address: string): string | undefined {
  const [, family, host] = address.split('/')
  return family === 'ip4' || family === 'ip6' ? host : undefined
}

function parse(payload: Uint8Array): PeerRecord {
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
  } catch (error) {
    throw malformed('a record in JSON', error)
  }
  const parsed = schema.safeParse(json)
  if (!parsed.success) throw malformed(`a record of version ${PROTOCOL_VERSION}`, parsed.error)
  const { peerId, issuedAtMs, addresses, dataPort, zone, membership } = parsed.data
  if (!addresses.every(isPlainAddress)) throw malformed('addresses of an IP literal and a TCP port')
  return { peerId, issuedAtMs, addresses, dataPort, zone, membership: bytesOf(membership) }
}

function malformed(wanted: string, cause?: unknown): AppError {
  return new AppError('usage.message', `reading a peer record: wanted ${wanted}`, { cause })
}

function hexOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes).toString('hex')
}

function bytesOf(hex: string | undefined): Uint8Array | undefined {
  return hex === undefined ? undefined : Uint8Array.from(Buffer.from(hex, 'hex').subarray(0, MEMBERSHIP_MAC_BYTES))
}
