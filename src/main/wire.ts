/**
 * Builds every part of a node, in order, and connects them: the one function to read for what a node consists of. Nothing
 * else constructs an adapter. `daemon.ts` calls it and stops what it returns; tests call it with their own clock.
 */
import { cpus } from 'node:os'
import type { Clock, Logger, Random } from '../base/clock.ts'
import { ecosystems } from '../ecosystems/index.ts'
import { createApiHandler } from '../http/api/api.ts'
import type { SettingsDoor } from '../http/api/parts.ts'
import { createHostGuard } from '../http/host-guard.ts'
import { type ListeningServer, listen } from '../http/listen.ts'
import { createMetrics } from '../http/metrics.ts'
import { createRegistryHandler, type RegistryMount } from '../http/registry.ts'
import { createKeep } from '../keep/keep.ts'
import { createLibp2pPeers } from '../peers/libp2p.ts'
import { integrityPolicy } from '../policy/integrity.ts'
import type { ServeState } from '../serve/serve.ts'
import { createServe } from '../serve/serve.ts'
import { createDiskStore } from '../store/disk.ts'
import { createUndiciUpstream, type ProxySettings } from '../upstream/undici.ts'
import type { UpstreamConfig } from '../upstream/upstream.ts'
import type { Config } from './config/config.ts'
import { createPeerHost } from './peer-host.ts'
import { createTransformPool } from './transform-pool.ts'

/** What a node is built from. */
export interface NodeOptions {
  readonly directory: string
  readonly config: Config
  readonly upstreams: readonly UpstreamConfig[]
  readonly networkKey: Uint8Array | undefined
  readonly proxy: ProxySettings
  readonly apiToken: string
  readonly settings: SettingsDoor
  readonly version: string
  readonly pid: number
  /** Names and addresses of this machine, allowed as Host where the registries listen on all of them. */
  readonly ownHosts: readonly string[]
}

/** Effects that a node runs on. */
export interface NodeDependencies {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly process: () => { readonly residentBytes: number; readonly cpuSeconds: number }
}

/** A node that answers. */
export interface RunningNode {
  /** URLs by `api` and the ids of the ecosystems. */
  readonly endpoints: Readonly<Record<string, string>>
  readonly peerId: string
  /** Multiaddrs that another node's `--peer` takes. */
  readonly listen: readonly string[]
  /** One line per client that a person may try. */
  readonly tryLines: readonly string[]
  traffic(): ServeState
  /** Stops taking requests, lets replies end for at most `graceMs`, then stops every part. */
  stop(graceMs: number): Promise<void>
}

/**
 * Starts a node; what was started is stopped again if a later part fails.
 * @throws conflict.running, conflict.port, usage.config, damaged.database
 */
export async function startNode(options: NodeOptions, deps: NodeDependencies): Promise<RunningNode> {
  const { config, directory, upstreams } = options
  const { values } = config
  const { clock, random } = deps
  const part = (name: string) => ({ clock, random, logger: deps.logger.child({ part: name }) })
  await using started = new AsyncDisposableStack()

  const store = await createDiskStore({ directory: `${directory}/store`, limitBytes: values.disk }, part('store'))
  started.defer(() => store.close())

  const servers = await listenAll(options, started)

  const upstream = createUndiciUpstream({ upstreams, offline: values.offline, proxy: options.proxy }, part('upstream'))
  started.defer(() => upstream.close())

  const peers = createLibp2pPeers(peerOptions(options), part('peers'))

  const pool = createTransformPool({ workers: Math.max(1, Math.min(4, cpus().length - 1)) }, part('transform'))
  started.defer(() => pool.close())

  const serve = createServe(
    { ecosystems, freshSeconds: values.fresh, upstreams: upstreams.map(({ name }) => name) },
    { ...part('serve'), store, peers, upstream, policy: integrityPolicy, transform: pool.transform },
  )
  started.defer(() => serve.close())

  const privateNetwork = options.networkKey !== undefined
  await peers.start(createPeerHost({ privateNetwork, serveNobody: values.serveNobody }, { store, serve }))
  started.defer(() => peers.stop())

  const keep = createKeep({}, { ...part('keep'), store, peers, refetch: (blob, signal) => serve.refetch(blob, signal) })
  keep.start()
  started.defer(() => keep.stop())

  const metrics = createMetrics({ version: options.version, store, peers, upstream, serve, process: deps.process })
  const endpoints = endpointsOf(servers)
  let ready = true
  serveRegistries(servers, options, { ...part('http'), backend: serve, observe: metrics.observe })
  const api = {
    version: options.version,
    pid: options.pid,
    data: directory,
    offline: values.offline,
    bootstrapCount: values.peer.length,
    startedAtMs: clock.nowMs(),
    settings: options.settings,
    nowMs: () => clock.nowMs(),
  }
  servers.api.serve(
    createApiHandler(
      { ...api, store, peers, upstream, serve, endpoints },
      {
        guard: createHostGuard({
          port: servers.api.port,
          hosts: [],
          extra: [],
          refusedSites: ['cross-site', 'same-site'],
        }),
        token: options.apiToken,
        metrics,
        logger: part('api').logger,
        ready: () => ready,
      },
    ),
  )

  const running = started.move()
  const { peerId, listen: addresses } = peers.state()
  return {
    endpoints,
    peerId,
    listen: addresses,
    tryLines: ecosystems.flatMap(({ id, tryLines }) =>
      tryLines.map((line) => line.replaceAll('{base}', endpoints[id] ?? '')),
    ),
    traffic: () => serve.state(),
    async stop(graceMs) {
      ready = false
      await Promise.all(
        [servers.registry, ...servers.own.map(({ server }) => server)].map((server) => server.close(graceMs)),
      )
      await running.disposeAsync()
    },
  }
}

