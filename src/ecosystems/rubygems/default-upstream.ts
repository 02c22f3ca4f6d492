/**
 * The registry that stock clients use when nothing is configured. No registry's host is written into this repository:
 * the purl library knows it. Used as the default upstream and to tell a company's mirror from the default.
 */
import { PackageURL, UrlConverter } from '@socketregistry/packageurl-js'
import { assert } from '../../base/errors.ts'

/** Base URL of the default registry, https, without trailing slash: the origin of the library's download URL for any gem. @throws bug.assertion if the library knows none */
export function gemDefaultUrl(): string {
  const download = UrlConverter.toDownloadUrl(PackageURL.fromString('pkg:gem/a@1.0.0'))
  assert(download !== undefined, 'the purl library has no download URL for gems')
  return new URL(download.url).origin
}

/** True if `url` is the default registry, however it is spelled (scheme, case, trailing slash). */
export function isGemDefaultUrl(url: string): boolean {
  const parsed = URL.parse(url)
  return parsed !== null && parsed.host === new URL(gemDefaultUrl()).host && /^\/*$/.test(parsed.pathname)
}
