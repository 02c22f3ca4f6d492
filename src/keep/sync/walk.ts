/**
 * Walks over everything that a lockfile wants and that this leads to, a few entries at a time. Called by `sync.ts`, which
 * keeps the run's state; knows nothing of pins and records.
 */
import { AppError, throwIfAborted } from '../../base/errors.ts'
import type { LockedFile } from '../../ecosystems/ecosystem.ts'
import { prove, type SettleContext, type Settled, settle } from './settle.ts'

/** Entries at a time. */
const CONCURRENCY_MAX = 8
/** Entries of one lockfile with all that they lead to. */
export const ENTRY_COUNT_MAX = 200_000

/** Told each entry as it ends, and how many are known by then. */
export type OnSettled = (
  file: LockedFile,
  settled: Exclude<Settled, { readonly kind: 'leading' }>,
  wantedCount: number,
) => void

/**
 * Settles `files` and what they lead to, each request once.
 * @throws exhausted.size beyond `ENTRY_COUNT_MAX` entries; aborted.caller, aborted.shutdown
 */
export async function walk(files: readonly LockedFile[], context: SettleContext, onSettled: OnSettled): Promise<void> {
  const seen = new Set<string>()
  const waiting: LockedFile[] = []
  const add = (more: readonly LockedFile[]): void => {
    for (const file of more) {
      const key = JSON.stringify([file.requestPath, file.headers ?? {}])
      if (seen.has(key)) continue
      seen.add(key)
      waiting.push(file)
    }
    if (seen.size > ENTRY_COUNT_MAX) {
      throw new AppError('exhausted.size', `wanted at most ${ENTRY_COUNT_MAX} files of one lockfile, found more`)
    }
  }
  const leading: LockedFile[] = []
  const running = new Set<Promise<void>>()
  const one = async (file: LockedFile): Promise<void> => {
    const settled = await settle(file, context)
    if (settled.kind !== 'missing') add(settled.next)
    if (settled.kind === 'leading') leading.push(file)
    else onSettled(file, settled, seen.size)
  }
  add(files)
  try {
    for (let at = 0; at < waiting.length || running.size > 0; ) {
      throwIfAborted(context.signal)
      const file = running.size < CONCURRENCY_MAX ? waiting[at] : undefined
      if (file === undefined) {
        await Promise.race(running)
        continue
      }
      at += 1
      const task = one(file).finally(() => running.delete(task))
      running.add(task)
    }
    for (const file of leading) {
      throwIfAborted(context.signal)
      const settled = await prove(file, context)
      if (settled.kind !== 'leading') onSettled(file, settled, seen.size)
    }
  } finally {
    // Nothing is settled any more once this has ended.
    await Promise.allSettled(running)
  }
}
