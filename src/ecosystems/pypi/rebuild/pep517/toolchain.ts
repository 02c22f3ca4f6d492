/**
 * The tools of a build: the builder's own Python, pip as the index has it at the time of the request, and an environment into which
 * pip puts what the build requires, out of the recorded registry, wheels alone: no code of any project is run for that. Pure.
 */
import { isStrong } from '../../../../base/digest.ts'
import { isKind } from '../../../../base/errors.ts'
import { REGISTRY_URL } from '../../../../base/rebuild/build-plan.ts'
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
  /** Path of pip's wheel below the job's root. */
  readonly pipWheel: string
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
  readonly asOfSeconds: number
  readonly constraints: string
  readonly installed: Installed[]
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
  const got = yield {
    kind: 'input',
    requestPath,
    as: file.filename,
    digests,
    asOfSeconds: requestedAtSeconds,
    tool: true,
  }
  if (got.kind !== 'done') return new Failed(`the index does not give ${file.filename}`, true)
  return { python, pip: version, pipWheel: `inputs/${file.filename}` }
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

/** Makes an empty environment. */
export function* makeEnvironment(
  number: number,
  asOfSeconds: number,
  pins: readonly string[],
): Asking<Environment | Failed> {
  const path = `tools/python-${number}`
  const constraints = `work/constraints-${number}.txt`
  yield* writeText(constraints, pins.map((pin) => `${pin}\n`).join(''))
  const made = yield* runStep({
    name: 'make an environment',
    argv: ['python3', '-I', '-m', 'venv', '--without-pip', `/build/${path}`],
    directory: 'work',
    env: {},
  })
  return made instanceof Failed ? made : { path, asOfSeconds, constraints, installed: [] }
}

/** Puts what is required into an environment, out of the registry as it was then. */
export function* install(
  requirements: readonly string[],
  environment: Environment,
  { pipWheel }: Tools,
): Asking<Failed | undefined> {
  const unfit = unfitRequirement(requirements)
  if (unfit !== undefined)
    return new Failed(`the build requires ${JSON.stringify(unfit.slice(0, 100))}, which is no plain requirement`, true)
  if (requirements.length === 0) return undefined
  const { path, asOfSeconds, constraints, installed } = environment
  const count = installed.length
  const stem = `${path.replace('tools/', 'work/')}-${count}`
  yield* writeText(`${stem}.txt`, requirements.map((each) => `${each.trim()}\n`).join(''))
  const done = yield* runStep({
    name: `install what the build requires: ${requirements.join(', ').slice(0, 200)}`,
    argv: [
      ...([`/build/${path}/bin/python`, `/build/${pipWheel}/pip`, 'install', '--isolated', '--no-input'] as const),
      ...['--disable-pip-version-check', '--no-cache-dir', '--no-compile', '--no-color', '--progress-bar', 'off'],
      ...['--only-binary', ':all:', '--index-url', `${REGISTRY_URL}${PYPI_PREFIX}/simple/`],
      ...[
        '--report',
        `/build/${stem}.json`,
        '--constraint',
        `/build/${constraints}`,
        '--requirement',
        `/build/${stem}.txt`,
      ],
    ],
    directory: 'work',
    env: {},
    registry: { asOfSeconds },
    timeoutSeconds: INSTALL_SECONDS,
  })
  if (done instanceof Failed) return done
  installed.push(...installedOf(yield* readJson(`${stem}.json`, REPORT_BYTES_MAX)))
  return undefined
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
