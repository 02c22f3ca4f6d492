/**
 * The configuration of a node: flags over environment over file over defaults, by the table in `settings.ts`.
 * Pure: `daemon.ts` hands in the file's text and the environment. Unknown keys are refused with a suggestion, because a
 * mistyped limit that is silently ignored is found out too late.
 */
import { parse as parseToml } from 'smol-toml'
import { AppError } from '../../base/errors.ts'
import type { ShareLevel } from '../../base/share.ts'
import { isUpstreamName, parseShareLevel, parseUpstreamUrl } from './kinds.ts'
import { SETTINGS, type Setting, type SettingValues } from './settings.ts'

/** Where a value came from. */
export type SettingSource = 'flag' | 'environment' | 'file' | 'default'

/** `[upstream."name"]` of the file: an override of a default upstream, or a further one. Secrets stand in files or the environment. */
export interface UpstreamEntry {
  readonly name: string
  readonly url: string | undefined
  readonly share: ShareLevel | undefined
  readonly username: string | undefined
  readonly passwordFile: string | undefined
  readonly passwordEnv: string | undefined
  readonly tokenFile: string | undefined
  readonly tokenEnv: string | undefined
}

/** A resolved configuration. */
export interface Config {
  readonly values: SettingValues
  /** Ports of ecosystems with a port of their own, by setting name. */
  readonly ports: Readonly<Record<string, number>>
  readonly upstreamEntries: readonly UpstreamEntry[]
  /** By setting name. */
  readonly sources: Readonly<Record<string, SettingSource>>
}

/** What `readConfig` reads. */
export interface ConfigInput {
  /** By setting name; values as they were written. */
  readonly flags: Readonly<Record<string, string | readonly string[] | boolean | undefined>>
  readonly environment: Readonly<Record<string, string | undefined>>
  /** The TOML file, and what it is called in errors; undefined if there is none. */
  readonly file: { readonly path: string; readonly text: string } | undefined
  /** Rows of `portSettings`. */
  readonly ports: readonly Setting<number>[]
}

/** Resolves every setting. @throws usage.config naming the setting, where it was found, what was wanted and what was found */
export function readConfig(input: ConfigInput): Config {
  const file = input.file === undefined ? {} : readToml(input.file)
  const where = input.file?.path ?? ''
  const rows = [...Object.values(SETTINGS), ...input.ports] as readonly Setting<unknown>[]
  refuseUnknown(file, rows, where)
  const sources: Record<string, SettingSource> = {}
  const read = (row: Setting<unknown>): unknown => {
    const found = find(row, input, file, where)
    sources[row.name] = found.source
    return found.value
  }
  const values = Object.fromEntries(Object.entries(SETTINGS).map(([key, row]) => [key, read(row as Setting<unknown>)]))
  const ports = Object.fromEntries(input.ports.map((row) => [row.name, read(row) as number]))
  return {
    values: values as unknown as SettingValues,
    ports,
    upstreamEntries: readUpstreamTables(file.upstream, where),
    sources,
  }
}

/** The value of one setting that is needed before the file can be found (`data`, `config`). @throws usage.config */
export function readEarly<T>(row: Setting<T>, input: Pick<ConfigInput, 'flags' | 'environment'>): T {
  return find(row as Setting<unknown>, { ...input, file: undefined, ports: [] }, {}, '').value as T
}

function find(
  row: Setting<unknown>,
  input: ConfigInput,
  file: Readonly<Record<string, unknown>>,
  where: string,
): { readonly value: unknown; readonly source: SettingSource } {
  const flag = input.flags[row.name]
  if (flag !== undefined) return { value: parse(row, texts(flag), `--${row.name}`), source: 'flag' }
  const variable = input.environment[row.env]
  if (variable !== undefined && variable !== '') {
    const parts = row.many ? variable.split(/[\s,]+/).filter((part) => part !== '') : [variable]
    return { value: parse(row, parts, row.env), source: 'environment' }
  }
  const entry = row.inFile ? file[row.name] : undefined
  // `upstream` is a list of NAME=URL or, as `[upstream."name"]`, a table that is read apart.
  if (entry !== undefined && !(row.name === 'upstream' && !Array.isArray(entry))) {
    const place = `${row.name} in ${where}`
    if (row.many !== Array.isArray(entry)) {
      throw new AppError('usage.config', `${place}: wanted ${row.many ? 'a list' : 'one value'}, found the other`)
    }
    return { value: parse(row, tomlTexts(entry, place), place), source: 'file' }
  }
  return { value: row.fallback, source: 'default' }
}

function parse(row: Setting<unknown>, parts: readonly string[], place: string): unknown {
  try {
    if (row.many) return parts.map((part) => row.kind.parse(part))
    return row.kind.parse(parts[0] ?? '')
  } catch (cause) {
    throw new AppError('usage.config', `cannot use the value of ${place}`, { cause })
  }
}

