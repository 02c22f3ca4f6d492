/**
 * The forms in which pages reach clients, and the views that they are looked up in. A key holds everything that the bytes
 * depend on, so that each form is made once per page and kept. URLs are relative: no form depends on this node's address.
 */
import { gzipSync } from 'node:zlib'
import type { Digest } from '../../base/digest.ts'
import { AppError } from '../../base/errors.ts'
import type { Want } from '../../base/located.ts'
import { formatReleases, releaseTime } from '../../base/releases.ts'
import type { RequestView, Transformed, TransformFacts } from '../ecosystem.ts'
import { type Form, MEDIA_TYPES, preferredForm } from './accept.ts'
import { isProjectName, normalName, versionOfFile } from './names.ts'
import { digestsOf, makeFileTable } from './pages/file-table.ts'
import { readHtmlList } from './pages/html-reader.ts'
import { writeHtmlList, writeHtmlPage } from './pages/html-writer.ts'
import { isObject, malformed, parseJson } from './pages/json.ts'
import { isHtml, readProjectPage } from './pages/project-page.ts'
import { refusalFile } from './pages/refusal-file.ts'
import { rewriteFiles } from './pages/rewrite.ts'

/** The view of a page as `base/releases.ts` wants it. */
export const RELEASES_VIEW = 'releases-2'

/** Part of every key: kept forms of an older Pyrsia are made anew when what is made here changes. */
const REVISION = '1'
const FILES = 'files-1'
const GZIP_BYTES_MIN = 1024
const GZIP_LEVEL = 6

/** The view of the page of `project` in which files are looked up; see `pages/file-table.ts`. */
export function filesView(project: string): string {
  return `${FILES}|${project}`
}

/** The key of a request: form, encoding and, for a project's page, its name. */
export function pypiVariant(request: RequestView, want: Want): string {
  if (want.kind !== 'document' || want.params.what === 'sidecar') return ''
  const gzip = acceptsGzip(request.headers['accept-encoding']) ? 'gzip' : ''
  const kind = want.params.what === 'list' ? 'list' : 'page'
  return [kind, REVISION, preferredForm(request.headers.accept), gzip, want.params.name ?? ''].join('|')
}

/** Makes the form of a key, or a view. @throws untrusted.reply, usage.request for an unknown key */
export function transformPypi(document: Uint8Array, facts: TransformFacts, variant: string): Transformed {
  if (variant === '') return { bytes: document, mediaType: facts.mediaType, encoding: undefined }
  if (variant === RELEASES_VIEW) {
    return { bytes: makeReleases(document, facts), mediaType: 'text/tab-separated-values', encoding: undefined }
  }
  const [kind, revision, form, encoding, name = ''] = variant.split('|')
  if (kind === FILES) {
    const bytes = makeFileTable(revision ?? '', readProjectPage(document, facts.mediaType))
    return { bytes, mediaType: 'text/tab-separated-values', encoding: undefined }
  }
  if ((kind !== 'page' && kind !== 'list') || revision !== REVISION || !isForm(form)) {
    throw new AppError('usage.request', `wanted the key of a form, found ${JSON.stringify(variant.slice(0, 100))}`)
  }
  const bytes = kind === 'page' ? makePage(document, facts, form, name) : makeList(document, facts, form)
  const mediaType = MEDIA_TYPES[form]
  if (encoding !== 'gzip' || bytes.byteLength < GZIP_BYTES_MIN) return { bytes, mediaType, encoding: undefined }
  return { bytes: gzipSync(bytes, { level: GZIP_LEVEL }), mediaType, encoding: 'gzip' }
}

function makePage(document: Uint8Array, facts: TransformFacts, form: Form, project: string): Buffer {
  const page = readProjectPage(document, facts.mediaType)
  const files = rewriteFiles(project, page, facts.hidden)
  const [newest] = facts.hidden ?? []
  // Of a page on which everything is yanked, pip prints no more than which versions there are.
  if (newest !== undefined && files.every(({ yanked }) => yanked !== undefined && yanked !== false)) {
    files.push(refusalFile(normalName(project), 'denied', newest.reason).file)
  }
  if (form !== 'json') return Buffer.from(writeHtmlPage(project, page.document, files))
  const { meta, name, ...rest } = page.document
  return Buffer.from(JSON.stringify({ meta: meta ?? { 'api-version': '1.0' }, name: name ?? project, ...rest, files }))
}

/** The list of all projects has tens of megabytes: where upstream's form is the client's, nothing is parsed. */
function makeList(document: Uint8Array, facts: TransformFacts, form: Form): Uint8Array {
  if (form === 'json' && !isHtml(facts.mediaType)) return document
  const list = isHtml(facts.mediaType) ? readHtmlList(document) : parseJson(document)
  const { projects } = list
  if (!Array.isArray(projects)) throw malformed('a list of projects', projects)
  const names = projects.flatMap((each) =>
    isObject(each) && typeof each.name === 'string' && isProjectName(each.name) ? each.name : [],
  )
  if (form === 'json') return Buffer.from(JSON.stringify({ ...list, projects: names.map((name) => ({ name })) }))
  return Buffer.from(writeHtmlList(list, names, (name) => `${normalName(name)}/`))
}

/** A release was published when its first file was; it can be had if one of its files can. */
function makeReleases(document: Uint8Array, facts: TransformFacts): Uint8Array {
  const page = readProjectPage(document, facts.mediaType)
  const found = new Map<string, { readonly times: number[]; readonly files: Array<Digest | undefined> }>()
  for (const file of page.files) {
    const version = versionOfFile(page.name, file.filename)
    if (version === undefined) continue
    const release = found.get(version) ?? { times: [], files: [] }
    found.set(version, release)
    const releasedAtMs = releaseTime(file['upload-time'])
    if (releasedAtMs !== undefined) release.times.push(releasedAtMs)
    release.files.push(digestsOf(file.hashes)[0])
  }
  return formatReleases(
    found.entries().map(([version, { times, files }]) => {
      const stated = files.filter((digest) => digest !== undefined)
      return {
        version,
        releasedAtMs: times.length === 0 ? undefined : Math.min(...times),
        files: stated.length === files.length ? stated : [],
      }
    }),
  )
}

function isForm(text: string | undefined): text is Form {
  return text !== undefined && Object.hasOwn(MEDIA_TYPES, text)
}

function acceptsGzip(header: string | undefined): boolean {
  const offers = (header ?? '').toLowerCase().split(',')
  return offers.some((offer) => /^\s*(?:x-)?gzip\s*(?:;|$)/.test(offer) && !/;\s*q=0(?:\.0*)?\s*$/.test(offer))
}
