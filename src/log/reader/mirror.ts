/** A full copy of a log as what a follower follows: every entry is fetched, checked and kept. */

import type { LogMirror } from '../log.ts'
import type { FollowedLog } from './follow.ts'

/** The copy behind the follower's seam. */
export function followedMirror(mirror: LogMirror): FollowedLog {
  return {
    newest: () => mirror.newest(),
    rootAt: (size) => mirror.rootAt(size),
    consistency: (fromSize, toSize) => mirror.consistency(fromSize, toSize),
    accept: (checkpoint, files, signal) => mirror.ingest(checkpoint, files, signal),
    update: (checkpoint) => mirror.publish(checkpoint),
  }
}
