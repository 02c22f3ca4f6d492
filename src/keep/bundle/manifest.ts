/**
 * What a bundle says of itself: which blobs it holds, and which documents and facts go with them, signed by the node that
 * wrote it. Blobs prove themselves; documents supply the digests that all else is checked against, so they are believed only
 * of nodes that are trusted (`3-registries.md`, "All of them"). Pure.
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { type BlobId, type Digest, parseBlobId, parseDigest } from '../../base/digest.ts'
import type { StoredDocument } from '../../base/document.ts'
import { AppError } from '../../base/errors.ts'
import { parsePurl } from '../../base/purl.ts'
import type { ShareLevel } from '../../base/share.ts'
import type { ServedFact } from '../../store/store.ts'

/** Name of the first file of a bundle. */
export const MANIFEST_NAME = 'pyrsia-bundle.json'
/** Name of the second. */
export const SIGNATURE_NAME = 'pyrsia-bundle.sig'
/** The largest manifest that is read, bytes. */
export const BUNDLE_MANIFEST_BYTES_MAX = 268_435_456
/** The largest that is read of a signer who is not trusted, bytes: whoever can sign anything can have a node parse it. */
export const STRANGE_MANIFEST_BYTES_MAX = 16_777_216
/** The largest signature file that is read, bytes. */
export const SIGNATURE_BYTES_MAX = 4_096

const FORMAT = 'pyrsia-bundle/1'
/** Set before what is signed, so that the signature can be taken for no other. */
const SIGNED_CONTEXT = 'PYRSIA-BUNDLE/1\n'

/** One blob of a bundle. */
export interface BundledBlob {
  readonly id: BlobId
  readonly sizeBytes: number
  /** Further digests of it. */
  readonly names: readonly Digest[]
  readonly mediaType?: string | undefined
  readonly share: ShareLevel
}

/** One document of a bundle: where it came from is for the importing node to say. */
export type BundledDocument = Omit<StoredDocument, 'origin' | 'body'> & { readonly body?: BlobId | undefined }

/** A bundle's manifest. */
export interface BundleManifest {
  readonly createdAtMs: number
  /** What was selected; empty: everything. */
  readonly labels: readonly string[]
  readonly blobs: readonly BundledBlob[]
  readonly documents: readonly BundledDocument[]
  readonly served: readonly Omit<ServedFact, 'origin' | 'firstAtMs' | 'lastAtMs'>[]
}

const count = z.int().min(0)
const headers = z.record(z.string().max(200), z.string().max(65_536))
const digest = z.string().max(200).transform(parseDigest)
const blobId = z.string().max(200).transform(parseBlobId)

const blobSchema = z.strictObject({
  id: blobId,
  sizeBytes: count,
  /** Further digests of it. */
  names: z.array(digest).max(8),
  mediaType: z.string().max(1024).optional(),
  share: z.enum(['none', 'lan', 'network', 'world']),
})
const documentSchema = z.strictObject({
  key: z.string().max(16_384),
  upstream: z.string().max(256),
  status: z.enum(['found', 'absent']),
  body: blobId.optional(),
  sizeBytes: count,
  mediaType: z.string().max(1024),
  headers,
  changedAtMs: z.number(),
  checkedAtMs: z.number(),
  share: z.enum(['none', 'lan', 'network', 'world']),
})
const servedSchema = z.strictObject({
  purl: z.string().max(4096).transform(parsePurl),
  label: z.string().max(4096),
  id: blobId,
  upstream: z.string().max(256),
  evidence: z
    .array(
      z.strictObject({
        kind: z.enum(['name', 'client', 'index', 'header']),
        digest,
        statedBy: z.string().max(1024),
      }),
    )
    .max(100),
})
const manifestSchema: z.ZodType<BundleManifest> = z.strictObject({
  format: z.literal(FORMAT),
  createdAtMs: z.number(),
  labels: z.array(z.string().max(8192)).max(100_000),
  blobs: z.array(blobSchema).max(2_000_000),
  documents: z.array(documentSchema).max(500_000),
  served: z.array(servedSchema).max(500_000),
})
const signatureSchema = z.strictObject({ peerId: z.string().max(100), signature: z.base64().max(200) })

/** This node's key, as bundles use it, and whom it believes. */
export interface BundleTrust {
  readonly peerId: string
  /** Ed25519 signature. */
  sign(message: Uint8Array): Uint8Array
  /** False also for what is no peer id. */
  verify(peerId: string, message: Uint8Array, signature: Uint8Array): boolean
  /** True for this node itself and for nodes whose documents it believes. */
  trusts(peerId: string): boolean
}

/** A manifest as bytes, and its signature file. */
export function writeManifest(
  manifest: BundleManifest,
  trust: BundleTrust,
): { readonly manifest: Buffer; readonly signature: Buffer } {
  const bytes = Buffer.from(JSON.stringify({ format: FORMAT, ...manifest }))
  const signature = Buffer.from(trust.sign(signedPart(bytes))).toString('base64')
  return { manifest: bytes, signature: Buffer.from(JSON.stringify({ peerId: trust.peerId, signature })) }
}

/** @throws untrusted.bundle if it is no manifest or names a blob twice */
export function readManifest(bytes: Uint8Array): BundleManifest {
  const manifest = parse(manifestSchema, bytes, MANIFEST_NAME)
  if (new Set(manifest.blobs.map(({ id }) => id)).size !== manifest.blobs.length) {
    throw new AppError('untrusted.bundle', `${MANIFEST_NAME} names a blob twice`)
  }
  return manifest
}

/** Who signed it. @throws untrusted.bundle, untrusted.signature */
export function signerOf(manifest: Uint8Array, signature: Uint8Array, trust: BundleTrust): string {
  const found = parse(signatureSchema, signature, SIGNATURE_NAME)
  if (!trust.verify(found.peerId, signedPart(manifest), Buffer.from(found.signature, 'base64'))) {
    throw new AppError(
      'untrusted.signature',
      `the bundle was not signed by ${found.peerId}, as it says, or was changed`,
    )
  }
  return found.peerId
}

/** A short name of a bundle's content. */
export function bundleName(manifest: Uint8Array): string {
  return createHash('sha256').update(manifest).digest('hex').slice(0, 16)
}

/** A kept document as a bundle holds it. */
export function bundledDocument({ origin: _, body, ...document }: StoredDocument): BundledDocument {
  return { ...document, ...(body === undefined ? {} : { body }) }
}

function signedPart(manifest: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(SIGNED_CONTEXT), createHash('sha256').update(manifest).digest()])
}

function parse<T extends z.ZodType>(schema: T, bytes: Uint8Array, name: string): z.output<T> {
  try {
    return schema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)))
  } catch (cause) {
    throw new AppError('untrusted.bundle', `${name} of the bundle cannot be read`, { cause })
  }
}
