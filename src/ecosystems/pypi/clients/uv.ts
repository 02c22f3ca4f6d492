/**
 * uv: the index of `uv pip`. `[pip] index-url` alone is set, because uv writes the address of any other index into uv.lock, and
 * a lockfile that names another index than the configured one is "outdated" (`uv sync --locked` then fails). Only where the user
 * already has a default index of their own, which comes before `[pip]`, is that one pointed here: such lockfiles depend on the
 * machine anyway. Tried with uv 0.13. Pure.
 */
import { parse, TomlError } from 'smol-toml'
import { AppError } from '../../../base/errors.ts'
import type { ClientEnvironment, ClientFile, ClientSetup, ClientTarget, ClientUpstream } from '../../ecosystem.ts'
import { isObject, type JsonObject } from '../pages/json.ts'
import { uvDoctor } from './doctor.ts'
import { leftover, namedIndex } from './urls.ts'

/** The setup of uv. */
export const uv: ClientSetup = {
  name: 'uv',
  title: 'uv',
  program: 'uv',
  files: (env) => [ownFile(env), ...readOnlyFiles(env)],
  edit(text, target, file) {
    if (file.role !== 'own') return text
    const url = bare(target)
    const edited = withIndex(text ?? '', url, file.path)
    if (indexOf(parseToml(edited, file.path)) !== url) {
      throw refused(file.path, 'its index is not written in a way that can be changed line by line')
    }
    return edited
  },
  undo(text, target, file, before) {
    return file.role === 'own' ? leftover(withoutIndex(text, bare(target), before, file.path), before) : text
  },
  upstreams(text, file): ClientUpstream[] {
    const value = indexOf(parseToml(text, file.path))
    return value === undefined ? [] : namedIndex(value, 'index', file.path)
  },
  afterwards: undefined,
  past: 'uv pip goes through this node; uv lock, sync and add do not, so that uv.lock stays as it is (for a locked project: uv export --frozen --no-emit-project | uv pip sync -)',
  // No variables: UV_DEFAULT_INDEX would count for uv lock and uv sync too (`uv sync --locked` then fails).
  doctor: uvDoctor,
}

interface Place {
  /** Line of the table's header. */
  readonly header: number
  /** Line of the key; undefined: the table does not have it. */
  readonly line: number | undefined
  readonly key: string
}

function withIndex(text: string, url: string, path: string): string {
  if (indexOf(parseToml(text, path)) === url) return text
  const end = text.includes('\r\n') ? '\r\n' : '\n'
  const lines = linesOf(text)
  const place = placeIn(text, path)
  if (place === undefined) {
    const last = lines.at(-1)
    if (last !== undefined && !last.endsWith('\n')) lines[lines.length - 1] = last + end
    lines.push(`[pip]${end}`, written('index-url', url) + end)
  } else if (place.line === undefined) {
    if (!/\n$/.test(lines[place.header] ?? '')) lines[place.header] += end
    lines.splice(place.header + 1, 0, written(place.key, url) + end)
  } else {
    lines[place.line] = written(place.key, url) + endOf(lines[place.line] ?? '')
  }
  return lines.join('')
}

function withoutIndex(text: string, url: string, before: string | undefined, path: string): string {
  if (indexOf(parseToml(text, path)) !== url || indexOf(parseToml(before ?? '', path)) === url) return text
  const lines = linesOf(text)
  const place = placeIn(text, path)
  if (place?.line === undefined) return text
  const then = placeIn(before ?? '', path)
  const line = then?.line === undefined ? undefined : linesOf(before ?? '')[then.line]?.replace(/\r?\n$/, '')
  if (line !== undefined) {
    lines[place.line] = line + endOf(lines[place.line] ?? '')
    return lines.join('')
  }
  lines.splice(place.line, 1)
  const next = lines.findIndex((each, index) => index > place.header && headerOf(each) !== undefined)
  const body = lines.slice(place.header + 1, next < 0 ? undefined : next).join('')
  if (then === undefined && body.trim() === '') lines.splice(place.header, 1)
  return lines.join('')
}

