/**
 * One node's read flow over twins, for tests: a memory store, scripted upstreams and peers, a stepped clock, and `bare`, an
 * ecosystem that asks for what a test says.
 */

import { silentLogger } from '../../src/base/clock.ts'
import { blobIdOf, type Digest } from '../../src/base/digest.ts'
import { AppError } from '../../src/base/errors.ts'
import type { DocumentRequest, Headers, Located } from '../../src/base/located.ts'
import { formatPurl, type Purl, parsePurl, purlParts } from '../../src/base/purl.ts'
import { type ByteStream, collect } from '../../src/base/streams.ts'
import type { Ecosystem } from '../../src/ecosystems/ecosystem.ts'
import { integrityPolicy } from '../../src/policy/integrity.ts'
import type { Policy } from '../../src/policy/policy.ts'
import type { ServeLimits, Transform } from '../../src/serve/parts.ts'
import type { TrustedLog } from '../../src/serve/rules/verdicts.ts'
import { createServe, type Serve, type ServeReply, type StoreOnly } from '../../src/serve/serve.ts'
import { createMemoryStore, type MemoryStore } from '../../src/store/memory.ts'
import { createMemoryUpstream, type MemoryUpstream } from '../../src/upstream/memory.ts'
import type { UpstreamConfig } from '../../src/upstream/upstream.ts'
import { type ScriptedPeers, scriptedPeers } from './scripted-peers.ts'
import { type SteppedClock, steppedClock } from './stepped-clock.ts'

/** The upstream of `bare`. */
export const HUB = 'hub.example.com'

/** A node's read flow and everything around it. */
export interface ReadFlow {
  readonly serve: Serve
  readonly store: MemoryStore
  readonly upstream: MemoryUpstream
  readonly peers: ScriptedPeers
  readonly clock: SteppedClock
  /** What `bare` locates, by request path. */
  readonly files: Map<string, Located>
  /** Changes of the document request of `/doc/…`. */
  readonly documentDefaults: { -readonly [K in keyof DocumentRequest]?: DocumentRequest[K] }
  /** Variants that were made. */
  readonly transforms: string[]
  /** A file that `bare` locates and upstream has. */
  file(name: string, bytes: Uint8Array, over?: Partial<Located>): Located
  get(path: string, options?: GetOptions): Promise<ServeReply>
}

/** How a client asks. */
export interface GetOptions {
  readonly method?: string
  readonly headers?: Headers
  readonly signal?: AbortSignal
  readonly ecosystem?: Ecosystem
  readonly query?: Readonly<Record<string, string>>
  readonly storeOnly?: StoreOnly
}

/** Differences between nodes. */
export interface ReadFlowOptions {
  readonly offline?: boolean
  readonly limits?: Partial<ServeLimits>
  readonly share?: UpstreamConfig['share']
  /** Default: `integrityPolicy`. */
  readonly policy?: Policy
  readonly log?: TrustedLog
  /** Told of releases of which the log says nothing. */
  readonly lacking?: (release: Purl) => void
}

