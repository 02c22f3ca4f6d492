/**
 * How the user's own mvn lists what a build of a `pom.xml` asks for: it fills an empty local repository through the node. No
 * phase of the build is run, so no plug-in of the project's is either; Maven itself loads the build extensions that a project
 * names. Steps, as tried with Maven 3.8: `go-offline` for the plug-ins; `resolve`, because that one alone minds managed
 * versions; and what Surefire asks for only when it meets a test (its "providers"). Where modules want each other, whose files
 * no repository has before they are built, `tree` tells which those are, and `resolve` finds empty files in their places: so
 * that every other failure is one. Pure.
 */
import type { ListingPlace, ListingRun, LockfileListing } from '../ecosystem.ts'
import { LISTED } from '../ecosystem.ts'
import { withMirror } from './clients/settings.ts'
import { kindOfType } from './formats/types.ts'
import { escapeXml } from './formats/xml.ts'
import { filePath, isSegment } from './names.ts'
import { compareMavenVersions } from './versions.ts'

const PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1'
const SETTINGS = 'settings.xml'
const TREE = 'tree.txt'
/** Artifacts that are asked for beside the project's own; a project of many Surefire versions has a handful. */
const EXTRAS_MAX = 50
/** An archive without entries (APPNOTE 4.3.16). */
const EMPTY_JAR = `PK\u0005\u0006${'\0'.repeat(18)}`
/** Lines of `dependency:tree`: a module, and what one wants. */
const MODULE_LINE = /^(?<group>[\w.-]+):(?<artifact>[\w.-]+):[\w.-]+:(?<version>[^:\s]+)$/
const WANTED_LINE =
  /^[|+\\ -]+(?<group>[\w.-]+):(?<artifact>[\w.-]+):(?<type>[\w.-]+):(?:(?<classifier>[\w.-]+):)?(?<version>[^:\s]+):(?:compile|runtime|provided|test|system|import)\b/
const MODULE = /<(?:module|subproject)>\s*(?<path>[^<>]+?)\s*<\//g
const PARENT = /<parent>(?<content>[\s\S]*?)<\/parent>/

/** The listing of a `pom.xml`. */
export const pomListing: LockfileListing = {
  what: 'pom.xml: runs your mvn with dependency:go-offline, dependency:resolve and, where there are modules, dependency:tree, no phase of the build; mvn loads the build extensions and .mvn settings of the project',
  next(place) {
    const steps = hasModules(place.text) ? [goOffline, tree, resolve, extras] : [goOffline, resolve, extras]
    return steps[place.doneCount]?.(place)
  },
  beside(text) {
    const modules = [...text.matchAll(MODULE)].flatMap(({ groups }) => {
      const path = groups?.path ?? ''
      return path.endsWith('.xml') ? [path] : [`${path}/pom.xml`]
    })
    return [...modules, ...parentOf(text), '.mvn/extensions.xml', '.mvn/maven.config']
  },
}

function hasModules(pom: string): boolean {
  return /<(?:modules|subprojects)>/.test(pom)
}

/** Where Maven looks for the parent: at `relativePath`, which is the folder above unless it is given; empty: nowhere. */
function parentOf(pom: string): string[] {
  const content = PARENT.exec(pom)?.groups?.content
  if (content === undefined) return []
  const given = /<relativePath>\s*(?<path>[^<>]*?)\s*<\//.exec(content)?.groups?.path
  const path = given ?? (/<relativePath\s*\/>/.test(content) ? '' : '../pom.xml')
  if (path === '') return []
  return path.endsWith('.xml') ? [path] : [`${path}/pom.xml`]
}

function goOffline(place: ListingPlace): ListingRun {
  return run(place, place.path, [`${PLUGIN}:go-offline`])
}

function tree(place: ListingPlace): ListingRun {
  const args = [`${PLUGIN}:tree`, `-DoutputFile=${place.directory}/${TREE}`, '-DappendOutput=true']
  return { ...run(place, place.path, args), output: TREE }
}

function resolve(place: ListingPlace): ListingRun {
  return { ...run(place, place.path, [`${PLUGIN}:resolve`]), standIns: modulesIn(place.output) }
}

function extras(place: ListingPlace): ListingRun | undefined {
  const wanted = extrasOf(place.listed)
  if (wanted.length === 0) return undefined
  return run(place, `${place.directory}/tests/pom.xml`, [`${PLUGIN}:resolve`], projectsOf(wanted))
}

