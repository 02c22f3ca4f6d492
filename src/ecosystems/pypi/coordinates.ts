/** Project names and purls: `name==1.0` is `pkg:pypi/name@1.0` (purl-spec, pypi definition; names in the form of PEP 503). */
import { AppError } from '../../base/errors.ts'
import { formatPurl, type Purl, purlParts } from '../../base/purl.ts'
import { isProjectName, normalName } from './names.ts'
import { normalVersion } from './versions.ts'

/** The purl type. */
export const PYPI_TYPE = 'pypi'

/** `name` or `name==version`, in any spelling, as a purl. @throws usage.purl */
export function pypiToPurl(text: string): Purl {
  const at = text.indexOf('==')
  const name = at < 0 ? text : text.slice(0, at)
  const version = at < 0 ? undefined : text.slice(at + 2)
  if (!isProjectName(name) || version === '') {
    throw new AppError('usage.purl', `wanted a project such as name==1.0, found ${JSON.stringify(text.slice(0, 200))}`)
  }
  return projectPurl(name, version)
}

/** The purl of a project of a valid name; name and version in normal form. @throws usage.purl */
export function projectPurl(name: string, version: string | undefined): Purl {
  const normal = version === undefined ? undefined : normalVersion(version)
  return formatPurl({ type: PYPI_TYPE, name: normalName(name), version: normal })
}

/** A purl as `name==version`, without the version if the purl has none. @throws usage.purl */
export function pypiFromPurl(purl: Purl): string {
  const { type, namespace, name, version } = purlParts(purl)
  if (type !== PYPI_TYPE || namespace !== undefined || !isProjectName(name)) {
    throw new AppError('usage.purl', `wanted a purl such as pkg:${PYPI_TYPE}/name@1.0, found ${JSON.stringify(purl)}`)
  }
  return version === undefined ? name : `${name}==${version}`
}
