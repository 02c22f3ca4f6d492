/**
 * The forms of documents. The compact index goes to clients as upstream has it, but for releases that the policy hides; the
 * work is its entity tag: Bundler up to 2.4 compares it with the MD5 of what it has (and asks `Range` from its last byte on),
 * later ones check `Repr-Digest` (RFC 9530).
 */
import { digestBytes, hexOf } from '../../base/digest.ts'
import { AppError } from '../../base/errors.ts'
import type { Want } from '../../base/located.ts'
import type { RequestView, Transformed, TransformFacts } from '../ecosystem.ts'
import {
  checkCompactIndex,
  FILES_VIEW,
  makeFileTable,
  makeReleases,
  RELEASES_VIEW,
  withOtherChecksums,
  withoutVersions,
} from './compact-index.ts'
import { PACKAGES_VIEW, packagesOf, proveQuick, QUICK_VIEW, withoutSpecs } from './specs.ts'

/** The form of the compact index; its number changes when what is made here does. */
export const COMPACT = 'compact-1'
/**
 * The form of `/versions` while the policy may hide releases. Bundler reads an info document again only if `/versions` states
 * another MD5 than that of its copy, which may be of a time when nothing was hidden: here none has the one stated, so that it
 * asks each time (and is told 304).
 */
const APART = 'apart-1'
const COMPACT_TYPE = 'text/plain; charset=utf-8'

/** The key of a request: the compact index has a form of its own, all else goes out as it came. */
export function gemVariant(request: RequestView, want: Want): string {
  const what = want.kind === 'document' ? want.params.what : undefined
  if (what === 'versions' && request.hides === true) return APART
  return what === 'versions' || what === 'names' || what === 'info' ? COMPACT : ''
}

/** Makes the compact form, or a view of an info document. @throws untrusted.reply, usage.request for an unknown key */
export function transformGem(document: Uint8Array, facts: TransformFacts, variant: string): Transformed {
  const hidden = facts.hidden ?? []
  if (variant === '') {
    const bytes = hidden.length === 0 ? document : withoutSpecs(document, hidden)
    return { bytes, mediaType: facts.mediaType, encoding: undefined }
  }
  if (variant === PACKAGES_VIEW) return view(packagesOf(document))
  if (variant === QUICK_VIEW) return view(proveQuick(document))
  if (variant === FILES_VIEW) return view(makeFileTable(document))
  if (variant === RELEASES_VIEW) return view(makeReleases(document))
  if (variant !== COMPACT && variant !== APART) {
    throw new AppError('usage.request', `wanted the key of a form, found ${JSON.stringify(variant.slice(0, 100))}`)
  }
  if (hidden.length === 0) checkCompactIndex(document)
  const shown =
    hidden.length === 0 ? document : withoutVersions(document, new Set(hidden.map(({ version }) => version)))
  const bytes = variant === APART ? withOtherChecksums(shown) : shown
  return { bytes, mediaType: COMPACT_TYPE, encoding: undefined, headers: integrityOf(bytes) }
}

function integrityOf(bytes: Uint8Array): Readonly<Record<string, string>> {
  const sha256 = Buffer.from(hexOf(digestBytes('sha256', bytes)), 'hex').toString('base64')
  return { etag: `"${hexOf(digestBytes('md5', bytes))}"`, 'repr-digest': `sha-256=:${sha256}:` }
}

function view(bytes: Uint8Array): Transformed {
  return { bytes, mediaType: 'text/tab-separated-values', encoding: undefined }
}
