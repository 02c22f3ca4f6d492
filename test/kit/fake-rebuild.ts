/** A builder of toys over twins, for tests of the core that rebuilds: one package, `blocks` 1, whose every part a test may change. */
import { hash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, silentLogger } from '../../src/base/clock.ts'
import { blobIdOf } from '../../src/base/digest.ts'
import { encodeEntry } from '../../src/base/entries/entry.ts'
import { entryName } from '../../src/base/entries/entry-name.ts'
import { indexKeys } from '../../src/base/entries/index-keys.ts'
import type { Built as BuiltResult } from '../../src/base/entries/result.ts'
import { DEFAULT_RULES } from '../../src/base/entries/rules.ts'
import { type RequestBody, signTransaction } from '../../src/base/entries/transaction.ts'
import { AppError } from '../../src/base/errors.ts'
import type { Located } from '../../src/base/located.ts'
import { parsePurl } from '../../src/base/purl.ts'
import type {
  Recipe,
  RecipeEnd,
  RecipeGot,
  RecipeNeed,
  ReleaseFacts,
  SourceCandidate,
  SourceFound,
} from '../../src/base/rebuild/build-plan.ts'
import type { Built, Job } from '../../src/build/builder.ts'
import type { Mapping, RebuildParts, RecordedRegistry } from '../../src/build/rebuild/parts.ts'
import { createRebuilder } from '../../src/build/rebuild/rebuild.ts'
import type { Ecosystem } from '../../src/ecosystems/ecosystem.ts'
import type { LogReader } from '../../src/log/log.ts'
import { createMemoryWriter } from '../../src/log/memory.ts'
import type { Sources } from '../../src/sources/sources.ts'
import { createMemoryStore, type MemoryStore } from '../../src/store/memory.ts'
import { signerOf } from './sample-entries.ts'
import { type ScriptedSandbox, type ScriptedStep, scriptedSandbox } from './scripted-sandbox.ts'
import { steppedClock } from './stepped-clock.ts'
import { toyEcosystem } from './toy-ecosystem.ts'

/** The recipe of toys. */
export const TOY_RECIPE = { name: 'toymake', version: 1 } as const

/** What a test changes. */
export interface FakeOptions {
  readonly candidates?: readonly SourceCandidate[]
  readonly found?: SourceFound
  /** Upstream's bytes of the toy. */
  readonly upstream?: string
  /** Bytes of an archive of upstream's, which becomes the only candidate. */
  readonly archive?: string
  readonly mapping?: Mapping
  /** Of the network's rules. */
  readonly recipes?: readonly string[]
  readonly objection?: string
  readonly malformed?: string
  readonly witnessed?: boolean
  readonly make?: ScriptedStep
  /** Run by the recipe when it has been told what was made. */
  readonly checkMade?: () => void
  readonly afterConfirm?: (directory: string) => Promise<void>
  /** Paths that the recipe reads. */
  readonly paths?: readonly string[]
}

/** The builder and what it stands on. */
export interface FakeRebuild extends AsyncDisposable {
  readonly job: Job
  readonly commit: string
  readonly tree: string
  readonly store: MemoryStore
  readonly sources: ToySources
  readonly sandbox: ScriptedSandbox
  /** Kinds of the answers to `paths`. */
  readonly answers: string[]
  run(job?: Job): Promise<Built>
  /** The build log that was kept last. */
  log(): Promise<string>
}

const PURL = parsePurl('pkg:toy/blocks@1')
const REPOSITORY = 'https://git.example/blocks'
const ORIGIN = 'log.example/toys'

/** What the registry says of `blocks` 1. */
export function toyRelease(upstream: Uint8Array = Buffer.from('blocks 1, built')): ReleaseFacts {
  return {
    candidates: [
      { grade: 'stated', how: 'the list', type: 'git', repository: REPOSITORY, revisions: ['v1'], directory: '' },
    ],
    files: [locatedOf('blocks-1.toy', upstream)],
    releasedAtSeconds: 1_700_000_000,
    licence: 'MIT',
    tools: {},
  }
}

