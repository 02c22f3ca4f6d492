/** A user of `gem` and Bundler in tests: an empty home, a project, gems of his own, and nothing of this machine's configuration. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mirrorKey } from '../../src/ecosystems/rubygems/clients/bundler.ts'
import { gemDefaultUrl } from '../../src/ecosystems/rubygems/default-upstream.ts'
import { TOOL_PATH } from './needs.ts'
import type { TestNode } from './node-process.ts'
import { type Finished, mustRun, run } from './process.ts'

/** One user; everything lies below `directory`/`name`. */
export class RubyUser {
  readonly home: string
  readonly project: string

  constructor(directory: string, name: string, dependencies: Readonly<Record<string, string>> = {}) {
    this.home = join(directory, name, 'home')
    this.project = join(directory, name, 'project')
    mkdirSync(join(this.home, '.bundle'), { recursive: true })
    mkdirSync(this.project, { recursive: true })
    const gems = Object.entries(dependencies).map(([gem, requirement]) => `gem '${gem}', '${requirement}'\n`)
    writeFileSync(join(this.project, 'Gemfile'), `source '${gemDefaultUrl()}'\n${gems.join('')}`)
  }

  /** The variables that the clients get. */
  get env(): Record<string, string> {
    return {
      HOME: this.home,
      PATH: TOOL_PATH,
      XDG_CONFIG_HOME: join(this.home, '.config'),
      XDG_DATA_HOME: join(this.home, '.local/share'),
      XDG_CACHE_HOME: join(this.home, '.cache'),
      GEM_HOME: this.gemHome,
      GEM_PATH: this.gemHome,
      GEM_SPEC_CACHE: join(this.home, 'specs'),
      RUBYOPT: '',
      BUNDLE_GEMFILE: join(this.project, 'Gemfile'),
      BUNDLE_SILENCE_ROOT_WARNING: '1',
    }
  }

  get gemHome(): string {
    return join(this.home, 'gems')
  }

  /** Runs a client in the project; it must succeed. */
  run(program: string, ...args: string[]): Promise<Finished> {
    return mustRun(program, args, { cwd: this.project, env: this.env, timeoutMs: 120_000 })
  }

  /** Runs a client that may fail. */
  try(program: string, ...args: string[]): Promise<Finished> {
    return run(program, args, { cwd: this.project, env: this.env, timeoutMs: 120_000 })
  }

  /** Points both clients at a server by their own configuration, as a user without Pyrsia has it. */
  server(url: string): this {
    writeFileSync(join(this.home, '.gemrc'), `---\n:sources:\n- ${url}/\n`)
    writeFileSync(join(this.home, '.bundle/config'), `---\n${mirrorKey(gemDefaultUrl())}: "${url}/"\n`)
    return this
  }

  /** Points a client at a node with `pyrsia setup`. */
  async setup(node: TestNode, ...clients: string[]): Promise<this> {
    for (const client of clients) {
      await mustRun(node.program, ['setup', client, '--data', node.data], { env: this.env })
    }
    return this
  }

  /** The lockfile. */
  get lockfile(): string {
    return readFileSync(join(this.project, 'Gemfile.lock'), 'utf8')
  }

  /** The Gemfile. */
  get gemfile(): string {
    return readFileSync(join(this.project, 'Gemfile'), 'utf8')
  }

  /** Full names of the gems that are installed. */
  installed(): string[] {
    const root = join(this.gemHome, 'gems')
    return existsSync(root) ? readdirSync(root).sort() : []
  }

  /** Forgets what was installed; what the clients remember of indexes stays. */
  forgetGems(): void {
    rmSync(this.gemHome, { recursive: true, force: true })
  }

  /** Forgets what was installed and cached; configuration and lockfile stay. */
  forget(): void {
    for (const name of ['gems', 'specs', '.cache', '.local', '.bundle/cache', '.gem']) {
      rmSync(join(this.home, name), { recursive: true, force: true })
    }
  }
}
