/** The pull side of the OCI distribution spec 1.1 as routes below `/v2`. Names and digests are checked here, before any look-up. */
import type { Want } from '../../base/located.ts'
import type { RequestView, Route } from '../ecosystem.ts'
import { canonicalRegistry, readContentDigest, readRepository, readTag } from './names.ts'
import { API_VERSION_HEADER } from './refuse.ts'

const READ = ['GET', 'HEAD'] as const
/** Query parameters of `tags/list` that page through it; `next_page` is what some registries hand out instead of `last`. */
const PAGE_PARAMETERS = ['n', 'last', 'next_page'] as const
const QUERY_VALUE_LENGTH_MAX = 1024

/** First match wins. Repository names hold slashes, so the fixed part is found from the end. */
export const dockerRoutes: readonly Route[] = [
  { methods: READ, pattern: /^\/?$/, want: ping },
  {
    methods: READ,
    pattern: /^\/_catalog$/,
    want: () => unsupported('a catalogue is not kept; search the registry itself'),
  },
  { methods: READ, pattern: /^\/(?<name>.+)\/manifests\/(?<reference>[^/]+)$/, want: manifest },
  { methods: READ, pattern: /^\/(?<name>.+)\/blobs\/(?<digest>[^/]+)$/, want: blob },
  { methods: READ, pattern: /^\/(?<name>.+)\/tags\/list$/, want: tagList },
  { methods: READ, pattern: /^\/(?<name>.+)\/referrers\/(?<digest>[^/]+)$/, want: referrers },
  {
    methods: ['POST', 'PUT', 'PATCH', 'DELETE'],
    pattern: /^/,
    want: () => unsupported('this node serves pulls only; push to the registry itself'),
  },
]

type Groups = Readonly<Record<string, string>>

function ping(): Want {
  return {
    kind: 'ping',
    reply: { status: 200, headers: { ...API_VERSION_HEADER, 'content-type': 'application/json' }, body: '{}' },
  }
}

function manifest(groups: Groups, request: RequestView): Want {
  const { upstream, params } = repositoryParams(groups, request)
  const reference = groups.reference ?? ''
  const checked = reference.includes(':') ? { digest: readContentDigest(reference) } : { tag: readTag(reference) }
  return { kind: 'artifact', upstream, params: { ...params, what: 'manifest', ...checked } }
}

function blob(groups: Groups, request: RequestView): Want {
  const { upstream, params } = repositoryParams(groups, request)
  return { kind: 'blob', upstream, digest: readContentDigest(groups.digest ?? ''), params }
}

function tagList(groups: Groups, request: RequestView): Want {
  const { upstream, params } = repositoryParams(groups, request)
  const query = pickQuery(request, PAGE_PARAMETERS)
  return { kind: 'document', upstream, params: { ...params, what: 'tags', query } }
}

function referrers(groups: Groups, request: RequestView): Want {
  const { upstream, params } = repositoryParams(groups, request)
  const digest = readContentDigest(groups.digest ?? '')
  return {
    kind: 'document',
    upstream,
    params: { ...params, what: 'referrers', digest, query: pickQuery(request, ['artifactType']) },
  }
}

function repositoryParams(groups: Groups, request: RequestView): { upstream: string; params: Record<string, string> } {
  // An empty ns is what some clients send for the default registry.
  const namespace = request.query.ns || undefined
  const repository = readRepository(groups.name ?? '', namespace)
  const params: Record<string, string> = { repository: repository.name }
  if (namespace !== undefined) params.namespace = canonicalRegistry(namespace)
  return { upstream: repository.registry, params }
}

/** The named parameters in a fixed order, so that one document has one key; with its question mark, or empty. */
function pickQuery(request: RequestView, names: readonly string[]): string {
  const picked = new URLSearchParams()
  for (const name of names) {
    const value = request.query[name]
    if (value !== undefined && value.length <= QUERY_VALUE_LENGTH_MAX) picked.set(name, value)
  }
  return picked.size === 0 ? '' : `?${picked}`
}

function unsupported(message: string): Want {
  return { kind: 'unsupported', reason: { code: 'unsupported', message } }
}
