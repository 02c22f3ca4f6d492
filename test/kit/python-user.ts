/** A user of pip and uv in tests: an empty home, a project, and nothing of this machine's own configuration. */
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { TOOL_PATH, toolPath } from './needs.ts'
import type { TestNode } from './node-process.ts'
import { type Finished, mustRun, run } from './process.ts'

const COMMAND_MS = 280_000

/** One user; everything lies below `directory`/`name`. */
export class PythonUser {
  readonly home: string
  readonly project: string
  /** Where packages are installed. */
  readonly site: string

  constructor(directory: string, name: string) {
    this.home = join(directory, name, 'home')
    this.project = join(directory, name, 'project')
    this.site = join(directory, name, 'site')
    mkdirSync(this.home, { recursive: true })
    mkdirSync(this.project, { recursive: true })
  }

  /** The variables that the client gets: what this machine says of pip and uv is emptied. */
  get env(): Record<string, string> {
    const emptied = Object.keys(process.env).filter((name) => /^(?:PIP|UV|POETRY)_|^VIRTUAL_ENV$/.test(name))
    const { PIP_CERT = process.env.SSL_CERT_FILE ?? '' } = process.env
    return {
      ...Object.fromEntries(emptied.map((name) => [name, ''])),
      ...(PIP_CERT === '' ? {} : { PIP_CERT }),
      HOME: this.home,
      PATH: TOOL_PATH,
      XDG_CONFIG_HOME: join(this.home, '.config'),
      XDG_DATA_HOME: join(this.home, '.local/share'),
      XDG_CACHE_HOME: join(this.home, '.cache'),
      PIP_DISABLE_PIP_VERSION_CHECK: '1',
      UV_CACHE_DIR: join(this.home, '.cache/uv'),
      UV_PYTHON_DOWNLOADS: 'never',
      UV_LINK_MODE: 'copy',
    }
  }

  /** Runs a client in the project; it must succeed. */
  must(program: string, ...args: string[]): Promise<Finished> {
    return mustRun(toolPath(program), args, { cwd: this.project, env: this.env, timeoutMs: COMMAND_MS })
  }

  /** Runs a client in the project, however it ends. */
  run(program: string, ...args: string[]): Promise<Finished> {
    return run(toolPath(program), args, { cwd: this.project, env: this.env, timeoutMs: COMMAND_MS })
  }

  /** Arguments with which a client installs into `site`. */
  installing(client: 'pip' | 'uv', ...what: string[]): string[] {
    const where = ['--target', this.site]
    return client === 'pip'
      ? ['install', '--progress-bar', 'off', ...where, ...what]
      : ['pip', 'install', '--python', toolPath('python3'), ...where, ...what]
  }

  /** Installs as a person does. */
  install(client: 'pip' | 'uv', ...what: string[]): Promise<Finished> {
    return this.must(client, ...this.installing(client, ...what))
  }

  /** Points a client at a node with `pyrsia setup`, as the README says. */
  async setup(node: TestNode, client: 'pip' | 'uv'): Promise<this> {
    await mustRun(node.program, ['setup', client, '--data', node.data], { env: this.env })
    return this
  }

  /** A pyproject.toml that needs these, in a folder named `demo`. */
  declare(...dependencies: string[]): this {
    const list = dependencies.map((each) => JSON.stringify(each)).join(', ')
    const text = `[project]\nname = "demo"\nversion = "0.1.0"\nrequires-python = ">=3.9"\ndependencies = [${list}]\n`
    writeFileSync(join(this.project, 'pyproject.toml'), text)
    return this
  }

  /** Says in pyproject.toml that poetry asks this index, and no other. */
  source(url: string): this {
    const poetry = `[tool.poetry]\npackage-mode = false\n[[tool.poetry.source]]\nname = "team"\nurl = "${url}"\n`
    appendFileSync(join(this.project, 'pyproject.toml'), poetry)
    return this
  }

  /** The text of a file of the project. */
  text(name: string): string {
    return readFileSync(join(this.project, name), 'utf8')
  }

  /** Names of the distributions that are installed, as their metadata folders have them, sorted. */
  installed(): string[] {
    return readdirSync(this.site)
      .filter((name) => name.endsWith('.dist-info'))
      .sort()
  }

  /** Forgets what was installed and every cache. */
  forget(): void {
    for (const path of [this.site, join(this.home, '.cache')]) rmSync(path, { recursive: true, force: true })
  }
}
