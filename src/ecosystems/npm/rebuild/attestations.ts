/**
 * What the registry answers at `/-/npm/v1/attestations/NAME@VERSION`: Sigstore bundles, by the type of their predicate. Read only; whoever
 * relies on one verifies it (`verify/upstream/`). Pure.
 */
import { z } from 'zod'
import { AppError } from '../../../base/errors.ts'

/** Bytes of the largest answer that is read. */
export const ATTESTATIONS_BYTES_MAX = 2_097_152

const answer = z.object({ attestations: z.array(z.object({ predicateType: z.string(), bundle: z.unknown() })).max(64) })

/** The bundles of an answer, those of a provenance first. @throws untrusted.reply */
export function npmBundles(bytes: Uint8Array): unknown[] {
  let found: z.infer<typeof answer>
  try {
    found = answer.parse(JSON.parse(Buffer.from(bytes).toString('utf8')))
  } catch (cause) {
    throw new AppError('untrusted.reply', 'wanted attestations of the registry, found something else', { cause })
  }
  const isProvenance = (type: string): boolean => type.startsWith('https://slsa.dev/provenance/')
  return found.attestations
    .toSorted((a, b) => Number(isProvenance(b.predicateType)) - Number(isProvenance(a.predicateType)))
    .map(({ bundle }) => bundle)
}
