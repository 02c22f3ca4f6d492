/**
 * What was asked for at this node, and how far each is. Kept in the notes of the store, so a submission that could not be sent yet is sent
 * after a restart, and what came of one can be asked long after. Everything but the sending is read from the log.
 */
import { z } from 'zod'
import type { Clock, Logger, Random } from '../base/clock.ts'
import type { VerdictEntry } from '../base/entries/entry.ts'
import { type Hex32, hex32 } from '../base/entries/fields.ts'
import { AppError, errorChain, isKind } from '../base/errors.ts'
import { type Purl, parsePurl } from '../base/purl.ts'
import type { Notebook } from '../store/store.ts'
import { pauseBeforeOrder } from './ordering.ts'
import { type Phase, type Progress, panelOf, phaseOf } from './progress.ts'
import { createSlots } from './slots.ts'
import { type SubmitDependencies, submit } from './steps/submit.ts'
import { lookUp } from './watch.ts'

/** A builder of an attempt, as people are shown it. */
export interface PanelView {
  readonly organisation: string
  /** Its attestation key, hex. */
  readonly node: Hex32
  readonly standby: boolean
  readonly state: 'waiting' | 'committed' | 'revealed' | 'missed' | 'faulty'
}

/** One submission, as it stands. */
export interface SubmissionView {
  readonly id: string
  readonly purl: string
  readonly submittedSeconds: number
  /** `sending`: nobody has ordered it yet. `denied`: the network would not take it. Then the phase of the attempt. */
  readonly state: 'sending' | 'denied' | Phase
  /** Why it was denied, or what is in the way of sending. */
  readonly reason?: string | undefined
  /** Name of the request. */
  readonly request?: Hex32 | undefined
  readonly attempt?: number | undefined
  /** How many build, and how many must agree. */
  readonly builders?: number | undefined
  readonly quorum?: number | undefined
  readonly panel: readonly PanelView[]
  /** What this node itself is doing about it, as a builder. */
  readonly here?: string | undefined
  readonly verdict?:
    | ({ readonly index: number } & Pick<VerdictEntry, 'outcome' | 'relation' | 'level' | 'builders' | 'quorum'> & {
          /** Organisations that agreed. */
          readonly agreed: readonly string[]
        })
    | undefined
}

/** What was asked for here. */
export interface Submissions {
  /** Asks; resolves as soon as that is ordered, denied, or it turns out to take longer. @throws usage.purl, exhausted.queue, damaged.log */
  submit(purl: string, signal: AbortSignal): Promise<SubmissionView>
  /** @throws absent.submission, damaged.log */
  status(id: string, signal: AbortSignal): Promise<SubmissionView>
  /** Newest first, without what the log says. */
  list(): readonly { readonly id: string; readonly purl: string; readonly submittedSeconds: number }[]
  close(): Promise<void>
}

/** What it works with. */
export interface SubmissionsDependencies extends SubmitDependencies {
  readonly network: string
  readonly notebook: Notebook
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

const NAMESPACE = 'build.submissions'
const KEPT_MAX = 1000
const SENDING_AT_ONCE = 8
const ID_BYTES = 8
const PROMPT_MS = 5000
const PAUSE_MS = 500
const PAUSE_MAX_MS = 30_000

const keptShape = z.strictObject({
  network: z.string(),
  purl: z.string(),
  submittedSeconds: z.number(),
  /** Entries that the log here had then. */
  logSize: z.number().optional(),
  request: hex32.optional(),
  denied: z.string().optional(),
})
type Kept = z.infer<typeof keptShape>

/** Begins, with what was not sent before the last stop. */
export function openSubmissions(deps: SubmissionsDependencies): Submissions {
  return new KeptSubmissions(deps)
}

class KeptSubmissions implements Submissions {
  readonly #with: SubmissionsDependencies
  readonly #ending = new AbortController()
  readonly #sending = new Map<string, Promise<void>>()
  readonly #obstacles = new Map<string, string>()
  readonly #limit = createSlots(SENDING_AT_ONCE)