/** A node with an empty store. */
export function readFlow(options: ReadFlowOptions = {}): ReadFlow {
  const clock = steppedClock()
  const store = createMemoryStore({ limitBytes: 1_000_000_000 }, { clock })
  const share = options.share ?? 'network'
  const upstreams = [
    { name: HUB, url: `https://${HUB}`, share, source: 'flag' },
    { name: 'other.example.com', url: 'https://other.example.com', share: 'none', source: 'flag' },
    { name: 'toy', url: 'https://toys.example.com', share, source: 'flag' },
  ] as const
  const random = { bytes: (count: number) => new Uint8Array(count), fraction: () => 0.5 }
  const upstream = createMemoryUpstream({ upstreams, offline: options.offline ?? false }, { clock, random })
  const peers = scriptedPeers()
  const files = new Map<string, Located>()
  const documentDefaults = {}
  const transforms: string[] = []
  const bare = bareEcosystem(files, documentDefaults)
  const transform: Transform = async ({ load, facts, variant, ecosystem }, signal) => {
    transforms.push(variant)
    if (ecosystem !== 'bare') throw new AppError('untrusted.reply', 'only bare documents are transformed here')
    return bare.transform(await load(signal), facts, variant)
  }
  const serve = createServe(
    {
      ecosystems: [bare],
      freshSeconds: 60,
      upstreams: upstreams.map(({ name }) => name),
      limits: options.limits ?? {},
    },
    {
      store,
      peers,
      upstream,
      policy: options.policy ?? integrityPolicy,
      log: options.log,
      lacking: options.lacking,
      clock,
      random,
      logger: silentLogger,
      transform,
    },
  )
  return {
    serve,
    store,
    upstream,
    peers,
    clock,
    files,
    documentDefaults,
    transforms,
    file(name, bytes, over = {}) {
      const located = { ...locatedFile(name, bytes), ...over }
      files.set(`/file/${name}`, located)
      upstream.route(HUB, `/${name}`, { body: bytes, headers: { 'content-type': 'application/x-file' } })
      return located
    },
    get: (path, { method = 'GET', headers = {}, signal, ecosystem, query = {}, storeOnly } = {}) =>
      serve.handle({
        ecosystem: ecosystem ?? bare,
        method,
        path,
        query,
        headers,
        base: 'http://127.0.0.1:7888',
        body: undefined,
        signal: signal ?? new AbortController().signal,
        ...(storeOnly === undefined ? {} : { storeOnly }),
      }),
  }
}

/** A file of `HUB` at `/<name>`, named by its sha256. */
export function locatedFile(name: string, bytes: Uint8Array, digest: Digest = blobIdOf(bytes)): Located {
  return {
    ecosystem: 'bare',
    purl: parsePurl(`pkg:generic/${name}@1.0.0`),
    label: name,
    digests: [digest],
    sizeBytes: bytes.byteLength,
    bytesMax: 100_000_000,
    mediaType: undefined,
    upstream: HUB,
    path: `/${name}`,
    requestHeaders: {},
    replyHeaders: {},
    evidence: [{ kind: 'index', digest, statedBy: 'the test' }],
    requires: [],
  }
}

/** `sizeBytes` bytes that do not repeat. */
export function someBytes(sizeBytes: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(sizeBytes)
  let state = seed
  for (let at = 0; at < sizeBytes; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    bytes[at] = state >>> 16
  }
  return bytes
}

/** The body of a reply. */
export async function bodyOf(reply: ServeReply): Promise<Buffer> {
  const { body } = reply
  if (body === undefined) return Buffer.alloc(0)
  if (typeof body === 'string' || body instanceof Uint8Array) return Buffer.from(body)
  return await collect(body, 1_000_000_000)
}

/** The body's iterator, for reading it step by step. */
export function chunksOf(reply: ServeReply): AsyncIterator<Uint8Array> {
  const { body } = reply
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) {
    throw new AppError('bug.assertion', 'wanted a stream')
  }
  return (body as ByteStream)[Symbol.asyncIterator]()
}

