/**
 * The one table of every setting. `config.ts` reads flags, environment and file by it, the CLI makes its options from it and
 * `docs/reference/config.md` is generated from it. Upstreams' shares and credentials have a table of their own in the file.
 */

import type { Ecosystem } from '../../ecosystems/ecosystem.ts'
import type { AskedWitness } from '../../log/witness/ask-witness.ts'
import type { SourceMirror } from '../../sources/mirrors.ts'
import {
  askWitnessKind,
  choiceKind,
  countKind,
  durationKind,
  type HostPort,
  hostPortKind,
  type Kind,
  listenKind,
  peerIdKind,
  portKind,
  rateKind,
  sizeKind,
  sourceMirrorKind,
  switchKind,
  textKind,
  type UpstreamFlag,
  upstreamKind,
  urlKind,
  type WitnessedLog,
  witnessLogKind,
} from './kinds.ts'

/** Log levels, least first. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
/** One of `LOG_LEVELS`. */
export type LogLevel = (typeof LOG_LEVELS)[number]

/** How much of the log of a network is kept here. */
export const LOG_MODES = ['full', 'light'] as const
/** One of `LOG_MODES`. */
export type LogMode = (typeof LOG_MODES)[number]

/** One row: a setting that is one value or, with `many`, a list of them. */
export interface Setting<T> {
  /** Kebab case: the flag `--name` and the key of the TOML file. */
  readonly name: string
  /** Environment variable; lists are separated by spaces or commas. */
  readonly env: string
  // biome-ignore lint/suspicious/noExplicitAny: a list's kind reads one element; the reader checks the rest
  readonly kind: Kind<any>
  readonly many: boolean
  /** Undefined: absent unless given. */
  readonly fallback: T
  /** For help texts, where the fallback's own form says too little. */
  readonly fallbackText: string | undefined
  /** False: only flag and environment, because it says where the file is. */
  readonly inFile: boolean
  readonly help: string
}

/** The values of all settings but the ecosystems' own ports. */
export interface SettingValues {
  readonly data: string | undefined
  readonly config: string | undefined
  readonly host: string
  readonly port: number
  readonly apiPort: number
  readonly allowedHost: readonly string[]
  readonly listen: readonly string[]
  readonly dataPort: number
  readonly networkKey: string | undefined
  readonly peer: readonly string[]
  readonly trustPeer: readonly string[]
  readonly allowPeer: readonly string[]
  readonly denyPeer: readonly string[]
  readonly zone: string | undefined
  readonly serveNobody: boolean
  readonly upstream: readonly UpstreamFlag[]
  readonly offline: boolean
  readonly fresh: number
  readonly disk: number
  readonly up: number | undefined
  readonly upPerPeer: number | undefined
  readonly down: number | undefined
  readonly uploadSlots: number
  readonly pieces: number
  readonly connections: number
  readonly announcements: number
  readonly policy: string | undefined
  readonly log: LogMode
  readonly logListen: HostPort | undefined
  readonly logSource: readonly string[]
  readonly witness: boolean
  readonly witnessLog: readonly WitnessedLog[]
  readonly askWitness: readonly AskedWitness[]
  readonly authority: boolean
  readonly builder: boolean
  readonly testBuilder: number | undefined
  readonly sourceMirror: readonly SourceMirror[]
  readonly slots: number
  readonly cpu: number | undefined
  readonly memory: number
  readonly jobDisk: number
  readonly mappings: string | undefined
  readonly sigstoreRoot: string | undefined
  readonly beaconEndpoint: readonly string[]
  readonly buildsAuto: boolean
  readonly buildsAutoRate: number
  readonly logLevel: LogLevel
}

type One<T> = Exclude<T, undefined>

interface Extra<T> {
  readonly fallback: T
  readonly fallbackText?: string
  readonly inFile?: boolean
  readonly help: string
}

function one<T>(name: string, kind: Kind<One<T>> | Kind<T>, extra: Extra<T>): Setting<T> {
  return { name, env: envOf(name), kind, many: false, inFile: true, fallbackText: undefined, ...extra }
}

function many<T>(name: string, kind: Kind<T>, help: string): Setting<readonly T[]> {
  return { name, env: envOf(name), kind, many: true, inFile: true, fallback: [], fallbackText: 'none', help }
}

const addressKind = textKind('ADDRESS', 'an IP address or host name')
const peerKind = textKind('MULTIADDR', 'a multiaddr such as /ip4/192.0.2.1/tcp/7900/p2p/12D3Koo…')

