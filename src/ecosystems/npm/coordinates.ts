/** Package names and purls: `@scope/name@1.0.0` is `pkg:npm/%40scope/name@1.0.0` (purl-spec, npm definition). */
import { AppError } from '../../base/errors.ts'
import type { Want } from '../../base/located.ts'
import { formatPurl, type Purl, purlParts } from '../../base/purl.ts'
import { isPackageName, namesInPath } from './names.ts'

/** The purl type. */
export const NPM_TYPE = 'npm'

/**
 * `name`, `name@version` or `@scope/name@version` as a purl. Purls are lower case; the few old packages whose names have
 * capitals share the purl of their small namesakes. @throws usage.purl
 */
export function npmToPurl(text: string): Purl {
  const at = text.indexOf('@', 1)
  const name = at < 0 ? text : text.slice(0, at)
  const version = at < 0 ? undefined : text.slice(at + 1)
  if (!isPackageName(name) || version === '') {
    throw new AppError('usage.purl', `wanted a package such as name@1.0.0, found ${JSON.stringify(text.slice(0, 200))}`)
  }
  return packagePurl(name, version)
}

/** What a tarball that its registry keeps under a path of its own may be of. */
export function npmReadings(want: Want): readonly Purl[] {
  if (want.kind !== 'artifact' || want.params.name !== undefined) return []
  return namesInPath(want.params.path ?? '').map((name) => packagePurl(name, undefined))
}

/** The purl of a package of a valid name. @throws usage.purl */
export function packagePurl(name: string, version: string | undefined): Purl {
  const slash = name.indexOf('/')
  return formatPurl({
    type: NPM_TYPE,
    namespace: slash < 0 ? undefined : name.slice(0, slash),
    name: name.slice(slash + 1),
    version,
  })
}

/** A purl as `@scope/name@version`, without the version if the purl has none. @throws usage.purl */
export function npmFromPurl(purl: Purl): string {
  const parts = purlParts(purl)
  const name = parts.namespace === undefined ? parts.name : `${parts.namespace}/${parts.name}`
  if (parts.type !== NPM_TYPE || !isPackageName(name)) {
    throw new AppError('usage.purl', `wanted a purl such as pkg:${NPM_TYPE}/name@1.0.0, found ${JSON.stringify(purl)}`)
  }
  return parts.version === undefined ? name : `${name}@${parts.version}`
}
