/**
 * Names and purls: `nokogiri@1.16.0-java` is `pkg:gem/nokogiri@1.16.0?platform=java` (purl-spec, gem definition). Names keep
 * their case.
 */
import { AppError } from '../../base/errors.ts'
import { formatPurl, type Purl, purlParts } from '../../base/purl.ts'
import { isGemName, numberOf, type Release, readNumber } from './names.ts'

/** The purl type. */
export const GEM_TYPE = 'gem'

/** `name`, `name@version` or `name@version-platform` as a purl. @throws usage.purl */
export function gemToPurl(text: string): Purl {
  const at = text.indexOf('@')
  const name = at < 0 ? text : text.slice(0, at)
  const number = at < 0 ? undefined : readNumber(text.slice(at + 1))
  if (!isGemName(name) || (at >= 0 && number === undefined)) {
    throw new AppError('usage.purl', `wanted a gem such as name@1.0.0, found ${JSON.stringify(text.slice(0, 200))}`)
  }
  return number === undefined ? packagePurl(name) : releasePurl({ name, ...number })
}

/** The purl of a package of a valid name. */
export function packagePurl(name: string): Purl {
  return formatPurl({ type: GEM_TYPE, name })
}

/** The purl of a release of a valid name. */
export function releasePurl({ name, version, platform }: Release): Purl {
  return formatPurl({ type: GEM_TYPE, name, version, qualifiers: platform === undefined ? undefined : { platform } })
}

/** A purl as `name@version-platform`, without what the purl does not have. @throws usage.purl */
export function gemFromPurl(purl: Purl): string {
  const { type, namespace, name, version, qualifiers } = purlParts(purl)
  if (type !== GEM_TYPE || namespace !== undefined || !isGemName(name)) {
    throw new AppError('usage.purl', `wanted a purl such as pkg:${GEM_TYPE}/name@1.0.0, found ${JSON.stringify(purl)}`)
  }
  if (version === undefined) return name
  const { platform } = qualifiers
  return `${name}@${numberOf({ version, platform: platform === 'ruby' ? undefined : platform })}`
}
