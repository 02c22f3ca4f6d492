/**
 * A Maven project of two modules that is really built: it compiles, runs a test and packs, with plug-ins that come from the
 * repository as everything else does. The second module wants the first one. Needs `mvn`, `javac` and `maven-plugins`.
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  type Coordinates,
  coordinatesOf,
  DEBIAN_REPOSITORY,
  type MavenRepository,
  type SampleArtifact,
  startMavenRepository,
} from './maven-repository.ts'
import { MavenUser } from './maven-user.ts'

const PLUGINS = 'org.apache.maven.plugins'
const ALL: Coordinates = { group: 'org.sample', artifact: 'all', version: '1' }
/** What Debian has of Maven's plug-ins, by the names that Maven has for them in its life cycle. */
const VERSIONS: Readonly<Record<string, string>> = {
  'maven-resources-plugin': '3.3.0',
  'maven-compiler-plugin': '3.10.1',
  'maven-surefire-plugin': '2.22.3',
  'maven-jar-plugin': '3.3.0',
}
/** Of the life cycle too, but of phases that no build here comes to: looked up, never run. */
const NEVER_RUN = ['maven-clean-plugin', 'maven-install-plugin', 'maven-deploy-plugin', 'maven-site-plugin']

/** An upstream with Debian's plug-ins and these artifacts. */
export function startPluginRepository(samples: readonly SampleArtifact[] = []): Promise<MavenRepository> {
  const dependencyPlugin = { group: PLUGINS, artifact: 'maven-dependency-plugin' }
  const own: SampleArtifact[] = [
    ...NEVER_RUN.map((artifact) => ({ group: PLUGINS, artifact, version: '1' })),
    // Debian's own way to serve another version than the one that is asked for.
    { ...dependencyPlugin, version: '3.8.1', relocatedTo: { ...dependencyPlugin, version: '3.5.0' } },
  ]
  return startMavenRepository([...own, ...samples], { folder: DEBIAN_REPOSITORY })
}

/** Somebody who builds it. */
export class ModulesUser extends MavenUser {
  /** `further`: dependencies of the second module beside the first one. */
  constructor(directory: string, name: string, further: readonly Coordinates[] = []) {
    super(directory, name, { extensions: [] })
    const file = (path: string, text: string): void => {
      mkdirSync(dirname(join(this.project, path)), { recursive: true })
      writeFileSync(join(this.project, path), text)
    }
    const parent = `<parent>${coordinatesOf(ALL)}</parent>`
    const module = (artifact: string, dependencies: readonly string[]): string =>
      `<project><modelVersion>4.0.0</modelVersion>${parent}<artifactId>${artifact}</artifactId><dependencies>${dependencies.map((each) => `<dependency>${each}</dependency>`).join('')}</dependencies></project>`
    file('pom.xml', rootPom())
    file(
      'one/pom.xml',
      module('one', [
        // Its version is managed: what no single artifact says of itself.
        '<groupId>commons-io</groupId><artifactId>commons-io</artifactId>',
        `${coordinatesOf({ group: 'junit', artifact: 'junit', version: '4.13.2' })}<scope>test</scope>`,
      ]),
    )
    file('two/pom.xml', module('two', [{ ...ALL, artifact: 'one' }, ...further].map(coordinatesOf)))
    file(
      'one/src/main/java/one/One.java',
      'package one; public class One { public static int value() { return 1; } }\n',
    )
    file(
      'one/src/test/java/one/OneTest.java',
      'package one; public class OneTest { @org.junit.Test public void isOne() { org.junit.Assert.assertEquals(1, One.value()); } }\n',
    )
    file('two/src/main/java/two/Two.java', 'package two; public class Two { int value = 1 + one.One.value(); }\n')
  }

  /** The file that is synced. */
  get pom(): string {
    return join(this.project, 'pom.xml')
  }

  /** Packs both modules, tests included; it must succeed. */
  async package(): Promise<void> {
    for (const module of ['one', 'two']) rmSync(join(this.project, module, 'target'), { recursive: true, force: true })
    const finished = await this.mvn('package')
    const made = ['one/target/surefire-reports/one.OneTest.txt', 'one/target/one-1.jar', 'two/target/two-1.jar']
    const missing = made.filter((path) => !existsSync(join(this.project, path)))
    if (finished.code === 0 && missing.length === 0) return
    throw new Error(
      `mvn package ended with ${finished.code}, without ${missing.join()}\n${finished.stdout.slice(-6000)}`,
    )
  }
}

function rootPom(): string {
  const never = NEVER_RUN.map((artifact) => [artifact, '1'] as const)
  const plugins = [...Object.entries(VERSIONS), ...never].map(
    ([artifact, version]) => `<plugin><artifactId>${artifact}</artifactId><version>${version}</version></plugin>`,
  )
  const managed = coordinatesOf({ group: 'commons-io', artifact: 'commons-io', version: '2.11.0' })
  return `<project><modelVersion>4.0.0</modelVersion>${coordinatesOf(ALL)}<packaging>pom</packaging>
<modules><module>one</module><module>two</module></modules>
<properties><maven.compiler.source>8</maven.compiler.source><maven.compiler.target>8</maven.compiler.target></properties>
<dependencyManagement><dependencies><dependency>${managed}</dependency></dependencies></dependencyManagement>
<build><pluginManagement><plugins>${plugins.join('')}</plugins></pluginManagement></build></project>
`
}