/** Opens it. */
export async function fakeRebuild(options: FakeOptions = {}): Promise<FakeRebuild> {
  const clock = steppedClock()
  const store = createMemoryStore({ limitBytes: 1_000_000_000 }, { clock })
  const sources = toySources()
  const commit = sources.publish(REPOSITORY, 'blocks 1')
  const sandbox = scriptedSandbox(options.make ?? make)
  const answers: string[] = []
  const upstream = Buffer.from(options.upstream ?? 'blocks 1, built')
  const archive = options.archive === undefined ? undefined : Buffer.from(options.archive)
  const blobs = new Map(
    [upstream, ...(archive === undefined ? [] : [archive])].map((bytes) => [blobIdOf(bytes), bytes]),
  )
  const { log, job } = await requested(options.recipes ?? [])
  let last: BuiltResult | undefined
  const ecosystem = toyOf(options, toyRelease(upstream), archive, answers)
  const parts = partsOf(options, { ecosystem, sandbox, sources, log, store, clock, blobs })
  const tree = treeOf('blocks 1')
  return {
    job,
    commit,
    tree,
    store,
    sources,
    sandbox,
    answers,
    async run(given = job) {
      const built = await createRebuilder(parts).run(given, new AbortController().signal)
      if (built.result.outcome === 'built') last = built.result
      return built
    },
    async log() {
      const texts: string[] = []
      for (const { id, mediaType } of store.list({ limit: 100 })) {
        if (mediaType?.startsWith('text/plain') !== true) continue
        const reader = await store.open(id)
        for await (const chunk of reader.stream()) texts.push(Buffer.from(chunk).toString())
        await reader.close()
      }
      return last === undefined ? '' : texts.join('\n')
    },
    async [Symbol.asyncDispose]() {
      await store.close()
    },
  }
}

interface Stands {
  readonly ecosystem: Ecosystem
  readonly sandbox: ScriptedSandbox
  readonly sources: ToySources
  readonly log: LogReader
  readonly store: MemoryStore
  readonly clock: Clock
  readonly blobs: ReadonlyMap<string, Buffer>
}

function partsOf(options: FakeOptions, stands: Stands): RebuildParts {
  const { ecosystem, sandbox, sources, log, store, clock, blobs } = stands
  let jobDirectory = ''
  return {
    ecosystems: [ecosystem],
    sandbox: {
      ...sandbox,
      async job(given) {
        const opened = await sandbox.job(given)
        jobDirectory = opened.directory
        return opened
      },
    },
    sources: {
      ...sources,
      async digest(folder, signal) {
        await options.afterConfirm?.(jobDirectory)
        return await sources.digest(folder, signal)
      },
    },
    log,
    store,
    clock,
    logger: silentLogger,
    toolchains: ['tar 1.34'],
    limits: { cpuCount: 1, memoryBytes: 1, processCount: 1, diskBytes: 1, stepSeconds: 1, logBytes: 1 },
    openRegistry: () => registryOf(blobs, store, options.objection),
    mapping: () => options.mapping,
    async examine({ built, upstream: theirs }) {
      if (options.malformed !== undefined) return { kind: 'malformed', reason: options.malformed }
      const canonical = blobIdOf(built).slice('sha256:'.length)
      if (theirs === undefined) return { kind: 'read', canonical, comparison: undefined }
      const same = Buffer.compare(built, theirs) === 0
      const differences = same ? [] : ['other bytes']
      return { kind: 'read', canonical, comparison: { level: same ? 'exact' : 'mismatch', rules: [], differences } }
    },
    progress() {},
  }
}

const make: ScriptedStep = async (_, directory) => {
  const source = await readFile(`${directory}/source/toy.txt`, 'utf8')
  await writeFile(`${directory}/out/blocks-1.toy`, `${source}, built`)
  return 'made'
}

function toyOf(
  options: FakeOptions,
  release: ReleaseFacts,
  archive: Uint8Array | undefined,
  answers: string[],
): Ecosystem {
  const packed: readonly SourceCandidate[] | undefined = archive && [
    { grade: 'stated', how: 'the list', type: 'archive', file: locatedOf('blocks-1.tar.gz', archive) },
  ]
  const facts = { ...release, candidates: packed ?? options.candidates ?? release.candidates }
  if (options.witnessed === true) {
    return {
      ...toyEcosystem,
      witness: {
        // biome-ignore lint/correctness/useYield: nothing is asked for
        *see() {
          return { kind: 'seen', tag: false, files: facts.files }
        },
        check() {},
      },
    }
  }
  return {
    ...toyEcosystem,
    rebuild: {
      // biome-ignore lint/correctness/useYield: nothing is asked for
      *source() {
        return options.found ?? { kind: 'release', facts }
      },
      *confirm() {
        const got = yield { kind: 'read', path: 'source/toy.txt', bytesMax: 1_000 }
        const [name, version] = got.kind === 'bytes' ? Buffer.from(got.bytes).toString().split(' ') : []
        if (name === 'blocks' && version === '1') {
          return { kind: 'confirmed', directory: 'source', licence: undefined }
        }
        return { kind: 'refused', reason: `its manifest names ${name}` }
      },
      recipe: recipeOf(options, answers),
      compare: () => ({ level: 'exact', rules: [], differences: [] }),
      canonicalDigest: () => '',
    },
  }
}

