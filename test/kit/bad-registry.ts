/**
 * A registry that misbehaves: documents by path, each sent as it should be until a fault is switched on, and then in the way of
 * that fault whatever is asked. It counts the requests and the bytes that it got rid of.
 */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** Ways to misbehave; the comment says what a client sees. */
export type Fault =
  /** 200 and an error page in place of the document, with its content type as it should be. */
  | 'garbage'
  /** The first half of the document, with a Content-Length that is right for it. */
  | 'half'
  /** 200 and bytes without an end. */
  | 'endless'
  /** A Content-Length of twice the document, which then ends. */
  | 'too long a Content-Length'
  /** A Content-Length of half the document, all of which is sent. */
  | 'too short a Content-Length'
  /** Redirected to itself. */
  | 'redirect loop'
  /** 429 without a word on when to come again. */
  | '429 storm'
  /** The request is read, and nothing is answered. */
  | 'hang'
  /** Headers and a first byte, then silence. */
  | 'stall'
  /** Headers, and then a few bytes each second without an end. */
  | 'trickle'

/** What every faulty body holds, so that it can be looked for where it must not be. */
export const GARBAGE = 'garbage-of-a-bad-registry'

/** A running registry. */
export interface BadRegistry {
  /** Base URL without trailing slash. */
  readonly url: string
  /** `METHOD path` of each request so far. */
  readonly requests: string[]
  publish(path: string, document: { readonly type: string; readonly body: string | Uint8Array }): void
  /** From now on everything is answered so; undefined: as it should be. */
  fault(fault: Fault | undefined): void
  /** Body bytes that the largest reply so far got rid of. */
  sentBytesMax(): number
  close(): Promise<void>
}

interface Document {
  readonly type: string
  readonly body: Buffer
}

const ENDLESS_PART = Buffer.alloc(65_536, `${GARBAGE}\n`)
const TRICKLE_PAUSE_MS = 250

/** Starts one on a free loopback port. */
export async function startBadRegistry(): Promise<BadRegistry> {
  const documents = new Map<string, Document>()
  const requests: string[] = []
  const sent: number[] = []
  let fault: Fault | undefined
  const server = createServer((req, res) => {
    requests.push(`${req.method} ${req.url}`)
    res.once('close', () => sent.push(res.socket?.bytesWritten ?? 0))
    res.on('error', () => {})
    const found = documents.get(decodeURIComponent(req.url ?? ''))
    if (fault === undefined) answer(req, res, found)
    else void misbehave(fault, req, res, found ?? { type: 'application/json', body: Buffer.from('{"a":[1,2,3]}\n') })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    publish(path, { type, body }) {
      documents.set(path, { type, body: Buffer.from(body) })
    },
    fault(next) {
      fault = next
    },
    sentBytesMax: () => Math.max(0, ...sent),
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => {
        server.close(() => resolve())
      })
    },
  }
}

function answer(req: IncomingMessage, res: ServerResponse, found: Document | undefined): void {
  if (found === undefined) {
    res.writeHead(404).end()
    return
  }
  const { type, body } = found
  const sha256 = createHash('sha256').update(body).digest('hex')
  const headers = { 'content-type': type, 'content-length': body.length, 'docker-content-digest': `sha256:${sha256}` }
  res.writeHead(200, headers).end(req.method === 'HEAD' ? undefined : body)
}

async function misbehave(fault: Fault, req: IncomingMessage, res: ServerResponse, document: Document): Promise<void> {
  const { type, body } = document
  const page = Buffer.from(`<html><body><h1>Welcome</h1>${GARBAGE}`)
  const half = body.subarray(0, Math.floor(body.length / 2))
  const headers = { 'content-type': fault === 'garbage' ? 'text/html' : type }
  const begin = (sizeBytes?: number) =>
    res.writeHead(200, sizeBytes === undefined ? headers : { ...headers, 'content-length': sizeBytes })
  if (fault === 'hang') return
  if (fault === 'redirect loop') res.writeHead(302, { location: req.url ?? '/' }).end()
  else if (fault === '429 storm') res.writeHead(429).end(GARBAGE)
  else if (req.method === 'HEAD') begin(page.length).end()
  else if (fault === 'garbage') begin(page.length).end(page)
  else if (fault === 'half') begin(half.length).end(half)
  else if (fault === 'too long a Content-Length') {
    begin(body.length * 2).write(body, () => res.destroy())
  } else if (fault === 'too short a Content-Length') {
    begin(half.length)
    // Past the checks of node:http, which would not send it.
    res.flushHeaders()
    res.socket?.end(body)
  } else if (fault === 'stall') begin(body.length).write(body.subarray(0, 1))
  else await flood(res, fault === 'endless' ? ENDLESS_PART : Buffer.from(GARBAGE), fault === 'trickle', begin)
}

async function flood(res: ServerResponse, part: Buffer, isSlow: boolean, begin: () => ServerResponse): Promise<void> {
  begin()
  while (!res.destroyed) {
    const room = res.write(part)
    if (isSlow) await delay(TRICKLE_PAUSE_MS)
    else if (!room) {
      await new Promise<void>((resolve) => {
        res.once('drain', resolve).once('close', resolve)
      })
    }
  }
}
