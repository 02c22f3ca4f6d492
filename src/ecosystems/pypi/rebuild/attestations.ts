/**
 * What the index answers at `/integrity/PROJECT/VERSION/FILE/provenance` (PEP 740): attestations in a shape of its own, which is written here as
 * Sigstore bundles. Read only; whoever relies on one verifies it (`verify/upstream/`). Pure.
 */
import { z } from 'zod'
import { AppError } from '../../../base/errors.ts'

/** Bytes of the largest answer that is read. */
export const PROVENANCE_BYTES_MAX = 2_097_152

const attestation = z.object({
  version: z.literal(1),
  verification_material: z.object({ certificate: z.string(), transparency_entries: z.array(z.unknown()).max(8) }),
  envelope: z.object({ statement: z.string(), signature: z.string() }),
})
const provenance = z.object({
  version: z.literal(1),
  attestation_bundles: z.array(z.object({ attestations: z.array(attestation).max(64) })).max(64),
})

/** The bundles of an answer, in its order. @throws untrusted.reply */
export function pypiBundles(bytes: Uint8Array): unknown[] {
  try {
    const found = provenance.parse(JSON.parse(Buffer.from(bytes).toString('utf8')))
    return found.attestation_bundles.flatMap(({ attestations }) => attestations.map(bundleOf))
  } catch (cause) {
    throw new AppError('untrusted.reply', 'wanted a provenance as PEP 740 has it, found something else', { cause })
  }
}

/** PEP 740 leaves out what is the same in all: one signature, and that the payload is an in-toto statement. */
function bundleOf({ verification_material: material, envelope }: z.infer<typeof attestation>): object {
  return {
    mediaType: 'application/vnd.dev.sigstore.bundle+json;version=0.2',
    verificationMaterial: {
      x509CertificateChain: { certificates: [{ rawBytes: material.certificate }] },
      tlogEntries: material.transparency_entries,
    },
    dsseEnvelope: {
      payload: envelope.statement,
      payloadType: 'application/vnd.in-toto+json',
      signatures: [{ sig: envelope.signature, keyid: '' }],
    },
  }
}