/** The index that `uv pip` uses, in uv's order: a default index, `[pip]`, the older top-level key. */
function indexOf(root: JsonObject): string | undefined {
  const indexes: unknown[] = Array.isArray(root.index) ? root.index : []
  const chosen = indexes.find((each) => isObject(each) && each.default === true)
  const pip = isObject(root.pip) ? root.pip['index-url'] : undefined
  return [isObject(chosen) ? chosen.url : undefined, pip, root['index-url']].find((url) => typeof url === 'string')
}

/** Where the key that counts stands or belongs; undefined: in a new table. */
function placeIn(text: string, path: string): Place | undefined {
  const root = parseToml(text, path)
  const indexes: unknown[] = Array.isArray(root.index) ? root.index : []
  const chosen = indexes.findIndex((each) => isObject(each) && each.default === true)
  const lines = linesOf(text)
  const headers = lines.flatMap((line, index) => (headerOf(line) === undefined ? [] : [index]))
  const named = (wanted: string) => headers.filter((index) => headerOf(lines[index] ?? '') === wanted)
  const header = chosen >= 0 ? named('[[index]]')[chosen] : named('[pip]')[0]
  if (header === undefined) {
    if (chosen >= 0 || isObject(root.pip)) throw refused(path, 'its index is not in a table of its own')
    return undefined
  }
  const key = chosen >= 0 ? 'url' : 'index-url'
  const end = headers.find((index) => index > header) ?? lines.length
  const written = new RegExp(`^\\s*(?:"${key}"|'${key}'|${key})\\s*=`)
  const line = lines.findIndex((each, index) => index > header && index < end && written.test(each))
  return { header, line: line < 0 ? undefined : line, key }
}

/** `[pip]` or `[[index]]`, without spaces, quotes and comment. */
function headerOf(line: string): string | undefined {
  const found = /^\s*(\[\[?)([^[\]#=,]+)(\]\]?)\s*(?:#.*)?$/.exec(line.trimEnd())
  return found === null ? undefined : `${found[1]}${(found[2] ?? '').replaceAll(/[\s"']/g, '')}${found[3]}`
}

function parseToml(text: string, path: string): JsonObject {
  try {
    return parse(text.replace(/^\ufeff/, '')) as JsonObject
  } catch (cause) {
    const where = cause instanceof TomlError ? ` at line ${cause.line}, column ${cause.column}` : ''
    throw new AppError('usage.config', `${path} is not changed: it is no valid TOML${where}`, { cause, data: { path } })
  }
}

function refused(path: string, why: string): AppError {
  return new AppError('usage.config', `${path} is not changed: ${why}`, { data: { path } })
}

function written(key: string, url: string): string {
  return `${key} = ${JSON.stringify(url)}`
}

function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? []
}

function endOf(line: string): string {
  return /\r?\n$/.exec(line)?.[0] ?? ''
}

function bare({ url }: ClientTarget): string {
  return url.replace(/\/+$/, '')
}

function ownFile(env: ClientEnvironment): ClientFile {
  return { path: ownPath(env), mode: 0o600, role: 'own' }
}

function ownPath({ home, platform, variables, project }: ClientEnvironment): string {
  if (project !== undefined) return `${project}/uv.toml`
  if (variables.UV_CONFIG_FILE) return variables.UV_CONFIG_FILE
  if (platform === 'win32') return `${variables.APPDATA || `${home}/AppData/Roaming`}/uv/uv.toml`
  return `${variables.XDG_CONFIG_HOME || `${home}/.config`}/uv/uv.toml`
}

/** The machine's file comes behind ours: only read, for the index that it names. */
function readOnlyFiles({ platform, variables }: ClientEnvironment): ClientFile[] {
  if (platform === 'win32' || variables.UV_CONFIG_FILE) return []
  return [{ path: '/etc/uv/uv.toml', mode: 0o600, role: 'read' }]
}
