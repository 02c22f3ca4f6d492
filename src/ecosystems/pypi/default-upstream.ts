/**
 * The index that stock clients use when nothing is configured. No registry's host is written into this repository: the purl
 * library knows it. An upstream's base is the simple index itself (what clients call index-url); where the files are, only the
 * index says. Used as the default upstream and to tell a company's mirror from the default.
 */
import { PackageURL, UrlConverter } from '@socketregistry/packageurl-js'
import { assert } from '../../base/errors.ts'

/** URL of the default simple index, https, without trailing slash: what stands before the name in the library's URL of any project. @throws bug.assertion if the library knows none */
export function pypiDefaultUrl(): string {
  const name = 'a'
  const download = UrlConverter.toDownloadUrl(PackageURL.fromString(`pkg:pypi/${name}@1.0.0`))
  assert(download?.url.endsWith(`/simple/${name}/`) === true, 'the purl library has no index URL for Python packages')
  return download.url.slice(0, -`/${name}/`.length)
}

/** True if `url` is the default index, however it is spelled (scheme, case of the host, trailing slash). */
export function isPypiDefaultUrl(url: string): boolean {
  const parsed = URL.parse(url)
  const ours = new URL(pypiDefaultUrl())
  return parsed !== null && parsed.host === ours.host && parsed.pathname.replace(/\/+$/, '') === ours.pathname
}
