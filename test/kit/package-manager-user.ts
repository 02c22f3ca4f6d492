/** A user of npm, pnpm or yarn in tests: an empty home, a project, and nothing of this machine's own configuration. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { TOOL_PATH } from './needs.ts'
import type { TestNode } from './node-process.ts'
import { type Finished, mustRun } from './process.ts'

/** Certificate authorities of the machine, where a proxy of the workplace makes npm need them. */
const CA_FILE = '/etc/ssl/certs/ca-certificates.crt'

/** One user; everything lies below `directory`/`name`. */
export class PackageManagerUser {
  readonly home: string
  readonly project: string

  constructor(directory: string, name: string, dependencies: Readonly<Record<string, string>>) {
    this.home = join(directory, name, 'home')
    this.project = join(directory, name, 'project')
    mkdirSync(this.home, { recursive: true })
    mkdirSync(this.project, { recursive: true })
    writeFileSync(
      join(this.project, 'package.json'),
      JSON.stringify({ name: 'project', version: '1.0.0', dependencies }, undefined, 2),
    )
  }

  /** The variables that the client gets; npm's option that leaves `resolved` out of lockfiles is off. */
  get env(): Record<string, string> {
    return {
      HOME: this.home,
      PATH: TOOL_PATH,
      XDG_CONFIG_HOME: join(this.home, '.config'),
      XDG_DATA_HOME: join(this.home, '.local/share'),
      XDG_CACHE_HOME: join(this.home, '.cache'),
      npm_config_userconfig: join(this.home, '.npmrc'),
      npm_config_globalconfig: join(this.home, 'global-npmrc'),
      npm_config_cache: join(this.home, '.npm'),
      npm_config_update_notifier: 'false',
      npm_config_omit_lockfile_registry_resolved: 'false',
      ...(existsSync(CA_FILE) ? { NODE_EXTRA_CA_CERTS: CA_FILE } : {}),
      YARN_ENABLE_GLOBAL_CACHE: 'false',
      YARN_ENABLE_TELEMETRY: 'false',
      YARN_ENABLE_IMMUTABLE_INSTALLS: 'false',
      COREPACK_ENABLE_STRICT: '0',
      CI: '',
    }
  }

  /** Runs a client in the project; it must succeed. */
  run(program: string, ...args: string[]): Promise<Finished> {
    return mustRun(program, args, { cwd: this.project, env: this.env, timeoutMs: 280_000 })
  }

  /** Installs as a person does; audits and funding notes left out. */
  install(client: string): Promise<Finished> {
    return this.run(client, 'install', ...(client === 'npm' ? ['--no-audit', '--no-fund'] : []))
  }

  /** Points every client at a registry by its own configuration, as a user without Pyrsia has it. */
  registry(url: string): this {
    writeFileSync(join(this.home, '.npmrc'), `registry=${url}/\n`)
    const hosts = 'unsafeHttpWhitelist:\n  - 127.0.0.1\n'
    writeFileSync(join(this.home, '.yarnrc.yml'), `npmRegistryServer: ${url}\n${hosts}`)
    return this
  }

  /** Points a client at a node with `pyrsia setup`, as the README says. */
  async setup(node: TestNode, client: string): Promise<this> {
    await mustRun(node.program, ['setup', client, '--data', node.data], { env: this.env })
    return this
  }

  /** The text of a file of the project. */
  text(name: string): string {
    return readFileSync(join(this.project, name), 'utf8')
  }

  /** Packages in node_modules, scoped ones counted one by one. */
  installed(): number {
    const root = join(this.project, 'node_modules')
    return readdirSync(root)
      .filter((name) => !name.startsWith('.'))
      .reduce((sum, name) => sum + (name.startsWith('@') ? readdirSync(join(root, name)).length : 1), 0)
  }

  /** Forgets what was installed and every client's cache; the lockfile stays. */
  forget(): void {
    for (const name of ['node_modules', '.yarn', '.pnp.cjs'])
      rmSync(join(this.project, name), { recursive: true, force: true })
    for (const name of ['.npm', '.cache', '.local', '.yarn'])
      rmSync(join(this.home, name), { recursive: true, force: true })
  }
}