function texts(flag: string | readonly string[] | boolean): readonly string[] {
  return typeof flag === 'object' ? flag : [String(flag)]
}

function tomlTexts(entry: unknown, place: string): readonly string[] {
  const parts: readonly unknown[] = Array.isArray(entry) ? entry : [entry]
  return parts.map((part) => {
    if (typeof part === 'string') return part
    if (typeof part === 'number' || typeof part === 'boolean' || typeof part === 'bigint') return String(part)
    throw new AppError('usage.config', `${place}: wanted text, a number or true or false, found another kind of value`)
  })
}

function readToml(file: { readonly path: string; readonly text: string }): Record<string, unknown> {
  try {
    return parseToml(file.text)
  } catch (cause) {
    throw new AppError('usage.config', `cannot read ${file.path} as TOML`, { cause })
  }
}

function refuseUnknown(
  file: Readonly<Record<string, unknown>>,
  rows: readonly Setting<unknown>[],
  where: string,
): void {
  const known = rows.filter((row) => row.inFile).map((row) => row.name)
  for (const key of Object.keys(file)) {
    if (known.includes(key)) continue
    const outside = rows.some((row) => row.name === key)
    const hint = outside ? 'it can only be a flag or an environment variable' : suggest(key, known)
    throw new AppError(
      'usage.config',
      `${where} sets ${JSON.stringify(key.slice(0, 100))}, which is no setting: ${hint}`,
    )
  }
}

const UPSTREAM_KEYS = ['url', 'share', 'username', 'password-file', 'password-env', 'token-file', 'token-env'] as const

function readUpstreamTables(table: unknown, where: string): UpstreamEntry[] {
  if (table === undefined || Array.isArray(table)) return []
  if (!isTable(table)) throw new AppError('usage.config', `upstream in ${where}: wanted tables [upstream."name"]`)
  return Object.entries(table).map(([name, entry]) => {
    const place = `[upstream.${JSON.stringify(name.slice(0, 100))}] in ${where}`
    if (!isUpstreamName(name) || !isTable(entry)) {
      throw new AppError('usage.config', `${place}: wanted [upstream."name"] with ${UPSTREAM_KEYS.join(', ')}`)
    }
    return readUpstreamTable(name, entry, place)
  })
}

function readUpstreamTable(name: string, entry: Readonly<Record<string, unknown>>, place: string): UpstreamEntry {
  for (const [key, value] of Object.entries(entry)) {
    if (!(UPSTREAM_KEYS as readonly string[]).includes(key)) {
      throw new AppError(
        'usage.config',
        `${place}: ${key} is no setting of an upstream: ${suggest(key, UPSTREAM_KEYS)}`,
      )
    }
    if (typeof value !== 'string' || value === '') throw new AppError('usage.config', `${place}: ${key}: wanted text`)
  }
  const text = (key: (typeof UPSTREAM_KEYS)[number]): string | undefined => entry[key] as string | undefined
  const found: UpstreamEntry = {
    name,
    url: within(place, () => mapDefined(text('url'), parseUpstreamUrl)),
    share: within(place, () => mapDefined(text('share'), parseShareLevel)),
    username: text('username'),
    passwordFile: text('password-file'),
    passwordEnv: text('password-env'),
    tokenFile: text('token-file'),
    tokenEnv: text('token-env'),
  }
  const secrets = [found.passwordFile, found.passwordEnv, found.tokenFile, found.tokenEnv].filter(
    (s) => s !== undefined,
  )
  if (secrets.length > 1) {
    throw new AppError('usage.config', `${place}: wanted one of password-file, password-env, token-file and token-env`)
  }
  const wantsUser = found.passwordFile !== undefined || found.passwordEnv !== undefined
  if (wantsUser !== (found.username !== undefined)) {
    throw new AppError('usage.config', `${place}: username and a password belong together`)
  }
  return found
}

function within<T>(place: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw new AppError('usage.config', `cannot use ${place}`, { cause })
  }
}

function mapDefined<T>(text: string | undefined, read: (text: string) => T): T | undefined {
  return text === undefined ? undefined : read(text)
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
}

/** A sentence that names the nearest known word, or all of them. */
export function suggest(word: string, known: readonly string[]): string {
  const near = known
    .map((candidate) => ({ candidate, distance: editDistance(word.toLowerCase().replaceAll('_', '-'), candidate) }))
    .sort((a, b) => a.distance - b.distance)[0]
  if (near !== undefined && near.distance <= Math.max(1, Math.floor(near.candidate.length / 3))) {
    return `did you mean ${near.candidate}?`
  }
  return `known are ${known.join(', ')}`
}

function editDistance(a: string, b: string): number {
  if (a.length > 64) return Number.POSITIVE_INFINITY
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + same))
    }
    row = next
  }
  return row[b.length] ?? 0
}
