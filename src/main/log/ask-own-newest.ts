/**
 * Asks others for the newest checkpoint that this node cosigned itself. A snapshot that was restored cannot be seen from inside: only
 * they know that there was more.
 */
import type { Clock } from '../../base/clock.ts'
import { isKind } from '../../base/errors.ts'
import { bytesMaxOf, type LogSource } from '../../log/files/source.ts'
import type { TreeHead } from '../../log/log.ts'
import { judgeCheckpoint, type LogKeys } from '../../log/reader/judge.ts'

/** Peers connect within moments of a start; who has none by then has to sign all the same. */
const ATTEMPTS = 6
const PAUSE_MS = 1000
const ASKED_MAX = 4

/** What asking needs. */
export interface AskOwnNewest {
  /** Name of the own cosigner key. */
  readonly name: string
  readonly keys: LogKeys
  readonly sources: () => readonly LogSource[]
  readonly clock: Clock
}

/** The head; undefined: those who answered hold none. `nobody`: none answered, or the caller left. */
export async function askOwnNewest(about: AskOwnNewest, signal: AbortSignal): Promise<TreeHead | undefined | 'nobody'> {
  for (let attempt = 1; attempt <= ATTEMPTS && !signal.aborted; attempt += 1) {
    const answers = await Promise.all(
      about
        .sources()
        .slice(0, ASKED_MAX)
        .map((source) => askOne(source, about, signal)),
    )
    const heads = answers.filter((answer) => answer !== 'nobody')
    if (heads.length > 0) {
      const own = heads.filter((head) => head !== undefined)
      return own.toSorted((a, b) => b.size - a.size)[0]
    }
    if (attempt < ATTEMPTS) await about.clock.sleep(PAUSE_MS, signal).catch(() => {})
  }
  return 'nobody'
}

async function askOne(
  source: LogSource,
  { name, keys }: AskOwnNewest,
  signal: AbortSignal,
): Promise<TreeHead | undefined | 'nobody'> {
  try {
    const note = await source.fetch('checkpoint', { bytesMax: bytesMaxOf('checkpoint'), signal })
    if (note === undefined) return 'nobody'
    const { size, root, cosignatures } = judgeCheckpoint(note, keys)
    return cosignatures.some((cosignature) => cosignature.name === name) ? { size, root } : undefined
  } catch (error) {
    if (isKind(error, 'bug')) throw error
    return 'nobody'
  }
}
