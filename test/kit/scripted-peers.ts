/** Peers that do what a test says, lies included: for the steps that must not believe them. Not held to the peers' suite. */
import type { BlobId, Digest } from '../../src/base/digest.ts'
import { AppError } from '../../src/base/errors.ts'
import type {
  LeadRequest,
  PeerDocument,
  PeerInfo,
  Peers,
  PeersState,
  PeerTrust,
  Provider,
} from '../../src/peers/peers.ts'

/** One peer's copy of a blob. */
export interface ScriptedCopy {
  readonly peerId: string
  readonly trust: PeerTrust
  /** What it says that it holds. */
  readonly id: BlobId
  readonly sizeBytes: number
  /** What it sends. */
  readonly bytes: Uint8Array
  /** What it says of which type that is. */
  readonly mediaType?: string
  /** Names by which it is found, beside the id. */
  readonly names?: readonly Digest[]
  /** The connection breaks before this byte of the blob. */
  readonly breakAt?: number
  /** Awaited before each chunk. */
  readonly gate?: (offset: number) => Promise<void> | undefined
}

/** The peers and what was asked of them. */
export interface ScriptedPeers extends Peers {
  readonly copies: ScriptedCopy[]
  /** Documents by key; strangers' documents are handed out too, as a broken adapter would. */
  readonly documents: Map<string, PeerDocument>
  /** Answers `follow`; undefined: nobody leads. */
  leader: ((request: LeadRequest) => { readonly peerId: string; readonly bytes: Uint8Array }) | undefined
  /** So many look-ups find nothing, so many fetches find no slot, before things go well. */
  emptyLookups: number
  busyFetches: number
  /** While set, look-ups wait for it. */
  lookupGate: Promise<void> | undefined
  readonly lookups: (readonly Digest[])[]
  /** For how long each look-up was to wait, milliseconds. */
  readonly waitsMs: number[]
  readonly fetches: { readonly peerIds: readonly string[]; readonly offset: number }[]
  /** What `settle` and `blame` said, by peer. */
  readonly settled: { readonly peerId: string; readonly agreed: boolean }[]
  readonly documentAsks: string[]
  privateNetwork: boolean
}

const CHUNK_BYTES = 65_536

/** Peers without blobs as yet. */
export function scriptedPeers(): ScriptedPeers {
  const peers: ScriptedPeers = {
    copies: [],
    documents: new Map(),
    leader: undefined,
    emptyLookups: 0,
    busyFetches: 0,
    lookupGate: undefined,
    lookups: [],
    waitsMs: [],
    fetches: [],
    settled: [],
    documentAsks: [],
    privateNetwork: false,
    async start() {},
    async stop() {},
    state: () => ({ ...STATE, privateNetwork: peers.privateNetwork }),
    list: () => peers.copies.map(({ peerId, trust }) => peerInfo(peerId, trust)),
    async lookup(names, { timeoutMs }) {
      peers.lookups.push(names)
      peers.waitsMs.push(timeoutMs)
      await peers.lookupGate
      if (peers.emptyLookups-- > 0) return []
      return peers.copies
        .filter((copy) => names.includes(copy.id) || copy.names?.some((name) => names.includes(name)))
        .map((copy) => providerOf(copy, names))
    },
    async fetch(providers, { range, signal }) {
      const [first] = providers
      const copy = peers.copies.find(({ peerId, id }) => peerId === first.peerId && id === first.id)
      peers.fetches.push({ peerIds: providers.map(({ peerId }) => peerId), offset: range?.offset ?? 0 })
      if (peers.busyFetches-- > 0) throw new AppError('exhausted.queue', `no slot is free for ${first.peerId}`)
      if (copy === undefined) throw new AppError('unavailable.peer', `${first.peerId} is gone`)
      const end = range === undefined ? copy.bytes.byteLength : range.offset + range.lengthBytes
      return {
        id: copy.id,
        sizeBytes: copy.sizeBytes,
        mediaType: copy.mediaType,
        vouched: copy.trust !== 'stranger',
        from: () => [copy.peerId],
        stream: sent(copy, range?.offset ?? 0, end, signal),
        settle: (agreed) => void peers.settled.push({ peerId: copy.peerId, agreed }),
      }
    },
    async follow(request) {
      const led = peers.leader?.(request)
      if (led === undefined) return undefined
      const copy = { ...led, trust: 'member', id: request.id, sizeBytes: led.bytes.byteLength } as const
      const stream = sent(copy, 0, led.bytes.byteLength, new AbortController().signal)
      return { peerId: led.peerId, sizeBytes: led.bytes.byteLength, stream }
    },
    async document(key) {
      peers.documentAsks.push(key)
      return peers.documents.get(key)
    },
    async logFile() {
      return undefined
    },
    transact: () => Promise.reject(new AppError('unavailable.peer', 'nobody takes transactions')),
    announce() {},
    withdraw() {},
    blame: (peerId) => void peers.settled.push({ peerId, agreed: false }),
    async publish() {},
    onConnected: () => () => undefined,
    subscribe: () => () => {},
  }
  return peers
}

const STATE: PeersState = {
  peerId: 'self',
  listen: [],
  dataAddress: undefined,
  privateNetwork: false,
  connected: 1,
  known: 1,
  reachable: 'unknown',
  receivedBytes: 0,
  sentBytes: 0,
  announcedDigests: 0,
}

function providerOf(copy: ScriptedCopy, asked: readonly Digest[]): Provider {
  const { peerId, trust, id, sizeBytes, mediaType, names = [] } = copy
  const held = asked.filter((name) => name === id || names.includes(name))
  return { peerId, trust, id, sizeBytes, mediaType, names: held }
}

function peerInfo(peerId: string, trust: PeerTrust): PeerInfo {
  return {
    peerId,
    trust,
    connected: true,
    dataAddress: undefined,
    addresses: [],
    zone: undefined,
    sameSubnet: true,
    roundTripMs: undefined,
    rateBytesPerSecond: undefined,
    receivedBytes: 0,
    sentBytes: 0,
    standing: 'good',
    faults: [],
  }
}

async function* sent(copy: ScriptedCopy, offset: number, end: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for (let at = offset; at < Math.min(end, copy.bytes.byteLength); ) {
    const wait = copy.gate?.(at)
    if (wait !== undefined) await orAborted(wait, signal)
    if (signal.aborted) throw new AppError('aborted.caller', 'the caller left')
    if (copy.breakAt !== undefined && at >= copy.breakAt) throw new AppError('unavailable.peer', 'it broke off')
    const next = Math.min(end, at + CHUNK_BYTES, copy.breakAt ?? end)
    yield copy.bytes.slice(at, next)
    at = next
  }
}

function orAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(new AppError('aborted.caller', 'the caller left')), { once: true })
    work.then(resolve, reject)
  })
}
