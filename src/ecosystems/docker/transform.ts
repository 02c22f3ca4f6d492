/**
 * Documents of image registries (tag lists, referrers) reach clients as upstream gave them, without tags that the policy hides; what
 * else is made of them is the list of tags for the policy, and the proof that they are what was asked for, by which an error page is
 * told from an answer.
 */
import { AppError } from '../../base/errors.ts'
import type { Want } from '../../base/located.ts'
import { formatReleases } from '../../base/releases.ts'
import type { RequestView, Transformed, TransformFacts } from '../ecosystem.ts'
import { readManifest } from './manifests/manifest.ts'
import { bareMediaType, SIGNED_SCHEMA1 } from './manifests/media-types.ts'

/** Views without bytes, named by what they prove: a tag's HEAD, a manifest, a list of tags, a list of referrers. */
export type Proof = 'pointer' | 'manifest' | 'tags' | 'referrers'

/** The view in which the core reads tags. */
export const RELEASES_VIEW = 'releases-1'

const PROOFS: Readonly<Record<Proof, (document: Uint8Array, facts: TransformFacts) => void>> = {
  pointer: provePointer,
  manifest: (document, { mediaType }) => void readManifest(document, [mediaType]),
  tags: (document) => void listIn(document, 'tags'),
  referrers: (document) => void listIn(document, 'manifests'),
}

/** Always the empty key: there is one form, and it is never content-encoded. */
export function dockerVariant(_request: RequestView, _want: Want): string {
  return ''
}

/** The document itself, without hidden tags; a list of tags as the core reads it; or for a `Proof` no bytes. @throws untrusted.reply, usage.request for an unknown key */
export function transformDocker(document: Uint8Array, facts: TransformFacts, variant: string): Transformed {
  const hidden = facts.hidden ?? []
  if (variant === '') {
    const bytes = hidden.length === 0 ? document : withoutTags(document, new Set(hidden.map(({ version }) => version)))
    return { bytes, mediaType: facts.mediaType, encoding: undefined }
  }
  if (variant === RELEASES_VIEW) {
    const releases = tagsIn(listIn(document, 'tags')).map((version) => ({ version, releasedAtMs: undefined }))
    return { bytes: formatReleases(releases), mediaType: 'text/tab-separated-values', encoding: undefined }
  }
  if (!isProof(variant)) {
    throw new AppError('usage.request', `wanted the key of a form, found ${JSON.stringify(variant.slice(0, 100))}`)
  }
  PROOFS[variant](document, facts)
  return { bytes: new Uint8Array(0), mediaType: 'application/octet-stream', encoding: undefined }
}

/** A pointer without the digest points at nothing, and must not take the place of one that does. */
function provePointer(_document: Uint8Array, { mediaType, headers }: TransformFacts): void {
  const type = bareMediaType(headers['content-type'] ?? mediaType)
  const isPointer = /^sha(?:256|512):[0-9a-f]{64,128}$/.test(headers['docker-content-digest'] ?? '')
  if (isPointer || type === SIGNED_SCHEMA1) return
  throw new AppError('untrusted.reply', `reading a tag: wanted its digest, found a reply of type ${type.slice(0, 100)}`)
}

function withoutTags(document: Uint8Array, hidden: ReadonlySet<string>): Uint8Array {
  const list = listIn(document, 'tags')
  return Buffer.from(JSON.stringify({ ...list, tags: tagsIn(list).filter((tag) => !hidden.has(tag)) }))
}

function tagsIn({ tags }: Readonly<Record<string, unknown>>): string[] {
  return Array.isArray(tags) ? tags.filter((tag) => typeof tag === 'string') : []
}

/** The document, in which `name` is a list. @throws untrusted.reply */
function listIn(document: Uint8Array, name: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder().decode(document))
  } catch (cause) {
    throw new AppError('untrusted.reply', `reading a list of ${name}: it is no JSON`, { cause })
  }
  const object = value as Record<string, unknown> | null
  const list = object?.[name]
  // A repository whose tags are all gone has null in their place.
  if (object !== null && (Array.isArray(list) || list === null)) return object
  throw new AppError('untrusted.reply', `reading a list of ${name}: wanted a list, found ${typeof list}`)
}

function isProof(text: string): text is Proof {
  return Object.hasOwn(PROOFS, text)
}
