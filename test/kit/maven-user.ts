/**
 * A user with mvn, a home and a project of their own. The project's artifacts are a build extension: Maven resolves it, with all
 * that it depends on, before any plug-in runs, so that no plug-in has to be had from anywhere.
 */
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Coordinates, coordinatesOf } from './maven-repository.ts'
import { TOOL_PATH, toolPath } from './needs.ts'
import type { TestNode } from './node-process.ts'
import { type Finished, mustRun, run } from './process.ts'

/** What a project consists of, beside the extensions. */
export interface MavenProject {
  readonly extensions: readonly Coordinates[]
  /** Further elements of the POM. */
  readonly elements?: string
}

/** One user. */
export class MavenUser {
  readonly home: string
  readonly project: string

  constructor(directory: string, name: string, { extensions, elements = '' }: MavenProject) {
    this.home = join(directory, name, 'home')
    this.project = join(directory, name, 'project')
    for (const each of [this.home, this.project]) mkdirSync(each, { recursive: true })
    const own = coordinatesOf({ group: 'org.sample', artifact: 'project', version: '1' })
    const list = extensions.map((each) => `<extension>${coordinatesOf(each)}</extension>`).join('')
    writeFileSync(
      join(this.project, 'pom.xml'),
      `<project><modelVersion>4.0.0</modelVersion>${own}<packaging>pom</packaging>${elements}<build><extensions>${list}</extensions></build></project>`,
    )
  }

  get env(): Record<string, string> {
    // Java takes the home of the password file, whatever HOME is.
    return { HOME: this.home, PATH: TOOL_PATH, MAVEN_OPTS: `-Duser.home=${this.home} -XX:TieredStopAtLevel=1` }
  }

  /** Points Maven at a node with `pyrsia setup`, as the README says. */
  async setup(node: TestNode): Promise<this> {
    await mustRun(node.program, ['setup', 'maven', '--data', node.data], { env: this.env })
    return this
  }

  /** Runs Maven in the project, whatever comes of it. */
  mvn(...args: string[]): Promise<Finished> {
    return run(toolPath('mvn'), ['-B', ...args], { cwd: this.project, env: this.env, timeoutMs: 280_000 })
  }

  /** Resolves the project; it must succeed. */
  async resolve(...args: string[]): Promise<Finished> {
    const finished = await this.mvn('validate', ...args)
    if (finished.code === 0) return finished
    throw new Error(`mvn validate ended with ${finished.code}\n${finished.stdout.slice(-6000)}\n${finished.stderr}`)
  }

  /** Jars in the local repository. */
  jars(): number {
    return this.#repository().filter((name) => name.endsWith('.jar')).length
  }

  /** The local repository as `find . -type f` lists it. */
  listing(): string {
    return this.#repository()
      .filter((name) => statSync(join(this.home, '.m2/repository', name)).isFile())
      .map((name) => `./${name}\n`)
      .join('')
  }

  /** Forgets the local repository; settings stay. */
  forget(): void {
    rmSync(join(this.home, '.m2/repository'), { recursive: true, force: true })
  }

  #repository(): string[] {
    return readdirSync(join(this.home, '.m2/repository'), { recursive: true }).map(String)
  }
}
