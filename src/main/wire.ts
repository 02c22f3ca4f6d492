/**
 * Builds every part of a node, in order, and connects them: the one function to read for what a node consists of. Nothing
 * else constructs an adapter. `daemon.ts` calls it and stops what it returns; tests call it with their own clock.
 */
import { cpus } from 'node:os'
import type { Clock, Logger, Random } from '../base/clock.ts'
import type { Purl } from '../base/purl.ts'
import { startAutoBuilds } from '../build/auto.ts'
import type { Submissions } from '../build/submissions.ts'
import { ecosystems } from '../ecosystems/index.ts'
import { createMetrics } from '../http/metrics.ts'
import { createKeep } from '../keep/keep.ts'
import { createLibp2pPeers } from '../peers/libp2p.ts'
import type { Transform } from '../serve/parts.ts'
import type { Serve, ServeState } from '../serve/serve.ts'
import { createServe } from '../serve/serve.ts'
import { createDiskStore } from '../store/disk.ts'
import type { Store } from '../store/store.ts'
import { createUndiciUpstream } from '../upstream/undici.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { createAudit } from './audit/audit.ts'
import { type NodeLog, type NodeLogOptions, openNodeLog } from './log/node-log.ts'
import { createLogDoor } from './network/log-door.ts'
import { beaconUpstreams } from './network/open-beacon.ts'
import type { NodeOptions } from './node-options.ts'
import { createOffline } from './offline/offline.ts'
import { createPeerHost } from './peer-host.ts'
import { type NodePolicy, openNodePolicy } from './policy/node-policy.ts'
import { openRoles, type Roles, type RolesOptions } from './roles/roles.ts'
import { drain, endpointsOf, listenAll, serveApi, serveRegistries } from './servers.ts'
import { createTransformPool } from './transform-pool.ts'

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
  /** Reads the policy file again. @throws usage.config; the rules from before stay then */
  reloadPolicy(): Promise<void>
  /** Stops taking requests, lets replies end for at most `graceMs`, then stops every part. */
  stop(graceMs: number): Promise<void>
}

/**
 * Starts a node; what was started is stopped again if a later part fails.
 * @throws conflict.running, conflict.port, usage.config, damaged.database
 */
export async function startNode(options: NodeOptions, deps: NodeDependencies): Promise<RunningNode> {
  const { directory, upstreams } = options
  const { values } = options.config
  const { clock, random } = deps
  const part = (name: string) => ({ clock, random, logger: deps.logger.child({ part: name }) })
  await using started = new AsyncDisposableStack()

  const store = await createDiskStore({ directory: `${directory}/store`, limitBytes: values.disk }, part('store'))
  started.defer(() => store.close())
  const servers = await listenAll(options, started)
  const upstream = createUndiciUpstream(upstreamOptions(options), part('upstream'))
  started.defer(() => upstream.close())

  const peers = createLibp2pPeers(peerOptions(options), part('peers'))
  const log = started.use(await openNodeLog(logOptions(options), { ...part('log'), peers }))
  const transforms = startTransforms(part('transform'), started)
  const standing = { ...part('roles'), log, peers, store, upstream, transform: transforms.transform }
  const roles = started.use(await openRoles(rolesOptions(options), standing))
  const rules = openNodePolicy(options, { ...part('policy'), notebook: store.notebook })
  started.defer(() => rules.close())

  const lacking = autoBuilds(options, { ...part('auto'), roles, log }, started)
  const serve = createServe(
    { ecosystems, freshSeconds: values.fresh, upstreams: upstreams.map(({ name }) => name) },
    { ...part('serve'), store, peers, upstream, policy: rules.policy, ...transforms, log: log.trusted, lacking },
  )
  started.defer(() => serve.close())

  const host = hostOptions(options, upstream)
  await peers.start(createPeerHost(host, { store, serve, logFile: log.logFile, transact: roles.transact }))
  started.defer(() => peers.stop())
  started.use(log.start())
  started.use(roles.start())
  const keep = createKeep({}, { ...part('keep'), store, peers, refetch: (blob, signal) => serve.refetch(blob, signal) })
  keep.start()
  started.defer(() => keep.stop())

  const metrics = createMetrics({ version: options.version, store, peers, upstream, serve, log, process: deps.process })
  const endpoints = endpointsOf(servers)
  const offline = createOffline(options, { ...part('offline'), store, serve, endpoints })
  started.defer(() => offline.sync.close())

  const doors = doorsOf({ log, roles, rules, serve, store, clock })
  let ready = true
  serveRegistries(servers, options, { ...part('http'), backend: serve, observe: metrics.observe })
  serveApi(servers, options, {
    ...part('api'),
    log,
    parts: { store, peers, upstream, serve, log, ...doors, ...offline, endpoints },
    metrics,
    ready: () => ready && roles.failure() === undefined,
  })

  const running = started.move()
  const { peerId, listen } = peers.state()
  return {
    endpoints,
    peerId,
    listen,
    tryLines: tryLinesAt(endpoints),
    traffic: () => serve.state(),
    reloadPolicy: () => rules.reload(),
    async stop(graceMs) {
      ready = false
      await drain(servers, graceMs)
      await running.disposeAsync()
    },
  }
}

