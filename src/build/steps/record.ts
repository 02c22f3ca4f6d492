/** Step 6: the verdict is in a tree that a quorum cosigned; only then is what it took forgotten. */
import type { Brand } from '../../base/brand.ts'
import type { VerdictEntry } from '../../base/entries/entry.ts'
import type { LogReader } from '../../log/log.ts'
import type { JobBook } from '../jobs.ts'
import type { Agreed, Disagreed } from './agree.ts'
import type { Assignment } from './select.ts'

/** A verdict that is in the log for good. Only `record` makes one. */
export type Recorded = Brand<
  { readonly index: number; readonly entry: VerdictEntry; readonly agreed: boolean },
  'Recorded'
>

/** The recorded verdict. @throws damaged.log if the log cannot prove it */
export async function record(
  job: Assignment,
  verdict: Agreed | Disagreed,
  { log, jobs }: { readonly log: Pick<LogReader, 'inclusion' | 'newest'>; readonly jobs: JobBook },
): Promise<Recorded> {
  await log.inclusion(verdict.index, log.newest()?.size ?? 0)
  jobs.forget(job)
  return verdict as unknown as Recorded
}