/** Lets everything run that can run without time or news from outside. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}

function bareEcosystem(files: ReadonlyMap<string, Located>, defaults: Partial<DocumentRequest>): Ecosystem {
  return {
    id: 'bare',
    mount: { kind: 'path', prefix: '/bare' },
    tryLines: [],
    upstreams: [],
    aliases: ['sha512'],
    routes: BARE_ROUTES,
    coordinates: { toPurl: parsePurl, fromPurl: (purl) => purlParts(purl).name },
    compareVersions: (a, b) => (a < b ? -1 : a > b ? 1 : 0),
    *resolve(want) {
      const { path = '', what } = want.kind === 'artifact' || want.kind === 'document' ? want.params : {}
      const documentAt = (at: string): DocumentRequest => ({ ...BARE_DOCUMENT, path: at, ...defaults })
      if (want.kind === 'document') {
        return { kind: 'document', request: documentAt(path), purl: purlAt(path), label: path, listsReleases: true }
      }
      while (what === 'loop') yield { kind: 'document', request: documentAt('/doc/loop') }
      if (what === 'pointed') {
        const pointer = yield { kind: 'document', request: documentAt('/doc/pointer') }
        if (pointer.kind === 'absent' || pointer.kind === 'unavailable') return pointer
      }
      const located = files.get(path)
      if (located === undefined) return { kind: 'absent', reason: { code: 'absent', message: 'no such file' } }
      return { kind: 'file', located }
    },
    variant: ({ headers }) => headers['x-variant'] ?? '',
    subject: (want) =>
      want.kind === 'artifact' || want.kind === 'document' ? purlAt(want.params.path ?? '') : undefined,
    readings: (want) => (want.kind === 'document' ? (want.params.path ?? '').split('-or-').slice(1).map(purlAt) : []),
    releases: {
      view: 'releases',
      statesTimes: true,
      index: (purl) => ({ ...BARE_DOCUMENT, path: `/doc/${purlParts(purl).name}`, ...defaults }),
    },
    notice: (text) => ({ 'x-notice': text }),
    transform(document, { hidden }, variant) {
      if (variant === 'proof' && Buffer.from(document).includes('malformed')) {
        throw new AppError('untrusted.reply', 'reading a document: it is malformed')
      }
      if (variant === 'releases') return { bytes: document, mediaType: 'text/x-releases', encoding: undefined }
      if (hidden !== undefined) {
        const versions = hidden.map(({ version }) => version).join()
        const bytes = Buffer.from(`without ${versions}: ${Buffer.from(document).toString()}`)
        return { bytes, mediaType: 'text/x-variant', encoding: undefined }
      }
      const bytes = Buffer.from(`${variant}:${Buffer.from(document).toString()}`)
      const made = { bytes, mediaType: 'text/x-variant', encoding: variant === 'packed' ? 'gzip' : undefined }
      return variant === 'tagged' ? { ...made, headers: { etag: '"its own"', 'x-of-bytes': 'yes' } } : made
    },
    refuse: ({ code, message }) => ({
      status: code === 'denied' ? 403 : 404,
      headers: {},
      body: `${code}: ${message}`,
    }),
    references: () => [],
    // Lines `file PATH` and `statement PATH`.
    ahead: (_path, bytes) => {
      const lines = Buffer.from(bytes).toString().split('\n')
      const after = (word: string) => lines.flatMap((line) => (line.startsWith(word) ? [line.slice(word.length)] : []))
      return { files: after('file '), statements: after('statement ') }
    },
    lockfiles: [],
    clients: [],
  }
}

/** The package that a path of `bare` is about. */
function purlAt(path: string): Purl {
  return formatPurl({ type: 'bare', name: path.slice(path.lastIndexOf('/') + 1) || 'nothing' })
}

const BARE_DOCUMENT: DocumentRequest = {
  upstream: HUB,
  path: '/',
  method: 'GET',
  headers: {},
  keepHeaders: ['x-kept'],
  bytesMax: 1_000_000,
  freshSeconds: 60,
  staleSeconds: 0,
  immutable: false,
}

/** `/loop/x` never stops asking; `/pointed/x` asks for a document before it gives the file. */
const BARE_ROUTES: Ecosystem['routes'] = [
  {
    methods: ['GET'],
    pattern: /^\/file\/.+$/,
    want: (_, { path }) => ({ kind: 'artifact', upstream: HUB, params: { path } }),
  },
  {
    methods: ['GET'],
    pattern: /^\/doc\/.+$/,
    want: (_, { path }) => ({ kind: 'document', upstream: HUB, params: { path } }),
  },
  {
    methods: ['GET'],
    pattern: /^\/(?<what>loop|pointed)\/(?<name>.+)$/,
    want: ({ what = '', name = '' }) => ({ kind: 'artifact', upstream: HUB, params: { path: `/file/${name}`, what } }),
  },
  {
    methods: ['GET'],
    pattern: /^\/search$/,
    want: () => ({
      kind: 'relay',
      upstream: HUB,
      method: 'GET',
      path: '/search',
      headers: {},
      requestBytesMax: 10,
      replyBytesMax: 1_000,
    }),
  },
]
