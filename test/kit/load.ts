/** A load of equal GET requests over raw sockets, so cheap that what is measured is the server. Used by benchmarks. */
import { connect } from 'node:net'

/** What one run of a load came to. */
export interface Load {
  readonly requestsPerSecond: number
  readonly megabytesPerSecond: number
  /** Body bytes of one reply. */
  readonly bodyBytes: number
}

/** Asks over and over for `durationMs`, each connection one request after the other. @throws Error for a status other than 200 and 206 */
export async function load(
  url: string,
  options: {
    readonly headers?: Readonly<Record<string, string>>
    readonly connections: number
    readonly durationMs: number
  },
): Promise<Load> {
  const endMs = performance.now() + options.durationMs
  const beganMs = performance.now()
  const done = await Promise.all(
    Array.from({ length: options.connections }, () => asking(new URL(url), options.headers ?? {}, endMs)),
  )
  const seconds = (performance.now() - beganMs) / 1000
  const requests = done.reduce((sum, each) => sum + each.requests, 0)
  const bodyBytes = done[0]?.bodyBytes ?? 0
  return {
    requestsPerSecond: requests / seconds,
    megabytesPerSecond: (requests * bodyBytes) / seconds / 1e6,
    bodyBytes,
  }
}

function asking(
  url: URL,
  headers: Readonly<Record<string, string>>,
  endMs: number,
): Promise<{ requests: number; bodyBytes: number }> {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const request = `GET ${url.pathname}${url.search} HTTP/1.1\r\nhost: ${url.host}\r\n${lines.join('')}\r\n`
  return new Promise((resolve, reject) => {
    let head = Buffer.alloc(0)
    let leftBytes: number | undefined
    let bodyBytes = 0
    let requests = 0
    const socket = connect(Number(url.port), url.hostname, () => socket.write(request))
    socket.setNoDelay(true)
    socket.once('error', reject).once('close', () => reject(new Error(`${url} closed the connection`)))
    socket.on('data', (chunk: Buffer) => {
      let bytes = chunk.byteLength
      if (leftBytes === undefined) {
        head = Buffer.concat([head, chunk])
        const end = head.indexOf('\r\n\r\n')
        if (end < 0) return
        const text = head.toString('latin1', 0, end)
        const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1]
        if (!/^HTTP\/1\.1 20[06] /.test(text) || length === undefined) {
          socket.destroy(new Error(`${url}: wanted 200 and a length, found ${text.slice(0, 300)}`))
          return
        }
        bodyBytes = Number(length)
        leftBytes = bodyBytes
        bytes = head.byteLength - end - 4
        head = Buffer.alloc(0)
      }
      leftBytes -= bytes
      if (leftBytes > 0) return
      leftBytes = undefined
      requests += 1
      if (performance.now() < endMs) {
        socket.write(request)
        return
      }
      resolve({ requests, bodyBytes })
      socket.removeAllListeners('close').destroy()
    })
  })
}

/** The middle of some numbers. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}
