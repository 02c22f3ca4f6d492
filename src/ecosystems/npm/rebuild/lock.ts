/**
 * Reads a lock (`package-lock.json`, `npm-shrinkwrap.json`), and points every tarball at the recorded registry, whoever's registry the
 * lock was made with: the integrity says what the bytes must be. Dependencies from git or by URL have no digest that a registry states,
 * so a package with one is not built. Pure. Source: npm's documentation of package-lock.json, versions 1 to 3.
 */
import { REGISTRY_URL } from '../../../base/rebuild/build-plan.ts'
import { isPackageName } from '../names.ts'
import { isObject, type JsonObject } from '../packument/packument.ts'

/** A lock to install from, or why there is none. */
export type ReadLock =
  | { readonly kind: 'lock'; readonly text: string }
  | { readonly kind: 'refused'; readonly reason: string }

const DEPTH_MAX = 64

/** The lock in this object. */
export function readLock(lock: JsonObject): ReadLock {
  const { packages, dependencies } = lock
  try {
    const changed: JsonObject = { ...lock }
    if (isObject(packages)) changed.packages = mapOf(packages, (path, entry) => placed(nameIn(path, entry), entry))
    if (isObject(dependencies)) changed.dependencies = ofVersionOne(dependencies, 0)
    if (!isObject(packages) && !isObject(dependencies)) return { kind: 'lock', text: JSON.stringify(lock, null, 2) }
    return { kind: 'lock', text: JSON.stringify(changed, null, 2) }
  } catch (error) {
    if (error instanceof Unlockable) return { kind: 'refused', reason: error.message }
    throw error
  }
}

/** What a specifier of a manifest or lock asks for, if it is neither a range, a tag, nor a folder of the source. */
export function foreignSpecifier(specifier: string): string | undefined {
  if (/^(?:file|link):/.test(specifier)) return /\.(?:tgz|tar(?:\.gz)?)$/.test(specifier) ? 'an archive' : undefined
  if (specifier.startsWith('npm:')) return undefined
  if (/^workspace:/.test(specifier)) return 'a protocol that npm does not know'
  if (/^(?:git|ssh|github|gitlab|bitbucket|gist)[+:@]/.test(specifier)) return 'git'
  if (/^https?:/.test(specifier)) return 'a URL'
  return /^[\w.-]+\/[\w.-]+(?:#.*)?$/.test(specifier) ? 'git' : undefined
}

class Unlockable extends Error {}

function placed(name: string, entry: JsonObject): JsonObject {
  const { resolved, link } = entry
  if (link === true || typeof resolved !== 'string') return entry
  return { ...entry, resolved: atRegistry(name, resolved) }
}

/** In the form of version 1 `version` is a URL where it is no version. */
function ofVersionOne(dependencies: JsonObject, depth: number): JsonObject {
  if (depth > DEPTH_MAX) throw new Unlockable('its lock is too deep')
  return mapOf(dependencies, (name, entry) => {
    const { version, resolved, dependencies: inner } = entry
    const foreign = typeof version === 'string' ? foreignSpecifier(version) : undefined
    if (foreign !== undefined)
      throw new Unlockable(`${name} comes from ${foreign}, which no registry states a digest of`)
    const changed = { ...entry }
    if (typeof resolved === 'string') changed.resolved = atRegistry(name, resolved)
    if (isObject(inner)) changed.dependencies = ofVersionOne(inner, depth + 1)
    return changed
  })
}

function mapOf(object: JsonObject, change: (key: string, entry: JsonObject) => JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(object).map(([key, entry]) => [key, isObject(entry) ? change(key, entry) : entry]),
  )
}

/** The package at `node_modules/a/node_modules/@b/c`, or the one that an alias stands for. */
function nameIn(path: string, { name }: JsonObject): string {
  if (typeof name === 'string') return name
  const marker = 'node_modules/'
  return path.slice(path.lastIndexOf(marker) + marker.length)
}

function atRegistry(name: string, resolved: string): string {
  const foreign = foreignSpecifier(resolved)
  if (foreign === undefined && !/^https?:/.test(resolved)) return resolved
  const file = /\/-\/(?:@[^/]+\/)?([\w.+~!'()*@-]+\.tgz)$/.exec(URL.parse(resolved)?.pathname ?? '')?.[1]
  if (foreign === 'git' || file === undefined || !isPackageName(name)) {
    const what = foreign === 'git' ? 'git' : 'a URL'
    throw new Unlockable(`${name.slice(0, 200)} comes from ${what}, which no registry states a digest of`)
  }
  return `${REGISTRY_URL}/${name}/-/${file}`
}
