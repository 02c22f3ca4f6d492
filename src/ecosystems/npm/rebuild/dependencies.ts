/**
 * Has the dependencies of a package at hand for a build without network: its lock, or one that is resolved as of the release, and every
 * tarball of it in npm's cache, each checked against the lock's digest. Runs in a folder that holds manifests and the lock alone.
 */
import type { RecipeGot, RecipeJob, RecipeNeed } from '../../../base/rebuild/build-plan.ts'
import type { JsonObject } from '../packument/packument.ts'
import { type Failed, failureOf, unbuildable } from './failure.ts'
import { readLock } from './lock.ts'
import { readJsonObject, workspacePatterns } from './manifest.ts'
import { npmRegistryStep } from './npm-step.ts'
import { foreignDependency, harmlessNpmrc, localFolders } from './plan.ts'
import { folderOf } from './repository.ts'
import { listWorkspaces, readManifest } from './workspaces.ts'

type Asking<T> = Generator<RecipeNeed, T, RecipeGot>

/** What is at hand. */
export interface Dependencies {
  /** The folder of the job in which they are installed. */
  readonly root: string
  /** Path of the lock; undefined: there are no dependencies. */
  readonly lock: string | undefined
}

const FETCH = 'work/fetch'
const LOCK = 'work/package-lock.json'
const LOCK_BYTES_MAX = 64 * 1_048_576
const LOCKS = ['npm-shrinkwrap.json', 'package-lock.json'] as const
const LOCAL_FOLDERS_MAX = 64

/** Fetches them. */
export function* prepareDependencies(job: RecipeJob): Asking<Dependencies | Failed> {
  const own = job.directory === 'source' ? '' : job.directory.slice('source/'.length)
  const folder = yield* installFolder(own)
  const manifests = yield* manifestsOf(folder)
  if (manifests instanceof Map === false) return manifests
  for (const [path, manifest] of manifests) {
    const bytes = Buffer.from(JSON.stringify(manifest))
    yield { kind: 'write', path: [FETCH, path, 'package.json'].filter(Boolean).join('/'), bytes }
  }
  const root = folder === '' ? 'source' : `source/${folder}`
  const npmrc = yield { kind: 'read', path: `${root}/.npmrc`, bytesMax: 65_536 }
  if (npmrc.kind === 'bytes') {
    const bytes = Buffer.from(harmlessNpmrc(Buffer.from(npmrc.bytes).toString('utf8')))
    yield { kind: 'write', path: `${FETCH}/.npmrc`, bytes }
  }
  const locked = yield* lockOf(root, job)
  if ('reason' in locked) return locked
  // What the cache is filled with is installed a second time, with the project's code and without network.
  const asOfSeconds = locked.stated ? job.requestedAtSeconds : releasedAt(job)
  const args = ['ci', '--ignore-scripts']
  const fetched = yield npmRegistryStep('fetch the dependencies', args, FETCH, asOfSeconds)
  const failed = failureOf(fetched, 'its dependencies cannot be fetched')
  if (failed !== undefined) return failed
  // A shrinkwrap is a file of the package: it stays as it is, and npm finds what it names in the cache by integrity.
  if (locked.name === 'package-lock.json') yield { kind: 'write', path: `${root}/${locked.name}`, bytes: locked.bytes }
  yield { kind: 'write', path: LOCK, bytes: locked.bytes }
  return { root, lock: LOCK }
}

/** Where npm would install: in the folder itself if it has a lock, or in the root of the workspaces that it is one of. */
function* installFolder(own: string): Asking<string> {
  if (own === '') return ''
  for (const name of LOCKS) {
    const got = yield { kind: 'read', path: `source/${own}/${name}`, bytesMax: LOCK_BYTES_MAX }
    if (got.kind === 'bytes') return own
  }
  const root = yield* readManifest('')
  return root !== undefined && workspacePatterns(root).length > 0 ? '' : own
}

/** The manifests that an installation in this folder goes by, by their folders below it. */
function* manifestsOf(folder: string): Asking<Map<string, JsonObject> | Failed> {
  const found = new Map<string, JsonObject>()
  const root = yield* readManifest(folder)
  if (root === undefined) return unbuildable('its package.json cannot be read')
  found.set('', root)
  if (folder === '' && workspacePatterns(root).length > 0) {
    for (const workspace of yield* listWorkspaces(root)) found.set(workspace.folder, workspace.manifest)
  }
  for (const [path, manifest] of [...found]) {
    for (const local of localFolders(manifest).slice(0, LOCAL_FOLDERS_MAX)) {
      const place = folderOf(`${path}/${local}`)
      if (place === '' || found.has(place)) continue
      const own = yield* readManifest([folder, place].filter(Boolean).join('/'))
      if (own !== undefined) found.set(place, own)
    }
  }
  for (const manifest of found.values()) {
    const foreign = foreignDependency(manifest)
    if (foreign !== undefined) return unbuildable(foreign)
  }
  return found
}

interface Lock {
  readonly name: string
  readonly bytes: Uint8Array
  /** True: it lies in the source. */
  readonly stated: boolean
}

/** The lock at the commit, else one resolved as of the release. */
function* lockOf(root: string, job: RecipeJob): Asking<Lock | Failed> {
  for (const name of LOCKS) {
    const got = yield { kind: 'read', path: `${root}/${name}`, bytesMax: LOCK_BYTES_MAX }
    if (got.kind !== 'bytes') continue
    const lock = yield* keepLock(got.bytes, name, true)
    return lock
  }
  const asOfSeconds = releasedAt(job)
  for (const more of [[], ['--legacy-peer-deps']]) {
    const args = ['install', '--package-lock-only', '--ignore-scripts', ...more]
    const resolved = yield npmRegistryStep('resolve the dependencies as of the release', args, FETCH, asOfSeconds)
    const failed = failureOf(resolved, 'its dependencies cannot be resolved as of its release')
    if (failed !== undefined && more.length === 0) continue
    if (failed !== undefined) return failed
    const got = yield { kind: 'read', path: `${FETCH}/package-lock.json`, bytesMax: LOCK_BYTES_MAX }
    if (got.kind === 'bytes') return yield* keepLock(got.bytes, 'package-lock.json', false)
  }
  return unbuildable('its dependencies cannot be resolved as of its release')
}

function* keepLock(bytes: Uint8Array, name: string, stated: boolean): Asking<Lock | Failed> {
  const object = readJsonObject(bytes)
  const read = object === undefined ? undefined : readLock(object)
  if (read === undefined) return unbuildable(`its ${name} cannot be read`)
  if (read.kind === 'refused') return unbuildable(read.reason)
  const kept = Buffer.from(read.text)
  yield { kind: 'write', path: `${FETCH}/${name}`, bytes: kept }
  return { name, bytes: kept, stated }
}

function releasedAt({ facts, requestedAtSeconds }: RecipeJob): number {
  return facts.releasedAtSeconds ?? requestedAtSeconds
}
