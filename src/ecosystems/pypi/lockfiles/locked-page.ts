/** What a lockfile's entry becomes: the page of its project, with the digests of the files that the lockfile allows. */
import { type Digest, digestOf, isStrong } from '../../../base/digest.ts'
import { AppError } from '../../../base/errors.ts'
import type { LockedFile } from '../../ecosystem.ts'
import { INDEX_ACCEPT } from '../accept.ts'
import { projectPurl } from '../coordinates.ts'
import { isProjectName, normalName } from '../names.ts'
import { normalVersion } from '../versions.ts'

/** Entries of one lockfile; more are nobody's project. */
export const ENTRIES_MAX = 100_000

/** The page of a locked project. `hashes` are `algorithm:hex`; without one the version alone chooses. @throws usage.request */
export function lockedPage(name: string, version: string, hashes: readonly string[], from: string): LockedFile {
  if (!isProjectName(name) || version === '') {
    throw new AppError(
      'usage.request',
      `reading a ${from}: wanted a project and its version, found ${JSON.stringify(`${name} ${version}`.slice(0, 200))}`,
    )
  }
  return {
    purl: projectPurl(name, version),
    digests: hashes.flatMap(digestIn),
    // A lockfile may hold several versions of a project, each for a range of Pythons: the query, which nobody reads, keeps them apart.
    requestPath: `/simple/${normalName(name)}/?version=${encodeURIComponent(normalVersion(version))}`,
    headers: { accept: INDEX_ACCEPT },
    leads: true,
  }
}

/** A digest that proves anything; others are left out. */
function digestIn(text: string): Digest[] {
  const [algorithm, hex = ''] = text.split(':')
  if (algorithm !== 'sha256' && algorithm !== 'sha512') return []
  try {
    return [digestOf(algorithm, hex)].filter(isStrong)
  } catch {
    return []
  }
}
