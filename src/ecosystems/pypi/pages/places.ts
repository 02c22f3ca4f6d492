/**
 * Where this node serves the files of a page, as paths below the mount. `/packages/aa/bb/hash/file` is kept as the index has it,
 * whatever host it is on, so that lockfiles can be translated both ways; all other places are `/files/<project>/<key>/<file>`.
 * Either is only a name: the URL to fetch is looked up in the project's index, so that nobody can make this node fetch another.
 */
import { createHash } from 'node:crypto'
import { escapedFile } from '../names.ts'
import { isObject } from './json.ts'
import type { PageFile } from './project-page.ts'

/** `/packages/aa/bb/hash/file` at the end of a URL or path. */
const PACKAGE_PATH = /\/packages\/[0-9a-f]{2}\/[0-9a-f]{2}\/[0-9a-f]{60}\/([^/]+)$/

/** Path below the mount at which a file of `project` is served; `project` in normal form. */
export function placeOf(project: string, file: PageFile): string {
  const [bare = ''] = file.url.split(/[?#]/, 1)
  const kept = packagePlace(bare)
  if (kept !== undefined && bare === file.url && kept.endsWith(`/${escapedFile(file.filename)}`)) return kept
  return `/files/${project}/${keyOf(file)}/${escapedFile(file.filename)}`
}

/** The place of a URL that ends as the stock index's do; undefined for others. */
export function packagePlace(url: string): string | undefined {
  return PACKAGE_PATH.exec(url)?.[0]
}

/** The sha256 where the index states one: then lockfiles name it too. Else a digest of the URL. */
function keyOf(file: PageFile): string {
  const sha256 = isObject(file.hashes) ? file.hashes.sha256 : undefined
  if (typeof sha256 === 'string' && /^[0-9a-f]{64}$/i.test(sha256)) return sha256.toLowerCase()
  return `u${createHash('sha256').update(file.url).digest('hex').slice(0, 40)}`
}
