/** The lockfiles that this ecosystem reads. What each names is a project's page, which leads to the files (`follow.ts`). */
import type { LockfileReader } from '../../ecosystem.ts'
import { readRequirements } from './requirements.ts'
import { readPoetryLock, readUvLock } from './toml-locks.ts'

/** The readers. */
export const pypiLockfiles: readonly LockfileReader[] = [
  { fileName: /^(?:[\w.-]*[-_.])?requirements(?:[-_.][\w.-]*)?\.txt$/i, read: readRequirements },
  { fileName: /^uv\.lock$/, read: readUvLock },
  { fileName: /^poetry\.lock$/, read: readPoetryLock },
]
