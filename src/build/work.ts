/** A builder at work: follows the log, sees the draws that name it, and does each until its verdict is recorded. */
import { type Entry, parseEntry } from '../base/entries/entry.ts'
import { errorChain, isKind } from '../base/errors.ts'
import type { LogHit } from '../log/log.ts'
import { type BuildDependencies, build } from './build.ts'
import type { Job } from './builder.ts'
import { createSlots } from './slots.ts'

/** A builder that works until it is stopped. */
export interface Work {
  /** Jobs under way, this node's as a standby too. */
  jobs(): readonly Job[]
  stop(): Promise<void>
}

const PAGE = 100
const PAUSE_MS = 1000
const PAUSE_MAX_MS = 60_000

/** Begins, with what is open since before the last stop. `slots`: builds at the same time. */
export function startWork(deps: BuildDependencies & { readonly slots: number }): Work {
  const ending = new AbortController()
  const underWay = new Map<number, { readonly job: Job; readonly done: Promise<void> }>()
  const limit = createSlots(deps.slots)
  const builder = {
    ...deps.builder,
    run: (...given: Parameters<typeof deps.builder.run>) => limit(() => deps.builder.run(...given)),
  }
  let from = deps.jobs.cursor()
  let looking: Promise<void> | undefined
  let again = false

  const begin = ({ index, job }: Found): void => {
    if (underWay.has(index) || ending.signal.aborted) return
    const done = finish(job, { ...deps, builder }, ending.signal).finally(() => {
      underWay.delete(index)
      if (!ending.signal.aborted) deps.jobs.setCursor(Math.min(from, ...underWay.keys()))
    })
    underWay.set(index, { job, done })
  }
  const look = async (): Promise<void> => {
    const size = deps.log.newest()?.size ?? 0
    for (const found of await draws(from, deps, ending.signal)) begin(found)
    from = Math.max(from, size)
    deps.jobs.setCursor(Math.min(from, ...underWay.keys()))
  }
  const lookSoon = (): void => {
    again = true
    looking ??= (async () => {
      while (again && !ending.signal.aborted) {
        again = false
        await look().catch((error) => {
          if (!ending.signal.aborted) deps.logger.error({ error: errorChain(error) }, 'looking for work failed')
        })
      }
      looking = undefined
    })()
  }
  const unwatch = deps.log.watch(lookSoon)
  lookSoon()
  return {
    jobs: () => [...underWay.values()].map(({ job }) => job),
    async stop() {
      unwatch()
      ending.abort()
      await looking
      await Promise.all([...underWay.values()].map(({ done }) => done))
    },
  }
}

interface Found {
  /** Of the selection. */
  readonly index: number
  readonly job: Job
}

/** Selections from index `from` on that name this node, oldest first. */
async function draws(from: number, { log, member }: BuildDependencies, signal: AbortSignal): Promise<Found[]> {
  const found: Found[] = []
  for (let before: number | undefined; ; ) {
    const page: LogHit[] = await log.find(
      { kind: 'selection', limit: PAGE, ...(before === undefined ? {} : { before }) },
      signal,
    )
    const newer = page.filter(({ index }) => index >= from)
    for (const { index, entry } of newer) {
      const job = jobIn(entry, member.key)
      if (job !== undefined) found.push({ index, job })
    }
    before = newer.at(-1)?.index
    if (before === undefined || newer.length < PAGE) return found.reverse()
  }
}

function jobIn(bytes: Uint8Array, node: string): Job | undefined {
  let entry: Entry
  try {
    entry = parseEntry(bytes)
  } catch (error) {
    if (isKind(error, 'usage')) return undefined
    throw error
  }
  if (entry.kind !== 'selection' || entry.outcome !== 'selected') return undefined
  const { purl, request, attempt, selected, standbys } = entry
  return [...selected, ...standbys].some((seat) => seat.node === node) ? { purl, request, attempt } : undefined
}

/** Does a job, again after an error, until it is recorded or over. */
async function finish(job: Job, deps: BuildDependencies, signal: AbortSignal): Promise<void> {
  const { clock, logger } = deps
  for (let pauseMs = PAUSE_MS; !signal.aborted; pauseMs = Math.min(PAUSE_MAX_MS, pauseMs * 2)) {
    try {
      const recorded = await build(job, deps, signal)
      const { outcome } = recorded?.entry ?? {}
      logger.info({ ...job, outcome, agreed: recorded?.agreed }, 'a build is over')
      return
    } catch (error) {
      if (signal.aborted) return
      logger.error({ ...job, error: errorChain(error) }, 'a build failed here, trying again')
      if (isKind(error, 'conflict')) return
      await clock.sleep(pauseMs, signal).catch(() => {})
    }
  }
}
