/**
 * The tables behind the repository rules (`tools/tidy.ts`). To allow something new, add a line here; the review of that line is
 * the point. The layer table itself is `mayImport` in `tools/tidy/imports.ts` and, for people, ARCHITECTURE.md.
 */

/** Lines and files at which a rule says stop. */
export const LIMITS = { fileLines: 500, testLines: 800, functionLines: 70, folderFiles: 13 } as const

/** The parts that lean on `base` alone; the flows and the edges may import their interface file `src/<part>/<part>.ts`. */
export const INTERFACE_PARTS: readonly string[] = [
  'store',
  'peers',
  'log',
  'consensus',
  'beacon',
  'sandbox',
  'sources',
  'archive',
  'upstream',
  'policy',
  'advisories',
]

/** Seams inside one part, which nobody outside imports. */
export const INTERNAL_FILES: readonly string[] = ['src/peers/neighbour.ts']

/** The pure files of other parts that `verify/` may import. */
export const VERIFY_MAY_IMPORT: readonly string[] = [
  'src/beacon/beacon.ts',
  'src/beacon/chain-of.ts',
  'src/beacon/drand-chain.ts',
  'src/beacon/local-chain.ts',
  'src/beacon/unborn.ts',
  'src/consensus/draft/members.ts',
  'src/consensus/rules/decide.ts',
  'src/consensus/rules/offers.ts',
  'src/consensus/rules/relation.ts',
  'src/consensus/selection/draw-round.ts',
  'src/consensus/selection/draw-seed.ts',
  'src/consensus/selection/panel-size.ts',
  'src/consensus/selection/select.ts',
  'src/consensus/tree/tree.ts',
  'src/log/policy/check-checkpoint.ts',
  'src/log/policy/network-chain.ts',
  'src/log/proof/tlog-proof.ts',
  'src/log/tree/hash.ts',
]

/** The only files that may re-export everything of others. */
export const BARRELS: readonly string[] = ['src/ecosystems/index.ts']

/** Words that only `src/ecosystems/` and `src/main/` may say, matched against the words of identifiers and prose. */
export const ECOSYSTEM_WORDS: readonly RegExp[] = [/^docker/, /^oci$/, /^npm$/, /^pypi$/, /^maven$/, /^(?:ruby)?gems?$/]

/** Hosts of package registries, in pieces so that this file does not name them either. */
export const FORBIDDEN_HOSTS: readonly string[] = [
  ['npm', 'js.org'],
  ['registry.npm', 'js.com'],
  ['registry.yarn', 'pkg.com'],
  ['py', 'pi.org'],
  ['files.python', 'hosted.org'],
  ['repo1.mav', 'en.org'],
  ['repo.mav', 'en.apache.org'],
  ['ruby', 'gems.org'],
  ['crates', '.io'],
  ['proxy.go', 'lang.org'],
  ['sum.go', 'lang.org'],
].map((pieces) => pieces.join(''))

/** Effectful globals by what they do. */
export type Effect = 'time' | 'timers' | 'random' | 'network' | 'process' | 'console'

/** node: modules without effects, free for all of `src/`. */
export const PURE_MODULES: readonly string[] = [
  'node:assert/strict',
  'node:buffer',
  'node:crypto',
  'node:events',
  'node:path',
  'node:path/posix',
  'node:querystring',
  'node:string_decoder',
  'node:url',
  'node:util',
  'node:zlib',
]

/** Names without effects in modules that have some: importing only these is free. */
export const PURE_NAMES: Readonly<Record<string, readonly string[]>> = {
  'node:net': ['isIP', 'isIPv4', 'isIPv6', 'BlockList', 'SocketAddress'],
  'node:http': ['STATUS_CODES'],
  'node:os': ['EOL'],
}

