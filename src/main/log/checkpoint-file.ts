/** The newest checkpoint of a light log, in a file that is written whole, and whose word it rests on: everything else it can fetch again. */

import { z } from 'zod'
import type { Logger } from '../../base/clock.ts'
import { errorChain } from '../../base/errors.ts'
import type { AcceptedCheckpoint, LogHit } from '../../log/log.ts'
import { judgeCheckpoint, type LogKeys } from '../../log/reader/judge.ts'
import type { CheckpointStore } from '../../log/reader/light.ts'
import type { MemberKeys } from '../../log/reader/member-keys.ts'
import { readConfigFile, writeWhole } from '../data-directory.ts'

/** The file, and the changes of members beside it. */
export interface CheckpointFile extends CheckpointStore {
  /** Keeps the changes that the keys have learnt, for the next start. @throws exhausted.disk, unavailable.storage */
  writeMembers(): Promise<void>
}

/** Opens the file, and tells the keys of the changes that are kept; what does not count by them is forgotten, loudly. */
export async function openCheckpointFile(path: string, keys: MemberKeys, logger: Logger): Promise<CheckpointFile> {
  const membersPath = `${path}.members`
  // They prove themselves by their votes; their places were proven before they were written.
  keys.take(await readList(membersPath, logger))
  let written = keys.changes().length
  let kept = await readKept(path, keys, logger)
  const listPath = `${path}.revocations`
  let revoked: readonly LogHit[] = kept === undefined ? [] : await readList(listPath, logger)
  return {
    read: () => kept,
    async write(checkpoint) {
      await writeWhole(path, checkpoint.note, 0o644)
      kept = checkpoint
    },
    readRevocations: () => revoked,
    async writeRevocations(hits) {
      await writeWhole(listPath, listText(hits), 0o644)
      revoked = hits
    },
    async writeMembers() {
      const changes = keys.changes()
      if (changes.length === written) return
      await writeWhole(membersPath, listText(changes), 0o644)
      written = changes.length
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

function listText(hits: readonly LogHit[]): string {
  return JSON.stringify(hits.map(({ index, entry }) => ({ index, entry: Buffer.from(entry).toString('base64') })))
}

const listShape = z.array(z.strictObject({ index: z.int().nonnegative(), entry: z.base64() }))

/** What was proven before it was written; a file that is broken is fetched again. */
async function readList(path: string, logger: Logger): Promise<readonly LogHit[]> {
  try {
    const text = await readConfigFile(path)
    const rows = text === undefined ? [] : listShape.parse(JSON.parse(text))
    return rows.map(({ index, entry }) => ({ index, entry: Uint8Array.from(Buffer.from(entry, 'base64')) }))
  } catch (error) {
    logger.warn(
      { path, cause: errorChain(error) },
      'a list of entries that was kept cannot be read and is fetched again',
    )
    return []
  }
}
