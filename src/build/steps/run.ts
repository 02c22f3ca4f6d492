/** Step 3: builds. Who the builder is, and in what it builds, is `main/`'s to say. */
import type { Builder, BuildOutcome } from '../builder.ts'
import type { Assignment } from './select.ts'

/** What the builder made of it. @throws aborted.caller, and what the builder throws */
export async function run(job: Assignment, builder: Builder, signal: AbortSignal): Promise<BuildOutcome> {
  return (await builder.run(job, signal)) as BuildOutcome
}
