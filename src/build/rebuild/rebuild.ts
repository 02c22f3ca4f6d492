/**
 * The real builder: from a name to what came out. Reads top to bottom; every step is a file of its own. Ecosystem-blind: what differs is in
 * `Ecosystem.rebuild` and `Ecosystem.witness`, whose generators ask and are answered here. Nothing is kept between runs but blobs, so a
 * builder that was killed anywhere runs the job again and comes to the same. 2-trust.md, "Sandbox", "Agreement".
 */
import { hash } from 'node:crypto'
import { type Dependency, dependencyList } from '../../base/attestation/dependencies.ts'
import type { BuildRecord } from '../../base/attestation/record.ts'
import type { Hex32 } from '../../base/entries/fields.ts'
import type { BuildResult, Environment, NotBuilt } from '../../base/entries/result.ts'
import { AppError } from '../../base/errors.ts'
import { purlParts } from '../../base/purl.ts'
import type { RecipeEnd, RecipeJob, ReleaseFacts } from '../../base/rebuild/build-plan.ts'
import { recipeDigest } from '../../base/rebuild/recipe-digest.ts'
import type { Rebuild } from '../../ecosystems/ecosystem.ts'
import type { Builder, Built, Job } from '../builder.ts'
import { drive, remarkOf, wordOf } from './answer.ts'
import { askedBy, recipesInForce } from './asked.ts'
import { examineFiles } from './examine-files.ts'
import { type FoundSource, findSource } from './find-source.ts'
import { keepBytes } from './keep-files.ts'
import type { Asked, Mapping, RebuildParts, RecordedFile, RecordedRegistry } from './parts.ts'
import { releaseFacts } from './release.ts'
import { witness } from './witness.ts'

const TOOLCHAINS_MAX = 8
const LOCK_BYTES_MAX = 64 * 1_048_576

/** A builder that rebuilds what can be rebuilt, and witnesses what can only be seen. */
export function createRebuilder(parts: RebuildParts): Builder {
  return { name: parts.sandbox.name, run: (job, signal) => run(job, parts, signal) }
}

async function run(job: Job, parts: RebuildParts, signal: AbortSignal): Promise<Built> {
  const startedSeconds = Math.floor(parts.clock.nowMs() / 1000)
  const asked = await askedBy(job, parts.log, signal)
  parts.progress(asked.purl, { kind: 'looking' })
  const found = await build(asked, parts, signal).finally(() => parts.progress(asked.purl, { kind: 'over' }))
  const { result, ...told } = found
  return { result, record: { ...told, startedSeconds, finishedSeconds: Math.floor(parts.clock.nowMs() / 1000) } }
}

/** What came out, and what the statement tells of how. */
interface Found {
  readonly result: BuildResult
  readonly dependencies: readonly Dependency[]
  readonly licence?: string | undefined
  readonly source?: BuildRecord['source']
  readonly log?: Hex32
}

async function build(asked: Asked, parts: RebuildParts, signal: AbortSignal): Promise<Found> {
  const { type, version } = purlParts(asked.purl)
  const ecosystem = parts.ecosystems.find(({ id }) => id === type)
  if (ecosystem === undefined || version === undefined) return notBuilt('this builder knows no such packages', parts)
  const registry = parts.openRegistry(ecosystem, asked)
  const { rebuild } = ecosystem
  if (rebuild === undefined) {
    const seen = { asked, ecosystem, registry }
    return { result: await witness(seen, environmentOf(parts, []), parts, signal), dependencies: [] }
  }
  const mapping = parts.mapping(asked.purl, version)
  const recipe = await listedRecipe({ asked, type, rebuild, mapping }, parts, signal)

  const release = await releaseFacts({ asked, rebuild, registry, mapping }, signal)
  if (release.kind === 'absent') return notBuilt(release.reason.message, parts)
  const { facts } = release
  const sourceDateSeconds = facts.releasedAtSeconds ?? asked.requestedAtSeconds

  const source = await findSource({ asked, rebuild, registry, facts, sourceDateSeconds }, parts, signal)
  if (source.kind === 'nowhere') return notBuilt(source.reason, parts)
  await using job = source.job

  await demandUntouched(source, parts, signal)
  const end = await driveRecipe({ asked, rebuild, registry, mapping, facts, source, sourceDateSeconds }, parts, signal)
  const objection = registry.objection()
  const { candidate, revision } = source
  const told = {
    licence: licenceOf(source.licence ?? facts.licence),
    source: { grade: candidate.grade, how: remarkOf(candidate.how), revision: remarkOf(revision) },
  }
  const failed = async (outcome: NotBuilt['outcome'], reason: string): Promise<Found> => {
    const log = await keepLog([reason], source, asked, parts)
    const toolchains = end.kind === 'built' ? end.toolchains : []
    return { ...notBuilt(reason, parts, outcome, toolchains), ...told, log }
  }
  if (end.kind !== 'built') return await failed(end.kind, end.reason)
  if (objection !== undefined) return await failed('unbuildable', objection)

  const compared = { asked, ecosystem: type, facts, registry, job, made: end.files }
  const examined = await examineFiles(compared, parts, signal)
  if (examined.kind !== 'files') return await failed(examined.kind, examined.reason)

  const lock = end.lock === undefined ? undefined : await job.read(end.lock, LOCK_BYTES_MAX)
  const log = await keepLog(examined.differences, source, asked, parts)
  const records = registry.records()
  const dependencies = records.map(({ purl, name, sha256, tool }) => ({ uri: purl ?? name, name, sha256, tool }))
  const result: BuildResult = {
    outcome: 'built',
    source: source.source,
    lock: lock === undefined ? null : hash('sha256', lock),
    recipe,
    dependencies: { list: dependencyList(dependencies).digest, levels: levelsOf(records) },
    files: examined.files,
    environment: environmentOf(parts, end.toolchains),
  }
  return { result, dependencies, ...told, log }
}

