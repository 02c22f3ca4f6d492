/**
 * What pip and uv are examined by. Beside the index that is set up, both ask every extra one for every name, and take what is
 * newest (pip) or found first (uv): the door of dependency confusion.
 */
import { parse } from 'smol-toml'
import { AppError } from '../../../base/errors.ts'
import {
  type ClientDoctor,
  type ClientEnvironment,
  type ClientFile,
  type ClientLeak,
  type ClientView,
  leadsTo,
  variableLeak,
  withoutPasswords,
} from '../../ecosystem.ts'
import { pypiDefaultUrl } from '../default-upstream.ts'
import { isObject, type JsonObject } from '../pages/json.ts'
import { parseIni } from './ini.ts'

const EXTRA_KEYS = new Set(['extra-index-url', 'find-links'])
/** Lines of requirements files that name an index (pip's documentation, "Requirements File Format"). */
const REQUIREMENT = /^\s*(--extra-index-url|--index-url|-i|--find-links|-f)(?:\s+|=)(\S+)/

/** pip. */
export const pipDoctor: ClientDoctor = {
  files(env) {
    const { project, variables } = env
    const own = variables.VIRTUAL_ENV ? [ini(`${variables.VIRTUAL_ENV}/pip.conf`)] : []
    return [...own, requirements(env), { path: `${project}/.venv/pip.conf`, mode: 0o644, role: 'unused' }]
  },
  leaks: (view) => [
    ...variables(view, 'PIP_INDEX_URL', true),
    ...variables(view, 'PIP_EXTRA_INDEX_URL', false),
    ...variables(view, 'PIP_FIND_LINKS', false),
    ...view.files
      .filter(({ file }) => file.role !== 'requirements' && file.role !== 'unused')
      .flatMap((each) => iniLeaks(view, each)),
    ...requirementLeaks(view),
  ],
  where: { args: ['config', 'list'], read: countingIndex },
  // One index page, of a project that there is in any index.
  ask: ['index', 'versions', 'pip', '--no-cache-dir', '--disable-pip-version-check', '--retries', '0'],
  bypass: `pip install --index-url ${pypiDefaultUrl()}/ ...`,
}

/** uv. */
export const uvDoctor: ClientDoctor = {
  files: (env) => [
    { path: `${env.project}/uv.toml`, mode: 0o644, role: 'project' },
    { path: `${env.project}/pyproject.toml`, mode: 0o644, role: 'pyproject' },
    requirements(env),
  ],
  leaks: (view) => [
    ...['UV_DEFAULT_INDEX', 'UV_INDEX_URL'].flatMap((name) => variables(view, name, true)),
    ...['UV_INDEX', 'UV_EXTRA_INDEX_URL', 'UV_FIND_LINKS'].flatMap((name) => variables(view, name, false)),
    ...view.files.filter(({ file }) => file.role !== 'requirements').flatMap((each) => tomlLeaks(view, each)),
    ...requirementLeaks(view),
  ],
  bypass: `uv pip install --default-index ${pypiDefaultUrl()} ...`,
}

function ini(path: string): ClientFile {
  return { path, mode: 0o644, role: 'environment' }
}

function requirements({ project }: ClientEnvironment): ClientFile {
  return { path: `${project}/requirements.txt`, mode: 0o644, role: 'requirements' }
}

type Seen = ClientView['files'][number]

function iniLeaks(view: ClientView, { file, text }: Seen): ClientLeak[] {
  return parseIni(text, file.path).options.flatMap(({ section, key, value }) => {
    // Only the environment's own file counts more than the user's.
    const replaces = key === 'index-url' && file.role === 'environment'
    if (!replaces && !EXTRA_KEYS.has(key)) return []
    return urlsOf(value).flatMap((url) => leak(view, file, `${key} of [${section}]`, url, replaces))
  })
}

function requirementLeaks(view: ClientView): ClientLeak[] {
  return view.files
    .filter(({ file }) => file.role === 'requirements')
    .flatMap(({ file, text }) =>
      text.split('\n').flatMap((line) => {
        const [, option, url] = REQUIREMENT.exec(line) ?? []
        if (option === undefined || url === undefined) return []
        return leak(view, file, option, url, option === '-i' || option === '--index-url')
      }),
    )
}

function tomlLeaks(view: ClientView, { file, text }: Seen): ClientLeak[] {
  let root: JsonObject
  try {
    root = parse(text.replace(/^\ufeff/, '')) as JsonObject
  } catch (cause) {
    throw new AppError('usage.config', `${file.path} is no valid TOML`, { cause, data: { path: file.path } })
  }
  const tool = isObject(root.tool) ? root.tool.uv : undefined
  const settings = file.role === 'pyproject' ? (isObject(tool) ? tool : {}) : root
  const pip = isObject(settings.pip) ? settings.pip : {}
  const leaks: ClientLeak[] = []
  const indexes: unknown[] = Array.isArray(settings.index) ? settings.index : []
  for (const index of indexes) {
    if (!isObject(index) || typeof index.url !== 'string') continue
    leaks.push(...leak(view, file, 'an [[index]]', index.url, index.default === true))
  }
  const extra = [settings['extra-index-url'], pip['extra-index-url']].flatMap((list) =>
    Array.isArray(list) ? (list as unknown[]) : [],
  )
  for (const url of extra) if (typeof url === 'string') leaks.push(...leak(view, file, 'extra-index-url', url, false))
  return leaks
}

function leak(view: ClientView, file: ClientFile, what: string, url: string, replaces: boolean): ClientLeak[] {
  if (urlsOf(url).length === 0 || leadsTo(url, view.url)) return []
  return [
    {
      replaces,
      where: `${what} in ${file.path}`,
      found: withoutPasswords(url),
      mend: `take ${what} out of ${file.path}, or give that index to the node: pyrsia start --upstream pypi=URL`,
    },
  ]
}

function variables(view: ClientView, name: string, replaces: boolean): ClientLeak[] {
  const value = view.variables[name]
  if (value === undefined || value === '' || urlsOf(value).every((url) => leadsTo(url, view.url))) return []
  return [variableLeak(name, value, replaces)]
}

/** A folder of this machine (`find-links`) is nobody else. */
function urlsOf(value: string): string[] {
  return value.split(/\s+/).filter((url) => /^\w+:\/\//.test(url) && !url.startsWith('file:'))
}

/** `pip config list` prints every place's value; the environment's counts before the command's, that before the global one. */
function countingIndex(stdout: string): string[] {
  const found = new Map<string, string>()
  for (const line of stdout.split('\n')) {
    const [, section, url] = /^(\S+)\.index-url='(.+)'$/.exec(line.trim()) ?? []
    if (section !== undefined && url !== undefined) found.set(section, url)
  }
  const counting = [':env:', 'install', 'global'].map((section) => found.get(section)).find((url) => url !== undefined)
  return counting === undefined ? [] : [withoutPasswords(counting)]
}
