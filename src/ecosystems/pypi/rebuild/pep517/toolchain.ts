/**
 * The tools of a build: the builder's own Python, pip as the index has it at the time of the request, and an environment into which
 * pip puts what the build requires, out of the recorded registry, wheels alone: no code of any project is run for that. Pure.
 */
import { isStrong } from '../../../../base/digest.ts'
import { isKind } from '../../../../base/errors.ts'
import { type InputNeed, REGISTRY_URL } from '../../../../base/rebuild/build-plan.ts'
import { normalName, versionOfFile } from '../../names.ts'
import { digestsOf } from '../../pages/file-table.ts'
import { isObject } from '../../pages/json.ts'
import { type PageFile, readProjectPage } from '../../pages/project-page.ts'
import { PYPI_PREFIX } from '../../routes.ts'
import { comparePypiVersions, isVersion } from '../../versions.ts'
import { fitsSpecifiers, unfitRequirement } from './requirements.ts'
import { type Asking, Failed, readJson, readText, runStep, writeText } from './steps.ts'

/** Python and pip. */
export interface Tools {
  /** E.g. `3.11.2`. */
  readonly python: string
  readonly pip: string
  /** Places pip's wheel at `inputs/<as>`. */
  readonly pipInput: InputNeed
}

/** One thing that was put into an environment. */
export interface Installed {
  readonly name: string
  readonly version: string
  readonly file: string
  readonly sha256: string
}

/** An environment of its own, without anything of the machine's packages. */
export interface Environment {
  /** Path below the job's root. */
  readonly path: string
  readonly installed: readonly Installed[]
}

/** What an environment is made of. */
export interface EnvironmentPlan {
  /** Tells it from others of the job. */
  readonly name: string
  readonly requirements: readonly string[]
  readonly pins: readonly string[]
  /** The registry as it was then. */
  readonly asOfSeconds: number
}

const PAGE = 'inputs/pip-page.html'
const PAGE_BYTES_MAX = 16_777_216
const REPORT_BYTES_MAX = 33_554_432
const INSTALL_SECONDS = 900
const PIP = 'pip'

/** The builder's Python, and the newest pip of the time of the request that runs on it. */
export function* getTools(requestedAtSeconds: number): Asking<Tools | Failed> {
  const printed = yield* runStep({
    name: 'ask which Python this is',
    argv: ['python3', '-I', '-S', '-c', 'import platform; print(platform.python_version())'],
    directory: 'work',
    env: {},
  })
  if (printed instanceof Failed) return printed
  const python = /(?:^|\n)(\d+\.\d+\.\d+\S*)\s*$/.exec(printed)?.[1]
  if (python === undefined) return new Failed('this builder has no Python that says its version', true)
  const asked = { digests: [], asOfSeconds: requestedAtSeconds, tool: true }
  yield { kind: 'input', requestPath: '/simple/pip/', as: PAGE.slice('inputs/'.length), ...asked }
  const page = yield* readText(PAGE, PAGE_BYTES_MAX)
  const found = page === undefined ? undefined : newestWheel(page, python)
  if (found === undefined) return new Failed(`the index has no pip for Python ${python}`, true)
  const { file, version } = found
  // Links are relative to the page, `/simple/pip/`.
  const requestPath = new URL(file.url, `${REGISTRY_URL}/simple/pip/`).pathname
  const digests = digestsOf(file.hashes).filter(isStrong)
  const pipInput: InputNeed = { kind: 'input', requestPath, as: file.filename, ...asked, digests }
  const got = yield pipInput
  if (got.kind !== 'done') return new Failed(`the index does not give ${file.filename}`, true)
  return { python, pip: version, pipInput }
}

