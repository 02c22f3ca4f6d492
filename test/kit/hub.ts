/**
 * A stand-in for Docker Hub: Debian's docker-registry behind a front that does what Docker Hub does and the registry does not:
 * Bearer challenges with a token service, anonymous tokens for public repositories, users for `private/`, redirects of blobs to
 * another origin, and rate-limit headers. It keeps a list of what was asked.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { mustRun, type Running, start, until } from './process.ts'

/** The one user of the stand-in. */
export const HUB_USER = { name: 'alice', password: 'correct horse' } as const

/** One request that reached the front. */
export interface HubRequest {
  readonly method: string
  readonly path: string
  readonly authorization: boolean
  readonly status: number
}

/** A running stand-in. */
export interface Hub {
  /** Base URL of the front over plain HTTP, for `--upstream docker.io=`. */
  readonly url: string
  /** host:port of the registry itself, without authentication, for fixtures to be pushed to. */
  readonly registry: string
  /** What was asked of the front so far. */
  readonly requests: HubRequest[]
  /** Certificate file for the TLS front. */
  readonly certificate: string
  /** Opens the TLS front on this address; port 443. */
  listenTls(host: string): Promise<void>
  /** Bodies of GET replies flow no faster than this from now on; undefined: as fast as they can. */
  throttle(bytesPerSecond: number | undefined): void
  /** No answers any more on any front: connections are refused. */
  down(): Promise<void>
  /** Answers again, on the same ports. */
  up(): Promise<void>
  close(): Promise<void>
}

/** Starts the stand-in with its files below `directory`. Needs docker-registry and openssl. */
export async function startHub(directory: string): Promise<Hub> {
  mkdirSync(directory, { recursive: true })
  const { registry, port: registryPort } = await startRegistry(directory)
  const certificate = join(directory, 'hub.crt')
  const key = join(directory, 'hub.key')
  await makeCertificate(certificate, key)
  const requests: HubRequest[] = []
  const pace: Pace = { bytesPerSecond: undefined }
  const front = (scheme: 'http' | 'https') => (req: IncomingMessage, res: ServerResponse) => {
    res.once('finish', () =>
      requests.push({
        method: req.method ?? '',
        path: req.url ?? '',
        authorization: req.headers.authorization !== undefined,
        status: res.statusCode,
      }),
    )
    answer(req, res, scheme, { registryPort, pace })
  }
  const tls = (): Server =>
    createTlsServer({ cert: readFileSync(certificate), key: readFileSync(key) }, front('https')) as unknown as Server
  let plain = createServer(front('http'))
  const port = await listen(plain, 'localhost', 0)
  let secure: Server | undefined
  let tlsHost: string | undefined
  return {
    url: `http://127.0.0.1:${port}`,
    registry: `127.0.0.1:${registryPort}`,
    requests,
    certificate,
    async listenTls(host) {
      tlsHost = host
      secure = tls()
      await listen(secure, host, 443)
    },
    throttle(bytesPerSecond) {
      pace.bytesPerSecond = bytesPerSecond
    },
    async down() {
      await Promise.all([shut(plain), secure === undefined ? undefined : shut(secure)])
    },
    async up() {
      plain = createServer(front('http'))
      await listen(plain, 'localhost', port)
      if (tlsHost !== undefined) {
        secure = tls()
        await listen(secure, tlsHost, 443)
      }
    },
    async close() {
      await Promise.all([shut(plain), secure === undefined ? undefined : shut(secure)])
      await registry.stop()
    },
  }
}

/** How fast bodies flow. */
interface Pace {
  bytesPerSecond: number | undefined
}

/** What the front stands before. */
interface Behind {
  readonly registryPort: number
  readonly pace: Pace
}

async function trickle(from: IncomingMessage, to: ServerResponse, bytesPerSecond: number): Promise<void> {
  for await (const chunk of from as AsyncIterable<Buffer>) {
    if (to.destroyed) return
    to.write(chunk)
    await delay((chunk.length / bytesPerSecond) * 1000)
  }
  to.end()
}

async function startRegistry(directory: string): Promise<{ registry: Running; port: number }> {
  const probe = createServer()
  const port = await listen(probe, '127.0.0.1', 0)
  await shut(probe)
  const config = join(directory, 'registry.yml')
  writeFileSync(
    config,
    `version: 0.1\nlog: {level: warn}\nstorage: {filesystem: {rootdirectory: ${join(directory, 'data')}}}\nhttp: {addr: "127.0.0.1:${port}"}\n`,
  )
  const registry = start('docker-registry', ['serve', config], { env: { OTEL_TRACES_EXPORTER: 'none' } })
  await until('docker-registry to answer', () =>
    fetch(`http://127.0.0.1:${port}/v2/`).then(
      (reply) => reply.ok,
      () => false,
    ),
  )
  return { registry, port }
}

