/** Package URLs: the one way in which packages are named across ecosystems. The type is an opaque string to the core. */
import { PackageURL } from 'packageurl-js'
import type { Brand } from './brand.ts'
import { AppError } from './errors.ts'

/** A package URL in canonical form. */
export type Purl = Brand<string, 'Purl'>

/** The parts of a purl, decoded. */
export interface PurlParts {
  readonly type: string
  readonly namespace: string | undefined
  readonly name: string
  readonly version: string | undefined
  readonly qualifiers: Readonly<Record<string, string>>
  readonly subpath: string | undefined
}

/** Purls that were taken apart lately: a request looks at its package's half a dozen times. Longer ones are not kept, characters. */
const RECENT_MAX = 4_096
const RECENT_LENGTH_MAX = 256
const recent = new Map<string, PurlParts>()

/** `text` as a purl in canonical form. @throws usage.purl */
export function parsePurl(text: string): Purl {
  return canonicalText(readPurl(text))
}

/** The parts of a purl, frozen. @throws usage.purl */
export function purlParts(text: string): PurlParts {
  const before = recent.get(text)
  if (before !== undefined) return before
  const found = readPurl(text)
  const parts = Object.freeze({
    type: found.type,
    namespace: found.namespace ?? undefined,
    name: found.name,
    version: found.version ?? undefined,
    qualifiers: Object.freeze({ ...(found.qualifiers ?? {}) }),
    subpath: found.subpath ?? undefined,
  })
  if (text.length <= RECENT_LENGTH_MAX) {
    if (recent.size >= RECENT_MAX) recent.clear()
    recent.set(text, parts)
  }
  return parts
}

/** The purl with these parts. @throws usage.purl */
export function formatPurl(parts: {
  readonly type: string
  readonly namespace?: string | undefined
  readonly name: string
  readonly version?: string | undefined
  readonly qualifiers?: Readonly<Record<string, string>> | undefined
  readonly subpath?: string | undefined
}): Purl {
  try {
    return canonicalText(
      new PackageURL(parts.type, parts.namespace, parts.name, parts.version, parts.qualifiers, parts.subpath),
    )
  } catch (cause) {
    throw new AppError('usage.purl', `no purl can be made for ${JSON.stringify(parts)}`, { cause })
  }
}

/** The purl of the package that `purl` is a release of: where it lies and what it is called, nothing else. @throws usage.purl */
export function packageOf(purl: string): Purl {
  // Nearly every purl is no more than its package and a version, and an index of a log asks of millions.
  if (!/[?#]/.test(purl)) {
    const at = purl.lastIndexOf('@')
    return (at > purl.lastIndexOf('/') ? purl.slice(0, at) : purl) as Purl
  }
  const { type, namespace, name, qualifiers } = purlParts(purl)
  const repository = qualifiers.repository_url
  const where = repository === undefined ? {} : { qualifiers: { repository_url: repository } }
  return formatPurl({ type, namespace, name, ...where })
}

function readPurl(text: string): PackageURL {
  try {
    return PackageURL.fromString(text)
  } catch (cause) {
    throw new AppError('usage.purl', `wanted a package URL, found ${JSON.stringify(text.slice(0, 200))}`, { cause })
  }
}

/** The specification leaves colons of qualifier values as they are; the library encodes them. */
function canonicalText(purl: PackageURL): Purl {
  return purl.toString().replace(/\?[^#]*/, (qualifiers) => qualifiers.replaceAll('%3A', ':')) as Purl
}
