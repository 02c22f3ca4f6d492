/** Waiting for the log to say something of a request. */
import type { Hex32 } from '../base/entries/fields.ts'
import { throwIfAborted, wrapError } from '../base/errors.ts'
import type { LogReader } from '../log/log.ts'
import { type Progress, progressOf } from './progress.ts'

/** What is needed of the log. */
export type WatchedLog = Pick<LogReader, 'find' | 'newest' | 'watch'>

/** Entries on one purl that are looked at, newest first: several attempts with all their faults. */
const LOOKED_AT_MAX = 200

/** What the log has on a request. @throws damaged.log, aborted.caller */
export async function lookUp(
  log: WatchedLog,
  { purl, request }: { readonly purl: string; readonly request: Hex32 },
  signal: AbortSignal,
): Promise<Progress> {
  return progressOf(request, await log.find({ purl, limit: LOOKED_AT_MAX }, signal))
}

/** Looks each time the log has grown, until `look` gives something. @throws damaged.log, aborted.caller, and what `look` throws */
export async function waitFor<T>(
  log: WatchedLog,
  about: { readonly purl: string; readonly request: Hex32 },
  look: (progress: Progress) => T | undefined | Promise<T | undefined>,
  signal: AbortSignal,
): Promise<T> {
  for (;;) {
    const growth = grown(log, signal)
    try {
      throwIfAborted(signal)
      const found = await look(await lookUp(log, about, signal))
      if (found !== undefined) return found
      await growth.promise
    } finally {
      growth.end()
    }
  }
}

/** Resolves when the log grows from now on. */
function grown(log: WatchedLog, signal: AbortSignal): { readonly promise: Promise<void>; end(): void } {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  promise.catch(() => {})
  const leave = (): void => reject(wrapError(signal.reason, 'aborted.caller', 'the caller left'))
  signal.addEventListener('abort', leave, { once: true })
  const size = log.newest()?.size ?? 0
  const unwatch = log.watch((checkpoint) => {
    if (checkpoint.size > size) resolve()
  })
  return {
    promise,
    end() {
      unwatch()
      signal.removeEventListener('abort', leave)
    },
  }
}