/** The servers of a node; each ecosystem has either a path of the registry port or a port of its own. */
interface Servers {
  readonly api: ListeningServer
  readonly registry: ListeningServer
  readonly own: readonly { readonly mount: RegistryMount; readonly server: ListeningServer }[]
}

/** How long a server waits for replies when a start fails halfway or after the drain: nothing is worth waiting for then. */
const NO_GRACE_MS = 0

async function listenAll({ config }: NodeOptions, started: AsyncDisposableStack): Promise<Servers> {
  const { host, port, apiPort } = config.values
  const open = async (at: Parameters<typeof listen>[0]): Promise<ListeningServer> => {
    const server = await listen(at)
    started.defer(() => server.close(NO_GRACE_MS))
    return server
  }
  const own: { readonly mount: RegistryMount; readonly server: ListeningServer }[] = []
  const api = await open({ host: '127.0.0.1', port: apiPort, setting: '--api-port' })
  const registry = await open({ host, port, setting: '--port' })
  for (const ecosystem of ecosystems) {
    if (ecosystem.mount.kind !== 'port') continue
    const { setting, defaultPort } = ecosystem.mount
    const server = await open({ host, port: config.ports[setting] ?? defaultPort, setting: `--${setting}` })
    own.push({ mount: { ecosystem, prefix: '' }, server })
  }
  return { api, registry, own }
}

function serveRegistries(
  servers: Servers,
  options: NodeOptions,
  deps: Omit<Parameters<typeof createRegistryHandler>[1], 'guard' | 'monotonicMs'> & { readonly clock: Clock },
): void {
  const { host, allowedHost } = options.config.values
  const hosts = host === '0.0.0.0' || host === '::' ? options.ownHosts : [host]
  const below = ecosystems.flatMap((ecosystem) =>
    ecosystem.mount.kind === 'path' ? [{ ecosystem, prefix: ecosystem.mount.prefix }] : [],
  )
  const open = (server: ListeningServer, mounts: readonly RegistryMount[]): void => {
    const guard = createHostGuard({ port: server.port, hosts, extra: allowedHost, refusedSites: ['cross-site'] })
    server.serve(createRegistryHandler(mounts, { ...deps, guard, monotonicMs: () => deps.clock.monotonicMs() }))
  }
  open(servers.registry, below)
  for (const { mount, server } of servers.own) open(server, [mount])
}

function endpointsOf(servers: Servers): Record<string, string> {
  const endpoints: Record<string, string> = { api: servers.api.url }
  for (const { id, mount } of ecosystems) {
    const server =
      mount.kind === 'path' ? servers.registry : servers.own.find(({ mount }) => mount.ecosystem.id === id)?.server
    if (server !== undefined) endpoints[id] = server.url
  }
  return endpoints
}

function peerOptions({ config, directory, networkKey }: NodeOptions): Parameters<typeof createLibp2pPeers>[0] {
  const { values } = config
  return {
    directory,
    listen: values.listen,
    bootstrap: values.peer,
    trustPeers: values.trustPeer,
    allowPeers: values.allowPeer,
    denyPeers: values.denyPeer,
    dataPort: values.dataPort,
    uploadSlots: values.uploadSlots,
    connectionsMax: values.connections,
    announcementsPerMinute: values.announcements,
    serveNobody: values.serveNobody,
    ...(networkKey === undefined ? {} : { networkKey }),
    ...(values.zone === undefined ? {} : { zone: values.zone }),
    ...(values.up === undefined ? {} : { uploadBytesPerSecond: values.up }),
    ...(values.down === undefined ? {} : { downloadBytesPerSecond: values.down }),
  }
}
