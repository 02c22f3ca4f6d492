/**
 * The memory twin of the peers: any number of nodes in one process that share a hub instead of a network. Same rules as the data
 * plane (shares, piece checks, blame, standing, who leads), without sockets, rates and NAT. Held to `Peers` by
 * `test/kit/peers-suite.ts`.
 */
import type { Clock, Logger, Random } from '../base/clock.ts'
import { blobIdOf, type Digest } from '../base/digest.ts'
import { AppError, throwIfAborted } from '../base/errors.ts'
import { pieceAgrees } from '../base/piece-hash.ts'
import { PIECE_BYTES, type PieceManifest, pieceSize } from '../base/pieces.ts'
import type { Asker } from '../base/share.ts'
import { type ByteRange, type ByteStream, collect } from '../base/streams.ts'
import { rendezvous, ringMember } from './data/directory/rendezvous.ts'
import { createLedger, type Ledger } from './data/ledger.ts'
import { identityOfSeed } from './identity.ts'
import {
  type PeerHost,
  type PeerId,
  type PeerInfo,
  type Peers,
  type PeersState,
  type PeerTransfer,
  type PeerTrust,
  type Provider,
  TRANSACTION_MESSAGE_BYTES_MAX,
} from './peers.ts'

const MESSAGE_BYTES_MAX = 16_384

/** What joins the nodes of one process. Owned by whoever makes it. */
export interface MemoryHub {
  readonly nodes: Map<PeerId, MemoryNode>
}

/** A started node, as others of its hub see it. */
export interface MemoryNode {
  readonly peerId: PeerId
  readonly host: PeerHost
  readonly networkKey: string | undefined
  readonly announced: Set<Digest>
  readonly sent: (to: PeerId, bytes: number) => void
  readonly listeners: Map<string, Set<(message: Uint8Array, from: PeerId) => void>>
  /** Peers that this node does not speak with any more. */
  readonly refuses: (peerId: PeerId) => boolean
  readonly connected: Set<(peerId: PeerId) => void>
}

/** An empty hub. */
export function createMemoryHub(): MemoryHub {
  return { nodes: new Map() }
}

/** How a node of the hub is made. */
export interface MemoryPeersOptions {
  readonly hub: MemoryHub
  /** Peers whose manifests and documents are believed. */
  readonly trustPeers?: readonly PeerId[]
  readonly networkKey?: Uint8Array
  readonly zone?: string
}

/** A node of the hub. It is visible to the others between `start` and `stop`. */
export function createMemoryPeers(
  options: MemoryPeersOptions,
  dependencies: { readonly clock: Clock; readonly random: Random; readonly logger: Logger },
): Peers {
  return new MemoryPeers(options, dependencies)
}

class MemoryPeers implements Peers {
  readonly #options: MemoryPeersOptions
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #peerId: PeerId
  readonly #networkKey: string | undefined
  readonly #listeners: MemoryNode['listeners'] = new Map()
  readonly #connected: MemoryNode['connected'] = new Set()
  readonly #announced = new Set<Digest>()
  #ledger: Ledger | undefined

  constructor(
    options: MemoryPeersOptions,
    dependencies: { readonly clock: Clock; readonly random: Random; readonly logger: Logger },
  ) {
    this.#options = options
    this.#clock = dependencies.clock
    this.#logger = dependencies.logger
    this.#peerId = identityOfSeed(dependencies.random.bytes(32)).peerId
    this.#networkKey = options.networkKey && Buffer.from(options.networkKey).toString('hex')
  }

