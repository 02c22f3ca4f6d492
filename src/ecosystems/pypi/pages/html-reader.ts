/**
 * Reads the HTML form of a simple index (PEP 503 with 592, 629, 658, 700, 714, 740) into the JSON of PEP 691. Not a browser: the
 * links with their data attributes, and the page's meta elements, are all that an index says.
 */
import { AppError } from '../../../base/errors.ts'
import type { JsonObject } from './json.ts'

/** The most characters of one tag, and of a link's text: a page is read once from its beginning to its end, whatever it is made of. */
const TAG_LENGTH_MAX = 65_536
const LABEL_LENGTH_MAX = 1_024
const TAG_NAME = /\/?[a-z][a-z0-9]*/iy
const ATTRIBUTE = /([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>`]+)))?/g
/** How indexes name the page of a project that has no files (PEP 629, and every index since the first). */
const IS_INDEX = /pypi:repository-version|<(?:title|h1)>[^<]{0,1024}(?:simple index|links (?:for|in)\b)/i
const HASHES = new Set(['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512', 'blake2b'])
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' }

/**
 * A project's page with `meta` and `files`. @throws untrusted.reply for a page that is cut off, and for one without a link
 * that does not say that it is an index either (the error page of a proxy)
 */
export function readHtmlPage(bytes: Uint8Array): JsonObject {
  const text = withoutComments(bytes)
  if (/<(html|body)\b/i.test(text) && !/<\/(html|body)\s*>/i.test(text)) {
    throw notIndex('a whole page, found its beginning only')
  }
  const { links, meta, base } = contentOf(text)
  const files: JsonObject[] = []
  for (const { href, label, data } of links) {
    const url = base === undefined ? href : (URL.parse(href, base)?.href ?? href)
    files.push(fileOf(url, label, data))
  }
  if (files.length === 0 && !IS_INDEX.test(text)) throw notIndex('links to files, found a page of something else')
  return { meta, files }
}

/** Names on the page that lists all projects. */
export function readHtmlList(bytes: Uint8Array): JsonObject {
  const { links, meta } = contentOf(withoutComments(bytes))
  return { meta, projects: links.map(({ label }) => ({ name: label })) }
}

interface Link {
  readonly href: string
  readonly label: string
  readonly data: ReadonlyMap<string, string>
}

/** The links (an `a` with nothing but text in it), the version that the page names, and what its links are relative to. */
function contentOf(text: string): {
  readonly links: Link[]
  readonly meta: JsonObject
  readonly base?: string | undefined
} {
  const links: Link[] = []
  const meta: JsonObject = { 'api-version': '1.0' }
  let base: string | undefined
  let open: Tag | undefined
  for (const tag of tagsOf(text)) {
    if (tag.name === '/a' && open !== undefined && tag.start - open.end <= LABEL_LENGTH_MAX) {
      const data = attributes(open.inner)
      const href = data.get('href')
      const label = decode(text.slice(open.end, tag.start)).trim()
      if (href !== undefined) links.push({ href: href.trim(), label, data })
    }
    open = tag.name === 'a' ? tag : undefined
    if (tag.name === 'meta') readMeta(attributes(tag.inner), meta)
    if (tag.name === 'base') base ??= attributes(tag.inner).get('href')
  }
  return { links, meta, base }
}

interface Tag {
  /** In lower case, with a slash before it if it closes. */
  readonly name: string
  /** What stands behind the name. */
  readonly inner: string
  readonly start: number
  readonly end: number
}

/** The tags in their order, scripts and styles skipped. @throws untrusted.reply for one without an end */
function* tagsOf(text: string): Generator<Tag> {
  for (let start = text.indexOf('<'); start >= 0; ) {
    TAG_NAME.lastIndex = start + 1
    const name = TAG_NAME.exec(text)?.[0].toLowerCase()
    let end = start + 1
    if (name !== undefined) {
      const from = start + 1 + name.length
      end = endOfTag(text, from)
      yield { name, inner: text.slice(from, end - 1), start, end }
    }
    if (name === 'script' || name === 'style') {
      const closing = name === 'script' ? /<\/script/gi : /<\/style/gi
      closing.lastIndex = end
      end = closing.exec(text)?.index ?? text.length
    }
    start = text.indexOf('<', end)
  }
}

/** Behind the `>` that is in no quotes. */
function endOfTag(text: string, from: number): number {
  let quote = ''
  for (let at = from; at < Math.min(text.length, from + TAG_LENGTH_MAX); at++) {
    const char = text.charAt(at)
    if (quote !== '') quote = char === quote ? '' : quote
    else if (char === '>') return at + 1
    else if (char === '"' || char === "'") quote = char
  }
  throw notIndex('tags that end, found one that does not')
}

function fileOf(href: string, label: string, data: ReadonlyMap<string, string>): JsonObject {
  const [url = '', fragment = ''] = href.split('#', 2)
  const hash = /^([a-z0-9]+)=([0-9a-f]+)$/i.exec(fragment)
  const hashes = hash?.[1] !== undefined && HASHES.has(hash[1]) ? { [hash[1]]: hash[2] } : {}
  const file: JsonObject = { filename: fileNameOf(url) ?? label, url, hashes }
  const python = data.get('data-requires-python')
  if (python !== undefined) file['requires-python'] = python
  const yanked = data.get('data-yanked')
  if (yanked !== undefined) file.yanked = yanked === '' ? true : yanked
  const signed = data.get('data-gpg-sig')
  if (signed !== undefined) file['gpg-sig'] = signed === 'true'
  const metadata = data.get('data-core-metadata') ?? data.get('data-dist-info-metadata')
  if (metadata !== undefined) file['core-metadata'] = metadataOf(metadata)
  const provenance = data.get('data-provenance')
  if (provenance !== undefined) file.provenance = provenance
  return file
}

function notIndex(what: string): AppError {
  return new AppError('untrusted.reply', `reading a page of the index: wanted ${what}`)
}

function metadataOf(text: string): boolean | JsonObject {
  const hash = /^([a-z0-9]+)=([0-9a-f]+)$/i.exec(text)
  return hash?.[1] === undefined ? text === 'true' : { [hash[1]]: hash[2] }
}

function readMeta(found: ReadonlyMap<string, string>, meta: JsonObject): void {
  const content = found.get('content')
  if (found.get('name') === 'pypi:repository-version' && content !== undefined && /^1\.\d{1,3}$/.test(content)) {
    meta['api-version'] = content
  }
}

function fileNameOf(url: string): string | undefined {
  const last = url.split('?', 1)[0]?.split('/').at(-1) ?? ''
  try {
    return decodeURIComponent(last) || undefined
  } catch {
    return undefined
  }
}

function attributes(written: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const [, name = '', double, single, bare] of written.matchAll(ATTRIBUTE)) {
    const key = name.toLowerCase()
    // The first of two attributes of one name counts (HTML, "duplicate attribute").
    if (!found.has(key)) found.set(key, decode(double ?? single ?? bare ?? ''))
  }
  return found
}

function decode(text: string): string {
  if (!text.includes('&')) return text
  return text.replaceAll(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,5}));/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return ENTITIES[String(name).toLowerCase()] ?? whole
    const point = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal)
    return point <= 0x10ffff ? String.fromCodePoint(point) : whole
  })
}

function withoutComments(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  // Cut by searching: an expression would look for the end again and again.
  let rest = text
  const kept: string[] = []
  for (;;) {
    const start = rest.indexOf('<!--')
    if (start < 0) return [...kept, rest].join('')
    kept.push(rest.slice(0, start))
    const end = rest.indexOf('-->', start)
    if (end < 0) return kept.join('')
    rest = rest.slice(end + '-->'.length)
  }
}
