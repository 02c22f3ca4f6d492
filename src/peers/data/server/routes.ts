/**
 * Answers the requests of peers: blobs by range, piece manifests, look-ups, announcements, documents, leads. Share rules are the
 * host's; limits are kept here. Every body that comes in is bounded before it is read.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock, Logger } from '../../../base/clock.ts'
import { type BlobId, type Digest, parseBlobId } from '../../../base/digest.ts'
import { AppError, ERROR_KINDS, isKind } from '../../../base/errors.ts'
import type { PieceManifest } from '../../../base/pieces.ts'
import type { Asker } from '../../../base/share.ts'
import { type ByteRange, streamOf } from '../../../base/streams.ts'
import type { Identity } from '../../neighbour.ts'
import { type LogFileRequest, type PeerHost, type PeerId, TRANSACTION_MESSAGE_BYTES_MAX } from '../../peers.ts'
import type { ProviderTable } from '../directory/provider-table.ts'
import { ANNOUNCE_NAMES_MAX, type DataPlaneSettings, LOOKUP_NAMES_MAX } from '../options.ts'
import { createTokenBucket, type TokenBucket } from '../token-bucket.ts'
import {
  ANNOUNCE_BYTES_MAX,
  documentStatement,
  MESSAGE_BYTES_MAX,
  PATHS,
  parseDocumentRequest,
  parseLeadRequest,
  parseLogFilePath,
  parseNames,
} from '../wire/messages.ts'
import { MANIFEST_TYPE, signManifest } from '../wire/signed-manifest.ts'
import { sendStream, writeBytes } from './send-blob.ts'

const PEERS_METERED_MAX = 4_096
const MANIFESTS_KEPT = 32
const PROVIDERS_TOLD_MAX = 16

/** What the routes need. */
export interface RouteDependencies {
  readonly identity: Identity
  readonly host: PeerHost
  readonly table: ProviderTable
  readonly clock: Clock
  readonly logger: Logger
  /** What this peer may see; undefined: nothing, because it did not prove membership. */
  readonly askerOf: (peerId: PeerId, request: IncomingMessage) => Asker | undefined
  /** True if this node is the one that leads the blob's upstream fetch. */
  readonly leads: (id: BlobId) => boolean
  readonly onSent: (peerId: PeerId, bytes: number) => void
  readonly onMalformed: (peerId: PeerId, about: string) => void
}

interface Meter {
  readonly upload: TokenBucket
  readonly announcements: TokenBucket
  readonly transactions: TokenBucket
  slots: number
}

interface Call {
  readonly peerId: PeerId
  readonly asker: Asker
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly meter: Meter
  /** Aborts when the peer closes the connection. */
  readonly signal: AbortSignal
}

/** The function that answers one request. It never throws. */
export function createRoutes(
  settings: DataPlaneSettings,
  dependencies: RouteDependencies,
): (peerId: PeerId, request: IncomingMessage, response: ServerResponse) => void {
  const routes = new Routes(settings, dependencies)
  return (peerId, request, response) => {
    void routes.answer(peerId, request, response)
  }
}

class Routes {
  readonly #settings: DataPlaneSettings
  readonly #with: RouteDependencies
  readonly #meters = new Map<PeerId, Meter>()
  readonly #upload: TokenBucket
  readonly #manifests = new Map<BlobId, Buffer>()
  readonly #bufferBytes: number
  #slots = 0

  constructor(settings: DataPlaneSettings, dependencies: RouteDependencies) {
    this.#settings = settings
    this.#with = dependencies
    const { uploadBytesPerSecond = Number.POSITIVE_INFINITY, uploadBytesPerSecondPerPeer = uploadBytesPerSecond } =
      settings
    this.#bufferBytes = writeBytes(Math.min(uploadBytesPerSecond, uploadBytesPerSecondPerPeer))
    this.#upload = createTokenBucket({ unitsPerSecond: settings.uploadBytesPerSecond }, dependencies)
  }