  constructor(deps: SubmissionsDependencies) {
    this.#with = deps
    for (const [id, kept] of this.#all()) if (isUnsent(kept)) this.#begin(id, kept)
  }

  async submit(text: string, signal: AbortSignal): Promise<SubmissionView> {
    const purl = parsePurl(text)
    const { network, notebook, clock, random, log } = this.#with
    const all = this.#all()
    const twin = all.find(([, kept]) => kept.purl === purl && isUnsent(kept))
    const unsent = all.filter(([, kept]) => isUnsent(kept)).length
    if (twin === undefined && unsent >= KEPT_MAX / 2) {
      throw new AppError('exhausted.queue', `${unsent} submissions wait to be sent`)
    }
    const id = twin?.[0] ?? Buffer.from(random.bytes(ID_BYTES)).toString('hex')
    if (twin === undefined) {
      const { size: logSize } = log.newest() ?? {}
      const kept = { network, purl, submittedSeconds: Math.floor(clock.nowMs() / 1000), logSize }
      notebook.set(NAMESPACE, id, kept)
      this.#trim()
      this.#begin(id, kept)
    }
    await this.#promptly(id, signal)
    return await this.status(id, signal)
  }

  async status(id: string, signal: AbortSignal): Promise<SubmissionView> {
    const kept = this.#find(id)
    if (kept === undefined)
      throw new AppError('absent.submission', `nothing was submitted here under ${JSON.stringify(id)}`)
    const { purl, submittedSeconds, request, denied } = kept
    const head = { id, purl, submittedSeconds, panel: [] }
    if (denied !== undefined) return { ...head, state: 'denied', reason: denied }
    if (request === undefined) return { ...head, state: 'sending', reason: this.#obstacles.get(id) }
    return { ...head, ...viewOf(await lookUp(this.#with.log, { purl, request }, signal)) }
  }

  list(): ReturnType<Submissions['list']> {
    return this.#all()
      .map(([id, { purl, submittedSeconds }]) => ({ id, purl, submittedSeconds }))
      .sort((a, b) => b.submittedSeconds - a.submittedSeconds)
  }

  async close(): Promise<void> {
    this.#ending.abort(new AppError('aborted.shutdown', 'the node is shutting down'))
    await Promise.all(this.#sending.values())
  }

  #begin(id: string, kept: Kept): void {
    const sending = this.#limit(() => this.#send(id, kept)).finally(() => this.#sending.delete(id))
    this.#sending.set(id, sending)
  }

  /** Until somebody has ordered it, or it was denied. */
  async #send(id: string, kept: Kept): Promise<void> {
    const { notebook, logger } = this.#with
    const { signal } = this.#ending
    for (let pauseMs = PAUSE_MS; !signal.aborted; pauseMs = Math.min(PAUSE_MAX_MS, pauseMs * 2)) {
      try {
        const { request } = await submit(kept.purl as Purl, this.#with, signal, kept.logSize)
        notebook.set(NAMESPACE, id, { ...kept, request })
        this.#obstacles.delete(id)
        return
      } catch (error) {
        if (signal.aborted) return
        const reason = errorChain(error).join(': ')
        if (isKind(error, 'denied') || isKind(error, 'usage')) {
          notebook.set(NAMESPACE, id, { ...kept, denied: reason })
          this.#obstacles.delete(id)
          return
        }
        logger.info({ id, purl: kept.purl, error: reason }, 'a submission could not be sent yet')
        this.#obstacles.set(id, reason)
        await pauseBeforeOrder(pauseMs, this.#with, signal).catch(() => {})
      }
    }
  }

  async #promptly(id: string, signal: AbortSignal): Promise<void> {
    const sending = this.#sending.get(id)
    if (sending === undefined) return
    const enough = new AbortController()
    const slept = this.#with.clock.sleep(PROMPT_MS, AbortSignal.any([signal, enough.signal])).catch(() => {})
    await Promise.race([sending, slept])
    enough.abort()
    await slept
  }

  #find(id: string): Kept | undefined {
    const found = keptShape.safeParse(this.#with.notebook.get(NAMESPACE, id))
    return found.success && found.data.network === this.#with.network ? found.data : undefined
  }

  #all(): Array<readonly [string, Kept]> {
    return this.#with.notebook.entries(NAMESPACE).flatMap(([id]) => {
      const kept = this.#find(id)
      return kept === undefined ? [] : [[id, kept] as const]
    })
  }

  #trim(): void {
    const old = this.list().slice(KEPT_MAX)
    for (const { id } of old) if (!this.#sending.has(id)) this.#with.notebook.delete(NAMESPACE, id)
  }
}

function isUnsent({ request, denied }: Kept): boolean {
  return request === undefined && denied === undefined
}

function viewOf(progress: Progress): Omit<SubmissionView, 'id' | 'purl' | 'submittedSeconds'> {
  const { request, attempt, selection, verdict } = progress
  const panel = verdict?.entry.panel ?? []
  return {
    state: phaseOf(progress),
    request,
    attempt,
    builders: selection?.builders,
    quorum: selection?.quorum,
    panel: panelOf(progress).map(({ organisation, node }) => ({
      organisation,
      node,
      standby: selection?.standbys.some((seat) => seat.node === node) ?? false,
      state: stateOf(progress, node),
    })),
    verdict:
      verdict === undefined
        ? undefined
        : {
            index: verdict.index,
            outcome: verdict.entry.outcome,
            relation: verdict.entry.relation,
            level: verdict.entry.level,
            builders: verdict.entry.builders,
            quorum: verdict.entry.quorum,
            agreed: panel.filter(({ agreed }) => agreed).map(({ organisation }) => organisation),
          },
  }
}

function stateOf({ faulty, missed, reveals, commits }: Progress, node: Hex32): PanelView['state'] {
  if (faulty.has(node)) return 'faulty'
  if (reveals.has(node)) return 'revealed'
  if (commits.has(node)) return 'committed'
  return missed.has(node) ? 'missed' : 'waiting'
}
