/** The lockfiles of the registry's clients that are read for sync and audit; each format has a file in `lockfiles/`. */
import type { LockfileReader } from '../ecosystem.ts'
import { readPackageLock } from './lockfiles/package-lock.ts'
import { readPnpmLock } from './lockfiles/pnpm-lock.ts'
import { readYarnLock } from './lockfiles/yarn-lock.ts'

/** The readers. */
export const npmLockfiles: readonly LockfileReader[] = [
  { fileName: /^(?:package-lock|npm-shrinkwrap)\.json$/, read: readPackageLock },
  { fileName: /^pnpm-lock(?:\.[\w-]+)?\.yaml$/, read: readPnpmLock },
  { fileName: /^yarn\.lock$/, read: readYarnLock },
]
