/** One line about running transfers, for a person who watches: only where stderr is a terminal, only while something moves. */
import type { Clock } from '../base/clock.ts'
import type { ServeState, TransferState } from '../serve/serve.ts'

const EVERY_MS = 500
/** Transfers that are younger than this end before anybody could read about them. */
const WORTH_MS = 1000
const CLEAR = '\r\u001b[2K'

/** Where the line is written. */
export interface ProgressScreen {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

/** Shows the line until the returned function is called. */
export function showProgress(state: () => ServeState, screen: ProgressScreen, clock: Clock): () => void {
  if (screen.isTTY !== true) return () => {}
  let shown = false
  let cancel = (): void => {}
  const tick = (): void => {
    const line = progressLine(state().transfers, clock.nowMs())
    if (line !== undefined) screen.write(`${CLEAR}${line.slice(0, (screen.columns ?? 80) - 1)}`)
    else if (shown) screen.write(CLEAR)
    shown = line !== undefined
    cancel = clock.after(EVERY_MS, tick)
  }
  tick()
  return () => {
    cancel()
    if (shown) screen.write(CLEAR)
  }
}

/** The line; undefined if no transfer is worth one. */
export function progressLine(transfers: readonly TransferState[], nowMs: number): string | undefined {
  const long = transfers.filter(({ startedAtMs }) => nowMs - startedAtMs >= WORTH_MS)
  const first = long.toSorted((a, b) => a.startedAtMs - b.startedAtMs)[0]
  if (first === undefined) return undefined
  const { bytes, totalBytes, startedAtMs, source, label } = first
  const share = totalBytes === undefined || totalBytes === 0 ? '' : ` ${Math.floor((bytes / totalBytes) * 100)}%`
  const rate = (bytes / 1e6 / ((nowMs - startedAtMs) / 1000)).toFixed(1)
  const more = long.length > 1 ? `, ${long.length - 1} more` : ''
  return `${label}:${share} ${(bytes / 1e6).toFixed(1)} MB from ${source ?? '…'} at ${rate} MB/s${more}`
}
