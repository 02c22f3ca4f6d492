/** Reads `package-lock.json` and `npm-shrinkwrap.json`, lockfile versions 2 and 3 (npm documentation, "package-lock.json"). */
import { digestsOfSri } from '../../base/digest.ts'
import { AppError } from '../../base/errors.ts'
import type { LockedFile, LockfileReader } from '../ecosystem.ts'
import { packagePurl } from './coordinates.ts'
import { isPackageName, tarballName, tarballPath } from './names.ts'
import { isObject, type JsonObject } from './packument/packument.ts'

const ENTRIES_MAX = 200_000

/** The readers. */
export const npmLockfiles: readonly LockfileReader[] = [
  { fileName: /^(?:package-lock|npm-shrinkwrap)\.json$/, read: readPackageLock },
]

/** Every registry tarball of the lockfile once; links, bundled packages, git and foreign URLs are not the registry's. @throws usage.request */
function readPackageLock(bytes: Uint8Array): LockedFile[] {
  const entries = packagesOf(bytes)
  const found = new Map<string, LockedFile>()
  for (const [location, entry] of Object.entries(entries)) {
    const file = isObject(entry) ? lockedFile(location, entry) : undefined
    if (file !== undefined) found.set(file.requestPath, file)
  }
  return [...found.values()]
}

function packagesOf(bytes: Uint8Array): JsonObject {
  let lock: unknown
  try {
    lock = JSON.parse(new TextDecoder().decode(bytes))
  } catch (cause) {
    throw new AppError('usage.request', 'reading a package-lock.json: it is no JSON', { cause })
  }
  if (!isObject(lock) || !isObject(lock.packages)) {
    const version = isObject(lock) ? JSON.stringify(lock.lockfileVersion ?? null) : 'none'
    throw new AppError('usage.request', `reading a package-lock.json: wanted lockfileVersion 2 or 3, found ${version}`)
  }
  const count = Object.keys(lock.packages).length
  if (count > ENTRIES_MAX) {
    throw new AppError(
      'usage.request',
      `reading a package-lock.json: wanted at most ${ENTRIES_MAX} packages, found ${count}`,
    )
  }
  return lock.packages
}

function lockedFile(location: string, entry: JsonObject): LockedFile | undefined {
  const marker = location.lastIndexOf('node_modules/')
  if (marker < 0 || entry.link === true || entry.inBundle === true) return undefined
  const name = typeof entry.name === 'string' ? entry.name : location.slice(marker + 'node_modules/'.length)
  const { version } = entry
  if (typeof version !== 'string' || version === '' || !isPackageName(name)) return undefined
  const requestPath = requestPathOf(name, version, entry.resolved)
  if (requestPath === undefined) return undefined
  const digests = typeof entry.integrity === 'string' ? digestsOfSri(entry.integrity) : []
  const purl = packagePurl(name, version)
  // npm tells the registry what it wants, so that nothing has to be looked up.
  const isUsable = digests.length > 0 && typeof entry.integrity === 'string'
  return isUsable
    ? { purl, digests, requestPath, headers: { 'pacote-integrity': entry.integrity as string } }
    : { purl, digests, requestPath }
}

/** Lockfiles may leave `resolved` out (npm's option omit-lockfile-registry-resolved): then the usual place is meant. */
function requestPathOf(name: string, version: string, resolved: unknown): string | undefined {
  if (resolved === undefined) return tarballPath(name, tarballName(name, version))
  if (typeof resolved !== 'string' || !/^https?:/.test(resolved) || !URL.canParse(resolved)) return undefined
  const { pathname } = new URL(resolved)
  const at = pathname.indexOf(`/${name}/-/`)
  return at < 0 || !pathname.endsWith('.tgz') ? undefined : pathname.slice(at)
}
