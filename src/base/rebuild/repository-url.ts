/**
 * Repositories as people write them in metadata, as the https URL by which anybody can read them. Pure; for `Ecosystem.source`, which
 * tells people's pages from repositories by what the field is called.
 */

/** A repository, and a folder of it where the text names one. */
export interface RepositoryPlace {
  /** An https URL without credentials, query, fragment and trailing slash. */
  readonly repository: string
  /** Empty: the root. */
  readonly directory: string
  /** True: the host is one that holds repositories at `owner/name` and little else. */
  readonly isForge: boolean
}

/** Hosts whose paths begin with owner and name. */
const FORGES = ['github.com', 'gitlab.com', 'codeberg.org', 'bitbucket.org', 'salsa.debian.org', 'git.sr.ht'] as const
/** The first segment of pages of such a host that belong to nobody's repository. */
const NOBODY = /^(?:orgs|sponsors|users|apps|topics|features|marketplace|collections)$/
const LENGTH_MAX = 1024

/**
 * Reads `https://…`, `git+https://…`, `git://…`, `ssh://git@…`, `git@host:path` and pages below a repository of a known host
 * (`/tree/BRANCH/FOLDER`, `/issues`); undefined for anything else.
 */
export function repositoryPlace(text: string): RepositoryPlace | undefined {
  const bare = text.trim().replace(/^git\+/, '')
  if (bare.length > LENGTH_MAX) return undefined
  const [, scpHost, scpPath] = /^(?:[\w.-]+@)?([\w-]+(?:\.[\w-]+)+):(?!\/\/)([\w.~/-]+)$/.exec(bare) ?? []
  const url = URL.parse(scpHost === undefined ? bare : `https://${scpHost}/${scpPath}`)
  if (url === null || !/^(?:https?|git|ssh):$/.test(url.protocol) || url.hostname === '') return undefined
  // Of schemes that are not http's, `host` keeps a port that means nothing over https.
  const host = (/^https?:$/.test(url.protocol) ? url.host : url.hostname).toLowerCase().replace(/^www\./, '')
  const segments = url.pathname.split('/').filter((segment) => segment !== '')
  if (!FORGES.some((forge) => forge === host)) {
    const path = segments.join('/')
    return path === '' ? undefined : { repository: `https://${host}/${path}`, directory: '', isForge: false }
  }
  const dash = segments.indexOf('-')
  const cut = dash < 0 ? 2 : dash
  const [owner, ...names] = segments.slice(0, host === 'gitlab.com' && dash < 0 ? segments.length : cut)
  if (owner === undefined || names.length === 0 || NOBODY.test(owner)) return undefined
  const path = [owner, ...names].join('/').replace(/\.git$/, '')
  return { repository: `https://${host}/${path}`, directory: folderOf(segments.slice(cut)), isForge: true }
}

/** The folder in `tree/BRANCH/FOLDER` or `-/tree/BRANCH/FOLDER`. */
function folderOf(segments: readonly string[]): string {
  const [word, , ...folder] = segments[0] === '-' ? segments.slice(1) : segments
  const isPlain = folder.every((name) => /^[\w@.+-]+$/.test(name) && name !== '..' && name !== '.')
  return word === 'tree' && isPlain ? folder.join('/') : ''
}
