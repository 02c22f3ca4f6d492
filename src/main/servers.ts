/**
 * The HTTP ports of a node: which there are, what answers on each, and how they are closed. Called by `wire.ts`, in this order:
 * listen early, so that a port that is taken is found out before anything else is built; answer late, when everything is.
 */
import type { Clock, Logger } from '../base/clock.ts'
import { clientPathOf } from '../ecosystems/ecosystem.ts'
import { ecosystems } from '../ecosystems/index.ts'
import { createApiHandler } from '../http/api/api.ts'
import type { ApiParts } from '../http/api/parts.ts'
import { createHostGuard } from '../http/host-guard.ts'
import { DEFAULT_LIMITS, type ListeningServer, listen } from '../http/listen.ts'
import type { ServedLog } from '../http/log/log-files.ts'
import { createLogPortHandler, type WitnessDoor } from '../http/log/log-port.ts'
import type { Metrics } from '../http/metrics.ts'
import { createRegistryHandler, type RegistryMount } from '../http/registry.ts'
import type { NodeOptions } from './node-options.ts'

/** The servers of a node; each ecosystem has either a path of the registry port or a port of its own. */
export interface Servers {
  readonly api: ListeningServer
  readonly registry: ListeningServer
  /** For outsiders: the log and the witness alone; undefined: not opened. */
  readonly log: ListeningServer | undefined
  readonly own: readonly { readonly mount: RegistryMount; readonly server: ListeningServer }[]
}

/** How long a server waits for replies when a start fails halfway or after the drain: nothing is worth waiting for then. */
const NO_GRACE_MS = 0

/** A bundle that is imported takes as long as it takes; one on which nothing moves is ended by the other limits. */
const API_LIMITS = { ...DEFAULT_LIMITS, requestTimeoutMs: 86_400_000 }

/** Strangers get fewer connections, and less time to do nothing. */
const LOG_LIMITS = { ...DEFAULT_LIMITS, connectionsMax: 256, keepAliveTimeoutMs: 15_000, stallTimeoutMs: 30_000 }

/** Opens every port; until `serve…` is called they answer 503. @throws conflict.port, usage.config */
export async function listenAll(
  { config, sockets }: Pick<NodeOptions, 'config' | 'sockets'>,
  started: AsyncDisposableStack,
): Promise<Servers> {
  const { host, port, apiPort, logListen } = config.values
  const open = async (at: Parameters<typeof listen>[0]): Promise<ListeningServer> => {
    const server = await listen({ ...at, fd: sockets?.get(at.setting.slice('--'.length)) })
    started.defer(() => server.close(NO_GRACE_MS))
    return server
  }
  const own: { readonly mount: RegistryMount; readonly server: ListeningServer }[] = []
  const api = await open({ host: '127.0.0.1', port: apiPort, setting: '--api-port', limits: API_LIMITS })
  const registry = await open({ host, port, setting: '--port' })
  for (const ecosystem of ecosystems) {
    if (ecosystem.mount.kind !== 'port') continue
    const { setting, defaultPort } = ecosystem.mount
    const server = await open({ host, port: config.ports[setting] ?? defaultPort, setting: `--${setting}` })
    own.push({ mount: { ecosystem, prefix: '' }, server })
  }
  const log = logListen && (await open({ ...logListen, setting: '--log-listen', limits: LOG_LIMITS }))
  return { api, registry, log, own }
}

/** Lets the registries answer. */
export function serveRegistries(
  servers: Servers,
  options: Pick<NodeOptions, 'config' | 'ownHosts'>,
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

/** URLs by `api` and the ids of the ecosystems, as clients are given them. */
export function endpointsOf(servers: Servers): Record<string, string> {
  const endpoints: Record<string, string> = { api: servers.api.url }
  if (servers.log !== undefined) endpoints.log = servers.log.url
  for (const { id, mount } of ecosystems) {
    const server =
      mount.kind === 'path' ? servers.registry : servers.own.find(({ mount }) => mount.ecosystem.id === id)?.server
    if (server !== undefined) endpoints[id] = `${server.url}${clientPathOf(mount)}`
  }
  return endpoints
}

/** What the API is built from, beside the options. */
export interface ApiServing {
  readonly parts: Pick<
    ApiParts,
    | 'store'
    | 'peers'
    | 'upstream'
    | 'serve'
    | 'log'
    | 'logDoor'
    | 'audit'
    | 'builds'
    | 'sync'
    | 'bundles'
    | 'policy'
    | 'endpoints'
  >
  readonly metrics: Metrics
  readonly ready: () => boolean
  /** The log as it is served, here and to outsiders. */
  readonly log: { readonly served: ServedLog; readonly witness: WitnessDoor | undefined }
  readonly clock: Clock
  readonly logger: Logger
}

/** Lets the API and the port for outsiders answer. */
export function serveApi({ api, log }: Servers, options: NodeOptions, serving: ApiServing): void {
  const { values } = options.config
  const { clock, logger, metrics, ready } = serving
  const { served, witness } = serving.log
  const parts: ApiParts = {
    ...serving.parts,
    version: options.version,
    pid: options.pid,
    data: options.directory,
    offline: values.offline,
    bootstrapCount: values.peer.length,
    startedAtMs: clock.nowMs(),
    settings: options.settings,
    nowMs: () => clock.nowMs(),
  }
  // Pages on other ports of this machine are the same site, but not the same origin: they have no business here.
  const guard = createHostGuard({ port: api.port, hosts: [], extra: [], refusedSites: ['cross-site', 'same-site'] })
  api.serve(createApiHandler(parts, { guard, token: options.apiToken, metrics, logger, ready, log: served }))
  log?.serve(createLogPortHandler({ log: () => served, witness }, { clock, logger, observe: metrics.observeLog }))
}

/** Lets the registries' replies end for at most `graceMs`; the API goes on until its part is stopped. */
export async function drain(servers: Servers, graceMs: number): Promise<void> {
  const log = servers.log === undefined ? [] : [servers.log]
  const registries = [servers.registry, ...log, ...servers.own.map(({ server }) => server)]
  await Promise.all(registries.map((server) => server.close(graceMs)))
}
