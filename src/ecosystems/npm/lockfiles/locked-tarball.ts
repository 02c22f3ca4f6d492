/** A registry's tarball as lockfiles name it: what the three formats have in common. */
import { type Digest, digestOf, digestsOfSri } from '../../../base/digest.ts'
import { AppError } from '../../../base/errors.ts'
import type { LockedFile } from '../../ecosystem.ts'
import { packagePurl } from '../coordinates.ts'
import { isPackageName, tarballName, tarballPath } from '../names.ts'

/** Packages of one lockfile. */
const ENTRIES_MAX = 200_000

/** What an entry of a lockfile says. */
export interface LockedTarball {
  readonly name: string
  readonly version: string
  /** URL of the tarball; undefined: the usual place is meant. */
  readonly resolved: string | undefined
  /** Subresource Integrity of the tarball. */
  readonly integrity: string | undefined
  /** True for clients that tell the registry what they want: then nothing has to be looked up. */
  readonly tellsIntegrity: boolean
}

/** The request for a tarball; undefined if it is not a registry's (git, foreign URLs, workspaces). */
export function lockedTarball(entry: LockedTarball): LockedFile | undefined {
  const { name, version, resolved, integrity, tellsIntegrity } = entry
  if (version === '' || !isPackageName(name)) return undefined
  const requestPath = requestPathOf(name, version, resolved)
  if (requestPath === undefined) return undefined
  const purl = packagePurl(name, version)
  const digests = integrity === undefined ? digestsOfFragment(resolved) : digestsOfSri(integrity)
  if (!tellsIntegrity || integrity === undefined || digests.length === 0) return { purl, digests, requestPath }
  return { purl, digests, requestPath, headers: { 'pacote-integrity': integrity } }
}

/** Each request once. @throws usage.request if there are more than a lockfile can have */
export function eachOnce(files: Iterable<LockedFile | undefined>, what: string): LockedFile[] {
  const found = new Map<string, LockedFile>()
  for (const file of files) {
    if (file === undefined) continue
    found.set(file.requestPath, file)
    if (found.size > ENTRIES_MAX) {
      throw new AppError('usage.request', `reading a ${what}: wanted at most ${ENTRIES_MAX} packages, found more`)
    }
  }
  return [...found.values()]
}

function requestPathOf(name: string, version: string, resolved: string | undefined): string | undefined {
  if (resolved === undefined) return tarballPath(name, tarballName(name, version))
  if (!/^https?:/.test(resolved) || !URL.canParse(resolved)) return undefined
  const { pathname } = new URL(resolved)
  const at = pathname.replace(/%2f/gi, '/').indexOf(`/${name}/-/`)
  return at < 0 || !pathname.endsWith('.tgz') ? undefined : pathname.replace(/%2f/gi, '/').slice(at)
}

/** Old lockfiles have no integrity, but the sha1 behind the URL. */
function digestsOfFragment(resolved: string | undefined): Digest[] {
  const hex = /#([0-9a-f]{40})$/.exec(resolved ?? '')?.[1]
  return hex === undefined ? [] : [digestOf('sha1', hex)]
}
