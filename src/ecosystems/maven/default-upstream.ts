/**
 * The repository that stock clients use when nothing is configured. No repository's host is written here: the purl library
 * knows it. Used as the default upstream and to tell a company's mirror from the default.
 */
import { PackageURL, UrlConverter } from '@socketregistry/packageurl-js'
import { assert } from '../../base/errors.ts'

/** Base URL of the default repository, https, without trailing slash: the library's download URL of any artifact without the artifact's own path. @throws bug.assertion if the library knows none */
export function mavenDefaultUrl(): string {
  const download = UrlConverter.toDownloadUrl(PackageURL.fromString('pkg:maven/g/a@1'))
  const base = download?.url.replace(/\/g\/a\/1\/a-1\.jar$/, '')
  assert(base !== undefined && base !== download?.url, 'the purl library has no download URL for Maven artifacts')
  return base
}

/** True if `url` is the default repository, however it is spelled (scheme, case, trailing slash). */
export function isMavenDefaultUrl(url: string): boolean {
  const parsed = URL.parse(url)
  const known = new URL(mavenDefaultUrl())
  return parsed !== null && parsed.host === known.host && parsed.pathname.replace(/\/+$/, '') === known.pathname
}
