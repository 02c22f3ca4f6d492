/**
 * Starts a transfer from providers: ranks them, finds a manifest, and joins transfer, blame and settlement into what
 * `Peers.fetch` promises.
 */
import type { BlobId } from '../../../base/digest.ts'
import { AppError } from '../../../base/errors.ts'
import { PIECE_BYTES } from '../../../base/pieces.ts'
import type { ByteRange } from '../../../base/streams.ts'
import type { Neighbour } from '../../neighbour.ts'
import type { PeerId, PeerTransfer, PeerTrust, Provider } from '../../peers.ts'
import type { PeerClient } from '../client/peer-client.ts'
import type { PeerFacts } from '../ledger.ts'
import { type DataPlaneSettings, SOURCES_MAX } from '../options.ts'
import { type FoundManifest, findManifest } from './find-manifest.ts'
import type { SlotLease, SlotPool } from './slot-pool.ts'
import { fetchSmall } from './small-blob.ts'
import { Source } from './source.ts'
import { Transfer, type TransferDependencies } from './transfer.ts'

const WINDOW_ALONE_PIECES = 6
const WINDOW_PIECES = 32
const WINDOW_LEAST_PIECES = 2

/** What fetching needs of the data plane. */
export interface FetchDependencies extends TransferDependencies {
  readonly slots: SlotPool
  readonly neighbour: (peerId: PeerId) => Neighbour | undefined
  readonly facts: (peerId: PeerId) => PeerFacts
  readonly client: (peerId: PeerId) => PeerClient
  readonly zone: string | undefined
  readonly trustOf: (peerId: PeerId) => PeerTrust
}

/**
 * A transfer of a blob (or of a range of it) from these providers.
 * The stream throws exhausted.queue if all slots are in use when it starts.
 * @throws unavailable.peer if none of them may be asked; usage.range; aborted.caller
 */
export async function fetchFromPeers(
  providers: readonly [Provider, ...Provider[]],
  options: { readonly range?: ByteRange; readonly signal: AbortSignal },
  settings: DataPlaneSettings,
  dependencies: FetchDependencies,
): Promise<PeerTransfer> {
  const chosen = choose(providers, dependencies)
  const [first] = chosen
  if (first === undefined) throw new AppError('unavailable.peer', `no provider of ${providers[0].id} may be asked`)
  const { id, sizeBytes, mediaType } = first
  const range = options.range ?? { offset: 0, lengthBytes: sizeBytes }
  if (range.offset < 0 || range.lengthBytes < 0 || range.offset + range.lengthBytes > sizeBytes) {
    throw new AppError('usage.range', `wanted a range within ${sizeBytes} bytes of ${id}`)
  }
  const clients = chosen.map((provider) => dependencies.client(provider.peerId))
  const blob = { id, sizeBytes, mediaType }
  if (sizeBytes <= PIECE_BYTES) return smallTransfer(blob, range, clients, options.signal, settings, dependencies)
  return await largeTransfer(blob, range, clients, options.signal, settings, dependencies)
}

interface Blob {
  readonly id: BlobId
  readonly sizeBytes: number
  readonly mediaType: string | undefined
}

function smallTransfer(
  blob: Blob,
  range: ByteRange,
  clients: readonly PeerClient[],
  signal: AbortSignal,
  settings: DataPlaneSettings,
  dependencies: FetchDependencies,
): PeerTransfer {
  const from: PeerId[] = []
  return {
    ...blob,
    // The whole digest is checked before the first byte is handed out.
    vouched: true,
    from: () => from,
    stream: (async function* () {
      if (range.lengthBytes === 0) return
      const options = { hedgeMs: settings.hedgeMinMs, signal }
      const found = await fetchSmall(blob, clients, options, dependencies)
      from.push(found.client.peerId)
      yield found.bytes.subarray(range.offset, range.offset + range.lengthBytes)
    })(),
    settle() {},
  }
}