function startTransforms(
  deps: Parameters<typeof createTransformPool>[1],
  started: AsyncDisposableStack,
): { readonly transform: Transform } {
  const pool = createTransformPool({ workers: Math.max(1, Math.min(4, cpus().length - 1)) }, deps)
  started.defer(() => pool.close())
  return { transform: pool.transform }
}

/** Told of releases that the log lacks; undefined where the owner does not want that they are asked for. */
function autoBuilds(
  { config }: NodeOptions,
  {
    roles,
    log,
    clock,
    logger,
  }: { readonly roles: Roles; readonly log: NodeLog } & Pick<NodeDependencies, 'clock' | 'logger'>,
  started: AsyncDisposableStack,
): ((release: Purl) => void) | undefined {
  const { buildsAuto, buildsAutoRate } = config.values
  if (!buildsAuto) return undefined
  const submit: Submissions['submit'] = (purl, signal) => roles.door.submit({ purl }, signal)
  const auto = startAutoBuilds({ perHour: buildsAutoRate }, { submit, log: log.reader, clock, logger })
  started.defer(() => auto.stop())
  return (release) => auto.wanted(release)
}

/** What the API offers of the log, the policy and builds. */
function doorsOf({
  log,
  roles,
  rules,
  serve,
  store,
  clock,
}: {
  readonly log: NodeLog
  readonly roles: Roles
  readonly rules: NodePolicy
  readonly serve: Serve
  readonly store: Store
  readonly clock: Clock
}) {
  return {
    builds: roles.door,
    policy: rules.door(serve),
    logDoor: createLogDoor(log, clock, roles.signed),
    audit: createAudit({ ecosystems, log: log.trusted, serve, store, statements: roles.signed }),
  }
}

function upstreamOptions({ upstreams, config, proxy }: NodeOptions): Parameters<typeof createUndiciUpstream>[0] {
  const { offline, beaconEndpoint } = config.values
  return { upstreams: [...upstreams, ...beaconUpstreams(beaconEndpoint)], offline, proxy }
}

function hostOptions({ networkKey, config }: NodeOptions, upstream: Upstream): Parameters<typeof createPeerHost>[0] {
  const shareOf = (name: string) => upstream.config(name)?.share ?? 'none'
  return { privateNetwork: networkKey !== undefined, serveNobody: config.values.serveNobody, shareOf }
}

function tryLinesAt(endpoints: RunningNode['endpoints']): string[] {
  return ecosystems.flatMap(({ id, tryLines }) =>
    tryLines.map((line) => line.replaceAll('{base}', endpoints[id] ?? '')),
  )
}

function logOptions({ config, directory }: NodeOptions): NodeLogOptions {
  const { log, logSource, witness, witnessLog, askWitness, authority } = config.values
  const witnessLogs = Map.groupBy(witnessLog, ({ origin }) => origin)
  return {
    directory,
    mode: log,
    ordered: authority,
    sources: logSource,
    witness,
    witnessLogs: [...witnessLogs].map(([origin, logs]) => ({ origin, keys: logs.map(({ key }) => key) })),
    askWitnesses: askWitness,
  }
}

function rolesOptions({ config, directory, upstreams, version, proxy }: NodeOptions): RolesOptions {
  const {
    authority,
    builder,
    testBuilder,
    beaconEndpoint,
    slots,
    cpu,
    memory,
    jobDisk,
    sourceMirror,
    mappings,
    sigstoreRoot,
    fresh,
  } = config.values
  const builds = {
    slots,
    cpuCount: cpu,
    memoryBytes: memory,
    diskBytes: jobDisk,
    mirrors: sourceMirror,
    mappings,
    sigstoreRoot,
    upstreams: upstreams.map(({ name }) => name),
    freshSeconds: fresh,
    proxy,
  }
  const beaconEndpoints = beaconEndpoint
  return { directory, version, authority, builder, testBuilderSeconds: testBuilder, builds, beaconEndpoints }
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
    piecesInFlight: values.pieces,
    connectionsMax: values.connections,
    announcementsPerMinute: values.announcements,
    serveNobody: values.serveNobody,
    ...(networkKey === undefined ? {} : { networkKey }),
    ...(values.zone === undefined ? {} : { zone: values.zone }),
    ...(values.up === undefined ? {} : { uploadBytesPerSecond: values.up }),
    ...(values.upPerPeer === undefined ? {} : { uploadBytesPerSecondPerPeer: values.upPerPeer }),
    ...(values.down === undefined ? {} : { downloadBytesPerSecond: values.down }),
  }
}
