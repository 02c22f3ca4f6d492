/**
 * The data plane: HTTPS between nodes with pinned keys, for every blob byte, look-up, announcement and document. Composes the
 * server (`server/`), the clients (`client/`), who has what (`directory/`) and transfers (`swarm/`). It does not find peers: the
 * control plane does; and it does not decide what reaches a client: the fetch step does.
 */
import type { IncomingMessage } from 'node:http'
import type { SecureContext } from 'node:tls'
import type { Clock, Logger, Random } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import type { Asker } from '../../base/share.ts'
import { membershipMac, provesMembership } from '../membership.ts'
import type { ControlPlane, Identity, Neighbour } from '../neighbour.ts'
import type { PeerFault, PeerHost, PeerId, Peers, PeerTrust } from '../peers.ts'
import { ALPN_BACK, clientContext, dialPeer } from './client/dial.ts'
import { PeerClient } from './client/peer-client.ts'
import { createDialBacks } from './dial-back.ts'
import { type Announcer, startAnnouncer } from './directory/announcer.ts'
import { createLookup, type Lookup } from './directory/lookup.ts'
import { createNeighbourhood, type Neighbourhood } from './directory/neighbourhood.ts'
import { createProviderTable, type ProviderTable } from './directory/provider-table.ts'
import { findDocument } from './find-document.ts'
import { followLeader } from './follow.ts'
import { createLedger, type Ledger, type PeerFacts } from './ledger.ts'
import { askLogFile } from './log-file.ts'
import { type DataPlaneOptions, type DataPlaneSettings, settingsOf } from './options.ts'
import { createRoutes } from './server/routes.ts'
import { createDataServer, type DataServer } from './server/server.ts'
import { fetchFromPeers } from './swarm/fetch.ts'
import { createSlotPool } from './swarm/slot-pool.ts'
import { createTokenBucket } from './token-bucket.ts'
import { sendTransaction } from './transact.ts'
import { makeCertificate } from './wire/certificate.ts'
import { MEMBER_HEADER } from './wire/messages.ts'

/** Sums for `status`. */
export interface DataTotals {
  readonly receivedBytes: number
  readonly sentBytes: number
  readonly announcedDigests: number
}

type Moving = 'lookup' | 'fetch' | 'follow' | 'document' | 'logFile' | 'transact' | 'announce' | 'withdraw' | 'blame'

/** The data plane, as `libp2p.ts` composes it with the control plane into `Peers`. */
export interface DataPlane extends Pick<Peers, Moving> {
  /** Listens and starts announcing. Call it before the control plane's `start`, which tells the port to others. @throws conflict.port, usage.config */
  start(host: PeerHost): Promise<{ readonly port: number }>
  /** Closes every connection; transfers under way fail. */
  stop(): Promise<void>
  /** What was measured of a peer and remembered about it. */
  facts(peerId: PeerId): PeerFacts
  /** Peers of which facts are known, connected or not. */
  knownPeers(): PeerId[]
  totals(): DataTotals
}

/** What the data plane is built on. */
export interface DataPlaneDependencies {
  readonly identity: Identity
  readonly control: ControlPlane
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** Makes a data plane; nothing listens before `start`. */
export function createDataPlane(
  options: DataPlaneOptions & { readonly zone?: string },
  dependencies: DataPlaneDependencies,
): DataPlane {
  return new HttpsDataPlane(options, dependencies)
}

/** What exists between `start` and `stop`. */
interface Running {
  readonly host: PeerHost
  readonly context: SecureContext
  readonly server: DataServer
  readonly ledger: Ledger
  readonly neighbourhood: Neighbourhood
  readonly announcer: Announcer
  readonly lookup: Lookup
  readonly clients: Map<PeerId, PeerClient>
}

class HttpsDataPlane implements DataPlane {
  readonly #settings: DataPlaneSettings
  readonly #zone: string | undefined
  readonly #with: DataPlaneDependencies
  readonly #slots: ReturnType<typeof createSlotPool>
  readonly #download: ReturnType<typeof createTokenBucket>
  readonly #dialBacks: ReturnType<typeof createDialBacks>
  readonly #table: ProviderTable
  #outbound = 0
  #ledger: Ledger | undefined
  #running: Running | undefined

  constructor(options: DataPlaneOptions & { readonly zone?: string }, dependencies: DataPlaneDependencies) {
    const { zone, ...rest } = options
    this.#settings = settingsOf(rest)
    this.#zone = zone
    this.#with = dependencies
    this.#slots = createSlotPool(this.#settings.piecesInFlight)
    this.#download = createTokenBucket({ unitsPerSecond: this.#settings.downloadBytesPerSecond }, dependencies)
    this.#dialBacks = createDialBacks({ timeoutMs: this.#settings.connectTimeoutMs * 2 }, dependencies)
    this.#table = createProviderTable(
      {
        entriesMax: this.#settings.providerEntriesMax,
        entriesPerPeerMax: this.#settings.providerEntriesPerPeerMax,
        lifetimeMs: this.#settings.providerLifetimeMs,
      },
      dependencies,
    )
  }

