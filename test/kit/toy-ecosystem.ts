/**
 * A sixth ecosystem that exists only in tests: it keeps the core honest. A file is found in two steps (a shelf's list names the
 * file, a sidecar beside the file holds its digest), and one shelf is refused.
 *   GET /shelves/<shelf>                list: `<version> <file>` lines; clients see it in capitals if they ask for x-loud
 *   GET /shelves/<shelf>/<version>      the file
 */
import { blobIdOf, parseBlobId } from '../../src/base/digest.ts'
import { AppError } from '../../src/base/errors.ts'
import type { DocumentRequest, Got, Need, Reference, Resolution, Want } from '../../src/base/located.ts'
import { formatPurl, type Purl, purlParts } from '../../src/base/purl.ts'
import type { Ecosystem, RequestView, ResolveContext } from '../../src/ecosystems/ecosystem.ts'

const SHELF = /^[a-z]{1,20}$/

/** The toy. Its upstream has no address of its own. */
export const toyEcosystem: Ecosystem = {
  id: 'toy',
  mount: { kind: 'path', prefix: '/toy' },
  tryLines: ['curl {base}/shelves/blocks'],
  upstreams: [{ name: 'toy', url: undefined, share: 'network' }],
  aliases: [],
  routes: [
    { methods: ['GET', 'HEAD'], pattern: /^\/shelves\/(?<shelf>[^/]+)$/, want: (groups) => want('document', groups) },
    {
      methods: ['GET', 'HEAD'],
      pattern: /^\/shelves\/(?<shelf>[^/]+)\/(?<version>\d{1,9})$/,
      want: (groups) => want('artifact', groups),
    },
  ],
  coordinates: { toPurl, fromPurl },
  compareVersions: (a, b) => a.length - b.length || (a < b ? -1 : a > b ? 1 : 0),
  resolve,
  variant: (request: RequestView) => (request.headers['x-loud'] === undefined ? '' : 'loud'),
  transform(document, _facts, variant) {
    if (variant !== 'loud') throw new AppError('usage.request', `wanted the variant loud, found ${variant}`)
    return {
      bytes: Buffer.from(new TextDecoder().decode(document).toUpperCase()),
      mediaType: 'text/plain',
      encoding: undefined,
    }
  },
  refuse: (reason) => ({
    status: reason.code === 'denied' ? 403 : 404,
    headers: { 'content-type': 'text/plain' },
    body: `${reason.code}: ${reason.message}\n`,
  }),
  references: ({ bytes }): Reference[] =>
    [...new TextDecoder().decode(bytes).matchAll(/^needs (sha256:[0-9a-f]{64})$/gm)].map((match) => ({
      digest: parseBlobId(match[1] ?? ''),
      sizeBytes: undefined,
      mediaType: undefined,
    })),
  lockfiles: [],
  clients: [],
}

/** What a toy registry serves for one file: the list, the sidecar and the file, by path. */
export function toyRegistry(shelf: string, version: string, bytes: Uint8Array): Record<string, Uint8Array> {
  return {
    [`/${shelf}.list`]: Buffer.from(`${version} ${shelf}-${version}.toy\n`),
    [`/files/${shelf}-${version}.toy.sha256`]: Buffer.from(`${blobIdOf(bytes).slice('sha256:'.length)}\n`),
    [`/files/${shelf}-${version}.toy`]: bytes,
  }
}

function want(kind: 'document' | 'artifact', groups: Readonly<Record<string, string>>): Want {
  const { shelf = '' } = groups
  if (!SHELF.test(shelf)) throw new AppError('usage.request', 'wanted the name of a shelf')
  if (shelf === 'forbidden') {
    return { kind: 'unsupported', reason: { code: 'denied', message: 'this shelf is not for children' } }
  }
  return { kind, upstream: 'toy', params: { ...groups } }
}

function* resolve(asked: Want, _request: RequestView, context: ResolveContext): Generator<Need, Resolution, Got> {
  if (asked.kind !== 'document' && asked.kind !== 'artifact') return absent('there are shelves and files only')
  const { shelf = '', version = '' } = asked.params
  const list = documentRequest(`/${shelf}.list`, context)
  if (asked.kind === 'document') return { kind: 'document', request: list, purl: toPurl(shelf), label: shelf }
  const found = yield { kind: 'document', request: list }
  if (found.kind === 'absent' || found.kind === 'unavailable') return found
  const line = new RegExp(`^${version} (\\w[\\w.-]{0,99})$`, 'm').exec(new TextDecoder().decode(found.bytes))
  const file = line?.[1]
  if (file === undefined) return absent(`shelf ${shelf} has no version ${version}`)
  const sidecar = yield { kind: 'document', request: documentRequest(`/files/${file}.sha256`, context) }
  if (sidecar.kind === 'absent' || sidecar.kind === 'unavailable') return sidecar
  const hex = /^[0-9a-f]{64}/.exec(new TextDecoder().decode(sidecar.bytes))?.[0]
  if (hex === undefined) {
    return { kind: 'unavailable', reason: { code: 'untrusted', message: `the sidecar of ${file} holds no digest` } }
  }
  const digest = parseBlobId(`sha256:${hex}`)
  return {
    kind: 'file',
    located: {
      ecosystem: 'toy',
      purl: toPurl(`${shelf}@${version}`),
      label: file,
      digests: [digest],
      sizeBytes: undefined,
      bytesMax: 1_048_576,
      mediaType: 'application/x-toy',
      upstream: 'toy',
      path: `/files/${file}`,
      requestHeaders: {},
      replyHeaders: {},
      evidence: [{ kind: 'index', digest, statedBy: `sidecar of ${file}` }],
      requires: [],
    },
  }
}

function documentRequest(path: string, context: ResolveContext): DocumentRequest {
  return {
    upstream: 'toy',
    path,
    method: 'GET',
    headers: {},
    keepHeaders: [],
    bytesMax: 65_536,
    freshSeconds: context.freshSeconds,
    staleSeconds: 0,
    immutable: false,
  }
}

function toPurl(text: string): Purl {
  const match = /^(?<shelf>[a-z]{1,20})(?:@(?<version>\d{1,9}))?$/.exec(text)
  if (match?.groups?.shelf === undefined) throw new AppError('usage.purl', `wanted shelf@version, found ${text}`)
  return formatPurl({ type: 'toy', name: match.groups.shelf, version: match.groups.version })
}

function fromPurl(purl: Purl): string {
  const { type, name, version } = purlParts(purl)
  if (type !== 'toy') throw new AppError('usage.purl', `wanted the purl of a toy, found ${purl}`)
  return version === undefined ? name : `${name}@${version}`
}

function absent(message: string): Resolution {
  return { kind: 'absent', reason: { code: 'absent', message } }
}