function answer(req: IncomingMessage, res: ServerResponse, scheme: string, behind: Behind): void {
  const url = new URL(req.url ?? '/', 'http://front.invalid')
  if (url.pathname === '/token') {
    giveToken(req, res, url)
    return
  }
  if (url.pathname.startsWith('/cdn/')) {
    // As the storage behind Docker Hub does: a request that carries credentials beside its signed URL is refused.
    if (req.headers.authorization !== undefined) res.writeHead(400).end()
    else pass(req, res, url.pathname.slice('/cdn'.length), scheme, behind)
    return
  }
  const scope = scopeOf(req.method ?? 'GET', url.pathname)
  if (req.headers.authorization !== `Bearer ${tokenFor(scope)}`) {
    const realm = scheme === 'https' ? 'https://auth.docker.io/token' : `http://${req.headers.host}/token`
    const wanted = scope === undefined ? '' : `,scope="${scope}"`
    res.writeHead(401, {
      'www-authenticate': `Bearer realm="${realm}",service="registry.docker.io"${wanted}`,
      'content-type': 'application/json',
    })
    res.end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}')
    return
  }
  if (req.method === 'GET' && url.pathname.includes('/blobs/')) {
    const origin = scheme === 'https' ? 'https://docker.io' : `http://localhost:${req.headers.host?.split(':')[1]}`
    res.writeHead(307, { location: `${origin}/cdn${url.pathname}` }).end()
    return
  }
  pass(req, res, req.url ?? '/', scheme, behind)
}

/** Hands a request to the registry behind the front. */
function pass(req: IncomingMessage, res: ServerResponse, path: string, scheme: string, behind: Behind): void {
  const headers: Record<string, string | string[] | undefined> = { ...req.headers, 'x-forwarded-proto': scheme }
  delete headers.authorization
  const onward = request(
    { host: '127.0.0.1', port: behind.registryPort, method: req.method ?? 'GET', path, headers },
    (reply) => {
      const limited = path.includes('/manifests/')
      res.writeHead(reply.statusCode ?? 502, {
        ...reply.headers,
        ...(limited ? { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '76;w=21600' } : {}),
      })
      const { bytesPerSecond } = behind.pace
      if (bytesPerSecond === undefined) reply.pipe(res)
      else void trickle(reply, res, bytesPerSecond)
      reply.once('error', () => res.destroy())
    },
  )
  onward.once('error', () => res.destroy())
  req.pipe(onward)
}

function scopeOf(method: string, path: string): string | undefined {
  const repository = /^\/v2\/(.+?)\/(?:manifests|blobs|tags|referrers)\//.exec(path)?.[1]
  if (repository === undefined) return undefined
  return `repository:${repository}:${method === 'GET' || method === 'HEAD' ? 'pull' : 'pull,push'}`
}

function tokenFor(scope: string | undefined): string {
  return Buffer.from(`token for ${scope === undefined ? 'ping' : scope.split(':')[1]}`).toString('base64url')
}

function giveToken(req: IncomingMessage, res: ServerResponse, url: URL): void {
  const scope = url.searchParams.get('scope') ?? undefined
  const known = req.headers.authorization === `Basic ${btoa(`${HUB_USER.name}:${HUB_USER.password}`)}`
  const open = scope === undefined || (scope.endsWith(':pull') && !scope.startsWith('repository:private/'))
  if (!known && !open) {
    res.writeHead(401, { 'content-type': 'application/json' })
    res.end('{"details":"incorrect username or password"}')
    return
  }
  res.writeHead(200, { 'content-type': 'application/json' })
  const token = tokenFor(scope)
  res.end(JSON.stringify({ token, access_token: token, expires_in: 300 }))
}

async function makeCertificate(certificate: string, key: string): Promise<void> {
  const names = ['registry-1.docker.io', 'auth.docker.io', 'index.docker.io', 'docker.io']
  await mustRun('openssl', [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=stand-in hub',
    '-addext',
    `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}`,
    '-keyout',
    key,
    '-out',
    certificate,
  ])
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port))
  })
}

function shut(server: Server): Promise<void> {
  server.closeAllConnections()
  return new Promise((resolve) => {
    server.close(() => resolve())
  })
}