  async answer(peerId: PeerId, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const left = new AbortController()
    response.once('close', () => {
      if (response.writableFinished) return
      left.abort(new AppError('unavailable.peer', `${peerId} closed the connection`))
    })
    request.on('error', () => {})
    response.on('error', () => {})
    try {
      const asker = this.#with.askerOf(peerId, request)
      if (asker === undefined) throw new AppError('denied.share', `${peerId} is no member of this private network`)
      const meter = this.#meter(peerId)
      await this.#route({ peerId, asker, request, response, meter, signal: left.signal })
    } catch (error) {
      this.#refuse(peerId, request, response, error)
    }
  }

  async #route(call: Call): Promise<void> {
    const { method, url } = call.request
    const path = url ?? ''
    if (method === 'GET' && path.startsWith(PATHS.blobs)) return await this.#blob(call, idOfPath(path, PATHS.blobs))
    if (method === 'GET' && path.startsWith(PATHS.pieces)) return this.#pieces(call, idOfPath(path, PATHS.pieces))
    if (method === 'POST' && path === PATHS.lookup) return await this.#lookup(call)
    if (method === 'POST' && path === PATHS.announce) return await this.#announce(call)
    if (method === 'POST' && path === PATHS.withdraw) return await this.#withdraw(call)
    if (method === 'POST' && path === PATHS.documents) return await this.#document(call)
    if (method === 'POST' && path === PATHS.lead) return await this.#lead(call)
    if (method === 'POST' && path === PATHS.transactions) return await this.#transact(call)
    if (method === 'GET' && path.startsWith(PATHS.logs)) return await this.#logFile(call, parseLogFilePath(path))
    throw new AppError('usage.request', `no such request: ${method} ${path.slice(0, 100)}`)
  }

  async #blob(call: Call, id: BlobId): Promise<void> {
    const found = this.#settings.serveNobody ? undefined : this.#with.host.lookup(id, call.asker)
    if (found === undefined) throw new AppError('absent.blob', `${id} is not here for ${call.peerId}`)
    const range = rangeOf(call.request.headers.range, found.sizeBytes)
    await this.#inSlot(call, async () => {
      const stream = await this.#with.host.open(id, range, call.asker, call.signal)
      const last = range.offset + range.lengthBytes - 1
      call.response.writeHead(call.request.headers.range === undefined ? 200 : 206, {
        'content-length': range.lengthBytes,
        'content-type': 'application/octet-stream',
        ...(call.request.headers.range !== undefined && {
          'content-range': `bytes ${range.offset}-${last}/${found.sizeBytes}`,
        }),
      })
      await this.#send(call, stream, range.lengthBytes)
    })
  }

  #pieces(call: Call, id: BlobId): void {
    const manifest = this.#settings.serveNobody ? undefined : this.#with.host.pieces(id, call.asker)
    if (manifest === undefined) throw new AppError('absent.blob', `${id} has no pieces here for ${call.peerId}`)
    reply(call.response, 200, MANIFEST_TYPE, this.#signed(manifest))
  }

  async #logFile(call: Call, file: LogFileRequest): Promise<void> {
    await this.#inSlot(call, async () => {
      const bytes = this.#settings.serveNobody ? undefined : await this.#with.host.logFile(file, call.asker)
      if (bytes === undefined) throw new AppError('absent.document', `no ${file.path} of such a log for ${call.peerId}`)
      const headers = { 'content-length': bytes.byteLength, 'content-type': 'application/octet-stream' }
      call.response.writeHead(200, headers)
      await this.#send(call, streamOf(bytes), bytes.byteLength)
    })
  }

  /** Also by who serves nobody: what is ordered is everybody's, and no content. */
  async #transact(call: Call): Promise<void> {
    if (!call.meter.transactions.tryTake(1)) {
      throw new AppError('exhausted.quota', `${call.peerId} sends more than its share of transactions a minute`)
    }
    const message = await readBody(call, TRANSACTION_MESSAGE_BYTES_MAX)
    const answer = await this.#with.host.transact(message, call.asker, call.signal)
    reply(call.response, 200, 'application/json', Buffer.from(answer))
  }

  async #lookup(call: Call): Promise<void> {
    const names = parseNames(await readBody(call, MESSAGE_BYTES_MAX), LOOKUP_NAMES_MAX)
    const providers = new Set<PeerId>()
    const holdings = []
    for (const name of names) {
      const found = this.#settings.serveNobody ? undefined : this.#with.host.lookup(name, call.asker)
      if (found !== undefined) holdings.push({ name, ...found })
      for (const peerId of this.#with.table.providers(name)) {
        if (peerId !== call.peerId && providers.size < PROVIDERS_TOLD_MAX) providers.add(peerId)
      }
    }
    replyJson(call.response, { holdings, providers: [...providers] })
  }

  async #announce(call: Call): Promise<void> {
    const names = await this.#namesWithinShare(call)
    replyJson(call.response, { kept: this.#with.table.add(call.peerId, names) })
  }

  async #withdraw(call: Call): Promise<void> {
    this.#with.table.remove(call.peerId, await this.#namesWithinShare(call))
    replyJson(call.response, { kept: 0 })
  }

  /** Who sent too many is in debt, and until that is paid nothing more of it is even read. */
  async #namesWithinShare(call: Call): Promise<Digest[]> {
    const { announcements } = call.meter
    const over = `${call.peerId} announces or withdraws more than its share of digests a minute`
    if (!announcements.tryTake(1)) throw new AppError('exhausted.quota', over)
    const names = parseNames(await readBody(call, ANNOUNCE_BYTES_MAX), ANNOUNCE_NAMES_MAX)
    if (names.length > 1 && announcements.debit(names.length - 1) > 0) throw new AppError('exhausted.quota', over)
    return names
  }

  async #document(call: Call): Promise<void> {
    const key = parseDocumentRequest(await readBody(call, MESSAGE_BYTES_MAX))
    const found = this.#settings.serveNobody ? undefined : this.#with.host.document(key, call.asker)
    if (found === undefined) throw new AppError('absent.document', `this node does not share such a document`)
    const document = JSON.stringify(found)
    const signature = Buffer.from(this.#with.identity.sign(documentStatement(document))).toString('base64')
    replyJson(call.response, { document, signature })
  }

  async #lead(call: Call): Promise<void> {
    const lead = parseLeadRequest(await readBody(call, MESSAGE_BYTES_MAX))
    if (this.#settings.serveNobody || !call.asker.member || !this.#with.leads(lead.id)) {
      throw new AppError('denied.share', `this node does not lead the fetch of ${lead.id} for ${call.peerId}`)
    }
    await this.#inSlot(call, async () => {
      const { sizeBytes, stream } = await this.#with.host.lead(lead, call.asker, call.signal)
      if (sizeBytes === undefined) {
        await stream[Symbol.asyncIterator]().return?.()
        throw new AppError('unavailable.upstream', `the size of ${lead.id} is not known, so it cannot be passed on`)
      }
      call.response.writeHead(200, { 'content-length': sizeBytes, 'content-type': 'application/octet-stream' })
      call.response.flushHeaders()
      await this.#send(call, stream, sizeBytes)
    })
  }

  async #inSlot(call: Call, work: () => Promise<void>): Promise<void> {
    if (this.#slots >= this.#settings.uploadSlots || call.meter.slots >= this.#settings.uploadSlotsPerPeer) {
      throw new AppError('exhausted.queue', 'all upload slots are taken')
    }
    this.#slots += 1
    call.meter.slots += 1
    try {
      await work()
    } finally {
      this.#slots -= 1
      call.meter.slots -= 1
    }
  }

  async #send(call: Call, stream: AsyncIterable<Uint8Array>, lengthBytes: number): Promise<void> {
    await sendStream(
      call.response,
      stream,
      lengthBytes,
      {
        buckets: [this.#upload, call.meter.upload],
        bufferBytes: this.#bufferBytes,
        onSent: (bytes) => this.#with.onSent(call.peerId, bytes),
        signal: call.signal,
      },
      this.#with,
    )
  }

  #signed(manifest: PieceManifest): Buffer {
    const kept = this.#manifests.get(manifest.id)
    if (kept !== undefined) return kept
    const signed = signManifest(manifest, this.#with.identity)
    const oldest = this.#manifests.size >= MANIFESTS_KEPT ? this.#manifests.keys().next().value : undefined
    if (oldest !== undefined) this.#manifests.delete(oldest)
    this.#manifests.set(manifest.id, signed)
    return signed
  }

  #meter(peerId: PeerId): Meter {
    const known = this.#meters.get(peerId)
    if (known !== undefined) return known
    for (const [idle, meter] of this.#meters) {
      if (this.#meters.size < PEERS_METERED_MAX) break
      if (meter.slots === 0) this.#meters.delete(idle)
    }
    const { uploadBytesPerSecondPerPeer, announcementsPerMinute, transactionsPerMinute } = this.#settings
    const made: Meter = {
      upload: createTokenBucket({ unitsPerSecond: uploadBytesPerSecondPerPeer }, this.#with),
      announcements: createTokenBucket(
        { unitsPerSecond: announcementsPerMinute / 60, burstUnits: announcementsPerMinute },
        this.#with,
      ),
      transactions: createTokenBucket(
        { unitsPerSecond: transactionsPerMinute / 60, burstUnits: transactionsPerMinute },
        this.#with,
      ),
      slots: 0,
    }
    this.#meters.set(peerId, made)
    return made
  }

  #refuse(peerId: PeerId, request: IncomingMessage, response: ServerResponse, error: unknown): void {
    const code = error instanceof AppError ? error.code : undefined
    if (code === 'usage.message' || code === 'usage.digest') this.#with.onMalformed(peerId, String(error))
    else if (!isKind(error, 'absent') && !isKind(error, 'unavailable')) {
      const message = error instanceof Error ? error.message : String(error)
      this.#with.logger.debug(
        { peerId, path: request.url?.slice(0, 100), error: message },
        'a request of a peer failed',
      )
    }
    if (response.headersSent || response.destroyed) {
      response.destroy()
      return
    }
    const kind = error instanceof AppError ? error.kind : 'bug'
    const status = error instanceof AppError && error.code === 'exhausted.queue' ? 503 : ERROR_KINDS[kind].httpStatus
    if (!request.complete) response.setHeader('connection', 'close')
    replyJson(response, { error: error instanceof AppError ? error.code : 'bug.assertion' }, status)
  }
}

