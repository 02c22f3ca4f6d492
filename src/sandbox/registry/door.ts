/**
 * The recorded registry's door: an HTTP server on a unix socket, which is seen only in the steps that declare it. What comes through
 * it was written by tools in a sandbox, so methods, sizes and times are bounded. Lives as long as one step.
 */
import { chmodSync, closeSync, constants, openSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { collect } from '../../base/streams.ts'
import type { RegistryReply, RegistryRequest } from '../sandbox.ts'

/** Answers a request. */
export type Registry = (request: RegistryRequest, signal: AbortSignal) => Promise<RegistryReply>

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST'])
const BODY_BYTES_MAX = 16_777_216
const CONNECTIONS_MAX = 256
const HEAD_MS = 10_000
const SOCKET = 'registry.sock'

/** Opens the door in `folder`; returns the socket's path and how it is closed. */
export async function openDoor(
  folder: string,
  asOfSeconds: number,
  registry: Registry,
  signal: AbortSignal,
): Promise<{ readonly path: string; close(): Promise<void> }> {
  const life = new AbortController()
  const either = AbortSignal.any([signal, life.signal])
  const server = createServer({ headersTimeout: HEAD_MS, maxHeaderSize: 16_384 }, (incoming, outgoing) => {
    answer(incoming, outgoing, asOfSeconds, registry, either).catch(() => {
      if (outgoing.headersSent) outgoing.destroy()
      else outgoing.writeHead(502, { connection: 'close' }).end('the recorded registry could not answer\n')
    })
  })
  server.maxConnections = CONNECTIONS_MAX
  // By descriptor: a socket's path has at most 107 bytes, a data directory's may have more.
  const descriptor = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(`/proc/self/fd/${descriptor}/${SOCKET}`, resolve)
    })
    // Only what is mounted into a step reaches it: the folder is the node's alone.
    chmodSync(`${folder}/${SOCKET}`, 0o777)
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
  return {
    path: `${folder}/${SOCKET}`,
    async close() {
      life.abort()
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
      closeSync(descriptor)
    },
  }
}

async function answer(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  asOfSeconds: number,
  registry: Registry,
  signal: AbortSignal,
): Promise<void> {
  const method = incoming.method ?? ''
  const path = incoming.url ?? ''
  if (!METHODS.has(method) || !path.startsWith('/')) {
    outgoing.writeHead(405, { connection: 'close' }).end()
    return
  }
  const gone = new AbortController()
  outgoing.on('close', () => gone.abort())
  const body = method === 'POST' ? await collect(incoming, BODY_BYTES_MAX) : undefined
  const headers = Object.fromEntries(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]))
  const both = AbortSignal.any([signal, gone.signal])
  const reply = await registry({ method, path, headers, body, asOfSeconds }, both)
  outgoing.writeHead(reply.status, reply.headers)
  if (method === 'HEAD') outgoing.end()
  else if (reply.body instanceof Uint8Array) outgoing.end(reply.body)
  else await pipeline(Readable.from(reply.body), outgoing)
}