/** Empty files for what modules want of each other, by what `tree` printed. */
function modulesIn(printed: string): Record<string, string> {
  const lines = printed.split(/\r?\n/)
  const modules = new Set(
    lines.flatMap((line) => {
      const { group, artifact, version } = MODULE_LINE.exec(line)?.groups ?? {}
      return group === undefined ? [] : [`${group}:${artifact}:${version}`]
    }),
  )
  const wanted = lines.flatMap((line) => {
    const { group = '', artifact = '', version = '', type = '', classifier } = WANTED_LINE.exec(line)?.groups ?? {}
    const isModule = modules.has(`${group}:${artifact}:${version}`)
    return isModule && [group, artifact, version].every(isSegment)
      ? [{ group, artifact, version, type, classifier }]
      : []
  })
  return Object.fromEntries(
    wanted.map(({ group, artifact, version, type, classifier }) => {
      const kind = kindOfType(type, classifier)
      const path = filePath(group, artifact, version, kind.extension, kind.classifier)
      return [decodeURIComponent(path.slice(1)), EMPTY_JAR]
    }),
  )
}

function run(
  { directory, url }: ListingPlace,
  pom: string,
  args: readonly string[],
  files: Readonly<Record<string, string>> = {},
): ListingRun {
  const settings = `${directory}/${SETTINGS}`
  const common = ['-B', '-s', settings, `-Dmaven.repo.local=${directory}/${LISTED}`, '-f', pom, '-Dsilent']
  return {
    program: 'mvn',
    args: [...common, ...args],
    files: { ...files, [SETTINGS]: withMirror(undefined, url, settings) },
  }
}

interface Extra {
  readonly group: string
  readonly artifact: string
  readonly version: string
}

/** What Surefire and Failsafe resolve while they run, by their versions and by the test frameworks that are there. */
function extrasOf(listed: readonly string[]): Extra[] {
  const jars = listed.flatMap(jarOf)
  const versions = (artifact: string): string[] => [
    ...new Set(jars.filter((jar) => jar.artifact === artifact).map(({ version }) => version)),
  ]
  const platform = [...new Set(['junit-platform-engine', 'junit-platform-commons'].flatMap(versions))]
  const jupiter = versions('junit-jupiter-api')
  const providers = versions('maven-surefire-common').flatMap((version) => {
    const names = [
      ...(versions('junit').length > 0 ? ['surefire-junit4', 'surefire-junit47'] : []),
      ...(versions('testng').length > 0 ? ['surefire-testng'] : []),
      // The first with a provider for it.
      ...(platform.length + jupiter.length > 0 && compareMavenVersions(version, '2.22.0') >= 0
        ? ['surefire-junit-platform']
        : []),
    ]
    return names.map((artifact) => ({ group: 'org.apache.maven.surefire', artifact, version }))
  })
  if (providers.length === 0) return []
  const beside = [
    ...platform.map((version) => ({ group: 'org.junit.platform', artifact: 'junit-platform-launcher', version })),
    ...jupiter.map((version) => ({ group: 'org.junit.jupiter', artifact: 'junit-jupiter-engine', version })),
  ]
  return [...providers, ...beside].slice(0, EXTRAS_MAX)
}

function jarOf(path: string): Extra[] {
  if (!path.endsWith('.jar')) return []
  const [version = '', artifact = '', ...group] = path.split('/').slice(0, -1).reverse()
  return [version, artifact].every(isSegment) ? [{ group: group.reverse().join('.'), artifact, version }] : []
}

/** A project for each, since Surefire resolves each by itself: in one project, the newest version of what they share would win. */
function projectsOf(extras: readonly Extra[]): Record<string, string> {
  const modules = extras.map((_, index) => `<module>extra-${index}</module>`).join('')
  const files: Record<string, string> = {
    'tests/pom.xml': projectText('all', `<modules>${modules}</modules>`),
  }
  for (const [index, { group, artifact, version }] of extras.entries()) {
    const wanted = `<groupId>${escapeXml(group)}</groupId><artifactId>${escapeXml(artifact)}</artifactId><version>${escapeXml(version)}</version>`
    const list = `<dependencies><dependency>${wanted}</dependency></dependencies>`
    files[`tests/extra-${index}/pom.xml`] = projectText(`extra-${index}`, list)
  }
  return files
}

function projectText(artifact: string, elements: string): string {
  return `<project><modelVersion>4.0.0</modelVersion><groupId>pyrsia</groupId><artifactId>${artifact}</artifactId><version>1</version><packaging>pom</packaging>${elements}</project>\n`
}
