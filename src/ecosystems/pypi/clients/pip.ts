/**
 * pip: index-url of its configuration. Precedence as pip has it (documentation, "Configuration"): a command's own section before
 * `[global]`; the environment's file before the user's before the machine's. Loopback needs no trusted-host. Pure.
 */
import { AppError } from '../../../base/errors.ts'
import type { ClientEnvironment, ClientFile, ClientSetup, ClientTarget, ClientUpstream } from '../../ecosystem.ts'
import { pipDoctor } from './doctor.ts'
import { type Ini, optionOf, parseIni, withOption, withoutOption } from './ini.ts'
import { isLoopback, leftover, namedIndex } from './urls.ts'

const KEY = 'index-url'
const GLOBAL = 'global'
const TRUSTED = 'trusted-host'

/** The setup of pip. */
export const pip: ClientSetup = {
  name: 'pip',
  title: 'pip',
  program: 'pip',
  files: (env) => [ownFile(env), ...readOnlyFiles(env)],
  edit(text, target, file) {
    if (file.role !== 'own') return text
    let edited = text ?? ''
    for (const section of sectionsToPoint(parseIni(edited, file.path))) {
      edited = withOption(edited, section, KEY, indexUrl(target), file.path)
    }
    const host = untrustedHost(target)
    return host === undefined ? edited : trusting(edited, host, file.path)
  },
  undo(text, target, file, before) {
    if (file.role !== 'own') return text
    let rest = text
    const host = untrustedHost(target)
    if (host !== undefined) rest = withoutOption(rest, GLOBAL, TRUSTED, host, before, file.path)
    for (const section of sectionsToPoint(parseIni(rest, file.path))) {
      rest = withoutOption(rest, section, KEY, indexUrl(target), before, file.path)
    }
    return leftover(rest, before)
  },
  upstreams(text, file): ClientUpstream[] {
    const ini = parseIni(text, file.path)
    const value = (optionOf(ini, 'install', KEY) ?? optionOf(ini, GLOBAL, KEY))?.value
    return value === undefined ? [] : namedIndex(value, KEY, file.path)
  },
  afterwards: undefined,
  variables(target) {
    const host = untrustedHost(target)
    return { PIP_INDEX_URL: indexUrl(target), ...(host === undefined ? {} : { PIP_TRUSTED_HOST: host }) }
  },
  doctor: pipDoctor,
}

/** A command's own section counts more than the global one, so each that names an index is pointed here. */
function sectionsToPoint(ini: Ini): string[] {
  const own = ini.options.filter(({ key }) => key === KEY).map(({ section }) => section)
  return [...new Set([GLOBAL, ...own])]
}

function trusting(text: string, host: string, path: string): string {
  const present = optionOf(parseIni(text, path), GLOBAL, TRUSTED)?.value
  if (present === undefined) return withOption(text, GLOBAL, TRUSTED, host, path)
  if (present.split(/\s+/).includes(host)) return text
  throw new AppError('usage.config', `${path} is not changed: add ${host} to its ${TRUSTED} first`, { data: { path } })
}

function untrustedHost({ url }: ClientTarget): string | undefined {
  return isLoopback(url) || new URL(url).protocol === 'https:' ? undefined : new URL(url).hostname
}

function indexUrl({ url }: ClientTarget): string {
  return `${url.replace(/\/+$/, '')}/`
}

function ownFile(env: ClientEnvironment): ClientFile {
  return { path: ownPath(env), mode: 0o600, role: 'own' }
}

function ownPath({ home, platform, variables, project }: ClientEnvironment): string {
  const name = platform === 'win32' ? 'pip.ini' : 'pip.conf'
  if (project !== undefined) return `${variables.VIRTUAL_ENV || `${project}/.venv`}/${name}`
  const named = variables.PIP_CONFIG_FILE
  if (named !== undefined && named !== '' && named !== '/dev/null') return named
  if (platform === 'win32') return `${variables.APPDATA || `${home}/AppData/Roaming`}/pip/${name}`
  return `${variables.XDG_CONFIG_HOME || `${home}/.config`}/pip/${name}`
}

/** Files that come behind ours: only read, for the index that they name. */
function readOnlyFiles({ home, platform }: ClientEnvironment): ClientFile[] {
  if (platform === 'win32') return []
  const paths = [`${home}/.pip/pip.conf`, '/etc/pip.conf', '/etc/xdg/pip/pip.conf']
  return paths.map((path) => ({ path, mode: 0o600, role: 'read' }))
}
