/**
 * The forms in which documents reach clients. A key holds everything that the bytes depend on, so that each form is made once
 * per packument and kept: form, tarball URLs, encoding, and the base URL where URLs are rewritten.
 */
import { gzipSync } from 'node:zlib'
import { AppError } from '../../base/errors.ts'
import type { Want } from '../../base/located.ts'
import type { HiddenRelease, RequestView, Transformed, TransformFacts } from '../ecosystem.ts'
import { makeFileTable } from './packument/file-table.ts'
import {
  abbreviate,
  distTags,
  type JsonObject,
  manifestOf,
  type Packument,
  readPackument,
  rewriteTarballs,
} from './packument/packument.ts'
import { RELEASES_VIEW, releasesOf, withholdReleases } from './packument/releases.ts'

/** The media type of the abbreviated form, by which clients ask for it. */
export const ABBREVIATED = 'application/vnd.npm.install-v1+json'
/** The view in which tarballs are looked up; see `file-table.ts`. */
export const FILES_VIEW = 'files-1'

/** Part of every key: kept forms of an older Pyrsia are made anew when what is made here changes. */
const REVISION = '1'

const GZIP_BYTES_MIN = 1024
const GZIP_LEVEL = 6

/** The parts of a key: `full`, `short`, `tags`, `version`; base URL of rewritten tarballs; gzip or not; version or tag. */
interface Form {
  readonly form: 'full' | 'short' | 'tags' | 'version'
  readonly base: string
  readonly gzip: boolean
  readonly specifier: string
}

/**
 * The key of a request. The stock client gets upstream's own tarball URLs: it fetches through this node anyway, and its
 * lockfile stays clean. The others would go past it; yarn 1 must, because what it is shown stands in its lockfile.
 */
export function npmVariant(request: RequestView, want: Want): string {
  if (want.kind !== 'document' || want.params.what === 'plain') return ''
  const gzip = acceptsGzip(request.headers['accept-encoding'])
  const form = formOf(request, want.params.what)
  const base = form === 'tags' || keepsTarballUrls(request) ? '' : request.base
  if (form === 'full' && base === '' && !gzip) return ''
  const specifier = form === 'version' ? encodeURIComponent(want.params.specifier ?? '') : ''
  return [form, REVISION, gzip ? 'gzip' : '', base, specifier].join('|')
}

/** Makes the form of a key, or a view: `FILES_VIEW`, `RELEASES_VIEW`. @throws untrusted.reply, usage.request for an unknown key */
export function transformNpm(document: Uint8Array, facts: TransformFacts, variant: string): Transformed {
  const hidden = facts.hidden ?? []
  if (variant === '') return { bytes: whole(document, hidden), mediaType: facts.mediaType, encoding: undefined }
  if (variant === RELEASES_VIEW) {
    const bytes = releasesOf(readPackument(document))
    return { bytes, mediaType: 'text/tab-separated-values', encoding: undefined }
  }
  if (variant === FILES_VIEW) {
    const bytes = makeFileTable(readPackument(document))
    return { bytes, mediaType: 'text/tab-separated-values', encoding: undefined }
  }
  const form = parseKey(variant)
  const mediaType = form.form === 'short' ? ABBREVIATED : 'application/json'
  const isUpstreams = form.form === 'full' && form.base === ''
  const bytes = isUpstreams ? whole(document, hidden) : Buffer.from(JSON.stringify(make(document, form, hidden)))
  if (!form.gzip || bytes.byteLength < GZIP_BYTES_MIN) return { bytes, mediaType, encoding: undefined }
  return { bytes: gzipSync(bytes, { level: GZIP_LEVEL }), mediaType, encoding: 'gzip' }
}

/** The view of a packument that is the manifest of one version, as upstream states it. */
export function versionView(version: string): string {
  return ['version', REVISION, '', '', encodeURIComponent(version)].join('|')
}

/** True for the stock client; others carry `npm/?` further behind in their User-Agent. */
export function isStockClient(request: RequestView): boolean {
  return /^npm\/\d/.test(request.headers['user-agent'] ?? '')
}

/** The full form with upstream's URLs is upstream's document: unless something is hidden, there is nothing to parse. */
function whole(document: Uint8Array, hidden: readonly HiddenRelease[]): Uint8Array {
  if (hidden.length === 0) return document
  return Buffer.from(JSON.stringify(withholdReleases(readPackument(document), hidden).document))
}

function make(document: Uint8Array, form: Form, hidden: readonly HiddenRelease[]): JsonObject {
  const packument = withholdReleases(readPackument(document), hidden)
  if (form.base !== '') rewriteTarballs(packument, form.base)
  if (form.form === 'short') return abbreviate(packument)
  if (form.form === 'tags') return distTags(packument)
  return form.form === 'version' ? versionDocument(packument, form.specifier) : packument.document
}

function versionDocument(packument: Packument, specifier: string): JsonObject {
  const manifest = manifestOf(packument, specifier)
  if (manifest === undefined) {
    throw new AppError('untrusted.reply', `reading a packument: wanted version ${specifier}, found none`)
  }
  return manifest
}

function parseKey(key: string): Form {
  const [form, revision, encoding, base, specifier] = key.split('|')
  if (!isForm(form) || revision !== REVISION) {
    throw new AppError('usage.request', `wanted the key of a form, found ${JSON.stringify(key.slice(0, 100))}`)
  }
  return { form, gzip: encoding === 'gzip', base: base ?? '', specifier: decodeURIComponent(specifier ?? '') }
}

function isForm(text: string | undefined): text is Form['form'] {
  return text === 'full' || text === 'short' || text === 'tags' || text === 'version'
}

function formOf(request: RequestView, what: string | undefined): Form['form'] {
  if (what === 'tags' || what === 'version') return what
  return (request.headers.accept ?? '').includes(ABBREVIATED) ? 'short' : 'full'
}

/** Yarn 1, too, is brought here by `~/.npmrc`; it writes the address of each tarball into yarn.lock. */
function keepsTarballUrls(request: RequestView): boolean {
  return isStockClient(request) || /^yarn\/[01]\./.test(request.headers['user-agent'] ?? '')
}

function acceptsGzip(header: string | undefined): boolean {
  const offers = (header ?? '').toLowerCase().split(',')
  return offers.some((offer) => /^\s*(?:x-)?gzip\s*(?:;|$)/.test(offer) && !/;\s*q=0(?:\.0*)?\s*$/.test(offer))
}