async function largeTransfer(
  blob: Blob,
  range: ByteRange,
  clients: readonly PeerClient[],
  signal: AbortSignal,
  settings: DataPlaneSettings,
  dependencies: FetchDependencies,
): Promise<PeerTransfer> {
  const found = await findManifest(blob, clients, { signal }, dependencies)
  // Without a manifest nobody could tell whose piece was bad, so one peer alone must answer for the whole.
  const asked = (found === undefined ? clients.slice(0, 1) : clients).filter(
    (client) => dependencies.facts(client.peerId).standing !== 'dropped',
  )
  if (asked.length === 0) throw new AppError('unavailable.peer', `no provider of ${blob.id} is left`)
  const sources = asked.map((client) => new Source(client, dependencies.facts(client.peerId).rateBytesPerSecond))
  const suspects: { current: ReadonlySet<PeerId> } = { current: new Set() }
  const start = (): Transfer => {
    const wanted = sources.length === 1 ? WINDOW_ALONE_PIECES : WINDOW_PIECES
    const transfer = new Transfer(
      {
        ...blob,
        ...windowOf(dependencies.slots, wanted, sources.length + 2),
        range,
        manifest: found?.manifest,
        signer: found?.signer,
        vouched: found?.vouched ?? false,
        sources,
        hedgeMinMs: settings.hedgeMinMs,
        stallTimeoutMs: settings.stallTimeoutMs,
        signal,
      },
      dependencies,
    )
    suspects.current = transfer.suspects
    return transfer
  }
  return {
    ...blob,
    vouched: found?.vouched ?? false,
    from: () =>
      sources
        .filter((source) => source.receivedBytes > 0)
        .toSorted((a, b) => b.receivedBytes - a.receivedBytes)
        .map((source) => source.peerId),
    // Slots are leased when the first byte is asked for, so a transfer that nobody reads holds nothing.
    stream: (async function* () {
      yield* start().pieces()
    })(),
    settle: settlement(blob.id, found, sources, suspects, dependencies),
  }
}

function windowOf(
  slots: SlotPool,
  wanted: number,
  extra: number,
): { readonly lease: SlotLease; readonly windowPieces: number } {
  for (let windowPieces = wanted; windowPieces >= WINDOW_LEAST_PIECES; windowPieces = Math.floor(windowPieces / 2)) {
    const lease = slots.lease(windowPieces + extra)
    if (lease !== undefined) return { lease, windowPieces }
  }
  throw new AppError('exhausted.queue', 'too many pieces are in flight to start another transfer')
}

/** Says once who is to blame when the whole digest is known. */
function settlement(
  id: BlobId,
  found: FoundManifest | undefined,
  sources: readonly Source[],
  suspects: { readonly current: ReadonlySet<PeerId> },
  { blame }: FetchDependencies,
): (digestAgreed: boolean) => void {
  let settled = false
  return (digestAgreed) => {
    if (settled) return
    settled = true
    if (digestAgreed) {
      for (const peerId of suspects.current) blame(peerId, { kind: 'bad-piece', about: `a piece of ${id}` })
    } else if (found !== undefined) {
      blame(found.signer, { kind: 'bad-manifest', about: `the pieces of ${id}` })
    } else {
      for (const source of sources) {
        if (source.receivedBytes > 0) blame(source.peerId, { kind: 'bad-digest', about: id })
      }
    }
  }
}

/** The best providers that agree on the size, at most `SOURCES_MAX`. Demoted ones only where nobody else is left. */
function choose(providers: readonly Provider[], dependencies: FetchDependencies): Provider[] {
  const id = providers[0]?.id
  const usable = providers.filter(
    (one, index) =>
      one.id === id &&
      providers.findIndex((other) => other.peerId === one.peerId) === index &&
      dependencies.facts(one.peerId).standing !== 'dropped',
  )
  const good = usable.filter((one) => dependencies.facts(one.peerId).standing === 'good')
  const ranked = (good.length > 0 ? good : usable).toSorted((a, b) => rank(b, dependencies) - rank(a, dependencies))
  const votes = (one: Provider): number =>
    ranked.filter((other) => other.sizeBytes === one.sizeBytes).length + (one.trust === 'stranger' ? 0 : 1_000)
  const believed = ranked.toSorted((a, b) => votes(b) - votes(a))[0]
  return ranked.filter((one) => one.sizeBytes === believed?.sizeBytes).slice(0, SOURCES_MAX)
}

/** Higher is better: near ones, then measured rate, then round trip. */
function rank(provider: Provider, { neighbour, facts, zone }: FetchDependencies): number {
  const known = neighbour(provider.peerId)
  const near = known?.sameSubnet || (zone !== undefined && known?.zone === zone) ? 2 : 1
  const rateBytesPerSecond = facts(provider.peerId).rateBytesPerSecond ?? 10_000_000
  return (near * rateBytesPerSecond) / (1 + (known?.roundTripMs ?? 50) / 50)
}
