/** Logs that are held in full as what a follower follows: a copy, for which every entry is fetched, checked and kept, and the own one. */

import { AppError } from '../../base/errors.ts'
import type { LogMirror, LogStore, TreeHead } from '../log.ts'
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

/**
 * The log that this node writes itself: what others say of it is compared with it, and nothing is taken from them. Somebody who
 * holds more of it than is here, signed by this node, shows that an old copy was restored: `onNewer` is told.
 */
export function followedWriter(log: LogStore, onNewer: (head: TreeHead) => Promise<void>): FollowedLog {
  return {
    newest: () => log.newest(),
    rootAt: (size) => log.rootAt(size),
    consistency: (fromSize, toSize) => log.consistency(fromSize, toSize),
    async accept({ size, root }) {
      await onNewer({ size, root })
      throw new AppError(
        'conflict.changed',
        `others hold a checkpoint of ${log.origin} at ${size}, which is written here and has ${log.newest()?.size ?? 0} entries: was an old copy restored?`,
      )
    },
    update: (checkpoint) => log.publish(checkpoint),
  }
}