interface RecipeAsk {
  readonly asked: Asked
  readonly type: string
  readonly rebuild: Rebuild
  readonly mapping: Mapping | undefined
}

/**
 * The digest of the recipe, if the network's rules allow it: a builder whose recipes are other than those that were accepted does not
 * build, rather than being found faulty. @throws conflict.recipe
 */
async function listedRecipe(ask: RecipeAsk, parts: RebuildParts, signal: AbortSignal): Promise<Hex32> {
  const { asked, type, rebuild, mapping } = ask
  const { name, version } = rebuild.recipe
  const digest = recipeDigest(type, rebuild.recipe, mapping?.bytes)
  const listed = await recipesInForce(asked, parts.log, signal)
  if (listed.length === 0 || listed.includes(digest)) return digest
  const beside = mapping === undefined ? '' : ' with what mappings/ has for it'
  throw new AppError(
    'conflict.recipe',
    `${asked.purl}: the recipe ${name} ${version}${beside} (${digest}) is none that the rules of the network list`,
  )
}

/** What was checked out must be what is built. The attack C2. @throws untrusted.digest */
async function demandUntouched({ job, tree }: FoundSource, parts: RebuildParts, signal: AbortSignal): Promise<void> {
  const now = await parts.sources.digest(`${job.directory}/source`, signal)
  if (now === tree) return
  throw new AppError('untrusted.digest', `the source was changed after its checkout: wanted ${tree}, found ${now}`)
}

interface RecipeDrive {
  readonly asked: Asked
  readonly rebuild: Rebuild
  readonly registry: RecordedRegistry
  readonly mapping: Mapping | undefined
  readonly facts: ReleaseFacts
  readonly source: FoundSource
  readonly sourceDateSeconds: number
}

async function driveRecipe(ask: RecipeDrive, parts: RebuildParts, signal: AbortSignal): Promise<RecipeEnd> {
  const { asked, rebuild, registry, mapping, facts, source, sourceDateSeconds } = ask
  const { job, candidate, directory } = source
  const told: RecipeJob = {
    purl: asked.purl,
    facts,
    source: candidate,
    directory,
    requestedAtSeconds: asked.requestedAtSeconds,
    sourceDateSeconds,
    override: mapping?.recipe,
  }
  const onStep = (name: string, count: number): void => parts.progress(asked.purl, { kind: 'step', name, count })
  const refuse = (reason: string): RecipeEnd => ({ kind: 'unbuildable', reason })
  return await drive(rebuild.recipe.steps(told), refuse, { job, registry, onStep }, signal)
}

/** What the sandbox printed, and what else is to be known. */
async function keepLog(
  lines: readonly string[],
  { job }: FoundSource,
  { purl }: Asked,
  { store }: RebuildParts,
): Promise<Hex32> {
  const bytes = Buffer.concat([await job.log(), Buffer.from(lines.map((line) => `\n${line}`).join(''))])
  const kept = await keepBytes({ name: 'build.log', bytes, mediaType: 'text/plain; charset=utf-8', purl }, store)
  return kept.sha256
}

function licenceOf(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === '' ? undefined : remarkOf(text)
}

function notBuilt(
  reason: string,
  parts: RebuildParts,
  outcome: NotBuilt['outcome'] = 'unbuildable',
  toolchains: readonly string[] = [],
): Found {
  const result = { outcome, reason: remarkOf(reason), environment: environmentOf(parts, toolchains) }
  return { result, dependencies: [] }
}

function environmentOf({ toolchains: own, sandbox }: RebuildParts, used: readonly string[]): Environment {
  return { toolchains: [...used, ...own].slice(0, TOOLCHAINS_MAX).map(wordOf), sandbox: wordOf(sandbox.name) }
}

/** How many dependencies there are of each level; tools do not get into the package. */
function levelsOf(files: readonly RecordedFile[]): Readonly<Record<string, number>> {
  const levels: Record<string, number> = {}
  for (const { tool, level } of files) if (!tool) levels[level] = (levels[level] ?? 0) + 1
  return levels
}
