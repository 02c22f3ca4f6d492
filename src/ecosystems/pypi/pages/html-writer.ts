/** Writes pages in HTML (PEP 503 with 592, 629, 658, 714, 740), for clients that do not read the JSON form. */
import { digestText } from './digest-text.ts'
import { isObject, type JsonObject } from './json.ts'
import type { PageFile } from './project-page.ts'

/** The page of a project; the files' URLs are written as they are. */
export function writeHtmlPage(name: string, document: JsonObject, files: readonly PageFile[]): string {
  const title = escaped(`Links for ${name}`)
  const links = files.map((file) => `${link(file)}<br />\n`).join('')
  return `${head(document, title)}<body>\n<h1>${title}</h1>\n${links}</body>\n</html>\n`
}

/** The page of all projects; each link leads to a page of this node. */
export function writeHtmlList(
  document: JsonObject,
  names: readonly string[],
  hrefOf: (name: string) => string,
): string {
  const links = names.map((name) => `<a href="${escaped(hrefOf(name))}">${escaped(name)}</a><br />\n`).join('')
  return `${head(document, 'Simple index')}<body>\n${links}</body>\n</html>\n`
}

function head(document: JsonObject, title: string): string {
  const version = isObject(document.meta) ? document.meta['api-version'] : undefined
  const status = isObject(document['project-status']) ? document['project-status'] : {}
  const metas = [
    ['pypi:repository-version', typeof version === 'string' ? version : '1.0'],
    ['pypi:project-status', status.status],
    ['pypi:project-status-reason', status.reason],
  ]
  const lines = metas.flatMap(([name, content]) =>
    typeof content === 'string' ? `<meta name="${name}" content="${escaped(content)}">\n` : [],
  )
  return `<!DOCTYPE html>\n<html>\n<head>\n${lines.join('')}<title>${title}</title>\n</head>\n`
}

function link(file: PageFile): string {
  const fragment = digestText(file.hashes)
  const href = fragment === undefined ? file.url : `${file.url}#${fragment}`
  return `<a href="${escaped(href)}"${data(file)}>${escaped(file.filename)}</a>`
}

function data(file: PageFile): string {
  const metadata = isObject(file['core-metadata']) ? (digestText(file['core-metadata']) ?? 'true') : undefined
  const written: ReadonlyArray<readonly [string, unknown]> = [
    ['data-requires-python', file['requires-python']],
    ['data-yanked', file.yanked === true ? '' : file.yanked],
    ['data-gpg-sig', typeof file['gpg-sig'] === 'boolean' ? String(file['gpg-sig']) : undefined],
    // The older name is what pip before 23.2 reads (PEP 714).
    ['data-dist-info-metadata', metadata],
    ['data-core-metadata', metadata],
    ['data-provenance', file.provenance],
  ]
  return written.map(([name, value]) => (typeof value === 'string' ? ` ${name}="${escaped(value)}"` : '')).join('')
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