/** Every setting that does not depend on which ecosystems there are. */
export const SETTINGS: { readonly [K in keyof SettingValues]: Setting<SettingValues[K]> } = {
  data: one<string | undefined>('data', textKind('DIR', 'a directory'), {
    fallback: undefined,
    fallbackText: '$XDG_DATA_HOME/pyrsia or ~/.local/share/pyrsia',
    inFile: false,
    help: 'Directory that holds the store, the keys and the configuration',
  }),
  config: one<string | undefined>('config', textKind('FILE', 'a TOML file'), {
    fallback: undefined,
    fallbackText: 'config.toml in the data directory',
    inFile: false,
    help: 'Configuration file',
  }),
  host: one('host', addressKind, {
    fallback: '127.0.0.1',
    help: 'Address on which the registries listen; the API stays on loopback',
  }),
  port: one('port', portKind, {
    fallback: 7888,
    help: 'Port of the registries that are mounted below a path; 0 picks a free one',
  }),
  apiPort: one('api-port', portKind, {
    fallback: 7889,
    help: 'Port of the API, the metrics and the health checks; loopback only; 0 picks a free one',
  }),
  allowedHost: many(
    'allowed-host',
    textKind('HOST', 'a host name, with its port unless it is the listening one'),
    'Further Host header that the registries answer to, e.g. the name of this machine',
  ),
  listen: many('listen', listenKind, 'Address for peers (default: loopback, a free port)'),
  dataPort: one('data-port', portKind, {
    fallback: 0,
    help: 'Port on which peers fetch blobs, on the hosts of --listen; 0 picks a free one',
  }),
  networkKey: one<string | undefined>('network-key', textKind('FILE', 'a file'), {
    fallback: undefined,
    fallbackText: 'none: an open network',
    help: 'File with the shared key of a private network',
  }),
  peer: many('peer', peerKind, 'Peer to begin with'),
  trustPeer: many('trust-peer', peerIdKind, 'Peer whose piece manifests and documents are believed'),
  allowPeer: many('allow-peer', peerIdKind, 'Peer that is talked to; with one or more of these, no other is'),
  denyPeer: many('deny-peer', peerIdKind, 'Peer that is never talked to'),
  zone: one<string | undefined>('zone', textKind('NAME', 'a word'), {
    fallback: undefined,
    fallbackText: 'none',
    help: 'Label of the place of this node; peers of the same zone are preferred',
  }),
  serveNobody: one('serve-nobody', switchKind, {
    fallback: false,
    help: 'Take from peers, but offer and send them nothing',
  }),
  upstream: many(
    'upstream',
    upstreamKind,
    'Registry to ask for what neither store nor peers have; replaces the default of that name',
  ),
  offline: one('offline', switchKind, {
    fallback: false,
    help: 'Ask nothing of any upstream; store and peers still serve',
  }),
  fresh: one('fresh', durationKind, {
    fallback: 60,
    help: 'For how long a tag or an index is served without asking upstream again',
  }),
  disk: one('disk', sizeKind, {
    fallback: 10_000_000_000,
    help: 'Disk that the store may use; the least recently used blobs go first',
  }),
  up: one('up', rateKind, { fallback: undefined, help: 'Upload rate to all peers together' }),
  upPerPeer: one('up-per-peer', rateKind, { fallback: undefined, help: 'Upload rate to each peer' }),
  down: one('down', rateKind, { fallback: undefined, help: 'Download rate from all peers together' }),
  uploadSlots: one('upload-slots', countKind('N', 1, 10_000), {
    fallback: 64,
    help: 'Uploads to peers at the same time',
  }),
  pieces: one('pieces', countKind('N', 16, 10_000), {
    fallback: 128,
    help: 'Pieces of 1 MiB that all downloads from peers hold in memory at the same time',
  }),
  connections: one('connections', countKind('N', 1, 10_000), {
    fallback: 512,
    help: 'Connections that peers may open to this node at the same time, half of them from one address',
  }),
  announcements: one('announcements', countKind('N', 1, 1_000_000), {
    fallback: 100_000,
    help: 'Digests that one peer may announce per minute',
  }),
  policy: one<string | undefined>('policy', textKind('FILE', 'a TOML file'), {
    fallback: undefined,
    fallbackText: 'policy.toml in the data directory',
    help: 'Rules on what this node gives out',
  }),
  log: one<LogMode>('log', choiceKind('MODE', LOG_MODES), {
    fallback: 'full',
    help: "How much of another's log is kept: every entry, or only its newest checkpoint and what is asked for, with proofs",
  }),
  logListen: one<HostPort | undefined>('log-listen', hostPortKind, {
    fallback: undefined,
    fallbackText: 'none: /log/ on the API port alone',
    help: 'Address on which outsiders may read the log at /log/ and, with --witness, have checkpoints cosigned',
  }),
  logSource: many(
    'log-source',
    urlKind,
    'URL below which a web server has the files of the log, e.g. https://log.example/log',
  ),
  witness: one('witness', switchKind, {
    fallback: false,
    help: "Cosign checkpoints of this network's log and of --witness-log, at add-checkpoint of --log-listen",
  }),
  witnessLog: many('witness-log', witnessLogKind, 'Further log to cosign as a witness'),
  askWitness: many('ask-witness', askWitnessKind, 'Witness that is asked to cosign the log which this node signs'),
  authority: one('authority', switchKind, {
    fallback: false,
    help: 'Order the transactions of the trust network, whose one authority this node is, and write them into its log',
  }),
  builder: one('builder', switchKind, {
    fallback: false,
    help: 'Build packages when the trust network selects this node, a member of it',
  }),
  testBuilder: one<number | undefined>('test-builder', durationKind, {
    fallback: undefined,
    fallbackText: 'off',
    help: 'TEST ONLY, with --builder: build nothing, hash the name of the package instead, after this time',
  }),
  slots: one('slots', countKind('N', 1, 64), {
    fallback: 1,
    help: 'With --builder: packages that are built at the same time',
  }),
  cpu: one<number | undefined>('cpu', countKind('N', 1, 1_024), {
    fallback: undefined,
    fallbackText: 'those of this machine, shared between the slots',
    help: 'With --builder: processors that a build may use',
  }),
  memory: one('memory', sizeKind, {
    fallback: 4_000_000_000,
    help: 'With --builder: memory that a build may use; one that uses more is ended',
  }),
  jobDisk: one('job-disk', sizeKind, {
    fallback: 20_000_000_000,
    help: 'With --builder: disk that a build may use, beside the store',
  }),
  mappings: one<string | undefined>('mappings', textKind('DIR', 'a directory'), {
    fallback: undefined,
    fallbackText: 'those that come with Pyrsia',
    help: 'With --builder: what was written by hand for packages; its digests are part of the recipes that a network lists',
  }),
  sigstoreRoot: one<string | undefined>('sigstore-root', textKind('FILE', 'a trusted_root.json of Sigstore'), {
    fallback: undefined,
    fallbackText: "that of Sigstore's public instance, as it comes with Pyrsia",
    help: 'With --builder: whose certificates and logs count in attestations that upstream serves',
  }),
  sourceMirror: many(
    'source-mirror',
    sourceMirrorKind,
    'Where repositories below a URL are read instead, for --builder, as with insteadOf of git',
  ),
  beaconEndpoint: many(
    'beacon-endpoint',
    urlKind,
    "URL below which rounds of the network's public drand beacon are fetched, for --authority",
  ),
  buildsAuto: one('builds-auto', switchKind, {
    fallback: false,
    help: 'Ask the trust network by itself for releases that are asked for here and that its log lacks; never for private names or unshared upstreams',
  }),
  buildsAutoRate: one('builds-auto-rate', countKind('N', 1, 10_000), {
    fallback: 60,
    help: 'Releases an hour that --builds-auto asks for, a tenth of that at once',
  }),
  logLevel: one<LogLevel>('log-level', choiceKind('LEVEL', LOG_LEVELS), {
    fallback: 'info',
    help: 'What is logged on stderr',
  }),
}

/** The rows for ecosystems that are served on a port of their own; their values are kept by setting name. */
export function portSettings(ecosystems: readonly Ecosystem[]): readonly Setting<number>[] {
  return ecosystems.flatMap(({ id, mount }) =>
    mount.kind === 'port'
      ? [
          one(mount.setting, portKind, {
            fallback: mount.defaultPort,
            help: `Port of the ${id} registry; 0 picks a free one`,
          }),
        ]
      : [],
  )
}

/** A value as it could be written into the file. */
export function formatted(row: Setting<unknown>, value: unknown): string {
  if (Array.isArray(value)) return value.map((item) => row.kind.format(item)).join(' ')
  if (value === undefined && row.kind.placeholder !== 'RATE') return ''
  return row.kind.format(value)
}

function envOf(name: string): string {
  return `PYRSIA_${name.toUpperCase().replaceAll('-', '_')}`
}