function idOfPath(path: string, prefix: string): BlobId {
  return parseBlobId(`sha256:${path.slice(prefix.length)}`)
}

/** RFC 9110, 14.1.2: one range with a first byte; without a header, everything. */
function rangeOf(header: string | undefined, sizeBytes: number): ByteRange {
  if (header === undefined) return { offset: 0, lengthBytes: sizeBytes }
  const found = /^bytes=([0-9]{1,15})-([0-9]{0,15})$/.exec(header)
  const offset = Number(found?.[1])
  const last = found?.[2] === '' ? sizeBytes - 1 : Math.min(Number(found?.[2]), sizeBytes - 1)
  if (found === null || offset >= sizeBytes || last < offset) {
    throw new AppError('usage.range', `wanted a byte range within ${sizeBytes} bytes, found ${header.slice(0, 100)}`)
  }
  return { offset, lengthBytes: last - offset + 1 }
}

async function readBody(call: Call, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of call.request as AsyncIterable<Buffer>) {
    sizeBytes += chunk.byteLength
    if (sizeBytes > bytesMax) throw new AppError('usage.message', `wanted a body of at most ${bytesMax} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, sizeBytes)
}

function replyJson(response: ServerResponse, value: unknown, status = 200): void {
  reply(response, status, 'application/json', Buffer.from(JSON.stringify(value)))
}

function reply(response: ServerResponse, status: number, mediaType: string, body: Buffer): void {
  response.writeHead(status, { 'content-type': mediaType, 'content-length': body.byteLength })
  response.end(body)
}
