/**
 * Verifies an attestation that upstream serves with a package, offline: a Sigstore bundle of one DSSE envelope, whose certificate says for which
 * workflow of which repository, at which commit, it was issued. That is evidence for where the source is, and no more: it says
 * who built, not what. `@sigstore/verify` does the cryptography (certificate chain, SCT, transparency log, time, signature). Pure.
 */
import { type Bundle, bundleFromJSON, isBundleWithDsseEnvelope } from '@sigstore/bundle'
import { type Signer, toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify'
import { z } from 'zod'
import { readShape } from '../../base/attestation/statement.ts'
import { algorithmOf, type Digest, hexOf, isStrong } from '../../base/digest.ts'
import { AppError } from '../../base/errors.ts'
import type { UpstreamEvidence } from '../../base/rebuild/upstream-evidence.ts'
import type { TrustedRoot } from './trusted-root.ts'

/** What is asked. */
export interface UpstreamQuestion {
  /** Digests of the file at hand; the statement must have one that is strong, and contradict none. */
  readonly digests: readonly Digest[]
  readonly trustedRoot: TrustedRoot
}

const PAYLOAD_TYPE = 'application/vnd.in-toto+json'
/** Fulcio's certificate extensions (sigstore/fulcio, docs/oid-info.md). */
const FULCIO = '1.3.6.1.4.1.57264.1.'
/** The one issuer whose older certificates name a repository without its host. */
const ISSUER_OF_BARE_NAMES = 'https://token.actions.githubusercontent.com'

const statement = z.object({
  _type: z.enum(['https://in-toto.io/Statement/v1', 'https://in-toto.io/Statement/v0.1']),
  subject: z
    .array(z.object({ name: z.string().optional(), digest: z.record(z.string(), z.string()) }))
    .min(1)
    .max(1024),
  predicateType: z.string().max(1024),
})

/**
 * What a bundle shows of the file with these digests.
 * @throws untrusted.attestation if it is no such bundle, does not hold, is signed with a bare key, names no source, or is about another file
 */
export function verifyUpstreamAttestation(
  bundle: unknown,
  { digests, trustedRoot }: UpstreamQuestion,
): UpstreamEvidence {
  const read = readBundle(bundle)
  if (!isBundleWithDsseEnvelope(read)) throw refused('wanted a bundle of a DSSE envelope')
  const { payload, payloadType, signatures } = read.content.dsseEnvelope
  if (payloadType !== PAYLOAD_TYPE || signatures.length !== 1)
    throw refused('wanted one signature on an in-toto statement')
  const signer = verified(read, trustedRoot)
  const { predicateType, subject } = readShape('statement of upstream', statement, parsed(payload))
  const subjects = subject.filter(({ digest }) => isOf(digest, digests)).map(({ name = '' }) => name)
  if (subjects.length === 0) throw refused(`it is about another file than ${digests.join(', ')}`)
  return { ...sourceOf(signer), predicateType, subjects }
}

function readBundle(bundle: unknown): Bundle {
  try {
    return bundleFromJSON(bundle)
  } catch (cause) {
    throw new AppError('untrusted.attestation', "reading upstream's attestation: wanted a Sigstore bundle", { cause })
  }
}

function verified(bundle: Bundle, root: TrustedRoot): Signer {
  if (bundle.verificationMaterial.content.$case === 'publicKey') {
    throw refused('it is signed with a key, which says nothing of where it was built')
  }
  try {
    return new Verifier(toTrustMaterial(root)).verify(toSignedEntity(bundle))
  } catch (cause) {
    throw new AppError('untrusted.attestation', "upstream's attestation does not verify", { cause })
  }
}

function parsed(payload: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
  } catch (cause) {
    throw new AppError('untrusted.attestation', "reading upstream's statement: wanted JSON in UTF-8", { cause })
  }
}

/** True if some strong digest is the file's, and none that both have is another's. */
function isOf(stated: Readonly<Record<string, string>>, digests: readonly Digest[]): boolean {
  const both = digests.filter((digest) => stated[algorithmOf(digest)] !== undefined)
  const same = (digest: Digest): boolean => stated[algorithmOf(digest)] === hexOf(digest)
  return both.every(same) && both.some(isStrong)
}

function sourceOf({ identity }: Signer): Omit<UpstreamEvidence, 'predicateType' | 'subjects'> {
  const extension = extensionsOf(identity)
  const issuer = extension(8) ?? extension(1)
  const bare = issuer === ISSUER_OF_BARE_NAMES ? extension(5) : undefined
  const repository = extension(12) ?? (bare && `https://github.com/${bare}`)
  const commit = extension(13) ?? extension(3)
  const signer = extension(9) ?? identity?.subjectAlternativeName
  if (issuer === undefined || signer === undefined || !repository?.startsWith('https://') || !isCommit(commit)) {
    throw refused('its certificate names no repository with a commit')
  }
  return { repository, commit, ref: extension(14) ?? extension(6), signer, issuer }
}

/** Extensions up to 6 hold the bare text, later ones a DER UTF8String. */
function extensionsOf(identity: Signer['identity']): (number: number) => string | undefined {
  const byOid = new Map((identity?.oids ?? []).map(({ oid, value }) => [oid?.id.join('.') ?? '', value]))
  return (number) => {
    const value = byOid.get(`${FULCIO}${number}`)
    if (value === undefined) return undefined
    return number <= 6 ? Buffer.from(value).toString('utf8') : utf8String(value)
  }
}

/** The text of a DER UTF8String of up to 64 KiB; undefined for anything else. */
function utf8String(der: Uint8Array): string | undefined {
  const [tag, first = 0, second = 0, third = 0] = der
  const [head, length] = first < 0x80 ? [2, first] : first === 0x81 ? [3, second] : [4, second * 256 + third]
  if (tag !== 0x0c || first > 0x82 || der.byteLength !== head + length) return undefined
  return Buffer.from(der.subarray(head)).toString('utf8')
}

function isCommit(text: string | undefined): text is string {
  return text !== undefined && /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text)
}

function refused(found: string): AppError {
  return new AppError('untrusted.attestation', `checking upstream's attestation: ${found}`)
}
