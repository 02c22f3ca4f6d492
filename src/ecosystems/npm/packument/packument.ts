/**
 * Reads packuments and makes the shorter documents out of them. Source: the registry's package-metadata documentation
 * ("full metadata format", "abbreviated metadata format"). What a version's `dist` holds, signatures and attestations
 * included, is never touched but for the tarball's URL.
 */
import { AppError } from '../../../base/errors.ts'
import { tarballName } from '../names.ts'

/** A JSON object of which nothing is known. */
export type JsonObject = Record<string, unknown>

/** The version fields of the abbreviated format; `hasInstallScript` is derived where it is missing. */
const ABBREVIATED_FIELDS = [
  'name',
  'version',
  'deprecated',
  'dependencies',
  'optionalDependencies',
  'devDependencies',
  'bundleDependencies',
  'bundledDependencies',
  'peerDependencies',
  'peerDependenciesMeta',
  'acceptDependencies',
  'bin',
  'directories',
  'dist',
  'engines',
  'cpu',
  'os',
  'libc',
  'funding',
  'hasInstallScript',
  '_hasShrinkwrap',
] as const

const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall'] as const

/** A packument with its name and its versions. */
export interface Packument {
  readonly name: string
  readonly document: JsonObject
  readonly versions: ReadonlyArray<readonly [version: string, manifest: JsonObject]>
}

/** Parses a packument; an unpublished package has no versions. @throws untrusted.reply */
export function readPackument(bytes: Uint8Array): Packument {
  let document: unknown
  try {
    document = JSON.parse(new TextDecoder().decode(bytes))
  } catch (cause) {
    throw new AppError('untrusted.reply', 'reading a packument: it is no JSON', { cause })
  }
  if (!isObject(document)) throw malformed('an object', document)
  if (typeof document.name !== 'string') throw malformed('a name', document.name)
  const versions = document.versions ?? {}
  if (!isObject(versions)) throw malformed('an object of versions', versions)
  const entries: Array<readonly [string, JsonObject]> = []
  for (const [version, manifest] of Object.entries(versions)) {
    if (!isObject(manifest)) throw malformed(`an object for version ${version}`, manifest)
    entries.push([version, manifest])
  }
  return { name: document.name, document, versions: entries }
}

/** The abbreviated form: with a `time` map that names every version, or with none (clients' cooldowns depend on it). */
export function abbreviate(packument: Packument): JsonObject {
  const { document } = packument
  const time = isObject(document.time) ? document.time : undefined
  const isComplete = time !== undefined && packument.versions.every(([version]) => typeof time[version] === 'string')
  return {
    name: packument.name,
    ...(typeof time?.modified === 'string' ? { modified: time.modified } : {}),
    'dist-tags': distTags(packument),
    versions: Object.fromEntries(
      packument.versions.map(([version, manifest]) => [version, abbreviateVersion(manifest)]),
    ),
    ...(isComplete ? { time } : {}),
  }
}

/** The tags of a package. */
export function distTags(packument: Packument): JsonObject {
  const tags = packument.document['dist-tags']
  return isObject(tags) ? tags : {}
}

/** The manifest of a version or tag, if there is one. */
export function manifestOf(packument: Packument, specifier: string): JsonObject | undefined {
  const tags = distTags(packument)
  const tagged = Object.hasOwn(tags, specifier) ? tags[specifier] : undefined
  const version = typeof tagged === 'string' ? tagged : specifier
  return packument.versions.find(([name]) => name === version)?.[1]
}

/** The URL under which a node at `base` serves a version; clients take this exact form for the registry's own. */
export function tarballUrl(base: string, name: string, version: string): string {
  return `${base}/${name}/-/${encodeURIComponent(tarballName(name, version)).replaceAll('%2B', '+')}`
}

/** Points the tarballs of all versions at `base`. Changes the packument in place: it was parsed for this. */
export function rewriteTarballs(packument: Packument, base: string): void {
  for (const [version, manifest] of packument.versions) {
    if (isObject(manifest.dist)) manifest.dist.tarball = tarballUrl(base, packument.name, version)
  }
}

/** True for JSON objects that are no arrays. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function abbreviateVersion(manifest: JsonObject): JsonObject {
  const short: JsonObject = {}
  for (const field of ABBREVIATED_FIELDS) {
    if (manifest[field] !== undefined) short[field] = manifest[field]
  }
  const { scripts } = manifest
  if (short.hasInstallScript === undefined && isObject(scripts) && INSTALL_SCRIPTS.some((name) => scripts[name])) {
    short.hasInstallScript = true
  }
  return short
}

function malformed(wanted: string, found: unknown): AppError {
  return new AppError('untrusted.reply', `reading a packument: wanted ${wanted}, found ${typeof found}`)
}
