/** Where a manifest says that its source is: the shorthands of package.json, and whatever else names a repository. Pure. */
import { repositoryPlace } from '../../../base/rebuild/repository-url.ts'
import { isObject, type JsonObject } from '../packument/packument.ts'

/** A repository and the folder of the package in it. */
export interface ManifestRepository {
  /** An https URL. */
  readonly url: string
  readonly directory: string
}

/** Hosts of the shorthands `github:owner/name`; without a host it is the first. */
const SHORTHANDS: Readonly<Record<string, string>> = {
  github: 'github.com',
  gitlab: 'gitlab.com',
  bitbucket: 'bitbucket.org',
}

/** The repository that a manifest names; undefined if it names none that is read over https. */
export function repositoryOf({ repository }: JsonObject): ManifestRepository | undefined {
  const { url: text, directory } = isObject(repository) ? repository : { url: repository, directory: undefined }
  if (typeof text !== 'string') return undefined
  const short = /^(?:(?<host>github|gitlab|bitbucket):)?(?<path>[\w.-]+\/[\w.-]+)$/.exec(text.trim())?.groups
  const place = repositoryPlace(
    short === undefined ? text : `https://${SHORTHANDS[short.host ?? 'github']}/${short.path}`,
  )
  if (place === undefined) return undefined
  return { url: place.repository, directory: typeof directory === 'string' ? folderOf(directory) : place.directory }
}

/** `./packages/a/` as `packages/a`; what leads out of the repository is none. */
export function folderOf(text: string): string {
  const parts = text.split('/').filter((part) => part !== '' && part !== '.')
  return parts.includes('..') || /[\\\0]/.test(text) ? '' : parts.join('/')
}
