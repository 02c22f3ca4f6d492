/**
 * The packages of `npm.txt` for builders: each tarball, as the machine's own npm downloads it, becomes a git repository on loopback, and a registry on
 * loopback has the tarball beside it. Where the package has a script that builds it, what that needs is locked and downloaded by npm as well.
 * What is built so is *synthetic*: it shows whether builders agree, and nothing about upstream's sources.
 */
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NewFile } from '../../src/sources/tree/folder.ts'
import { buildTools } from '../../test/kit/build-tools.ts'
import type { GitServer } from '../../test/kit/git-server.ts'
import { type NpmRegistry, startNpmRegistry } from '../../test/kit/npm-registry.ts'
import type { Listed } from './lists.ts'

/** Host of the repositories that are made. */
export const HOST = 'git.example'

interface Locked {
  readonly name: string
  readonly version: string
  readonly integrity: string
  readonly dependencies: Readonly<Record<string, string>>
}

const BUILDS = ['prepack', 'prepare', 'prepublishOnly', 'prepublish', 'build']
const QUIET = ['--silent', '--no-audit', '--no-fund', '--ignore-scripts', '--omit-lockfile-registry-resolved=false']

/** Starts a registry with Node and npm; `add` puts a package into it and into `git`. */
export async function startSyntheticNpm(
  folder: string,
  git: GitServer,
): Promise<NpmRegistry & { add(listed: Listed): void }> {
  const registry = await startNpmRegistry(buildTools())
  return {
    ...registry,
    add(listed) {
      const { name, version } = listed
      const tarball = tarballOf(listed, join(folder, 'tarballs'))
      const place = mkdtempSync(join(tmpdir(), 'pyrsia-bench-npm-'))
      try {
        execFileSync('tar', ['-xzf', tarball, '-C', place, '--strip-components=1', '--no-same-owner'])
        const lock = lockOf(listed, place, join(folder, 'locks'), join(folder, 'npm-cache'))
        const files = [...filesOf(place)]
        if (lock !== undefined) {
          files.push({ path: 'package-lock.json', content: lock })
          for (const locked of lockedOf(lock)) {
            const bytes = contentOf(locked.integrity, join(folder, 'npm-cache'))
            if (bytes !== undefined) registry.publish({ ...locked, tarball: bytes })
          }
        }
        const commit = git.publish(`${HOST}/${name}`, files, { tag: `v${version}` })
        const manifest = { repository: `https://${HOST}/${name}`, gitHead: commit }
        registry.publish({ name, version, tarball: readFileSync(tarball), manifest })
      } finally {
        rmSync(place, { recursive: true, force: true })
      }
    },
  }
}

/** Whether npm would run something to make the package. */
function isBuilt(place: string): boolean {
  const { scripts = {} } = JSON.parse(readFileSync(join(place, 'package.json'), 'utf8')) as {
    scripts?: Record<string, string>
  }
  return BUILDS.some((script) => scripts[script] !== undefined)
}

function tarballOf({ name, version }: Listed, folder: string): string {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`)
  if (!existsSync(file)) execFileSync('npm', ['pack', '--silent', `${name}@${version}`, '--pack-destination', folder])
  return file
}

/** A lock for a package with a script that builds it; everything in it lies in npm's cache then. */
function lockOf({ name, version }: Listed, place: string, locks: string, cache: string): string | undefined {
  if (!isBuilt(place)) return undefined
  const file = join(locks, `${name.replaceAll('/', '+')}@${version}.json`)
  if (!existsSync(file)) {
    mkdirSync(locks, { recursive: true })
    const npm = (...args: string[]): Buffer =>
      execFileSync('npm', [...args, ...QUIET, '--cache', cache], { cwd: place, stdio: ['ignore', 'pipe', 'inherit'] })
    npm('install', '--package-lock-only')
    npm('ci')
    rmSync(join(place, 'node_modules'), { recursive: true, force: true })
    renameSync(join(place, 'package-lock.json'), file)
  }
  return readFileSync(file, 'utf8')
}

function lockedOf(lock: string): readonly Locked[] {
  const { packages } = JSON.parse(lock) as { packages: Record<string, Partial<Locked>> }
  return Object.entries(packages).flatMap(([path, { name, version, integrity, dependencies = {} }]) => {
    const own = name ?? path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
    if (path === '' || version === undefined || integrity === undefined) return []
    return [{ name: own, version, integrity, dependencies }]
  })
}

/** What npm's cache has of an integrity; undefined for what is for other machines. */
function contentOf(integrity: string, cache: string): Buffer | undefined {
  const [algorithm = '', digest = ''] = integrity.split(' ')[0]?.split(/-(.*)/s) ?? []
  const hex = Buffer.from(digest, 'base64').toString('hex')
  const file = join(cache, '_cacache/content-v2', algorithm, hex.slice(0, 2), hex.slice(2, 4), hex.slice(4))
  return existsSync(file) ? readFileSync(file) : undefined
}

function* filesOf(place: string, below = ''): Generator<NewFile> {
  for (const name of readdirSync(join(place, below)).sort()) {
    const path = below === '' ? name : `${below}/${name}`
    const full = join(place, path)
    const found = lstatSync(full)
    if (found.isDirectory()) yield* filesOf(place, path)
    else if (found.isSymbolicLink()) yield { path, content: readlinkSync(full), link: true }
    else yield { path, content: readFileSync(full), executable: (found.mode & 0o100) !== 0 }
  }
}
