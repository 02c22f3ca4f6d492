/** The newest checkpoint of a light log, in a file that is written whole: everything else it can fetch again. */

import type { Logger } from '../../base/clock.ts'
import { errorChain } from '../../base/errors.ts'
import type { AcceptedCheckpoint } from '../../log/log.ts'
import { judgeCheckpoint, type LogKeys } from '../../log/reader/judge.ts'
import type { CheckpointStore } from '../../log/reader/light.ts'
import { readConfigFile, writeWhole } from '../data-directory.ts'

/** Opens the file; what does not count by the keys in force is forgotten, loudly. */
export async function openCheckpointFile(path: string, keys: LogKeys, logger: Logger): Promise<CheckpointStore> {
  let kept = await readKept(path, keys, logger)
  return {
    read: () => kept,
    async write(checkpoint) {
      await writeWhole(path, checkpoint.note, 0o644)
      kept = checkpoint
    },
  }
}

async function readKept(path: string, keys: LogKeys, logger: Logger): Promise<AcceptedCheckpoint | undefined> {
  const note = await readConfigFile(path)
  if (note === undefined) return undefined
  try {
    const judged = judgeCheckpoint(Buffer.from(note), keys)
    if (judged.counts) return judged
    logger.error({ path }, 'the kept checkpoint has no quorum by the network in force: the log is followed anew')
  } catch (error) {
    logger.error({ path, cause: errorChain(error) }, 'the kept checkpoint cannot be used: the log is followed anew')
  }
  return undefined
}
