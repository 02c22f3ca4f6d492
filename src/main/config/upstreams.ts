/**
 * Which upstreams a node asks: the ecosystems' defaults, replaced by what clients were configured for, by the file and by
 * flags, in that order. Share levels follow `3-registries.md` ("All of them"): public and named without credentials begin at
 * `network`, anything inherited from a client or used with credentials at `none`.
 */
import { AppError } from '../../base/errors.ts'
import type { Ecosystem } from '../../ecosystems/ecosystem.ts'
import type { UpstreamConfig } from '../../upstream/upstream.ts'
import type { Config, UpstreamEntry } from './config.ts'

/** Reads secrets; handed in because this file has no effects. */
export interface SecretReader {
  /** @throws usage.config */
  file(path: string): Promise<string>
  variable(name: string): string | undefined
}

/** The configured upstreams. @throws usage.config */
export async function assembleUpstreams(
  config: Config,
  ecosystems: readonly Ecosystem[],
  clients: readonly { readonly name: string; readonly url: string }[],
  secrets: SecretReader,
): Promise<UpstreamConfig[]> {
  const found = new Map<string, UpstreamConfig>()
  for (const { upstreams } of ecosystems) {
    for (const { name, url, share } of upstreams) {
      if (url !== undefined) found.set(name, { name, url, share, source: 'default' })
    }
  }
  for (const { name, url } of clients) {
    if (found.get(name)?.url !== url) found.set(name, { name, url, share: 'none', source: 'client' })
  }
  for (const entry of config.upstreamEntries)
    found.set(entry.name, await fromEntry(entry, found.get(entry.name), secrets))
  for (const { name, url } of config.values.upstream) {
    const before = config.upstreamEntries.find((entry) => entry.name === name)
    const credentials = before === undefined ? undefined : found.get(name)?.credentials
    found.set(name, {
      name,
      url,
      share: before?.share ?? (credentials === undefined ? 'network' : 'none'),
      ...(credentials === undefined ? {} : { credentials }),
      source: config.sources.upstream === 'file' ? 'file' : 'flag',
    })
  }
  return [...found.values()]
}

async function fromEntry(
  entry: UpstreamEntry,
  before: UpstreamConfig | undefined,
  secrets: SecretReader,
): Promise<UpstreamConfig> {
  const url = entry.url ?? before?.url
  if (url === undefined) {
    throw new AppError(
      'usage.config',
      `[upstream."${entry.name}"]: wanted a url, because no ecosystem has a default of that name`,
    )
  }
  const credentials = await credentialsOf(entry, secrets)
  const inherited = entry.url === undefined ? before?.share : undefined
  return {
    name: entry.name,
    url,
    share: entry.share ?? (credentials === undefined ? (inherited ?? 'network') : 'none'),
    ...(credentials === undefined ? {} : { credentials }),
    source: 'file',
  }
}

async function credentialsOf(entry: UpstreamEntry, secrets: SecretReader): Promise<UpstreamConfig['credentials']> {
  const read = async (file: string | undefined, variable: string | undefined): Promise<string | undefined> => {
    if (file !== undefined) return secrets.file(file)
    if (variable === undefined) return undefined
    const value = secrets.variable(variable)
    if (value === undefined || value === '') {
      throw new AppError('usage.config', `[upstream."${entry.name}"]: the environment has no ${variable}`)
    }
    return value
  }
  const password = await read(entry.passwordFile, entry.passwordEnv)
  if (password !== undefined && entry.username !== undefined) return { kind: 'basic', user: entry.username, password }
  const token = await read(entry.tokenFile, entry.tokenEnv)
  return token === undefined ? undefined : { kind: 'bearer', token }
}
