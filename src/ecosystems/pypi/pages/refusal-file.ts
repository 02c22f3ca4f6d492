/**
 * A file that does not exist, of a version which no requirement can mean: clients that find nothing list the versions that there
 * are, and print of a page nothing else. Yanked, so that it comes in nobody's way.
 */
import type { PageFile } from './project-page.ts'

const VERSION_LENGTH_MAX = 150

/** The file of `project` (in normal form) that tells why, and its version. `code` says in one word what kind of reason it is. */
export function refusalFile(
  project: string,
  code: string,
  message: string,
): { readonly version: string; readonly file: PageFile } {
  const words = message.toLowerCase().match(/[a-z0-9]+/g) ?? []
  const version = `0+${code}.${words.join('.').slice(0, VERSION_LENGTH_MAX).replace(/\.$/, '')}`
  const filename = `${project.replaceAll('-', '_')}-${version}-py3-none-any.whl`
  const sha256 = '0'.repeat(64)
  const url = `../../files/${project}/${sha256}/${filename}`
  return { version, file: { filename, url, hashes: { sha256 }, yanked: message } }
}
