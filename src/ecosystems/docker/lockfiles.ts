/** Images have no lockfile of their own: a digest stands in the reference. */
import type { LockfileReader } from '../ecosystem.ts'

/** None. */
export const dockerLockfiles: readonly LockfileReader[] = []
