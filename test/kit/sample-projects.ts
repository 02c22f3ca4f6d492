/** Projects of npm packages that exist for a test or the demo: a repository with a tag, and what their publisher packed with npm, in the registry. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { GitServer } from './git-server.ts'
import { TOOL_PATH } from './needs.ts'
import type { NpmRegistry } from './npm-registry.ts'
import { mustRun } from './process.ts'

/** A project. */
export interface SampleProject {
  readonly name: string
  readonly version: string
  /** Of its manifest, beside name, version, licence and repository. */
  readonly manifest?: Readonly<Record<string, unknown>>
  /** What is in the repository beside the manifest. */
  readonly files: Readonly<Record<string, string>>
  /** What is only on the publisher's disk: what was built there, or slipped in. */
  readonly onlyPublished?: Readonly<Record<string, string>>
}

/** Where projects go. */
export interface Places {
  readonly git: GitServer
  /** Host under which `git` is known to builders. */
  readonly host: string
  readonly registry: NpmRegistry
  /** Folder for the publishers. */
  readonly folder: string
  /** Environment of the publisher's npm. */
  readonly env?: Readonly<Record<string, string>>
}

/** Commits it, tags the commit, packs it on the publisher's disk, and publishes that. The tarball. */
export async function publishProject(project: SampleProject, places: Places): Promise<Buffer> {
  const { name, version, files, onlyPublished = {}, manifest: more = {} } = project
  const { git, host, registry, folder } = places
  const repository = { type: 'git', url: `git+https://${host}/samples/${name}.git` }
  const manifest = { name, version, license: 'MIT', repository, ...more }
  const sources = { 'package.json': `${JSON.stringify(manifest, undefined, 2)}\n`, ...files }
  const tree = Object.entries(sources).map(([path, content]) => ({ path, content }))
  const gitHead = git.publish(`samples/${name}`, tree, { tag: `v${version}` })
  const disk = join(folder, `${name}-${version}`)
  for (const [path, content] of Object.entries({ ...sources, ...onlyPublished })) {
    mkdirSync(dirname(join(disk, path)), { recursive: true })
    writeFileSync(join(disk, path), content)
  }
  const packed = `${disk}-packed`
  mkdirSync(packed, { recursive: true })
  const env = { PATH: TOOL_PATH, HOME: folder, npm_config_update_notifier: 'false', npm_config_offline: 'true' }
  await mustRun('npm', ['pack', disk, '--ignore-scripts', '--silent'], { cwd: packed, env: { ...env, ...places.env } })
  const [file = ''] = readdirSync(packed)
  const tarball = readFileSync(join(packed, file))
  const published = { ...manifest, gitHead, _nodeVersion: process.versions.node }
  registry.publish({ name, version, tarball, manifest: published })
  return tarball
}
