/** A wait with a time limit that comes from the handed-in clock. */
import type { Clock } from '../../base/clock.ts'

/** What came first: the value of `work`, or `undefined` after `ms`. `work` goes on; its later failure is for others to see. */
export async function within<T>(clock: Clock, ms: number, work: Promise<T>): Promise<T | undefined> {
  let cancel = () => {}
  const late = new Promise<undefined>((resolve) => {
    cancel = clock.after(ms, () => resolve(undefined))
  })
  try {
    return await Promise.race([work, late])
  } finally {
    cancel()
  }
}