/** Adapter files (or folders, ending in a slash) and the effects and node: modules that they may use. */
export const ADAPTERS: Readonly<Record<string, readonly (Effect | `node:${string}`)[]>> = {
  'src/advisories/sqlite.ts': ['node:sqlite'],
  'src/archive/file-source.ts': ['node:fs'],
  'src/base/piece-hash.ts': ['node:module'],
  'src/clients/disk-files.ts': ['random', 'process', 'node:fs/promises'],
  'src/cli/offline/files.ts': ['node:fs/promises'],
  'src/cli/node-api.ts': ['timers', 'network', 'node:fs/promises'],
  'src/consensus/solo/disk-journal.ts': ['node:fs', 'node:fs/promises'],
  'src/http/listen.ts': ['timers', 'node:http'],
  'src/log/reader/evidence-file.ts': ['node:fs/promises'],
  'src/log/disk/files.ts': ['node:fs'],
  'src/log/disk/lock.ts': ['node:sqlite'],
  'src/log/index/log-index.ts': ['timers', 'node:sqlite'],
  'src/main/builds/examine-pool.ts': ['node:worker_threads'],
  'src/main/builds/examine-worker.ts': ['node:worker_threads'],
  'src/main/builds/mappings.ts': ['node:fs'],
  'src/main/builds/real-builder.ts': ['node:os'],
  'src/main/cli.ts': ['time', 'process', 'node:fs'],
  'src/main/daemon.ts': ['timers', 'process', 'node:os'],
  'src/main/data-directory.ts': ['random', 'node:fs/promises'],
  'src/main/config/default-directory.ts': ['node:os'],
  'src/main/network/role-keys.ts': ['random', 'node:fs'],
  'src/main/policy/import-osv.ts': ['node:fs'],
  'src/main/doctor/senses.ts': ['time', 'timers', 'network', 'node:child_process', 'node:fs/promises', 'node:net'],
  'src/main/offline/listing.ts': ['process', 'timers', 'node:child_process', 'node:fs/promises', 'node:os'],
  'src/main/offline/offline.ts': ['node:os'],
  'src/main/effects.ts': ['time', 'timers', 'random', 'process', 'node:timers/promises', 'node:tls'],
  'src/main/systemd/install-units.ts': ['process', 'node:child_process', 'node:fs/promises', 'node:os'],
  'src/main/setup.ts': ['process', 'node:os'],
  'src/main/transform-pool.ts': ['node:worker_threads'],
  'src/main/transform-worker.ts': ['node:worker_threads'],
  'src/main/wire.ts': ['node:os'],
  'src/peers/control/plane.ts': ['node:worker_threads'],
  'src/peers/control/subnets.ts': ['node:os'],
  'src/peers/control/worker.ts': ['time', 'timers', 'random', 'node:worker_threads'],
  'src/peers/data/client/dial.ts': ['node:tls'],
  'src/peers/data/server/server.ts': ['node:https'],
  'src/peers/identity.ts': ['random'],
  'src/peers/key-file.ts': ['process', 'node:fs'],
  'src/sources/git/run-git.ts': ['process', 'node:child_process'],
  'src/sources/tree/folder.ts': ['node:fs', 'node:fs/promises'],
  'src/sandbox/bubblewrap.ts': ['process', 'node:child_process', 'node:fs/promises'],
  'src/sandbox/find-bubblewrap.ts': ['process', 'node:child_process', 'node:fs/promises'],
  'src/sandbox/inside/run-step.ts': [
    ...(['timers', 'network', 'process'] as const),
    ...(['node:child_process', 'node:dgram', 'node:fs', 'node:net', 'node:os'] as const),
  ],
  'src/sandbox/job/files.ts': ['node:fs', 'node:fs/promises'],
  'src/sandbox/job/job.ts': ['node:fs'],
  'src/sandbox/job/own.ts': ['node:child_process'],
  'src/sandbox/job/step.ts': ['process', 'node:child_process', 'node:stream'],
  'src/sandbox/registry/door.ts': ['node:fs', 'node:http', 'node:stream', 'node:stream/promises'],
  'src/sandbox/watch/disk.ts': ['node:child_process', 'node:fs'],
  'src/sandbox/watch/processes.ts': ['node:fs'],
  'src/store/disk/database.ts': ['node:sqlite'],
  'src/store/disk/files.ts': ['process', 'node:fs'],
  'src/upstream/wire/body.ts': ['node:stream'],
  'src/upstream/wire/dial.ts': ['node:dns', 'node:net'],
}

/** Packages and the places in `src/` that may import them. `@scope/*` stands for every package of a scope. */
export const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  '@chainsafe/*': ['src/peers/'],
  '@libp2p/*': ['src/peers/'],
  '@multiformats/*': ['src/peers/', 'src/main/'],
  '@napi-rs/blake-hash': ['src/base/'],
  '@noble/curves': ['src/base/crypto/', 'src/beacon/drand-chain.ts'],
  '@noble/hashes': ['src/'],
  '@peculiar/x509': ['src/peers/'],
  '@sigstore/*': ['src/verify/upstream/'],
  '@socketregistry/packageurl-js': ['src/ecosystems/'],
  commander: ['src/cli/', 'src/main/'],
  'jsonc-parser': ['src/ecosystems/'],
  libp2p: ['src/peers/'],
  'p-limit': ['src/'],
  'packageurl-js': ['src/base/'],
  pino: ['src/main/'],
  'prom-client': ['src/http/', 'src/main/'],
  'reflect-metadata': ['src/peers/'],
  semver: ['src/ecosystems/'],
  'smol-toml': ['src/main/', 'src/ecosystems/', 'src/clients/', 'src/policy/'],
  undici: ['src/upstream/', 'src/peers/', 'src/cli/', 'src/main/doctor/', 'src/log/files/', 'src/log/witness/'],
  zod: ['src/'],
}

/**
 * Who may verify Ed25519 signatures: one file for Pyrsia's own statements, and the peers, whose TLS certificates and libp2p records
 * are not statements of the log. A path, or a folder ending in a slash.
 */
export const VERIFIERS: readonly string[] = ['src/base/crypto/ed25519.ts', 'src/peers/']

/** Breaches that are known and owed, as `rule path`: the list can only shrink, an entry that is no longer needed is a finding. */
export const OWED: readonly string[] = []

/** Rules whose findings are listed but do not fail the gate yet. */
export const REPORT_ONLY: readonly string[] = []

/** Error codes that are not yet both thrown and tested. The list can only shrink. */
export const CODES_NOT_YET: readonly string[] = []
