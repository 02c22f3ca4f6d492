/**
 * What Maven asks for after a POM: its parent, the POMs of its dependencies and of imported lists of versions, and the artifact
 * itself. A guess that costs little when it is wrong: inherited versions are not worked out. Source: the POM reference of Maven
 * ("Inheritance", "Dependencies", "Importing Dependencies").
 */
import type { AheadPaths } from '../../ecosystem.ts'
import { type FilePlace, filePath, isSegment } from '../names.ts'
import { childOf, readXml, textOfChild, type XmlElement } from './xml.ts'

/** More than this are not guessed from one POM. */
const PATHS_MAX = 64
const PROPERTY = /\$\{([\w.-]{1,100})\}/g
/** Packagings whose artifact is a jar. */
const JARS = new Set(['jar', 'maven-plugin', 'bundle', 'eclipse-plugin', 'ejb'])
/** Scopes that nobody resolves for somebody else's dependency. */
const OWN_SCOPES = new Set(['test', 'provided', 'system'])

/** Paths of what follows a POM. @throws untrusted.reply if it is malformed */
export function aheadOfPom(place: FilePlace, pom: Uint8Array): AheadPaths {
  const project = readXml(Buffer.from(pom).toString('utf8'), place.file)
  const resolved = properties(project, place)
  const parent = childOf(project, 'parent')
  const imports = dependenciesOf(childOf(project, 'dependencyManagement')).filter(
    (each) => textOfChild(each, 'scope') === 'import',
  )
  const needed = dependenciesOf(project).filter(
    (each) => !OWN_SCOPES.has(textOfChild(each, 'scope') ?? '') && textOfChild(each, 'optional') !== 'true',
  )
  const files = [...(parent === undefined ? [] : [parent]), ...imports, ...needed].flatMap(
    (each) => pomPath(each, resolved) ?? [],
  )
  const isJar = JARS.has(textOfChild(project, 'packaging') ?? 'jar')
  const jar = filePath(place.group, place.artifact, place.version, 'jar', undefined)
  return { files: [...new Set(files)].slice(0, PATHS_MAX), statements: isJar ? [jar] : [] }
}

function dependenciesOf(element: XmlElement | undefined): XmlElement[] {
  return childOf(element, 'dependencies')?.children.filter(({ name }) => name === 'dependency') ?? []
}

function pomPath(element: XmlElement, resolved: (text: string) => string): string | undefined {
  const names = ['groupId', 'artifactId', 'version'].map((name) => resolved(textOfChild(element, name) ?? ''))
  const [group = '', artifact = '', version = ''] = names
  // What is left of a property, a range and a missing version are no segments of a path.
  if (!names.every(isSegment) || /[$(,[]/.test(version)) return undefined
  return filePath(group, artifact, version, 'pom', undefined)
}

/** A function that puts in what this POM itself says of properties. */
function properties(project: XmlElement, { group, artifact, version }: FilePlace): (text: string) => string {
  const own: Record<string, string> = { groupId: group, artifactId: artifact, version }
  const stated = childOf(project, 'properties')
  const lookUp = (name: string): string | undefined => {
    const short = name.replace(/^(?:project|pom)\./, '')
    if (short === 'parent.version') return textOfChild(childOf(project, 'parent') ?? project, 'version')
    return own[short] ?? (stated === undefined ? undefined : textOfChild(stated, name))
  }
  const once = (text: string) => text.replaceAll(PROPERTY, (whole, name: string) => lookUp(name) ?? whole)
  // A property may name another one.
  return (text) => once(once(text))
}
