/**
 * How a release of pure Python is built from its tree: the hooks of PEP 517, called in an environment of what the build requires.
 * Requirements are those of the time of the release, the back end the one that the published wheel names; where that does not work,
 * without the latter, and then with the tools of the time of the request. Pure; asks and is answered. 2-trust.md, "Sandbox".
 */

import { purlParts } from '../../../../base/purl.ts'
import type { Recipe, RecipeEnd, RecipeJob } from '../../../../base/rebuild/build-plan.ts'
import { normalName } from '../../names.ts'
import { type BuildSystem, readBuildSystem } from '../manifest.ts'
import { isPureWheel, isSourceArchive } from '../release-files.ts'
import { type Build, buildFile } from './build-file.ts'
import { readOverride } from './override.ts'
import { pinsOf, requiredNames } from './requirements.ts'
import { HOOK_SCRIPT, SETTLE_SCRIPT } from './scripts.ts'
import { type Asking, Failed, readText, writeText } from './steps.ts'
import { getTools, type Installed, makeEnvironment, type Tools } from './toolchain.ts'

const PYPROJECT_BYTES_MAX = 1_048_576
const LOCK = 'work/lock.txt'
const TOOLCHAINS_MAX = 8

/** `Rebuild.recipe` of Python packages. */
export const pypiRecipe: Recipe = { name: 'pep517', version: 3, steps: buildPypi }

/** One way to choose the tools. */
interface Attempt {
  readonly asOfSeconds: number
  readonly pins: readonly string[]
}

/** What of a release is to be built, by the names that the index has. */
interface Wanted {
  readonly wheels: readonly string[]
  readonly archives: readonly string[]
}

function* buildPypi(job: RecipeJob): Asking<RecipeEnd> {
  const wanted = wantedOf(job)
  if (typeof wanted === 'string') return unbuildable(wanted)
  const override = readOverride(job.override)
  if (typeof override === 'string') return unbuildable(override)
  const system = readBuildSystem(yield* readText(`${job.directory}/pyproject.toml`, PYPROJECT_BYTES_MAX))
  if (typeof system === 'string') return unbuildable(system)
  yield* writeText('work/hook.py', HOOK_SCRIPT)
  yield* writeText('work/settle.py', SETTLE_SCRIPT)
  const tools = yield* getTools(job.requestedAtSeconds)
  if (tools instanceof Failed) return unbuildable(tools.reason)
  const wants = { ...system, requires: [...system.requires, ...override.requires] }
  let first: Failed | undefined
  for (const [number, attempt] of attemptsOf(job, override.pins).entries()) {
    const end = yield* tryBuild(job, wants, wanted, tools, { ...attempt, number })
    if (!(end instanceof Failed)) return end
    first ??= end
    if (end.isFinal) return unbuildable(end.reason)
  }
  return unbuildable(first?.reason ?? 'nothing was tried')
}

function wantedOf({ facts, source }: RecipeJob): Wanted | string {
  const names = facts.files.map(({ label }) => label)
  const wheels = names.filter(isPureWheel)
  const platform = names.find((name) => name.endsWith('.whl') && !isPureWheel(name))
  if (wheels.length === 0 && platform !== undefined) {
    return `its wheels are for one platform each (${platform}): what is compiled is not rebuilt yet`
  }
  // To make the archive out of itself would say nothing.
  const archives = source.type === 'archive' ? [] : names.filter(isSourceArchive)
  if (wheels.length > 0 || archives.length > 0) return { wheels, archives }
  return 'the index has no file of it that could be built from this source'
}

function attemptsOf({ facts, requestedAtSeconds }: RecipeJob, pins: readonly string[] | undefined): Attempt[] {
  const then = facts.releasedAtSeconds ?? requestedAtSeconds
  if (pins !== undefined) return [{ asOfSeconds: then, pins }]
  const known = pinsOf(facts.tools)
  const attempts: Attempt[] = [{ asOfSeconds: then, pins: known }]
  if (known.length > 0) attempts.push({ asOfSeconds: then, pins: [] })
  if (then !== requestedAtSeconds) attempts.push({ asOfSeconds: requestedAtSeconds, pins: [] })
  return attempts
}

function* tryBuild(
  job: RecipeJob,
  system: BuildSystem,
  wanted: Wanted,
  tools: Tools,
  { number, asOfSeconds, pins }: Attempt & { readonly number: number },
): Asking<RecipeEnd | Failed> {
  const plan = { name: `python-${number}`, requirements: system.requires, pins, asOfSeconds }
  const environment = yield* makeEnvironment(plan, tools)
  if (environment instanceof Failed) return environment
  const { name, version = '' } = purlParts(job.purl)
  const installed = [...environment.installed]
  const given = { job, system, tools, pins, asOfSeconds, environment, installed, number }
  const build: Build = { ...given, project: normalName(name), version }
  const files: { name: string; path: string }[] = []
  let refusal: Failed | undefined
  for (const [kind, names] of [['wheel', wanted.wheels] as const, ['sdist', wanted.archives] as const]) {
    if (names.length === 0) continue
    const built = yield* buildFile(kind, build)
    // An archive that cannot be made does not take the wheel's word away.
    if (built instanceof Failed && (kind === 'wheel' || files.length === 0)) return built
    if (built instanceof Failed) refusal = built
    else files.push({ name: nameOf(built.name, names), path: built.path })
  }
  if (files.length === 0) return refusal ?? new Failed('nothing was built', true)
  yield* writeText(LOCK, lockOf(installed))
  return { kind: 'built', files, lock: LOCK, toolchains: toolchainsOf(tools, installed, system) }
}

/** Under the name that the index has, where it has one of that kind: spellings of names and tags changed over the years. */
function nameOf(built: string, names: readonly string[]): string {
  const [only, ...others] = names
  return names.includes(built) || only === undefined || others.length > 0 ? built : only
}

/** One line for each package that was put into an environment, as sha256sum writes it. */
function lockOf(installed: readonly Installed[]): string {
  return [...new Set(installed.map(({ file, sha256 }) => `${sha256}  ${file}\n`))].toSorted().join('')
}

function toolchainsOf({ python, pip }: Tools, installed: readonly Installed[], { requires }: BuildSystem): string[] {
  const required = requiredNames(requires)
  const own = installed.filter(({ name }) => required.includes(name)).map(({ name, version }) => `${name} ${version}`)
  return [`python ${python}`, `pip ${pip}`, ...[...new Set(own)].toSorted()].slice(0, TOOLCHAINS_MAX)
}

function unbuildable(reason: string): RecipeEnd {
  return { kind: 'unbuildable', reason }
}
