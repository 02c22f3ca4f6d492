/**
 * The life of one request to upstream: the caller's signal, the node's shutdown and the time budget become one signal, and
 * whatever the request holds (a lane, a connection) is released once at its end. Made by `client.ts`.
 */
import type { Clock } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import type { UpstreamRequest } from '../upstream.ts'
import { wireError } from '../wire/transport.ts'

/** One request under way. */
export interface Session {
  readonly signal: AbortSignal
  /** `release` is called at the end, or at once if that has come already. */
  onEnd(release: () => void): void
  /** A smaller budget from now on. */
  hurry(budgetMs: number): void
  /** The time budget ends here: bodies may take long, and have their own stall limit. */
  headersArrived(): void
  /** Releases everything; further calls do nothing. */
  end(): void
  /** Why something failed: the caller's leaving, the shutdown or the budget, where it was one of them; else `cause`. */
  explain(cause: unknown): unknown
}

/** A session for `asked` that has `budgetMs` until the reply's headers. */
export function openSession(asked: UpstreamRequest, closing: AbortSignal, budgetMs: number, clock: Clock): Session {
  const controller = new AbortController()
  const releases: (() => void)[] = []
  let why: AppError | undefined
  let ended = false

  const stop = (error: AppError) => {
    why ??= error
    controller.abort(error)
    end()
  }
  const leave = () => {
    stop(new AppError('aborted.caller', `left while ${asked.upstream} was asked`, { cause: asked.signal.reason }))
  }
  const shut = () => stop(new AppError('aborted.shutdown', `${asked.upstream} is not waited for: the node stops`))
  const limit = (ms: number) =>
    clock.after(ms, () => {
      const message = `${asked.upstream} gave no reply within ${ms} ms`
      stop(wireError('headers-timeout', message, { data: { budgetMs: ms } }))
    })
  const cancels = [limit(budgetMs)]
  const cancelBudget = () => {
    for (const cancel of cancels.splice(0)) cancel()
  }

  function end(): void {
    if (ended) return
    ended = true
    cancelBudget()
    asked.signal.removeEventListener('abort', leave)
    closing.removeEventListener('abort', shut)
    for (const release of releases.splice(0)) release()
  }

  asked.signal.addEventListener('abort', leave, { once: true })
  closing.addEventListener('abort', shut, { once: true })
  if (asked.signal.aborted) leave()

  return {
    signal: controller.signal,
    onEnd(release) {
      if (ended) release()
      else releases.push(release)
    },
    hurry: (ms) => void (ended || cancels.push(limit(ms))),
    headersArrived: cancelBudget,
    end,
    explain: (cause) => why ?? cause,
  }
}
