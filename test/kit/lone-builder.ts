/**
 * A real builder without a network around it: bubblewrap, git and registries on loopback, a log in memory that holds what it is asked for.
 * For tests of recipes, and for measuring how alike builders build.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger } from '../../src/base/clock.ts'
import { blobIdOf, parseBlobId } from '../../src/base/digest.ts'
import { encodeEntry } from '../../src/base/entries/entry.ts'
import { entryName } from '../../src/base/entries/entry-name.ts'
import { indexKeys } from '../../src/base/entries/index-keys.ts'
import { type RequestBody, signTransaction } from '../../src/base/entries/transaction.ts'
import { parsePurl } from '../../src/base/purl.ts'
import type { Built } from '../../src/build/builder.ts'
import { readBlob } from '../../src/build/rebuild/keep-files.ts'
import { createMemoryWriter } from '../../src/log/memory.ts'
import { type BuilderOptions, openRealBuilder } from '../../src/main/builds/real-builder.ts'
import { systemClock, systemRandom } from '../../src/main/effects.ts'
import { runJob } from '../../src/main/transform-worker.ts'
import { createMemoryStore, type MemoryStore } from '../../src/store/memory.ts'
import { createUndiciUpstream } from '../../src/upstream/undici.ts'
import { signerOf } from './sample-entries.ts'

/** The builder. */
export interface LoneBuilder extends AsyncDisposable {
  readonly store: MemoryStore
  /** Builds a package; `asOfSeconds` is when it was asked for. */
  build(purl: string, asOfSeconds?: number): Promise<Built>
  /** The bytes of what it kept by this SHA-256. */
  kept(sha256: string): Promise<Buffer>
}

/** How it is set up. */
export interface LoneOptions extends Partial<BuilderOptions> {
  /** URLs of registries by the name of their upstream. */
  readonly registries: Readonly<Record<string, string>>
}

const ORIGIN = 'log.example/lone'
const life = new AbortController().signal

/** Opens it. @throws Error where this machine has no sandbox */
export async function openLoneBuilder({ registries, ...options }: LoneOptions): Promise<LoneBuilder> {
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'pyrsia-builder-')))
  const store = createMemoryStore({ limitBytes: 8_000_000_000 }, { clock: systemClock })
  const upstreams = Object.entries(registries).map(([name, url]) => {
    return { name, url, share: 'network', source: 'flag' } as const
  })
  const logger = silentLogger
  const effects = { clock: systemClock, random: systemRandom, logger }
  const proxy = { http: undefined, https: undefined, noProxy: undefined }
  const upstream = createUndiciUpstream({ upstreams, offline: false, proxy } as never, effects)
  const log = createMemoryWriter({ origin: ORIGIN, keysOf: indexKeys }, signerOf('log'))
  const opened = await openRealBuilder(
    {
      directory,
      slots: 1,
      cpuCount: 1,
      memoryBytes: 4_000_000_000,
      diskBytes: 4_000_000_000,
      mirrors: [],
      mappings: undefined,
      sigstoreRoot: undefined,
      upstreams: Object.keys(registries),
      freshSeconds: 60,
      ...options,
    },
    {
      ...effects,
      log,
      store,
      upstream,
      transform: async ({ ecosystem, load, facts, variant }) =>
        runJob({ ecosystem, facts, variant, body: await load(life) }),
    },
  )
  if (opened.kind === 'missing') throw new Error(opened.reason)
  return {
    store,
    async build(text, asOfSeconds = Math.floor(systemClock.nowMs() / 1000)) {
      const purl = parsePurl(text)
      const sequence = log.head().size
      const tx = signTransaction<RequestBody>({ type: 'request', network: ORIGIN, sequence, purl }, signerOf('a'))
      const at = { heightBlock: sequence + 1, timeSeconds: asOfSeconds }
      const membershipRoot = '0'.repeat(64)
      const request = encodeEntry({ kind: 'request', v: 1, at, purl, attempt: 1, membershipRoot, tx })
      await log.append([request])
      return await opened.builder.run({ purl, request: entryName(request), attempt: 1 }, life)
    },
    async kept(sha256) {
      const bytes = await readBlob(parseBlobId(`sha256:${sha256}`), 1_000_000_000, store, life)
      if (blobIdOf(bytes) !== `sha256:${sha256}`) throw new Error('the store gave other bytes')
      return bytes
    },
    async [Symbol.asyncDispose]() {
      await upstream.close()
      await store.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
