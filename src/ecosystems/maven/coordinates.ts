/**
 * Coordinates and purls: `group:artifact[:packaging[:classifier]]:version` is `pkg:maven/group/artifact@version?classifier=…&type=…`
 * (purl-spec, maven definition). Packaging `jar` is the default and is left out.
 */
import { AppError } from '../../base/errors.ts'
import { formatPurl, type Purl, purlParts } from '../../base/purl.ts'
import { describeFile, type FilePlace, isSegment } from './names.ts'

/** The purl type. */
export const MAVEN_TYPE = 'maven'

/** `group:artifact`, with `:version` or `:packaging[:classifier]:version` behind it, as a purl. @throws usage.purl */
export function mavenToPurl(text: string): Purl {
  const parts = text.split(':')
  const [group = '', artifact = ''] = parts
  const version = parts.length > 2 ? parts.at(-1) : undefined
  const [packaging, classifier] = parts.slice(2, -1)
  if (parts.length < 2 || parts.length > 5 || !parts.every(isSegment) || !isGroup(group)) {
    const shown = JSON.stringify(text.slice(0, 200))
    throw new AppError('usage.purl', `wanted group:artifact[:packaging[:classifier]]:version, found ${shown}`)
  }
  return artifactPurl(group, artifact, version, packaging, classifier)
}

/** A purl as coordinates; the packaging stands there if it is not `jar` or a classifier follows. @throws usage.purl */
export function mavenFromPurl(purl: Purl): string {
  const { type, namespace, name, version, qualifiers } = purlParts(purl)
  if (type !== MAVEN_TYPE || namespace === undefined || namespace.includes('/')) {
    throw new AppError('usage.purl', `wanted a purl such as pkg:${MAVEN_TYPE}/group/artifact@1.0, found ${purl}`)
  }
  const { type: packaging = 'jar', classifier } = qualifiers
  const middle = classifier === undefined ? (packaging === 'jar' ? [] : [packaging]) : [packaging, classifier]
  return [namespace, name, ...(version === undefined ? [] : [...middle, version])].join(':')
}

/** The purl of an artifact. @throws usage.purl */
export function artifactPurl(
  group: string,
  artifact: string,
  version: string | undefined,
  packaging?: string,
  classifier?: string,
): Purl {
  const qualifiers: Record<string, string> = {}
  if (packaging !== undefined && packaging !== 'jar') qualifiers.type = packaging
  if (classifier !== undefined) qualifiers.classifier = classifier
  return formatPurl({ type: MAVEN_TYPE, namespace: group, name: artifact, version, qualifiers })
}

/** The purl of a file; undefined if its name does not follow its folder's. */
export function filePurl(place: FilePlace): Purl | undefined {
  const described = describeFile(place)
  if (described === undefined) return undefined
  return artifactPurl(place.group, place.artifact, place.version, described.extension, described.classifier)
}

function isGroup(text: string): boolean {
  return !text.startsWith('.') && !text.endsWith('.') && !text.includes('..')
}
