/**
 * The data plane's certificate: self-signed with the node's Ed25519 identity, so that the key in it *is* the peer id. Nobody
 * validates dates or names: who checks a connection compares the key (TLS 1.3 proves that the other side holds it).
 */
// @peculiar/x509 needs the metadata reflection in place before it is loaded.
import 'reflect-metadata'
import { webcrypto, type X509Certificate } from 'node:crypto'
import { X509CertificateGenerator } from '@peculiar/x509'
import type { Identity } from '../../neighbour.ts'

const DAY_MS = 86_400_000
const VALID_DAYS = 3_650

/** Certificate and private key as PEM. The key is secret. */
export interface CertificatePair {
  readonly certificate: string
  readonly privateKey: string
}

/** A fresh certificate of this node, valid for ten years from `nowMs`. */
export async function makeCertificate(identity: Identity, nowMs: number): Promise<CertificatePair> {
  const algorithm = { name: 'Ed25519' }
  const pkcs8 = identity.privateKey.export({ type: 'pkcs8', format: 'der' })
  const privateKey = await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign'])
  const publicKey = await webcrypto.subtle.importKey('raw', Buffer.from(identity.publicKey), algorithm, true, [
    'verify',
  ])
  const made = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: '01',
      name: `CN=${identity.peerId}`,
      notBefore: new Date(nowMs - DAY_MS),
      notAfter: new Date(nowMs + VALID_DAYS * DAY_MS),
      keys: { privateKey, publicKey },
      signingAlgorithm: algorithm,
    },
    webcrypto as Parameters<typeof X509CertificateGenerator.createSelfSigned>[1],
  )
  return {
    certificate: made.toString('pem'),
    privateKey: identity.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

/** The Ed25519 key (32 bytes) of the other side's certificate; undefined if there is none or it holds another kind of key. */
export function publicKeyOfCertificate(certificate: X509Certificate | undefined): Uint8Array | undefined {
  const key = certificate?.publicKey
  if (key?.asymmetricKeyType !== 'ed25519') return undefined
  return Uint8Array.from(Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url'))
}
