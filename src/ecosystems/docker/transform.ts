/**
 * Documents of image registries (tag lists, referrers) reach clients as upstream gave them; what is made of them is only the
 * proof that they are what was asked for, by which an error page is told from an answer.
 */
import { AppError } from '../../base/errors.ts'
import type { Want } from '../../base/located.ts'
import type { RequestView, Transformed, TransformFacts } from '../ecosystem.ts'
import { readManifest } from './manifest.ts'
import { bareMediaType, SIGNED_SCHEMA1 } from './media-types.ts'

/** Views without bytes, named by what they prove: a tag's HEAD, a manifest, a list of tags, a list of referrers. */
export type Proof = 'pointer' | 'manifest' | 'tags' | 'referrers'

const PROOFS: Readonly<Record<Proof, (document: Uint8Array, facts: TransformFacts) => void>> = {
  pointer: provePointer,
  manifest: (document, { mediaType }) => void readManifest(document, [mediaType]),
  tags: (document) => proveList(document, 'tags'),
  referrers: (document) => proveList(document, 'manifests'),
}

/** Always the empty key: there is one form, and it is never content-encoded. */
export function dockerVariant(_request: RequestView, _want: Want): string {
  return ''
}

/** The document itself, or for a `Proof` no bytes. @throws untrusted.reply, usage.request for an unknown key */
export function transformDocker(document: Uint8Array, facts: TransformFacts, variant: string): Transformed {
  if (variant === '') return { bytes: document, mediaType: facts.mediaType, encoding: undefined }
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

function proveList(document: Uint8Array, name: string): void {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder().decode(document))
  } catch (cause) {
    throw new AppError('untrusted.reply', `reading a list of ${name}: it is no JSON`, { cause })
  }
  const list = (value as Record<string, unknown> | null)?.[name]
  // A repository whose tags are all gone has null in their place.
  if (Array.isArray(list) || list === null) return
  throw new AppError('untrusted.reply', `reading a list of ${name}: wanted a list, found ${typeof list}`)
}

function isProof(text: string): text is Proof {
  return Object.hasOwn(PROOFS, text)
}
