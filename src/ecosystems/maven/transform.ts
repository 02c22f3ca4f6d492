/**
 * The forms of documents: metadata (without releases that the policy hides), signatures, and the checksum of either, made of
 * the very bytes that clients get. An error page in the place of a document ends here.
 */
import type { Algorithm } from '../../base/digest.ts'
import { AppError } from '../../base/errors.ts'
import type { Want } from '../../base/located.ts'
import { formatReleases } from '../../base/releases.ts'
import type { HiddenRelease, RequestView, Transformed, TransformFacts } from '../ecosystem.ts'
import { cleanChecksum, makeChecksum, readAlgorithm } from './formats/checksums.ts'
import { listedVersions, withoutVersions } from './formats/metadata.ts'
import { isSignature, readPlace } from './names.ts'

/** The view by which the policy reads which releases there are. */
export const RELEASES_VIEW = 'releases-1'

/** The form of metadata. */
export const METADATA = 'metadata-1'
/** The form of signatures. */
export const SIGNATURE = 'signature-1'
const STATED = 'stated-1'

/** The key of a request: form and, for a checksum, its function. */
export function mavenVariant(_request: RequestView, want: Want): string {
  if (want.kind !== 'document') return ''
  const { path = '', checksum } = want.params
  const place = readPlace(path)
  const form = place.kind === 'metadata' ? METADATA : isSignature(place.file) ? SIGNATURE : STATED
  return checksum === undefined ? form : `${form}|${checksum}`
}

/** Makes the form of a key, or the view `RELEASES_VIEW`. @throws untrusted.reply, usage.request for an unknown key */
export function transformMaven(document: Uint8Array, facts: TransformFacts, variant: string): Transformed {
  if (variant === '') return { bytes: document, mediaType: facts.mediaType, encoding: undefined }
  if (variant === RELEASES_VIEW) {
    const releases = listedVersions(document).map((version) => ({ version, releasedAtMs: undefined }))
    return { bytes: formatReleases(releases), mediaType: 'text/tab-separated-values', encoding: undefined }
  }
  const [form, function_] = variant.split('|')
  const checksum = readAlgorithm(function_)
  if (function_ !== undefined && checksum === undefined) throw unknownKey(variant)
  if (form === STATED && checksum !== undefined) return plain(cleanChecksum(document, checksum))
  const made = madeOf(form, document, facts.hidden ?? [])
  if (made === undefined) throw unknownKey(variant)
  return checksum === undefined ? made : plain(makeChecksum(made.bytes, checksum as Algorithm))
}

function madeOf(
  form: string | undefined,
  document: Uint8Array,
  hidden: readonly HiddenRelease[],
): Transformed | undefined {
  if (form === METADATA) {
    const bytes = withoutVersions(document, new Set(hidden.map(({ version }) => version)))
    return { bytes, mediaType: 'text/xml', encoding: undefined }
  }
  if (form !== SIGNATURE) return undefined
  if (!Buffer.from(document.subarray(0, 1024)).includes('-----BEGIN PGP')) {
    throw new AppError('untrusted.reply', 'reading a signature: wanted an armoured one, found something else')
  }
  return plain(document)
}

function plain(bytes: Uint8Array): Transformed {
  return { bytes, mediaType: 'text/plain', encoding: undefined }
}

function unknownKey(key: string): AppError {
  return new AppError('usage.request', `wanted the key of a form, found ${JSON.stringify(key.slice(0, 100))}`)
}
