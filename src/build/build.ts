/**
 * The WRITE flow: from a name to a verdict in the log. Types carry the trust: each step takes what only the step before can make, so
 * nothing is attested that was not built, and nothing recorded that was not agreed. Kill the process between any two lines and start it
 * again: `work.ts` finds the job in the log, and what was promised before in the notes (`jobs.ts`).
 *
 *   submission -> submit -> Admitted         any node asks, through whoever it knows
 *              -> select -> Assignment       the network draws; a builder sees its name in the log
 *              -> run    -> BuildOutcome     it builds
 *              -> attest -> Attestation      signs, and binds itself
 *              -> agree  -> Agreed | Disagreed
 *              -> record -> Recorded
 */
import type { Clock, Logger } from '../base/clock.ts'
import type { LogReader } from '../log/log.ts'
import type { Builder, Job } from './builder.ts'
import type { Member } from './member.ts'
import { agree } from './steps/agree.ts'
import { type AttestDependencies, attest, boundTo } from './steps/attest.ts'
import { type Recorded, record } from './steps/record.ts'
import { run } from './steps/run.ts'
import { select } from './steps/select.ts'

export type { DoubtView } from './doubts.ts'
export type { Ordered } from './ordering.ts'
export type { SubmissionView } from './submissions.ts'

/** What a builder works with. */
export interface BuildDependencies extends Omit<AttestDependencies, 'node'> {
  readonly log: LogReader
  /** This node's attestation key, by which the network knows it. */
  readonly member: Member
  readonly builder: Builder
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * What a builder does about one draw that names it, from there to the recorded verdict; undefined if the attempt ended without it.
 * The first step, `submit`, was somebody's who asked (`submissions.ts`).
 * @throws aborted.caller, and errors of this machine, after which it is called again
 */
export async function build(job: Job, deps: BuildDependencies, signal: AbortSignal): Promise<Recorded | undefined> {
  const node = deps.member.key
  const assignment = await select(job, { ...deps, node }, signal)
  if (assignment === undefined) return undefined
  const attestation =
    boundTo(assignment, deps.jobs) ??
    (await attest(assignment, await run(assignment, deps.builder, signal), { ...deps, node }))
  const verdict = await agree(assignment, attestation, deps, signal)
  return await record(assignment, verdict, deps)
}
