/**
 * The roots of Sigstore: whose certificates, logs and time stamps count. The file beside this one is that of Sigstore's public instance;
 * where it comes from, and how another takes its place, says docs/how-to/verify.md.
 */
import { TrustedRoot } from '@sigstore/protobuf-specs'
import { AppError } from '../../base/errors.ts'
import publicInstance from './sigstore-root.json' with { type: 'json' }

export type { TrustedRoot } from '@sigstore/protobuf-specs'

/** Bytes of the largest file that is read. */
export const TRUSTED_ROOT_BYTES_MAX = 1_048_576

/** The root in the text of a `trusted_root.json`; without one, that of Sigstore's public instance. @throws usage.config */
export function trustedRootOf(text?: string): TrustedRoot {
  try {
    const root = TrustedRoot.fromJSON(text === undefined ? publicInstance : JSON.parse(text))
    if (root.certificateAuthorities.length > 0 && root.tlogs.length > 0) return root
  } catch (cause) {
    throw new AppError('usage.config', 'wanted a trusted root of Sigstore (trusted_root.json), found something else', {
      cause,
    })
  }
  throw new AppError('usage.config', 'wanted a trusted root of Sigstore with certificate authorities and logs')
}