function newestWheel(page: string, python: string): { readonly file: PageFile; readonly version: string } | undefined {
  let best: { readonly file: PageFile; readonly version: string } | undefined
  for (const file of filesOf(page)) {
    const version = file.filename.endsWith('-none-any.whl') ? versionOfFile(PIP, file.filename) : undefined
    const requires = file['requires-python']
    if (version === undefined || !/^[\d.]+$/.test(version) || (file.yanked ?? false) !== false) continue
    if (typeof requires === 'string' && !fitsSpecifiers(python, requires)) continue
    if (best === undefined || comparePypiVersions(version, best.version) > 0) best = { file, version }
  }
  return best
}

function filesOf(page: string): readonly PageFile[] {
  try {
    return readProjectPage(Buffer.from(page), page.trimStart().startsWith('{') ? 'application/json' : 'text/html').files
  } catch (error) {
    if (isKind(error, 'untrusted')) return []
    throw error
  }
}

/**
 * Makes a new environment with what is required, out of the registry as it was then. Code of the project may have run in this job
 * before: so nothing that it could have changed is started here. Python is the machine's, pip is placed anew by its digest, and the
 * environment is empty.
 */
export function* makeEnvironment(plan: EnvironmentPlan, { pipInput }: Tools): Asking<Environment | Failed> {
  const { name, requirements, pins, asOfSeconds } = plan
  const unfit = unfitRequirement(requirements)
  if (unfit !== undefined) {
    return new Failed(`the build requires ${JSON.stringify(unfit.slice(0, 100))}, which is no plain requirement`, true)
  }
  const path = `tools/${name}`
  const made = yield* runStep({
    name: 'make an environment',
    argv: ['python3', '-I', '-S', '-m', 'venv', '--clear', '--without-pip', `/build/${path}`],
    directory: 'inputs',
    env: {},
  })
  if (made instanceof Failed) return made
  if (requirements.length === 0) return { path, installed: [] }
  const stem = `inputs/${name}`
  yield* writeText(`${stem}.txt`, requirements.map((each) => `${each.trim()}\n`).join(''))
  yield* writeText(`${stem}-pins.txt`, pins.map((pin) => `${pin}\n`).join(''))
  yield pipInput
  const done = yield* runStep({
    name: `install what the build requires: ${requirements.join(', ').slice(0, 200)}`,
    argv: [
      ...([
        `/build/${path}/bin/python`,
        `/build/inputs/${pipInput.as}/pip`,
        'install',
        '--isolated',
        '--no-input',
      ] as const),
      ...['--disable-pip-version-check', '--no-cache-dir', '--no-compile', '--no-color', '--progress-bar', 'off'],
      ...['--only-binary', ':all:', '--index-url', `${REGISTRY_URL}${PYPI_PREFIX}/simple/`],
      ...['--report', `/build/${stem}.json`, '--constraint', `/build/${stem}-pins.txt`],
      ...['--requirement', `/build/${stem}.txt`],
    ],
    directory: 'inputs',
    env: {},
    registry: { asOfSeconds },
    timeoutSeconds: INSTALL_SECONDS,
  })
  if (done instanceof Failed) return done
  return { path, installed: installedOf(yield* readJson(`${stem}.json`, REPORT_BYTES_MAX)) }
}

/** What pip's report lists (its installation report, version 1). */
function installedOf(report: unknown): Installed[] {
  const rows = isObject(report) && Array.isArray(report.install) ? report.install : []
  return rows.flatMap((row: unknown): Installed[] => {
    const metadata = isObject(row) && isObject(row.metadata) ? row.metadata : {}
    const download = isObject(row) && isObject(row.download_info) ? row.download_info : {}
    const archive = isObject(download.archive_info) ? download.archive_info : {}
    const hashes = isObject(archive.hashes) ? archive.hashes : {}
    const { name, version } = metadata
    if (typeof name !== 'string' || typeof version !== 'string' || !isVersion(version)) return []
    const file = typeof download.url === 'string' ? (download.url.split(/[?#]/)[0]?.split('/').at(-1) ?? '') : ''
    return [{ name: normalName(name), version, file, sha256: typeof hashes.sha256 === 'string' ? hashes.sha256 : '' }]
  })
}
