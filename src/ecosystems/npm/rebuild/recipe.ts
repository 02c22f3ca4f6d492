/**
 * How a package is packed from its source: with the Node and npm that published it, its dependencies from its lock or from one that is
 * resolved as of the release. What resolves and fetches runs no code of the project and sees nothing of it but manifests and the lock;
 * what runs its code has no network. 2-trust.md, "Sandbox".
 */

import { purlParts } from '../../../base/purl.ts'
import type { Recipe, RecipeEnd, RecipeGot, RecipeJob, RecipeNeed } from '../../../base/rebuild/build-plan.ts'
import { npmFromPurl } from '../coordinates.ts'
import { tarballName } from '../names.ts'
import type { JsonObject } from '../packument/packument.ts'
import { type Dependencies, prepareDependencies } from './dependencies.ts'
import { type Failed, failureOf, unbuildable } from './failure.ts'
import { MANIFEST_BYTES_MAX, readJsonObject } from './manifest.ts'
import { npmStep } from './npm-step.ts'
import { foreignDependency, harmlessNpmrc, type NpmOverride, npmOverride, type PackPlan, planOf } from './plan.ts'
import { placeTools, type Tools } from './tools.ts'

type Asking<T> = Generator<RecipeNeed, T, RecipeGot>

const NPMRC_BYTES_MAX = 65_536

/** The recipe. Raise the version with every change of what it does. */
export const npmRecipe: Recipe = { name: 'npm-pack', version: 1, steps }

function* steps(job: RecipeJob): Asking<RecipeEnd> {
  const parsed = npmOverride.safeParse(job.override ?? {})
  if (!parsed.success) return unbuildable('its mapping has a [recipe] that this recipe does not understand')
  const override = parsed.data
  const got = yield { kind: 'read', path: `${job.directory}/package.json`, bytesMax: MANIFEST_BYTES_MAX }
  const manifest = got.kind === 'bytes' ? readJsonObject(got.bytes) : undefined
  if (manifest === undefined) return unbuildable('its package.json cannot be read')
  const plan = planOf(manifest, override)
  const wanted = { node: override.node ?? job.facts.tools.node, npm: override.npm ?? job.facts.tools.npm }
  const tools = yield* placeTools(job, wanted)
  if (tools.kind === 'missing') return unbuildable(tools.reason)
  for (const folder of new Set(['source', job.directory])) yield* disarm(folder)
  const built = yield* build({ job, manifest, plan, override })
  if ('reason' in built) return built
  return yield* pack(job, plan, tools, built.lock)
}

interface BuildAsk {
  readonly job: RecipeJob
  readonly manifest: JsonObject
  readonly plan: PackPlan
  readonly override: NpmOverride
}

/** Installs what is needed, and runs the scripts. */
function* build({ job, manifest, plan, override }: BuildAsk): Asking<{ readonly lock: string | undefined } | Failed> {
  if (!plan.installs) return { lock: undefined }
  const foreign = foreignDependency(manifest)
  if (foreign !== undefined) return unbuildable(foreign)
  const dependencies: Dependencies | Failed = yield* prepareDependencies(job)
  if ('reason' in dependencies) return dependencies
  const { root, lock } = dependencies
  if (lock !== undefined) {
    const scripts = override['install-scripts'] === false ? ['--ignore-scripts'] : []
    const installed = yield npmStep('install the dependencies', ['ci', ...scripts], root)
    const failed = failureOf(installed, 'its dependencies cannot be installed without network')
    if (failed !== undefined) return failed
  }
  for (const script of plan.scripts) {
    const ran = yield npmStep(`run the script ${script.slice(0, 60)}`, ['run', script], job.directory)
    const failed = failureOf(ran, `its script ${script.slice(0, 60)} fails without network`)
    if (failed !== undefined) return failed
  }
  return { lock }
}

/** Makes the tarball. Run from elsewhere, so that no configuration of the project is read. */
function* pack(
  { purl, directory }: RecipeJob,
  { packRunsScripts }: PackPlan,
  { toolchains }: Tools,
  lock: string | undefined,
): Asking<RecipeEnd> {
  const scripts = packRunsScripts ? [] : ['--ignore-scripts']
  const packed = yield npmStep('pack', ['pack', `/build/${directory}`, ...scripts], 'out')
  const failed = failureOf(packed, 'it cannot be packed')
  if (failed !== undefined) return failed
  const listed = yield { kind: 'list', path: 'out' }
  const [file, ...more] = listed.kind === 'names' ? listed.names.filter((name) => name.endsWith('.tgz')) : []
  if (file === undefined || more.length > 0) return unbuildable('packing it did not make one tarball')
  const { version = '' } = purlParts(purl)
  const name = tarballName(npmFromPurl(purl).slice(0, -version.length - 1), version)
  return { kind: 'built', files: [{ name, path: `out/${file}` }], lock, toolchains }
}

/** Takes everything out of a project's own configuration that could say where things come from or what is run. */
function* disarm(folder: string): Asking<void> {
  const path = `${folder}/.npmrc`
  const got = yield { kind: 'read', path, bytesMax: NPMRC_BYTES_MAX }
  if (got.kind !== 'bytes') return
  yield { kind: 'write', path, bytes: Buffer.from(harmlessNpmrc(Buffer.from(got.bytes).toString('utf8'))) }
}