  async start(host: PeerHost): Promise<void> {
    const ledger = createLedger(host, { clock: this.#clock })
    this.#ledger = ledger
    for (const name of host.shareable()) this.#announced.add(name)
    this.#options.hub.nodes.set(this.#peerId, {
      peerId: this.#peerId,
      host,
      networkKey: this.#networkKey,
      announced: this.#announced,
      sent: (to, bytes) => ledger.sent(to, bytes),
      listeners: this.#listeners,
      refuses: (peerId) => ledger.facts(peerId).standing === 'dropped',
      connected: this.#connected,
    })
    for (const { connected } of this.#neighbours()) for (const listener of connected) listener(this.#peerId)
  }

  async stop(): Promise<void> {
    this.#options.hub.nodes.delete(this.#peerId)
  }

  state(): PeersState {
    const connected = this.#neighbours().length
    return {
      peerId: this.#peerId,
      listen: [`/memory/${this.#peerId}`],
      dataAddress: undefined,
      privateNetwork: this.#networkKey !== undefined,
      connected,
      known: this.list().length,
      reachable: connected > 0 ? 'yes' : 'unknown',
      receivedBytes: this.#ledger?.receivedBytes ?? 0,
      sentBytes: this.#ledger?.sentBytes ?? 0,
      announcedDigests: this.#announced.size,
    }
  }

  onConnected(listener: (peerId: PeerId) => void): () => void {
    this.#connected.add(listener)
    return () => void this.#connected.delete(listener)
  }

  list(): PeerInfo[] {
    const live = new Set(this.#neighbours().map(({ peerId }) => peerId))
    const all = new Set([...live, ...(this.#ledger?.peers() ?? [])])
    return [...all].map((peerId) => ({
      peerId,
      trust: this.#trustOf(peerId),
      connected: live.has(peerId),
      dataAddress: undefined,
      addresses: live.has(peerId) ? [`/memory/${peerId}`] : [],
      zone: undefined,
      sameSubnet: true,
      roundTripMs: undefined,
      ...this.#started().facts(peerId),
    }))
  }

  lookup: Peers['lookup'] = async (names, { signal }) => {
    throwIfAborted(signal)
    const found = new Map<string, Provider>()
    for (const node of this.#neighbours()) {
      for (const name of names) {
        const held = node.host.lookup(name, this.#asAsker())
        const { peerId } = node
        if (held === undefined) continue
        const key = `${peerId} ${held.id}`
        const names = [...(found.get(key)?.names ?? []), name]
        found.set(key, { peerId, trust: this.#trustOf(peerId), ...held, names })
      }
    }
    return [...found.values()].sort((a, b) => Number(a.trust === 'stranger') - Number(b.trust === 'stranger'))
  }

  fetch: Peers['fetch'] = async (providers, { range, signal }) => {
    throwIfAborted(signal)
    const { id, sizeBytes, mediaType } = providers[0]
    const usable = providers.filter((one) => one.id === id && one.sizeBytes === sizeBytes && this.#node(one.peerId))
    if (usable.length === 0) throw new AppError('unavailable.peer', `no provider of ${id} may be asked`)
    const wanted = range ?? { offset: 0, lengthBytes: sizeBytes }
    if (wanted.offset < 0 || wanted.offset + wanted.lengthBytes > sizeBytes) {
      throw new AppError('usage.range', `wanted a range within ${sizeBytes} bytes of ${id}`)
    }
    const small = sizeBytes <= PIECE_BYTES
    const manifest = small ? undefined : this.#manifest(usable)
    const vouched = small || (manifest !== undefined && this.#trustOf(manifest.signer) !== 'stranger')
    const from = new Map<PeerId, number>()
    const suspects = new Set<PeerId>()
    const plan = { id, sizeBytes, providers: usable, manifest, vouched, suspects, signal }
    return {
      id,
      sizeBytes,
      mediaType,
      vouched,
      from: () => [...from].sort((a, b) => b[1] - a[1]).map(([peerId]) => peerId),
      stream: small ? this.#small(plan, wanted, from) : this.#pieces(plan, wanted, from),
      settle: this.#settlement(plan, from),
    }
  }

  follow: Peers['follow'] = async (request, { signal }) => {
    throwIfAborted(signal)
    if (this.#networkKey === undefined) return undefined
    const members = [this.#peerId, ...this.#neighbours().map(({ peerId }) => peerId)]
    const leader = rendezvous(
      request.id,
      members.map((peerId) => ringMember(peerId, '')),
      1,
    )[0]
    const node = leader === this.#peerId ? undefined : this.#node(leader ?? '')
    if (node === undefined) return undefined
    try {
      return { peerId: node.peerId, ...(await node.host.lead(request, this.#asAsker(), signal)) }
    } catch (error) {
      this.#logger.debug({ leader, error: String(error) }, 'nobody leads, going upstream')
      return undefined
    }
  }

  document: Peers['document'] = async (key, { signal }) => {
    throwIfAborted(signal)
    const found = this.#neighbours().flatMap(({ peerId, host }) => {
      const document = this.#trustOf(peerId) === 'stranger' ? undefined : host.document(key, this.#asAsker())
      if (document === undefined) return []
      return [{ peerId, document: { ...document, origin: { kind: 'peer', peerId, trusted: true } as const } }]
    })
    return found.sort((a, b) => b.document.checkedAtMs - a.document.checkedAtMs)[0]
  }

  logFile: Peers['logFile'] = async (peerId, request, { bytesMax, signal }) => {
    throwIfAborted(signal)
    const node = this.#node(peerId)
    if (node === undefined) throw new AppError('unavailable.peer', `${peerId} is not there`)
    const bytes = await node.host.logFile(request, this.#asAsker())
    if (bytes !== undefined && bytes.byteLength > bytesMax) {
      throw new AppError('exhausted.size', `asking ${peerId}: wanted at most ${bytesMax} bytes`)
    }
    return bytes === undefined ? undefined : Uint8Array.from(bytes)
  }

  transact: Peers['transact'] = async (peerId, message, { signal }) => {
    throwIfAborted(signal)
    const node = this.#node(peerId)
    if (node === undefined) throw new AppError('unavailable.peer', `${peerId} is not there`)
    if (message.byteLength > TRANSACTION_MESSAGE_BYTES_MAX) {
      throw new AppError('usage.message', `wanted at most ${TRANSACTION_MESSAGE_BYTES_MAX} bytes for the order`)
    }
    try {
      return Uint8Array.from(await node.host.transact(Uint8Array.from(message), this.#asAsker(), signal))
    } catch (cause) {
      throwIfAborted(signal)
      throw new AppError('unavailable.peer', `${peerId} takes no transactions`, { cause })
    }
  }

  announce: Peers['announce'] = (names) => {
    for (const name of names) this.#announced.add(name)
  }

  withdraw: Peers['withdraw'] = (names) => {
    for (const name of names) this.#announced.delete(name)
  }

  blame: Peers['blame'] = (peerId, fault) => {
    this.#started().blame(peerId, fault)
  }

  publish: Peers['publish'] = async (topic, message) => {
    if (message.byteLength > MESSAGE_BYTES_MAX) {
      throw new AppError('exhausted.size', `wanted a message of at most ${MESSAGE_BYTES_MAX} bytes`)
    }
    for (const node of this.#neighbours()) {
      for (const listener of node.listeners.get(topic) ?? []) listener(Uint8Array.from(message), this.#peerId)
    }
  }

  subscribe: Peers['subscribe'] = (topic, listener) => {
    const listeners = this.#listeners.get(topic) ?? new Set()
    this.#listeners.set(topic, listeners.add(listener))
    return () => listeners.delete(listener)
  }

  #started(): Ledger {
    if (this.#ledger === undefined) throw new AppError('unavailable.peer', 'the peers are not running')
    return this.#ledger
  }

  #asAsker(): Asker {
    return { peerId: this.#peerId, sameSubnet: true, member: this.#networkKey !== undefined }
  }

  /** Those who speak with this node: the same network, and neither has dropped the other. */
  #neighbours(): MemoryNode[] {
    if (!this.#options.hub.nodes.has(this.#peerId)) return []
    return [...this.#options.hub.nodes.values()].filter(
      (node) =>
        node.peerId !== this.#peerId &&
        node.networkKey === this.#networkKey &&
        !node.refuses(this.#peerId) &&
        this.#started().facts(node.peerId).standing !== 'dropped',
    )
  }

  #node(peerId: PeerId): MemoryNode | undefined {
    return this.#neighbours().find((node) => node.peerId === peerId)
  }

  #trustOf(peerId: PeerId): PeerTrust {
    if (this.#options.trustPeers?.includes(peerId)) return 'named'
    const isMember =
      this.#networkKey !== undefined && this.#options.hub.nodes.get(peerId)?.networkKey === this.#networkKey
    return isMember ? 'member' : 'stranger'
  }

  #manifest(providers: readonly Provider[]): Plan['manifest'] {
    const trusted = providers.filter(({ peerId }) => this.#trustOf(peerId) !== 'stranger')
    for (const { peerId, id } of [...trusted, ...providers]) {
      const pieces = this.#node(peerId)?.host.pieces(id, this.#asAsker())
      if (pieces !== undefined) return { pieces, signer: peerId }
    }
    return undefined
  }

  async *#small(plan: Plan, range: ByteRange, from: Map<PeerId, number>): ByteStream & AsyncGenerator<Uint8Array> {
    for (const { peerId } of plan.providers) {
      const bytes = await this.#read(plan, peerId, { offset: 0, lengthBytes: plan.sizeBytes }, from)
      if (bytes === undefined) continue
      if (blobIdOf(bytes) === plan.id) {
        yield bytes.subarray(range.offset, range.offset + range.lengthBytes)
        return
      }
      this.blame(peerId, { kind: 'bad-digest', about: plan.id })
    }
    throw new AppError('unavailable.peer', `no provider of ${plan.id} is left`)
  }

  async *#pieces(plan: Plan, range: ByteRange, from: Map<PeerId, number>): ByteStream & AsyncGenerator<Uint8Array> {
    const end = range.offset + range.lengthBytes
    for (let index = Math.floor(range.offset / PIECE_BYTES); index * PIECE_BYTES < end; index += 1) {
      const start = index * PIECE_BYTES
      const piece = await this.#piece(plan, index, from)
      yield piece.subarray(Math.max(range.offset - start, 0), Math.min(end - start, piece.byteLength))
    }
  }

  async #piece(plan: Plan, index: number, from: Map<PeerId, number>): Promise<Uint8Array> {
    const range = { offset: index * PIECE_BYTES, lengthBytes: pieceSize(plan.sizeBytes, index) }
    for (const { peerId } of plan.manifest === undefined ? plan.providers.slice(0, 1) : plan.providers) {
      if (plan.suspects.has(peerId)) continue
      const bytes = await this.#read(plan, peerId, range, from)
      if (bytes === undefined) continue
      if (plan.manifest === undefined || pieceAgrees(plan.manifest.pieces, index, bytes)) return bytes
      const about = `piece ${index} of ${plan.id}`
      if (plan.vouched || plan.manifest.signer === peerId) this.blame(peerId, { kind: 'bad-piece', about })
      else plan.suspects.add(peerId)
    }
    throw new AppError('unavailable.peer', `no provider of ${plan.id} is left`)
  }

  /** The range from one peer; undefined if it fails. */
  async #read(plan: Plan, peerId: PeerId, range: ByteRange, from: Map<PeerId, number>): Promise<Buffer | undefined> {
    throwIfAborted(plan.signal)
    const node = this.#node(peerId)
    if (node?.host.lookup(plan.id, this.#asAsker()) === undefined) {
      if (node !== undefined) this.blame(peerId, { kind: 'missing', about: plan.id })
      return undefined
    }
    try {
      const stream = await node.host.open(plan.id, range, this.#asAsker(), plan.signal)
      const bytes = await collect(stream, range.lengthBytes)
      if (bytes.byteLength !== range.lengthBytes) return undefined
      from.set(peerId, (from.get(peerId) ?? 0) + bytes.byteLength)
      this.#started().received(peerId, bytes.byteLength, 0)
      node.sent(this.#peerId, bytes.byteLength)
      return bytes
    } catch (error) {
      throwIfAborted(plan.signal)
      this.#logger.debug({ peerId, error: String(error) }, 'a source failed')
      return undefined
    }
  }

  #settlement(plan: Plan, from: ReadonlyMap<PeerId, number>): PeerTransfer['settle'] {
    let settled = false
    return (digestAgreed) => {
      if (settled) return
      settled = true
      if (digestAgreed) {
        for (const peerId of plan.suspects) this.blame(peerId, { kind: 'bad-piece', about: `a piece of ${plan.id}` })
      } else if (plan.manifest !== undefined) {
        this.blame(plan.manifest.signer, { kind: 'bad-manifest', about: `the pieces of ${plan.id}` })
      } else {
        for (const peerId of from.keys()) this.blame(peerId, { kind: 'bad-digest', about: plan.id })
      }
    }
  }
}

interface Plan {
  readonly id: Provider['id']
  readonly sizeBytes: number
  readonly providers: readonly Provider[]
  readonly manifest: { readonly pieces: PieceManifest; readonly signer: PeerId } | undefined
  readonly vouched: boolean
  readonly suspects: Set<PeerId>
  readonly signal: AbortSignal
}
