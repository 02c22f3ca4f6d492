/** Has witnesses cosign the log that this node signs: at once when it grew, and again before that looks old. None of them is waited for. */
import type { Clock, Logger } from '../../base/clock.ts'
import { keepFresh } from '../../keep/keep-fresh.ts'
import type { AcceptedCheckpoint, LogWriter } from '../../log/log.ts'
import type { Turns } from '../../log/turns.ts'
import { type AskedWitness, createWitnessAsker } from '../../log/witness/ask-witness.ts'
import { createHttpWitness } from '../../log/witness/http-witness.ts'

/** What asking needs. */
export interface AskWitnessesDependencies {
  readonly log: LogWriter
  readonly freshnessSeconds: number
  readonly turns: Turns
  readonly clock: Clock
  readonly logger: Logger
}

/** Witnesses that are asked until it is stopped. */
export interface AskedWitnesses {
  /** A sentence for each that does not cosign at present. */
  notes(): string[]
  stop(): Promise<void>
}

/** Begins. A log without entries is shown to nobody. */
export function askWitnesses(
  witnesses: readonly AskedWitness[],
  { log, freshnessSeconds, turns, clock, logger }: AskWitnessesDependencies,
): AskedWitnesses {
  const stopping = new AbortController()
  const shown = {
    newest: (): AcceptedCheckpoint | undefined => (log.newest()?.size === 0 ? undefined : log.newest()),
    watch: log.watch.bind(log),
  }
  const asked = witnesses.map(({ url, key }) => {
    const { post, close } = createHttpWitness(url)
    const asker = createWitnessAsker(key, { log, post, turns })
    const cosign = (): Promise<void> =>
      asker.ask(stopping.signal).catch((error: unknown) => {
        if (!stopping.signal.aborted) throw error
      })
    const fresh = keepFresh({ log: shown, cosigner: key.name, freshnessSeconds, cosign, clock, logger })
    return { key, fresh, close }
  })
  return {
    notes: () =>
      asked.flatMap(({ key, fresh }) => {
        const failure = fresh.failure()
        return failure === undefined ? [] : [`Not cosigned by the witness ${key.name}: ${failure}`]
      }),
    async stop() {
      stopping.abort()
      await Promise.all(asked.map(({ fresh }) => fresh.stop()))
      await Promise.all(asked.map(({ close }) => close()))
    },
  }
}
