/**
 * Reads the HTML form of a simple index (PEP 503 with 592, 629, 658, 700, 714, 740) into the JSON of PEP 691. Not a browser: the
 * links with their data attributes, and the page's meta elements, are all that an index says.
 */
import { AppError } from '../../../base/errors.ts'
import type { JsonObject } from './json.ts'

/** What may stand in a tag; bounded, so that a page of nothing but beginnings costs no more than its length. */
const INNER = `((?:[^>"']|"[^"]{0,4096}"|'[^']{0,4096}'){0,4096})`
const ANCHOR = new RegExp(String.raw`<a\b${INNER}>([^<]{0,1024})</a\s*>`, 'gi')
const META = new RegExp(String.raw`<meta\b${INNER}>`, 'gi')
const BASE = new RegExp(String.raw`<base\b${INNER}>`, 'i')
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
  const base = attributes(BASE.exec(text)?.[1] ?? '').get('href')
  const files: JsonObject[] = []
  for (const { href, label, data } of linksOf(text)) {
    const url = base === undefined ? href : (URL.parse(href, base)?.href ?? href)
    files.push(fileOf(url, label, data))
  }
  if (files.length === 0 && !IS_INDEX.test(text)) throw notIndex('links to files, found a page of something else')
  return { meta: metaOf(text), files }
}

/** Names on the page that lists all projects. */
export function readHtmlList(bytes: Uint8Array): JsonObject {
  const text = withoutComments(bytes)
  return { meta: metaOf(text), projects: linksOf(text).map(({ label }) => ({ name: label })) }
}

interface Link {
  readonly href: string
  readonly label: string
  readonly data: ReadonlyMap<string, string>
}

function linksOf(text: string): Link[] {
  const links: Link[] = []
  for (const [, written = '', label = ''] of text.matchAll(ANCHOR)) {
    const data = attributes(written)
    const href = data.get('href')
    if (href !== undefined) links.push({ href: href.trim(), label: decode(label).trim(), data })
  }
  return links
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

function metaOf(text: string): JsonObject {
  const meta: JsonObject = { 'api-version': '1.0' }
  for (const [, written = ''] of text.matchAll(META)) {
    const found = attributes(written)
    const name = found.get('name')
    const content = found.get('content')
    if (name === 'pypi:repository-version' && content !== undefined && /^1\.\d{1,3}$/.test(content)) {
      meta['api-version'] = content
    }
  }
  return meta
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
