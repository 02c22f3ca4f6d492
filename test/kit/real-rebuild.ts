/**
 * One real builder without a network around it: real sandbox, real git, the registry as it was, the recipes of every ecosystem; what
 * was asked stands in a log in memory. For tests and `bench/rebuild.ts`.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { silentLogger } from '../../src/base/clock.ts'
import { digestOf } from '../../src/base/digest.ts'
import { encodeEntry } from '../../src/base/entries/entry.ts'
import { entryName } from '../../src/base/entries/entry-name.ts'
import { indexKeys } from '../../src/base/entries/index-keys.ts'
import { DEFAULT_RULES } from '../../src/base/entries/rules.ts'
import { type RequestBody, signTransaction } from '../../src/base/entries/transaction.ts'
import { type Purl, parsePurl } from '../../src/base/purl.ts'
import { collect } from '../../src/base/streams.ts'
import type { Built } from '../../src/build/builder.ts'
import type { RebuildParts } from '../../src/build/rebuild/parts.ts'
import { createRebuilder } from '../../src/build/rebuild/rebuild.ts'
import { ecosystems } from '../../src/ecosystems/index.ts'
import { createMemoryWriter } from '../../src/log/memory.ts'
import { openAsOfRegistry } from '../../src/main/builds/as-of-registry.ts'
import { examine } from '../../src/main/builds/examine-worker.ts'
import { systemClock, systemRandom } from '../../src/main/effects.ts'
import { runJob } from '../../src/main/transform-worker.ts'
import { createBubblewrapSandbox } from '../../src/sandbox/bubblewrap.ts'
import { requireBubblewrap } from '../../src/sandbox/find-bubblewrap.ts'
import type { Sandbox } from '../../src/sandbox/sandbox.ts'
import { openGit } from '../../src/sources/git.ts'
import type { SourceMirror } from '../../src/sources/mirrors.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { createUndiciUpstream } from '../../src/upstream/undici.ts'
import { signerOf } from './sample-entries.ts'

/** How a builder is set up. */
export interface RealRebuildOptions {
  /** A folder for it alone. */
  readonly folder: string
  /** Upstreams by name, with their URLs. */
  readonly upstreams: Readonly<Record<string, string>>
  readonly mirrors?: readonly SourceMirror[]
  readonly cpuCount?: number
  /** Puts something round the sandbox, e.g. a clock. */
  readonly sandboxOf?: (real: Sandbox) => Sandbox
  /** Compares in place of this thread. */
  readonly examine?: RebuildParts['examine']
}

/** One request. */
export interface RebuildAsked {
  readonly purl: string
  /** Consensus time of the request, seconds since 1970. */
  readonly requestedAtSeconds: number
}

/** What came of it. */
export interface RebuildDone {
  readonly built: Built
  /** The build log that was kept; empty if nothing was built. */
  readonly log: string
  /** Files as they were built, by name. */
  readonly files: Readonly<Record<string, Buffer>>
}

const ORIGIN = 'log.example/rebuild'
const STORE_BYTES = 4_000_000_000
const FILE_BYTES_MAX = 512 * 1_048_576
const life = new AbortController().signal

/** A builder; `run` may be called any number of times. */
export interface RealRebuild extends AsyncDisposable {
  /** Of its sandbox. */
  readonly name: string
  run(asked: RebuildAsked): Promise<RebuildDone>
}

/** Opens one. @throws unavailable.sandbox, unavailable.source */
export async function openRealRebuild(options: RealRebuildOptions): Promise<RealRebuild> {
  const [clock, random, logger] = [systemClock, systemRandom, silentLogger]
  const { folder, upstreams, mirrors = [], cpuCount = 1 } = options
  await mkdir(folder, { recursive: true })
  const store = createMemoryStore({ limitBytes: STORE_BYTES }, { clock })
  const configs = Object.entries(upstreams).map(
    ([name, url]) => ({ name, url, share: 'network', source: 'flag' }) as const,
  )
  const upstream = createUndiciUpstream({ upstreams: configs, offline: false }, { clock, random, logger })
  const bubblewrap = await requireBubblewrap()
  const real = await createBubblewrapSandbox({ folder: join(folder, 'sandbox'), bubblewrap }, { clock, random, logger })
  const sandbox = options.sandboxOf?.(real) ?? real
  const sources = await openGit({ scratch: join(folder, 'sources'), mirrors }, { clock })
  const log = createMemoryWriter({ origin: ORIGIN, keysOf: indexKeys }, signerOf('log'))
  const context = {
    upstreams: Object.keys(upstreams),
    freshSeconds: 60,
    baseUrl: (name: string) => upstream.config(name)?.url,
  }
  const transform = async ({ ecosystem, load, facts, variant }: Parameters<AsOfDependencies['transform']>[0]) =>
    runJob({ ecosystem, facts, variant, body: await load(life) })
  const builder = createRebuilder({
    ecosystems,
    sandbox,
    sources,
    log,
    store,
    clock,
    logger,
    toolchains: [sources.name],
    limits: {
      cpuCount,
      memoryBytes: 2_147_483_648,
      processCount: 1_024,
      diskBytes: 4_294_967_296,
      stepSeconds: 900,
      logBytes: 16_777_216,
    },
    openRegistry: (ecosystem, asked) =>
      openAsOfRegistry(ecosystem, asked, { store, upstream, clock, log, transform, context }),
    mapping: () => undefined,
    examine: options.examine ?? (async (job) => examine(job)),
    progress() {},
  })
  return {
    name: sandbox.name,
    async run({ purl: text, requestedAtSeconds }: RebuildAsked): Promise<RebuildDone> {
      const purl = parsePurl(text)
      const request = requestOf(purl, requestedAtSeconds)
      await log.append([...request])
      const built = await builder.run({ purl, request: entryName(request[1]), attempt: 1 }, life)
      const read = (sha256: string): Promise<Buffer> => bytesOf(sha256, store)
      const files: Record<string, Buffer> = {}
      if (built.result.outcome === 'built') {
        for (const { name, sha256 } of built.result.files) files[name] = await read(sha256)
      }
      const kept = built.record.log === undefined ? '' : (await read(built.record.log)).toString()
      return { built, log: kept, files }
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await upstream.close()
      await store.close()
    },
  }
}

/** The network's rules, and a request under them. */
function requestOf(purl: Purl, timeSeconds: number): readonly [Uint8Array, Uint8Array] {
  const at = { heightBlock: 1, timeSeconds }
  const body = { type: 'request', network: ORIGIN, sequence: 0, purl } as const
  const tx = signTransaction<RequestBody>(body, signerOf('a'))
  const rules = encodeEntry({ kind: 'policy', v: 1, at, rules: DEFAULT_RULES, votes: null })
  return [rules, encodeEntry({ kind: 'request', v: 1, at, purl, attempt: 1, membershipRoot: '0'.repeat(64), tx })]
}

async function bytesOf(sha256: string, store: Store): Promise<Buffer> {
  const info = store.lookup(digestOf('sha256', sha256))
  if (info === undefined) return Buffer.alloc(0)
  const reader = await store.open(info.id)
  try {
    return await collect(reader.stream(undefined, life), FILE_BYTES_MAX)
  } finally {
    await reader.close()
  }
}

type AsOfDependencies = Parameters<typeof openAsOfRegistry>[2]
