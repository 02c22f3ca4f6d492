/**
 * Builds one file of a release in a copy of the tree: asks the back end what it needs for that, grants it in at most five rounds, and
 * calls the hook, all offline. Pure; asks and is answered. PEP 517.
 */
import type { RecipeJob } from '../../../../base/rebuild/build-plan.ts'
import { isObject } from '../../pages/json.ts'
import type { BuildSystem } from '../manifest.ts'
import { isOfRelease, isPureWheel, isSourceArchive } from '../release-files.ts'
import { requiredNames } from './requirements.ts'
import { type Asking, Failed, readJson, runStep, writeText } from './steps.ts'
import { type Environment, type Installed, makeEnvironment, type Tools } from './toolchain.ts'

/** What the files of a release are built with; the environment grows with what back ends ask for. */
export interface Build {
  readonly job: RecipeJob
  readonly system: BuildSystem
  readonly tools: Tools
  readonly pins: readonly string[]
  readonly asOfSeconds: number
  environment: Environment
  /** All that went into the environments of this build. */
  readonly installed: Installed[]
  /** Normal name. */
  readonly project: string
  readonly version: string
  /** Of the attempt: no two share a tree. */
  readonly number: number
}

/** Rounds in which a back end may ask for more. */
const ROUNDS_MAX = 5
const GRANTED_MAX = 100
const RESULT_BYTES_MAX = 1_048_576
/** Back ends and plug-ins that ask git which files there are or which version it is. */
const ASKS_GIT = new Set([
  ...['setuptools-scm', 'hatch-vcs', 'setuptools-git', 'setuptools-git-versioning', 'setuptools-vcs-versioning'],
  ...[
    'versioneer',
    'versioningit',
    'pbr',
    'poetry-dynamic-versioning',
    'uv-dynamic-versioning',
    'dunamai',
    'incremental',
  ],
])

/** Builds it; the file's name and its path below the job's root. */
export function* buildFile(
  kind: 'wheel' | 'sdist',
  build: Build,
): Asking<{ readonly name: string; readonly path: string } | Failed> {
  const { job, number } = build
  const tree = `work/${kind}-${number}`
  const copied = yield* copyTree(tree, build)
  if (copied !== undefined) return copied
  const directory = `${tree}${job.directory.slice('source'.length)}`
  const granted = yield* grant(kind, directory, build)
  if (granted !== undefined) return granted
  const out = `out/${kind}-${number}`
  const name = yield* callHook(`build_${kind}`, out, directory, build)
  if (name instanceof Failed) return name
  if (typeof name !== 'string' || !isOfRelease(name, build.project, build.version)) {
    const wanted = `${build.project} ${build.version}`
    return new Failed(`what was built is called ${JSON.stringify(String(name).slice(0, 100))}, wanted ${wanted}`, true)
  }
  if (kind === 'wheel' && !isPureWheel(name)) return new Failed(`${name} was built, which is for one platform`, true)
  if (kind === 'sdist' && !isSourceArchive(name)) return new Failed(`${name} was built, which is no .tar.gz`, true)
  const path = `${out}/${name}`
  if (kind === 'wheel') return { name, path }
  const settled = yield* runStep({
    name: 'give the source archive fixed times',
    argv: ['python3', '-I', '-S', '/build/work/settle.py', `/build/${path}`, String(job.sourceDateSeconds)],
    directory: 'work',
    env: {},
  })
  return settled instanceof Failed ? settled : { name, path }
}

