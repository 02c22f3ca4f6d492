/** Makes trust networks for tests: organisations `org-0`, `org-1`, ... each with every role and keys of known seeds. */
import { createHash, createPrivateKey, createPublicKey } from 'node:crypto'
import { type Network, quorumOf, SOLO_PREFIX } from '../../src/base/network/network.ts'
import { formatVkey } from '../../src/base/network/vkey.ts'

/** Keys that an organisation of a sample network holds. */
export type SampleRole = 'log' | 'cosigner' | 'consensus' | 'attestation' | 'beacon'

/** What may be chosen of a sample network. */
export interface SampleNetworkOptions {
  /** Organisations, each of them authority and builder. */
  readonly authorities: number
  /** Seconds since 1970. */
  readonly created?: number
  readonly expires?: number
  readonly freshnessSeconds?: number
  readonly origin?: string
}

/** The Ed25519 seed (32 bytes) of a role of the organisation with this index. */
export function sampleSeed(organisation: number, role: SampleRole): Uint8Array {
  return createHash('sha256').update(`sample ${organisation} ${role}`).digest()
}

/** A trust network that `parseNetwork` takes. Its origin is `log.example/test`, or `local/sample` with one authority. */
export function sampleNetwork(options: SampleNetworkOptions): Network {
  const { authorities, created = 1_700_000_000, expires = 4_000_000_000, freshnessSeconds = 86_400 } = options
  const origin = options.origin ?? (authorities === 1 ? `${SOLO_PREFIX}sample` : 'log.example/test')
  return {
    format: 'pyrsia.network/1',
    name: 'example',
    origin,
    created,
    expires,
    freshnessSeconds,
    organisations: Array.from({ length: authorities }, (_none, index) => ({
      name: `org-${index}`,
      roles: ['authority' as const, 'builder' as const],
      keys: {
        log: formatVkey({ name: origin, type: 'ed25519', publicKey: samplePublicKey(index, 'log') }),
        cosigner: formatVkey({
          name: `org-${index}.example/cosigner`,
          type: 'cosignature',
          publicKey: samplePublicKey(index, 'cosigner'),
        }),
        consensus: base64(samplePublicKey(index, 'consensus')),
        attestation: base64(samplePublicKey(index, 'attestation')),
      },
    })),
    quorum: { k: quorumOf(authorities), of: authorities },
    beacon: { kind: 'local', publicKey: base64(samplePublicKey(0, 'beacon')) },
    beaconDelaySeconds: 3,
    bootstrap: [],
  }
}

/** The public key (32 bytes) of `sampleSeed`. */
export function samplePublicKey(organisation: number, role: SampleRole): Uint8Array {
  const head = Buffer.from('302e020100300506032b657004220420', 'hex')
  const seed = sampleSeed(organisation, role)
  const key = createPrivateKey({ key: Buffer.concat([head, seed]), format: 'der', type: 'pkcs8' })
  return Uint8Array.from(Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x ?? '', 'base64url'))
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}
