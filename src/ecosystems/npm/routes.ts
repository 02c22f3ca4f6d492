/** The registry API that package managers read. Names are checked here, before any look-up. */
import type { Headers, Want } from '../../base/located.ts'
import type { RequestView, Route } from '../ecosystem.ts'
import { readFileName, readPackageName, readSpecifier } from './names.ts'

const READ = ['GET', 'HEAD'] as const
const RELAY_REQUEST_BYTES_MAX = 16 * 1024 ** 2
const RELAY_REPLY_BYTES_MAX = 64 * 1024 ** 2
/** Headers of a relayed request that its meaning depends on; bodies may be gzipped. */
const RELAY_HEADERS = ['accept', 'content-type', 'content-encoding'] as const
const INTEGRITY_LENGTH_MAX = 4096

/** One upstream serves all packages. */
export const NPM_UPSTREAM = 'npm'

/** `express`, `@scope/name`, `@scope%2fname`; the at sign may be encoded too. */
const NAME = String.raw`(?<name>(?:@|%40)[^/%]+(?:\/|%2[fF])[^/@]+|[^/@]+)`

/** First match wins. */
export const npmRoutes: readonly Route[] = [
  { methods: READ, pattern: /^\/?$/, want: ping },
  { methods: READ, pattern: /^\/-\/ping\/?$/, want: ping },
  { methods: READ, pattern: new RegExp(`^/${NAME}/-/(?<file>.+\\.tgz)$`), want: tarball },
  { methods: READ, pattern: /^\/-\/v1\/search$/, want: search },
  { methods: ['POST'], pattern: /^\/-\/npm\/v1\/security\/(?:advisories\/bulk|audits(?:\/quick)?)$/, want: audit },
  { methods: READ, pattern: /^\/-\/npm\/v1\/keys$/, want: () => plain('/-/npm/v1/keys', 'signing keys') },
  { methods: READ, pattern: /^\/-\/npm\/v1\/attestations\/(?<spec>[^/]+(?:\/[^/]+)?)$/, want: attestations },
  { methods: READ, pattern: new RegExp(`^/-/package/${NAME}/dist-tags/?$`), want: tags },
  { methods: READ, pattern: /^\/-\//, want: () => unsupported('this endpoint of the registry is not served here') },
  { methods: READ, pattern: new RegExp(`^/${NAME}/?$`), want: packument },
  { methods: READ, pattern: new RegExp(`^/${NAME}/(?<specifier>[^/]+)$`), want: version },
  { methods: READ, pattern: /^\//, want: elsewhere },
  {
    methods: ['POST', 'PUT', 'PATCH', 'DELETE'],
    pattern: /^/,
    want: () => unsupported('this node serves installs only; publish and log in at the registry itself'),
  },
]

type Groups = Readonly<Record<string, string>>

function ping(): Want {
  return { kind: 'ping', reply: { status: 200, headers: { 'content-type': 'application/json' }, body: '{}' } }
}

function packument(groups: Groups): Want {
  return document({ what: 'packument', name: readPackageName(groups.name ?? '') })
}

function version(groups: Groups, request: RequestView): Want {
  // `/@scope/name` with a plain slash is caught by the packument's row; a version must not hide a foreign path.
  if (request.headers['pacote-integrity'] !== undefined) return elsewhere(groups, request)
  const name = readPackageName(groups.name ?? '')
  return document({ what: 'version', name, specifier: readSpecifier(groups.specifier ?? '') })
}

function tags(groups: Groups): Want {
  return document({ what: 'tags', name: readPackageName(groups.name ?? '') })
}

function attestations(groups: Groups): Want {
  const spec = decode(groups.spec ?? '')
  const at = spec.indexOf('@', 1)
  const name = readPackageName(spec.slice(0, Math.max(at, 0)))
  const version = readSpecifier(spec.slice(at + 1))
  const path = `/-/npm/v1/attestations/${name.replace('/', '%2f')}@${version}`
  return document({ what: 'plain', path, label: `attestations of ${name}@${version}`, name })
}

function tarball(groups: Groups, request: RequestView): Want {
  const name = readPackageName(groups.name ?? '')
  return artifact({ name, file: readFileName(groups.file ?? '') }, request)
}

/**
 * Registries that keep tarballs elsewhere: the stock client takes the path of their URL and asks this node for it. Its
 * lock data names the bytes; without that nothing says what they should be.
 */
function elsewhere(_groups: Groups, request: RequestView): Want {
  const { path } = request
  const isPlain =
    path.length <= 2048 && /^(?:\/[\w~!'()*.@+%:,=-]+)+$/.test(path) && !/\/(?:\.|%2e){1,2}(?:\/|$)/i.test(path)
  if (request.headers['pacote-integrity'] === undefined || !isPlain) {
    return { kind: 'unsupported', reason: { code: 'absent', message: 'the registry has no such path' } }
  }
  return artifact({ path }, request)
}

function artifact(params: Readonly<Record<string, string>>, request: RequestView): Want {
  const integrity = request.headers['pacote-integrity'] ?? ''
  const isUsable = integrity !== '' && integrity.length <= INTEGRITY_LENGTH_MAX
  return { kind: 'artifact', upstream: NPM_UPSTREAM, params: { ...params, ...(isUsable ? { integrity } : {}) } }
}

function document(params: Readonly<Record<string, string>>): Want {
  return { kind: 'document', upstream: NPM_UPSTREAM, params }
}

function plain(path: string, label: string): Want {
  return document({ what: 'plain', path, label })
}

function search(_groups: Groups, request: RequestView): Want {
  const query = new URLSearchParams(request.query)
  return relay('GET', query.size === 0 ? request.path : `${request.path}?${query}`, request)
}

function audit(_groups: Groups, request: RequestView): Want {
  return relay('POST', request.path, request)
}

function relay(method: 'GET' | 'POST', path: string, request: RequestView): Want {
  const headers: Record<string, string> = {}
  for (const name of RELAY_HEADERS) {
    const value = request.headers[name]
    if (value !== undefined) headers[name] = value
  }
  return {
    kind: 'relay',
    upstream: NPM_UPSTREAM,
    method,
    path,
    headers: headers as Headers,
    requestBytesMax: method === 'GET' ? 0 : RELAY_REQUEST_BYTES_MAX,
    replyBytesMax: RELAY_REPLY_BYTES_MAX,
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return ''
  }
}

function unsupported(message: string): Want {
  return { kind: 'unsupported', reason: { code: 'unsupported', message } }
}
