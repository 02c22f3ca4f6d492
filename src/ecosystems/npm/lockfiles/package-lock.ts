/** Reads `package-lock.json` and `npm-shrinkwrap.json`, lockfile versions 2 and 3 (npm documentation, "package-lock.json"). */
import { AppError } from '../../../base/errors.ts'
import type { LockedFile } from '../../ecosystem.ts'
import { isObject, type JsonObject } from '../packument/packument.ts'
import { eachOnce, lockedTarball } from './locked-tarball.ts'

/** Every registry tarball of the lockfile once; links, bundled packages, git and foreign URLs are not the registry's. @throws usage.request */
export function readPackageLock(bytes: Uint8Array): LockedFile[] {
  const files = Object.entries(packagesOf(bytes)).map(([location, entry]) =>
    isObject(entry) ? lockedFile(location, entry) : undefined,
  )
  return eachOnce(files, 'package-lock.json')
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
  return lock.packages
}

function lockedFile(location: string, entry: JsonObject): LockedFile | undefined {
  const marker = location.lastIndexOf('node_modules/')
  if (marker < 0 || entry.link === true || entry.inBundle === true) return undefined
  const name = typeof entry.name === 'string' ? entry.name : location.slice(marker + 'node_modules/'.length)
  const { version, resolved, integrity } = entry
  // npm's option omit-lockfile-registry-resolved leaves `resolved` out; anything but a text is none of the registry's.
  if (typeof version !== 'string' || (resolved !== undefined && typeof resolved !== 'string')) return undefined
  const stated = typeof integrity === 'string' ? integrity : undefined
  return lockedTarball({ name, version, resolved, integrity: stated, tellsIntegrity: true })
}
