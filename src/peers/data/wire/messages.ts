/**
 * The small messages of the data plane (look-ups, announcements, documents, leads) and their strict parsers. JSON, bounded in
 * bytes by whoever reads it and in counts here. Pure.
 */
import { z } from 'zod'
import { type BlobId, type Digest, parseBlobId, parseDigest } from '../../../base/digest.ts'
import type { StoredDocument } from '../../../base/document.ts'
import { AppError } from '../../../base/errors.ts'
import type { LeadRequest, LogFileRequest, PeerId } from '../../peers.ts'
import { ANNOUNCE_NAMES_MAX, LOOKUP_NAMES_MAX } from '../options.ts'

/** Paths of the data plane's server. */
export const PATHS = {
  blobs: '/v1/blobs/',
  pieces: '/v1/pieces/',
  lookup: '/v1/lookup',
  announce: '/v1/announce',
  withdraw: '/v1/withdraw',
  documents: '/v1/documents',
  lead: '/v1/lead',
  logs: '/v1/logs/',
  transactions: '/v1/transactions',
} as const

/** Header that carries the proof of membership of a private network. */
export const MEMBER_HEADER = 'pyrsia-member'
/** Bytes of an announcement's body. */
export const ANNOUNCE_BYTES_MAX = 2_097_152
/** Bytes of any other small body, and of replies to them. */
export const MESSAGE_BYTES_MAX = 262_144

const digest = z.string().max(140)
const peerId = z.string().min(1).max(64)
const sizeBytes = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER)
const time = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER)
const headers = z.record(z.string().max(128), z.string().max(8192))

const namesShape = z.strictObject({ names: z.array(digest).max(ANNOUNCE_NAMES_MAX) })
const lookupReplyShape = z.object({
  holdings: z
    .array(z.object({ name: digest, id: digest, sizeBytes, mediaType: z.string().max(255).optional() }))
    .max(LOOKUP_NAMES_MAX),
  providers: z.array(peerId).max(LOOKUP_NAMES_MAX),
})
const documentRequestShape = z.strictObject({ key: z.string().max(8192) })
const originShape = z.union([
  z.object({ kind: z.literal('upstream'), name: z.string().max(255) }),
  z.object({ kind: z.literal('peer'), peerId, trusted: z.boolean() }),
  z.object({ kind: z.literal('local') }),
])
const documentShape = z.object({
  key: z.string().max(8192),
  upstream: z.string().max(255),
  status: z.enum(['found', 'absent']),
  body: digest.optional(),
  sizeBytes,
  mediaType: z.string().max(255),
  headers,
  changedAtMs: time,
  checkedAtMs: time,
  origin: originShape,
  share: z.enum(['none', 'lan', 'network', 'world']),
})
const signedDocumentShape = z.object({ document: z.string().max(MESSAGE_BYTES_MAX), signature: z.string().max(128) })
const leadShape = z.strictObject({
  ecosystem: z.string().min(1).max(64),
  upstream: z.string().min(1).max(255),
  id: digest,
  requestPath: z.string().startsWith('/').max(4096),
})

/** What one peer says it holds. */
export interface Holding {
  readonly name: Digest
  readonly id: BlobId
  readonly sizeBytes: number
  readonly mediaType: string | undefined
}

/** Answer to a look-up: own holdings, and others that announced one of the names. */
export interface LookupReply {
  readonly holdings: readonly Holding[]
  readonly providers: readonly PeerId[]
}

/** The names of a look-up, an announcement or a withdrawal, at most `namesMax`. @throws usage.message, usage.digest */
export function parseNames(body: Uint8Array, namesMax: number): Digest[] {
  const { names } = parse(namesShape, body, 'a list of digests')
  if (names.length > namesMax) {
    throw new AppError('usage.message', `wanted at most ${namesMax} digests, found ${names.length}`)
  }
  return names.map(parseDigest)
}

/** The answer to a look-up of `asked`; holdings that were not asked for are refused. @throws usage.message, usage.digest */
export function parseLookupReply(body: Uint8Array, asked: readonly Digest[]): LookupReply {
  const reply = parse(lookupReplyShape, body, 'the answer to a look-up')
  const wanted = new Set<string>(asked)
  const holdings = reply.holdings.map((holding) => {
    const name = parseDigest(holding.name)
    const id = parseBlobId(holding.id)
    if (!wanted.has(name) || (name.startsWith('sha256:') && (name as string) !== id)) {
      throw new AppError('usage.message', `a look-up was answered with ${name} = ${id}, which was not asked for`)
    }
    return { name, id, sizeBytes: holding.sizeBytes, mediaType: holding.mediaType }
  })
  return { holdings, providers: reply.providers }
}

/** The key of a document request. @throws usage.message */
export function parseDocumentRequest(body: Uint8Array): string {
  return parse(documentRequestShape, body, 'a document request').key
}

/** A document and the signature over its text, both as sent. @throws usage.message */
export function parseSignedDocument(body: Uint8Array): { readonly text: string; readonly signature: Uint8Array } {
  const found = parse(signedDocumentShape, body, 'a signed document')
  return { text: found.document, signature: Buffer.from(found.signature, 'base64') }
}

/** A document's text. @throws usage.message, usage.digest */
export function parseDocument(text: string): StoredDocument {
  const found = parse(documentShape, Buffer.from(text), 'a document')
  return { ...found, body: found.body === undefined ? undefined : parseBlobId(found.body) }
}

/** What is signed for a document: bound to its purpose, so that the signature means nothing elsewhere. */
export function documentStatement(text: string): Uint8Array {
  return Buffer.from(`pyrsia document/1\n${text}`)
}

/** A request to lead. @throws usage.message, usage.digest */
export function parseLeadRequest(body: Uint8Array): LeadRequest {
  const found = parse(leadShape, body, 'a request to lead')
  return { ...found, id: parseBlobId(found.id) }
}

/** The path of a log's file on the data plane. */
export function logFilePath({ originHash, path }: LogFileRequest): string {
  return `${PATHS.logs}${originHash}/${path}`
}

/** The file that a path of the data plane names. @throws usage.request; the tile paths themselves are the log's to judge */
export function parseLogFilePath(path: string): LogFileRequest {
  const found = /^([0-9a-f]{64})\/(checkpoint|tile\/[0-9a-z/.]{1,120}|find\/[0-9A-Za-z_-]{1,2048})$/.exec(
    path.slice(PATHS.logs.length),
  )
  const [, originHash, file] = found ?? []
  if (originHash === undefined || file === undefined) {
    throw new AppError('usage.request', `wanted a file of a log, found ${JSON.stringify(path.slice(0, 200))}`)
  }
  return { originHash, path: file }
}

function parse<T>(shape: z.ZodType<T>, body: Uint8Array, what: string): T {
  try {
    return shape.parse(JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8')))
  } catch (cause) {
    throw new AppError('usage.message', `wanted ${what}, found ${body.byteLength} bytes that are none`, { cause })
  }
}
