/** Reads `uv.lock` (version 1) and `poetry.lock` (1.0 to 2.1): every package that comes from an index, with its hashes. */
import { parse } from 'smol-toml'
import { AppError } from '../../../base/errors.ts'
import type { LockedFile } from '../../ecosystem.ts'
import { isPypiDefaultUrl } from '../default-upstream.ts'
import { isObject, type JsonObject } from '../pages/json.ts'
import { ENTRIES_MAX, lockedPage } from './locked-page.ts'

/**
 * Packages of a registry; workspaces, folders, repositories and URLs are not the index's. Where the lockfile names the default index
 * (or this machine) beside others, the others' packages are not: asking the index for a private name would tell it. @throws usage.request
 */
export function readUvLock(bytes: Uint8Array): LockedFile[] {
  const from = 'uv.lock'
  const { root, packages } = tablesOf(bytes, from)
  if (root.version !== 1) throw refused(from, 'version 1', root.version)
  const registryOf = ({ source }: JsonObject) =>
    isObject(source) && typeof source.registry === 'string' ? source.registry : undefined
  return ofOneIndex(
    packages.filter((each) => registryOf(each) !== undefined),
    registryOf,
  ).map((each) => {
    const { name, version, sdist, wheels } = each
    const files = [...(isObject(sdist) ? [sdist] : []), ...tables(wheels)]
    return lockedPage(String(name), String(version ?? ''), hashesOf(files), from)
  })
}

/** Packages without a source of their own, or with an index for it; of several indexes as in `readUvLock`. @throws usage.request */
export function readPoetryLock(bytes: Uint8Array): LockedFile[] {
  const from = 'poetry.lock'
  const { root, packages } = tablesOf(bytes, from)
  const metadata = isObject(root.metadata) ? root.metadata : {}
  // Before lock-version 2.0 all files stood together.
  const together = isObject(metadata.files) ? metadata.files : {}
  const listed = packages.filter(({ source }) => !isObject(source) || source.type === 'legacy')
  const registryOf = ({ source }: JsonObject) => (isObject(source) ? String(source.url) : undefined)
  return ofOneIndex(listed, registryOf).map((each) => {
    const { name, version } = each
    const files = tables(each.files ?? together[String(name)])
    return lockedPage(String(name), String(version ?? ''), hashesOf(files), from)
  })
}

/** The packages of the default index (no registry is it, too) or of this machine, if there are such; else all. */
function ofOneIndex(
  packages: readonly JsonObject[],
  registryOf: (each: JsonObject) => string | undefined,
): readonly JsonObject[] {
  const own = packages.filter((each) => {
    const registry = registryOf(each)
    return registry === undefined || isPypiDefaultUrl(registry) || isThisMachine(registry)
  })
  return own.length === 0 ? packages : own
}

function isThisMachine(url: string): boolean {
  return /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(URL.parse(url)?.hostname ?? '')
}

function tablesOf(bytes: Uint8Array, from: string): { readonly root: JsonObject; readonly packages: JsonObject[] } {
  let root: unknown
  try {
    root = parse(new TextDecoder().decode(bytes))
  } catch (cause) {
    throw new AppError('usage.request', `reading a ${from}: it is no TOML`, { cause })
  }
  const packages = isObject(root) ? tables(root.package) : []
  if (!isObject(root) || packages.length > ENTRIES_MAX) {
    throw refused(from, `at most ${ENTRIES_MAX} packages`, packages.length)
  }
  return { root, packages }
}

function tables(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : []
}

function hashesOf(files: readonly JsonObject[]): string[] {
  return files.flatMap(({ hash }) => (typeof hash === 'string' ? [hash] : []))
}

function refused(from: string, wanted: string, found: unknown): AppError {
  return new AppError('usage.request', `reading a ${from}: wanted ${wanted}, found ${JSON.stringify(found ?? null)}`)
}
