/** Where a manifest says that its source is: every spelling that publishers use, as the https URL under which anybody can read it. Pure. */

/** A repository and the folder of the package in it. */
export interface ManifestRepository {
  readonly url: string
  readonly directory: string
}

/** Hosts of the shorthands `github:owner/name`; without a host it is the first. */
const SHORTHANDS: Readonly<Record<string, string>> = {
  github: 'github.com',
  gitlab: 'gitlab.com',
  bitbucket: 'bitbucket.org',
}

const LENGTH_MAX = 500

/** The repository that a manifest names; undefined if it names none that is read over https. */
export function repositoryOf(manifest: Readonly<Record<string, unknown>>): ManifestRepository | undefined {
  const { repository } = manifest
  const stated = typeof repository === 'string' ? { url: repository } : isObject(repository) ? repository : {}
  const { url: text, directory } = stated as { readonly url?: unknown; readonly directory?: unknown }
  if (typeof text !== 'string' || text.length > LENGTH_MAX) return undefined
  const url = httpsOf(text.trim())
  if (url === undefined) return undefined
  return { url, directory: typeof directory === 'string' ? folderOf(directory) : '' }
}

function httpsOf(text: string): string | undefined {
  const short = /^(?:(?<host>github|gitlab|bitbucket):)?(?<path>[\w.-]+\/[\w.-]+)$/.exec(text)?.groups
  if (short !== undefined) return bare(`https://${SHORTHANDS[short.host ?? 'github']}/${short.path}`)
  // `git@host:owner/name.git`, which is no URL.
  const scp = /^(?:ssh:\/\/)?(?:[\w.-]+@)(?<host>[\w.-]+)[:/](?<path>[^:]+)$/.exec(text)?.groups
  if (scp !== undefined) return bare(`https://${scp.host}/${scp.path}`)
  const url = URL.parse(text.replace(/^git\+/, ''))
  if (url === null || !/^(?:https?|git|ssh):$/.test(url.protocol)) return undefined
  return bare(`https://${url.hostname}${url.pathname}`)
}

/** Without what only pages of a host have behind the repository, and without `.git`, which hosts take and leave alike. */
function bare(text: string): string | undefined {
  const url = URL.parse(text)
  if (url === null || url.hostname === '' || !url.hostname.includes('.')) return undefined
  const path = url.pathname
    .replace(/\/tree\/.*$/, '')
    .replace(/\/+$/, '')
    .replace(/\.git$/, '')
  return path.split('/').filter(Boolean).length < 2 ? undefined : `https://${url.hostname}${path}`
}

/** `./packages/a/` as `packages/a`; what leads out of the repository is none. */
export function folderOf(text: string): string {
  const parts = text.split('/').filter((part) => part !== '' && part !== '.')
  return parts.includes('..') || /[\\\0]/.test(text) ? '' : parts.join('/')
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
