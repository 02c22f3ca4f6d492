/**
 * Image references and purls. `library/alpine:3.20` is `pkg:docker/alpine@3.20`; other registries stand in `repository_url`.
 * Reads `pkg:oci/…` as well (purl-spec, docker and oci definitions), writes only the first form.
 */
import { AppError } from '../../base/errors.ts'
import type { Want } from '../../base/located.ts'
import { formatPurl, type Purl, purlParts } from '../../base/purl.ts'
import {
  canonicalRegistry,
  DEFAULT_REGISTRY,
  type Repository,
  readContentDigest,
  readRepository,
  readTag,
  repositoryText,
} from './names.ts'

/** The purl type of images. */
export const DOCKER_TYPE = 'docker'

/** The purl of a repository, or with `version` (a tag or a digest) of an image in it. */
export function repositoryPurl(repository: Repository, version: string | undefined): Purl {
  const isDefault = repository.registry === DEFAULT_REGISTRY
  const path = isDefault && /^library\/[^/]+$/.test(repository.name) ? repository.name.slice(8) : repository.name
  const slash = path.lastIndexOf('/')
  return formatPurl({
    type: DOCKER_TYPE,
    namespace: slash < 0 ? undefined : path.slice(0, slash),
    name: path.slice(slash + 1),
    version,
    qualifiers: isDefault ? undefined : { repository_url: repository.registry },
  })
}

/** The repository that a want is about: manifests, blobs, tag lists and referrers name one. */
export function dockerSubject(want: Want): Purl | undefined {
  if (want.kind !== 'artifact' && want.kind !== 'blob' && want.kind !== 'document') return undefined
  const { repository } = want.params
  return repository === undefined ? undefined : repositoryPurl({ registry: want.upstream, name: repository }, undefined)
}

/** `[registry/]name[:tag][@digest]` as a purl; a digest outranks a tag. @throws usage.purl */
export function dockerToPurl(text: string): Purl {
  try {
    const [named = '', digest] = splitOnce(text, text.indexOf('@'))
    const colon = named.indexOf(':', named.lastIndexOf('/') + 1)
    const [path = '', tag] = splitOnce(named, colon)
    const version = digest === undefined ? tag && readTag(tag) : readContentDigest(digest)
    if (tag === '' || digest === '') throw new AppError('usage.request', 'a tag or a digest is empty')
    return repositoryPurl(readRepository(path), version)
  } catch (cause) {
    const shown = JSON.stringify(text.slice(0, 200))
    throw new AppError('usage.purl', `wanted an image such as library/alpine:3.20, found ${shown}`, { cause })
  }
}

/** A name in a rule: `alpine` and `docker.io/library/alpine` are `library/alpine`; what may be several names stays as it is. */
export function dockerNamePattern(text: string): string {
  const name = text.replace(/^(?:index\.)?docker\.io\//i, '')
  return name.includes('/') || name.includes('*') ? name : `library/${name}`
}

/** A purl as an image reference, with `library/` and, unless it is the default, with the registry. @throws usage.purl */
export function dockerFromPurl(purl: Purl): string {
  const parts = purlParts(purl)
  if (parts.type !== DOCKER_TYPE && parts.type !== 'oci') {
    throw new AppError('usage.purl', `wanted a purl of an image, found ${JSON.stringify(purl)}`)
  }
  try {
    const url = parts.qualifiers.repository_url?.replace(/^https?:\/\//, '').replace(/\/+$/, '')
    const ownPath = parts.namespace === undefined ? parts.name : `${parts.namespace}/${parts.name}`
    const repository = parts.type === 'oci' && url?.includes('/') ? readRepository(url) : repositoryAt(url, ownPath)
    const version = parts.version ?? parts.qualifiers.tag
    const text = repositoryText(repository)
    if (version === undefined) return text
    return version.includes(':') ? `${text}@${readContentDigest(version)}` : `${text}:${readTag(version)}`
  } catch (cause) {
    throw new AppError('usage.purl', `wanted a purl of an image, found ${JSON.stringify(purl)}`, { cause })
  }
}

function repositoryAt(url: string | undefined, path: string): Repository {
  if (url === undefined) return readRepository(path)
  const [host = '', prefix] = splitOnce(url, url.indexOf('/'))
  return readRepository(prefix ? `${prefix}/${path}` : path, canonicalRegistry(host))
}

function splitOnce(text: string, at: number): [string, string | undefined] {
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}
