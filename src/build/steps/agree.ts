/**
 * Step 5: commits, tells the result when all have committed, and waits for what the selected came to. Each is sent until the log has
 * it: an authority may be away, or have crashed before it was durable. 2-trust.md, "Agreement".
 */
import type { Brand } from '../../base/brand.ts'
import type { Clock, Logger } from '../../base/clock.ts'
import type { VerdictEntry } from '../../base/entries/entry.ts'
import type { CommitBody, RevealBody } from '../../base/entries/transaction.ts'
import { AppError, errorChain, isKind } from '../../base/errors.ts'
import type { Member } from '../member.ts'
import { type Ordered, pauseBeforeOrder } from '../ordering.ts'
import { type Progress, phaseOf } from '../progress.ts'
import { lookUp, type WatchedLog, waitFor } from '../watch.ts'
import type { Attestation } from './attest.ts'
import type { Assignment } from './select.ts'

interface Verdict {
  readonly index: number
  readonly entry: VerdictEntry
  readonly agreed: boolean
}
/** A verdict that has this node among those who agreed. Only `agree` makes one. */
export type Agreed = Brand<Verdict, 'Agreed'>
/** A verdict without this node, or none of the selected. Only `agree` makes one. */
export type Disagreed = Brand<Verdict, 'Disagreed'>

/** What agreeing needs. */
export interface AgreeDependencies {
  readonly log: WatchedLog
  readonly member: Member
  readonly clock: Clock
  readonly logger: Logger
}

const PAUSE_MS = 500
const PAUSE_MAX_MS = 15_000
/** Refusals after which the same will be refused again, if it was the network that said so and not a peer on the way. */
const FINAL = ['late', 'unknown', 'seat', 'key', 'network']

/** The verdict. @throws conflict.changed if the log has another commitment of this node; damaged.log, aborted.caller */
export async function agree(
  job: Assignment,
  attestation: Attestation,
  deps: AgreeDependencies,
  signal: AbortSignal,
): Promise<Agreed | Disagreed> {
  const { request, attempt, purl } = job
  const { member, log } = deps
  const { commitment, salt, result, envelopeName } = attestation
  const own = ({ commits }: Progress): boolean => isOwn(commits.get(member.key), commitment, purl)
  await insist('commitment', job, own, deps, signal, () =>
    member.send<CommitBody>({ type: 'commit', request, attempt, commitment }, signal),
  )
  await waitFor(log, job, (progress) => (phaseOf(progress) === 'committing' ? undefined : true), signal)
  const told = ({ reveals }: Progress): boolean => reveals.has(member.key)
  await insist('result', job, told, deps, signal, () =>
    member.send<RevealBody>({ type: 'reveal', request, attempt, salt, result, envelope: envelopeName }, signal),
  )
  const { index, entry } = await waitFor(log, job, ({ verdict }) => verdict, signal)
  const agreed = entry.panel.some((seat) => seat.node === member.key && seat.agreed)
  return { index, entry, agreed } as Agreed | Disagreed
}

/** True if the log has the commitment. Another one can only come of a copy of this node that was set back. */
function isOwn(logged: string | undefined, commitment: string, purl: string): boolean {
  if (logged === undefined || logged === commitment) return logged !== undefined
  throw new AppError('conflict.changed', `the log has another commitment of this node for ${purl} than it remembers`)
}

/** Sends until the log has it or the attempt is over, seldom once the network is said not to take it: the log is what counts. */
async function insist(
  what: 'commitment' | 'result',
  job: Assignment,
  isThere: (progress: Progress) => boolean,
  deps: AgreeDependencies,
  signal: AbortSignal,
  send: () => Promise<Ordered>,
): Promise<void> {
  const { logger, log } = deps
  for (let pauseMs = PAUSE_MS; ; pauseMs = Math.min(PAUSE_MAX_MS, pauseMs * 2)) {
    const progress = await lookUp(log, job, signal)
    if (isThere(progress) || progress.verdict !== undefined) return
    logger.debug({ purl: job.purl, request: job.request, what }, 'telling the network')
    let pause: Pause = (ms, until) => deps.clock.sleep(ms, until)
    try {
      const { refusal } = await send()
      if (refusal !== undefined && FINAL.includes(refusal)) {
        logger.warn({ purl: job.purl, request: job.request, refusal }, 'the network does not take what was built')
        pauseMs = PAUSE_MAX_MS
      }
    } catch (error) {
      if (signal.aborted || !(isKind(error, 'unavailable') || isKind(error, 'exhausted'))) throw error
      logger.info({ purl: job.purl, error: errorChain(error) }, 'the network was not reached, trying again')
      pause = (ms, until) => pauseBeforeOrder(ms, { ordering: deps.member.ordering, clock: deps.clock }, until)
    }
    await passed(job, isThere, log, signal, (until) => pause(pauseMs, until))
  }
}

type Pause = (ms: number, signal: AbortSignal) => Promise<void>

/** Until the log has it, or the pause is over. */
async function passed(
  job: Assignment,
  isThere: (progress: Progress) => boolean,
  log: WatchedLog,
  signal: AbortSignal,
  pause: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const over = new AbortController()
  const either = AbortSignal.any([signal, over.signal])
  const seen = waitFor(log, job, (progress) => isThere(progress) || progress.verdict !== undefined || undefined, either)
  try {
    await Promise.race([seen, pause(either)])
  } finally {
    over.abort()
    await seen.catch(() => {})
  }
}
