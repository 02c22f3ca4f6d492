/**
 * Names of repositories, tags and registries as they stand in request paths and image references. Sources: OCI distribution
 * spec 1.1 ("Pulling manifests") for the grammar, the reference grammar of docker and containerd for hosts and short names.
 */
import { type Digest, isStrong, parseDigest } from '../../base/digest.ts'
import { AppError } from '../../base/errors.ts'

/** The registry that short names belong to. */
export const DEFAULT_REGISTRY = 'docker.io'

const NAME_LENGTH_MAX = 255
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/
const TAG = /^\w[\w.-]{0,127}$/
const HOST = /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::\d{1,5})?$/
/** Hosts that mean the default registry. */
const DEFAULT_REGISTRY_HOSTS = new Set([DEFAULT_REGISTRY, 'index.docker.io', 'registry-1.docker.io'])

/** A repository of a registry. */
export interface Repository {
  /** Name of an upstream: a host, perhaps with a port. */
  readonly registry: string
  /** Full name within the registry, `library/` included. */
  readonly name: string
}

/**
 * The repository that a path such as `library/alpine` or `ghcr.io/owner/image` names. `namespace` is the client's `ns`: the
 * whole path lies in that registry then. @throws usage.request
 */
export function readRepository(path: string, namespace?: string): Repository {
  if (path.length > NAME_LENGTH_MAX * 2) throw malformed('a repository name', path)
  const components = path.split('/')
  let registry = namespace
  if (registry === undefined && components.length > 1 && looksLikeHost(components[0] ?? '')) {
    registry = components.shift()
  }
  const host = canonicalRegistry(registry ?? DEFAULT_REGISTRY)
  if (host === DEFAULT_REGISTRY && components.length === 1) components.unshift('library')
  const name = components.join('/')
  if (name.length > NAME_LENGTH_MAX || !components.every((component) => COMPONENT.test(component))) {
    throw malformed('a repository name', path)
  }
  return { registry: host, name }
}

/** A registry's name as upstreams are called. @throws usage.request */
export function canonicalRegistry(host: string): string {
  const lower = host.toLowerCase()
  if (lower.length > NAME_LENGTH_MAX || !HOST.test(lower)) throw malformed('the host of a registry', host)
  return DEFAULT_REGISTRY_HOSTS.has(lower) ? DEFAULT_REGISTRY : lower
}

/** A tag. @throws usage.request */
export function readTag(text: string): string {
  if (!TAG.test(text)) throw malformed('a tag', text)
  return text
}

/** A digest that proves its bytes: sha256 or sha512. @throws usage.request */
export function readContentDigest(text: string): Digest {
  try {
    const digest = parseDigest(text)
    if (isStrong(digest)) return digest
  } catch (cause) {
    throw malformed('a digest such as sha256:<64 hex digits>', text, cause)
  }
  throw malformed('a sha256 or sha512 digest', text)
}

/** A repository as people write it: `library/alpine`, `ghcr.io/owner/image`. */
export function repositoryText(repository: Repository): string {
  return repository.registry === DEFAULT_REGISTRY ? repository.name : `${repository.registry}/${repository.name}`
}

function looksLikeHost(component: string): boolean {
  return component === 'localhost' || component.includes('.') || component.includes(':')
}

function malformed(wanted: string, found: string, cause?: unknown): AppError {
  return new AppError('usage.request', `wanted ${wanted}, found ${JSON.stringify(found.slice(0, 100))}`, { cause })
}
