/** A real HTTP server on loopback that plays the scripts of `src/upstream/memory.ts`. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type ScriptedOrigin, scripted } from '../../src/upstream/memory.ts'

/** A running server. */
export interface ScriptedServer {
  /** Base URL. */
  readonly url: string
  close(): Promise<void>
}

/** Starts a server on a free port. */
export async function startScriptedServer(origin: ScriptedOrigin): Promise<ScriptedServer> {
  const server = createServer((request, response) => {
    play(origin, request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => {
        server.close(resolve)
      })
    },
  }
}

async function play(origin: ScriptedOrigin, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part)
  const host = request.headers.host ?? '127.0.0.1'
  // A proxy is asked with the whole URL.
  const url = new URL(request.url ?? '/', `http://${host}`)
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
  const asked = {
    method: request.method ?? 'GET',
    url,
    path: url.pathname + url.search,
    headers,
    body: Buffer.concat(parts),
  }
  const reply = scripted(asked, (await origin(asked)) ?? { status: 404 })
  if (reply.fault === 'silent') return
  if (reply.fault !== undefined) {
    request.socket.destroy()
    return
  }
  response.writeHead(reply.status ?? 200, { ...reply.headers })
  response.flushHeaders()
  const { sent, chunkBytes = 65_536, breakAfterBytes = Number.POSITIVE_INFINITY } = reply
  for (let offset = 0; offset < sent.byteLength && !response.destroyed; ) {
    await reply.gate?.(offset)
    const end = Math.min(sent.byteLength, offset + chunkBytes, breakAfterBytes)
    // Waiting for each chunk's leave keeps a broken connection from swallowing what was sent before.
    await new Promise<void>((resolve) => {
      response.write(sent.subarray(offset, end), () => resolve())
      response.once('close', resolve)
    })
    offset = end
    if (offset >= breakAfterBytes) {
      response.destroy()
      return
    }
  }
  response.end()
}