function recipeOf(options: FakeOptions, answers: string[]): Recipe {
  return {
    ...TOY_RECIPE,
    *steps(): Generator<RecipeNeed, RecipeEnd, RecipeGot> {
      for (const path of options.paths ?? []) answers.push((yield { kind: 'read', path, bytesMax: 10 }).kind)
      yield { kind: 'write', path: 'work/lock', bytes: Buffer.from('lock of blocks') }
      const asked = { requestPath: '/shelves/nails/1', as: 'nails', digests: [], asOfSeconds: 1, tool: false }
      yield { kind: 'input', ...asked }
      const ran = yield {
        kind: 'run',
        step: { name: 'make', argv: ['toymake'], directory: 'source', env: {} },
      }
      options.checkMade?.()
      if (ran.kind !== 'ran' || ran.exitCode !== 0) {
        return { kind: 'unbuildable', reason: `make ${ran.kind === 'ran' ? ran.log : 'was not run'}` }
      }
      const files = [{ name: 'blocks-1.toy', path: 'out/blocks-1.toy' }]
      return { kind: 'built', files, lock: 'work/lock', toolchains: ['toymake 1.0'] }
    },
  }
}

function registryOf(
  blobs: ReadonlyMap<string, Buffer>,
  store: MemoryStore,
  objection: string | undefined,
): RecordedRegistry {
  const sha256 = blobIdOf(Buffer.from('nails')).slice('sha256:'.length)
  const nails = { purl: parsePurl('pkg:toy/nails@1'), name: 'nails', sha256, sizeBytes: 5, tool: false }
  return {
    context: { upstreams: ['toy'], freshSeconds: 60 },
    need: async () => ({ kind: 'unavailable', reason: { code: 'unavailable', message: 'nothing is asked here' } }),
    answer: async () => ({ status: 404, headers: {}, body: new Uint8Array(0) }),
    input: async () => ({ kind: 'bytes', bytes: Buffer.from('nails') }),
    async fetch({ digests }) {
      const bytes = blobs.get(digests[0])
      if (bytes === undefined) return undefined
      const { byteLength } = bytes
      const writer = await store.begin({ digests, aliases: [], sizeBytes: byteLength, bytesMax: byteLength })
      await writer.write(bytes)
      return await writer.commit({ mediaType: undefined, share: 'network', origin: { kind: 'local' } })
    },
    records: () => [{ ...nails, level: 'rebuilt' }],
    objection: () => objection,
  }
}

function locatedOf(name: string, bytes: Uint8Array): Located {
  const digest = blobIdOf(bytes)
  return {
    ecosystem: 'toy',
    purl: PURL,
    label: name,
    digests: [digest],
    sizeBytes: bytes.byteLength,
    bytesMax: 1_000_000,
    mediaType: 'application/x-toy',
    upstream: 'toy',
    path: `/files/${name}`,
    requestHeaders: {},
    replyHeaders: {},
    evidence: [{ kind: 'index', digest, statedBy: 'the list' }],
    requires: [],
  }
}

/** A log with the network's rules and the request for the toy. */
async function requested(recipes: readonly string[]) {
  const log = createMemoryWriter({ origin: ORIGIN, keysOf: indexKeys }, signerOf('log'))
  const at = { heightBlock: 1, timeSeconds: 1_800_000_000 }
  const body = { type: 'request', network: ORIGIN, sequence: 0, purl: PURL } as const
  const tx = signTransaction<RequestBody>(body, signerOf('a'))
  const rules = encodeEntry({ kind: 'policy', v: 1, at, rules: { ...DEFAULT_RULES, recipes }, votes: null })
  const membershipRoot = '0'.repeat(64)
  const request = encodeEntry({ kind: 'request', v: 1, at, purl: PURL, attempt: 1, membershipRoot, tx })
  await log.append([rules, request])
  return { log, job: { purl: PURL, request: entryName(request), attempt: 1 } }
}

/** Sources of toys: a repository is the text of its `toy.txt`, at the tag `v1`. */
export interface ToySources extends Sources {
  /** The commit. */
  publish(repository: string, text: string): string
  hide(repository: string): void
}

function toySources(): ToySources {
  const texts = new Map<string, string>()
  return {
    name: 'toys',
    publish(repository, text) {
      texts.set(repository, text)
      return hash('sha1', text)
    },
    hide: (repository) => void texts.delete(repository),
    async checkout({ repository, revisions, into }) {
      const text = texts.get(repository)
      if (text === undefined) throw new AppError('absent.source', `${repository}: nobody can read it in public`)
      await writeFile(join(into, 'toy.txt'), text)
      const found = { commit: hash('sha1', text), tree: treeOf(text), committedAtSeconds: 1, left: [] }
      return { ...found, revision: revisions[0], fileCount: 1, sizeBytes: text.length }
    },
    digest: async (folder) => treeOf(await readFile(join(folder, 'toy.txt'), 'utf8')),
  }
}

function treeOf(text: string): string {
  return hash('sha256', `tree of ${text}`)
}