  async start(host: PeerHost): Promise<{ readonly port: number }> {
    const { identity, control, clock, logger } = this.#with
    const ledger = createLedger(host, { clock })
    this.#ledger = ledger
    const pair = await makeCertificate(identity, clock.nowMs())
    const neighbourhood = createNeighbourhood(identity, control, (neighbour) => this.#mayAsk(neighbour))
    const answer = createRoutes(this.#settings, {
      ...this.#with,
      host,
      table: this.#table,
      askerOf: (peerId, request) => this.#askerOfRequest(peerId, request),
      leads: (id) => neighbourhood.leader(id) === identity.peerId,
      onSent: (peerId, bytes) => ledger.sent(peerId, bytes),
      onMalformed: (peerId, about) => this.blame(peerId, { kind: 'bad-message', about }),
    })
    const server = createDataServer(
      this.#settings,
      pair,
      {
        admits: (peerId) => this.#admits(peerId),
        answer,
        dialledBack: (peerId, socket) => this.#dialBacks.arrived(peerId, socket),
      },
      { logger },
    )
    const context = clientContext(pair)
    const port = await server.listen()
    const shared = { ...this.#with, neighbourhood, client: (peerId: PeerId) => this.#client(peerId) }
    const lookup = createLookup({
      ...shared,
      table: this.#table,
      blame: (peerId, fault) => this.blame(peerId, fault),
    })
    const askerOf = (peerId: PeerId): Asker => this.#asker(peerId, control.neighbour(peerId)?.member ?? false)
    const sharing = this.#settings.serveNobody ? { lookup: () => undefined, shareable: () => [] } : host
    const announcer = startAnnouncer(this.#settings, { ...shared, self: identity.peerId, host: sharing, askerOf })
    this.#running = { host, context, server, ledger, neighbourhood, announcer, lookup, clients: new Map() }
    control.onDialBack((peerId, address, backPort) => void this.#dialBack(peerId, address, backPort))
    return { port }
  }

  async stop(): Promise<void> {
    const running = this.#running
    this.#running = undefined
    if (running === undefined) return
    running.announcer.stop()
    await Promise.all([...running.clients.values()].map((client) => client.close()))
    await running.server.close()
  }

  lookup: Peers['lookup'] = async (names, options) => await this.#started().lookup(names, options)

  fetch: Peers['fetch'] = async (providers, options) => {
    const { ledger } = this.#started()
    return await fetchFromPeers(providers, options, this.#settings, {
      clock: this.#with.clock,
      logger: this.#with.logger,
      download: this.#download,
      slots: this.#slots,
      zone: this.#zone,
      neighbour: (peerId) => this.#with.control.neighbour(peerId),
      facts: (peerId) => ledger.facts(peerId),
      client: (peerId) => this.#client(peerId),
      trustOf: (peerId) => this.#trustOf(peerId),
      received: (peerId, bytes, elapsedMs) => ledger.received(peerId, bytes, elapsedMs),
      blame: (peerId, fault) => this.blame(peerId, fault),
    })
  }

  follow: Peers['follow'] = async (request, { signal }) => {
    const { neighbourhood, ledger } = this.#started()
    if (this.#settings.networkKey === undefined) return undefined
    const leader = neighbourhood.leader(request.id)
    if (leader === undefined || leader === this.#with.identity.peerId) return undefined
    const { followTimeoutMs: timeoutMs, stallTimeoutMs } = this.#settings
    const options = { timeoutMs, stallTimeoutMs, signal }
    return await followLeader(leader, request, options, {
      ...this.#with,
      download: this.#download,
      client: (peerId) => this.#client(peerId),
      // How fast upstream gives it to the leader says nothing of the leader: only the count is of use.
      received: (peerId, bytes) => ledger.received(peerId, bytes, 0),
    })
  }

  document: Peers['document'] = async (key, options) => {
    const trusted = this.#started()
      .neighbourhood.neighbours()
      .filter((one) => one.trust !== 'stranger')
    return await findDocument(key, trusted, options, {
      ...this.#with,
      client: (peerId) => this.#client(peerId),
      blame: (peerId, fault) => this.blame(peerId, fault),
    })
  }

  logFile: Peers['logFile'] = async (peerId, request, options) => {
    const { ledger } = this.#started()
    if (!this.#admits(peerId)) throw new AppError('unavailable.peer', `${peerId} is not spoken with`)
    const bytes = await askLogFile(this.#client(peerId), request, options)
    if (bytes !== undefined) ledger.received(peerId, bytes.byteLength, 0)
    return bytes
  }

  transact: Peers['transact'] = async (peerId, message, { signal }) => {
    this.#started()
    if (!this.#admits(peerId)) throw new AppError('unavailable.peer', `${peerId} is not spoken with`)
    return await sendTransaction(this.#client(peerId), message, signal)
  }

  announce: Peers['announce'] = (names) => this.#running?.announcer.announce(names)

  withdraw: Peers['withdraw'] = (names) => this.#running?.announcer.withdraw(names)

  blame(peerId: PeerId, fault: Omit<PeerFault, 'atMs'>): void {
    const dropped = this.#ledger?.blame(peerId, fault)
    this.#with.logger.warn({ peerId, ...fault, dropped }, 'a peer did wrong')
    if (!dropped) return
    this.#table.forget(peerId)
    this.#running?.neighbourhood.refresh()
    this.#running?.server.drop(peerId)
    void this.#running?.clients.get(peerId)?.close()
    this.#running?.clients.delete(peerId)
    this.#with.control.drop(peerId)
  }

  facts(peerId: PeerId): PeerFacts {
    return this.#started().ledger.facts(peerId)
  }

  knownPeers(): PeerId[] {
    return this.#started().ledger.peers()
  }

  totals(): DataTotals {
    return {
      receivedBytes: this.#ledger?.receivedBytes ?? 0,
      sentBytes: this.#ledger?.sentBytes ?? 0,
      announcedDigests: this.#running?.announcer.announced ?? 0,
    }
  }

  #started(): Running {
    if (this.#running === undefined) throw new AppError('unavailable.peer', 'the data plane is not running')
    return this.#running
  }

  #admits(peerId: PeerId): boolean {
    const { allowPeers, denyPeers } = this.#settings
    if (denyPeers.includes(peerId) || (allowPeers.length > 0 && !allowPeers.includes(peerId))) return false
    return this.#ledger?.facts(peerId).standing !== 'dropped'
  }

  #mayAsk(neighbour: Neighbour): boolean {
    if (this.#settings.networkKey !== undefined && !neighbour.member) return false
    return this.#admits(neighbour.peerId)
  }

  #trustOf(peerId: PeerId): PeerTrust {
    if (peerId === this.#with.identity.peerId) return 'named'
    return this.#with.control.neighbour(peerId)?.trust ?? 'stranger'
  }

  #asker(peerId: PeerId, member: boolean): Asker {
    return { peerId, member, sameSubnet: this.#with.control.neighbour(peerId)?.sameSubnet ?? false }
  }

  #askerOfRequest(peerId: PeerId, request: IncomingMessage): Asker | undefined {
    const { networkKey } = this.#settings
    if (!this.#admits(peerId)) return undefined
    if (networkKey === undefined) return this.#asker(peerId, false)
    const proof = request.headers[MEMBER_HEADER]
    const mac = typeof proof === 'string' ? Buffer.from(proof, 'base64') : undefined
    return provesMembership(networkKey, peerId, mac) ? this.#asker(peerId, true) : undefined
  }

  #client(peerId: PeerId): PeerClient {
    const { context, clients } = this.#started()
    const known = clients.get(peerId)
    if (known !== undefined) return known
    const { identity, control } = this.#with
    const { networkKey, connectTimeoutMs, requestTimeoutMs } = this.#settings
    const client = new PeerClient(
      peerId,
      {
        context,
        connectTimeoutMs,
        requestTimeoutMs,
        memberProof: networkKey && Buffer.from(membershipMac(networkKey, identity.peerId)).toString('base64'),
        admit: () => this.#admitOutbound(),
        dialledBack: (signal) => this.#dialBacks.request(peerId, signal),
        target: () => {
          const found = control.neighbour(peerId)
          if (found?.dataPort === undefined || found.dataHosts.length === 0) return undefined
          return { peerId, publicKey: found.publicKey, hosts: found.dataHosts, port: found.dataPort }
        },
      },
      this.#with,
    )
    clients.set(peerId, client)
    this.#trimClients(clients)
    return client
  }

  /** Peers come and go; the client of one that is gone and idle is made again when it is needed. */
  #trimClients(clients: Map<PeerId, PeerClient>): void {
    if (clients.size <= this.#settings.outboundConnectionsMax) return
    for (const [peerId, client] of clients) {
      if (this.#with.control.neighbour(peerId) !== undefined) continue
      clients.delete(peerId)
      void client.close()
      return
    }
  }

  #admitOutbound(): (() => void) | undefined {
    if (this.#outbound >= this.#settings.outboundConnectionsMax) return undefined
    this.#outbound += 1
    let counted = true
    return () => {
      if (counted) this.#outbound -= 1
      counted = false
    }
  }

  async #dialBack(peerId: PeerId, host: string, port: number): Promise<void> {
    const neighbour = this.#with.control.neighbour(peerId)
    const running = this.#running
    if (running === undefined || neighbour === undefined || !this.#mayAsk(neighbour)) return
    try {
      const target = { peerId, publicKey: neighbour.publicKey, hosts: [host], port }
      const timeoutMs = this.#settings.connectTimeoutMs
      const options = { context: running.context, alpn: ALPN_BACK, timeoutMs, signal: undefined } as const
      running.server.serveBack(peerId, await dialPeer(target, options))
    } catch (error) {
      this.#with.logger.debug({ peerId, error: String(error) }, 'dialling back failed')
    }
  }
}
