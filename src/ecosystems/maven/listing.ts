/**
 * How the user's own mvn lists what a build of a `pom.xml` asks for: it fills an empty local repository through the node. No
 * phase of the build is run, so no plug-in of the project's is either; Maven itself loads the build extensions that a project
 * names. Three steps, as tried with Maven 3.8: `go-offline` for the plug-ins; `resolve`, because that one alone minds managed
 * versions; and what Surefire asks for only when it meets a test (its "providers"). Pure.
 */
import type { ListingPlace, ListingRun, LockfileListing } from '../ecosystem.ts'
import { LISTED } from '../ecosystem.ts'
import { withMirror } from './clients/settings.ts'
import { escapeXml } from './formats/xml.ts'
import { isSegment } from './names.ts'
import { compareMavenVersions } from './versions.ts'

const PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1'
const SETTINGS = 'settings.xml'
/** Artifacts that are asked for beside the project's own; a project of many Surefire versions has a handful. */
const EXTRAS_MAX = 50

/** The listing of a `pom.xml`. */
export const pomListing: LockfileListing = {
  what: 'pom.xml: runs your mvn with dependency:go-offline and dependency:resolve, no phase of the build; mvn loads the build extensions and .mvn settings of the project',
  next(place) {
    if (place.doneCount === 0) return run(place, place.path, [`${PLUGIN}:go-offline`])
    if (place.doneCount === 1) return run(place, place.path, [`${PLUGIN}:resolve`, ...reactorArgs(place.text)])
    const extras = place.doneCount === 2 ? extrasOf(place.listed) : []
    return extras.length === 0
      ? undefined
      : run(place, `${place.directory}/tests/pom.xml`, [`${PLUGIN}:resolve`], projectsOf(extras))
  },
}

/** A module that wants another one finds it nowhere before it was built: not to be minded, `go-offline` has proved the rest. */
function reactorArgs(pom: string): string[] {
  return /<(?:modules|subprojects)>/.test(pom) ? ['--fail-never'] : []
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
