/** What ecosystems are handed to verify upstream's attestations with: by Sigstore's roots as they come with Pyrsia, or those of the owner's file. */

import { readText } from '../../cli/offline/files.ts'
import type { ResolveContext } from '../../ecosystems/ecosystem.ts'

/** The verifier by the roots in `file`; undefined: those of Sigstore's public instance. @throws usage.config, usage.request for a file that cannot be read */
export async function openAttestationVerifier(
  file: string | undefined,
): Promise<NonNullable<ResolveContext['verifyAttestation']>> {
  const { TRUSTED_ROOT_BYTES_MAX, trustedRootOf } = await import('../../verify/upstream/trusted-root.ts')
  const { verifyUpstreamAttestation } = await import('../../verify/upstream/verify-upstream.ts')
  const trustedRoot = trustedRootOf(file === undefined ? undefined : await readText(file, TRUSTED_ROOT_BYTES_MAX))
  return (bundle, digests) => verifyUpstreamAttestation(bundle, { digests, trustedRoot })
}
