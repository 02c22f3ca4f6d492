/**
 * One builder in a process of its own, with the surroundings that its parent gave to it. Reads purls from its input, one a line, and writes a
 * line of JSON for each: what `BuildReport` says. Its arguments are one JSON object, `BuilderSetup`.
 */
import { hash } from 'node:crypto'
import { createInterface } from 'node:readline'
import { canonicalJson, type Json } from '../../src/base/crypto/canonical-json.ts'
import { agreedPart, type BuildResult } from '../../src/base/entries/result.ts'
import { errorChain } from '../../src/base/errors.ts'
import type { SourceMirror } from '../../src/sources/mirrors.ts'
import { openRealRebuild } from '../../test/kit/real-rebuild.ts'

/** What a builder is started with. */
export interface BuilderSetup {
  readonly registries: Readonly<Record<string, string>>
  readonly mirrors: readonly SourceMirror[]
  /** Its data directory. */
  readonly directory: string
  readonly cpuCount: number
  readonly asOfSeconds: number
}

/** What came of one package at one builder. */
export interface BuildReport {
  readonly seconds: number
  readonly outcome: BuildResult['outcome'] | 'error'
  readonly reason?: string
  /** `git` or `archive`. */
  readonly source?: string
  readonly files?: ReadonlyArray<{
    readonly name: string
    readonly sha256: string
    readonly canonical: string
    /** Against what upstream has; undefined: it has nothing of that name. */
    readonly level: string | undefined
    readonly rules: readonly string[]
  }>
  /** Digest of what builders must report alike. */
  readonly agreed?: string
  readonly toolchains?: readonly string[]
  /** The end of the log of a build that was not what upstream has. */
  readonly log?: string
}

const LOG_CHARACTERS = 2_000

const setup = JSON.parse(process.argv[2] ?? '{}') as BuilderSetup
process.umask(Number.parseInt(process.env.BENCH_UMASK ?? '022', 8))
const { directory: folder, registries: upstreams, mirrors, cpuCount } = setup
await using builder = await openRealRebuild({ folder, upstreams, mirrors, cpuCount })
for await (const purl of createInterface({ input: process.stdin })) {
  const startedMs = performance.now()
  const report = await build(purl).catch((error: unknown) => ({
    outcome: 'error' as const,
    reason: errorChain(error).join(': '),
  }))
  const seconds = Math.round((performance.now() - startedMs) / 100) / 10
  process.stdout.write(`${JSON.stringify({ seconds, ...report } satisfies BuildReport)}\n`)
}

async function build(purl: string): Promise<Omit<BuildReport, 'seconds'>> {
  const { built, log } = await builder.run({ purl, requestedAtSeconds: setup.asOfSeconds })
  const { result } = built
  const { outcome, environment } = result
  const agreed = hash('sha256', canonicalJson(agreedPart(result) as unknown as Json))
  const { toolchains } = environment
  if (outcome === 'witnessed') return { outcome, agreed, toolchains }
  const end = log.slice(-LOG_CHARACTERS)
  if (outcome !== 'built') return { outcome, reason: result.reason, agreed, toolchains, log: end }
  const files = result.files.map(({ name, sha256, canonical, upstream }) => {
    return { name, sha256, canonical, level: upstream?.level, rules: upstream?.rules ?? [] }
  })
  const isSame = files.every(({ level }) => level === 'exact' || level === 'container' || level === 'canonical')
  return { outcome, source: result.source.type, files, agreed, toolchains, ...(isSame ? {} : { log: end }) }
}