/** Every file is built in a fresh copy: what one build leaves behind must not get into the other. */
function* copyTree(tree: string, { job, system, version, environment }: Build): Asking<Failed | undefined> {
  const copied = yield* runStep({
    name: 'copy the source',
    argv: ['cp', '--archive', '/build/source', `/build/${tree}`],
    directory: 'work',
    env: {},
  })
  if (copied instanceof Failed) return copied
  const asksGit = [...requiredNames(system.requires), ...environment.installed.map(({ name }) => name)].some((name) =>
    ASKS_GIT.has(name),
  )
  if (job.source.type !== 'git' || !asksGit) return undefined
  // A history of one commit, so that tools which ask git are told these files and this version. Without git they go by the environment.
  const date = `${job.sourceDateSeconds} +0000`
  const commit = 'git init -q . && git add -A -f . && git commit -q --no-verify -m release && git tag "$1"'
  yield* runStep({
    name: 'give the copy a history of one commit',
    argv: ['sh', '-c', commit, 'sh', `v${version}`],
    directory: tree,
    env: {
      GIT_AUTHOR_DATE: date,
      GIT_COMMITTER_DATE: date,
      GIT_AUTHOR_NAME: 'builder',
      GIT_AUTHOR_EMAIL: 'builder@localhost',
      GIT_COMMITTER_NAME: 'builder',
      GIT_COMMITTER_EMAIL: 'builder@localhost',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
    },
  })
  return undefined
}

/** Asks the back end what else it needs, until it has it. */
function* grant(kind: 'wheel' | 'sdist', directory: string, build: Build): Asking<Failed | undefined> {
  const granted = new Set(build.system.requires)
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const asked = yield* callHook(`get_requires_for_build_${kind}`, undefined, directory, build)
    if (asked instanceof Failed) return asked
    const wanted = Array.isArray(asked) ? asked.filter((each) => typeof each === 'string') : []
    const fresh = wanted.filter((each) => !granted.has(each)).slice(0, GRANTED_MAX)
    if (fresh.length === 0) return undefined
    for (const each of fresh) granted.add(each)
    const { number, pins, asOfSeconds } = build
    const plan = { name: `python-${number}-${kind}-${round}`, requirements: [...granted], pins, asOfSeconds }
    const environment = yield* makeEnvironment(plan, build.tools)
    if (environment instanceof Failed) return environment
    build.environment = environment
    build.installed.push(...environment.installed)
  }
  return new Failed(`the back end asks for more after ${ROUNDS_MAX} rounds`, true)
}

/** Calls a hook, offline; what it gave. */
function* callHook(hook: string, out: string | undefined, directory: string, build: Build): Asking<unknown> {
  const { system, environment, version, number } = build
  const stem = `work/${hook}-${number}`
  yield* writeText(
    `${stem}.json`,
    JSON.stringify({
      backend: system.backend,
      // The old way of setuptools finds the project's own modules beside setup.py by itself.
      path: system.backendPath,
      hook,
      out: out === undefined ? null : `/build/${out}`,
      result: `/build/${stem}.result.json`,
    }),
  )
  const ran = yield* runStep({
    name:
      out === undefined ? `ask what ${hook.replace('get_requires_for_build_', 'building the ')} takes` : `call ${hook}`,
    argv: [`/build/${environment.path}/bin/python`, '/build/work/hook.py', `/build/${stem}.json`],
    directory,
    env: {
      PATH: `/build/${environment.path}/bin:/usr/local/bin:/usr/bin:/bin`,
      VIRTUAL_ENV: `/build/${environment.path}`,
      PYTHONDONTWRITEBYTECODE: '1',
      PYTHONHASHSEED: '0',
      PYTHONNOUSERSITE: '1',
      // Tools that take the version from git's tags: there is no history here.
      PBR_VERSION: version,
      PDM_BUILD_SCM_VERSION: version,
      SETUPTOOLS_SCM_PRETEND_VERSION: version,
      UV_DYNAMIC_VERSIONING_BYPASS: version,
      POETRY_DYNAMIC_VERSIONING_BYPASS: version,
    },
  })
  if (ran instanceof Failed) return ran
  const result = yield* readJson(`${stem}.result.json`, RESULT_BYTES_MAX)
  return isObject(result) ? result.value : new Failed(`${hook} gave nothing`, true)
}
