/**
 * Rounds of benchmarks in which each competitor runs once, in turns: what disturbs the machine disturbs all of them. The figure
 * that counts is the median of the rounds' own ratios.
 */
import { readFileSync } from 'node:fs'
import { median } from './load.ts'

/** One competitor. */
export interface Competitor {
  readonly name: string
  /** Not counted; e.g. starts what `run` is run against. */
  before?(): Promise<unknown>
  run(): Promise<unknown>
  /** Not counted. */
  after?(): Promise<unknown>
  /** The server whose CPU time is counted. */
  readonly pid?: number
}

/** What one competitor took. */
export interface Taken {
  /** Median of the rounds, milliseconds. */
  readonly medianMs: number
  /** CPU time of its server per round, milliseconds; undefined without a `pid`. */
  readonly cpuMs: number | undefined
  /** Median over the rounds of its time divided by that of the last competitor in the same round. */
  readonly ratio: number
}

/** Runs `rounds` rounds; the last competitor is the measure of the others. */
export async function interleaved(competitors: readonly Competitor[], rounds: number): Promise<Taken[]> {
  const times = competitors.map((): number[] => [])
  const cpus = competitors.map(() => 0)
  for (let round = 0; round < rounds; round += 1) {
    // Who comes first changes, so that nobody always finds what the other has warmed.
    const order = competitors.map((_, at) => (at + round) % competitors.length)
    for (const at of order) {
      const competitor = competitors[at] as Competitor
      const { pid } = competitor
      await competitor.before?.()
      const cpuBeforeMs = cpuMsOf(pid)
      const beganMs = performance.now()
      await competitor.run()
      times[at]?.push(performance.now() - beganMs)
      cpus[at] = (cpus[at] ?? 0) + cpuMsOf(pid) - cpuBeforeMs
      await competitor.after?.()
    }
  }
  const measure = times.at(-1) ?? []
  return competitors.map(({ pid }, at) => ({
    medianMs: median(times[at] ?? []),
    cpuMs: pid === undefined ? undefined : (cpus[at] ?? 0) / rounds,
    ratio: median((times[at] ?? []).map((ms, round) => ms / (measure[round] ?? Number.NaN))),
  }))
}

/** The figures as one line. */
export function taken(
  what: string,
  competitors: readonly Competitor[],
  figures: readonly Taken[],
  goal: number,
): string {
  const texts = competitors.map(({ name }, at) => {
    const { medianMs, cpuMs } = figures[at] as Taken
    return `${name} ${medianMs.toFixed(0)} ms${cpuMs === undefined ? '' : ` (${cpuMs.toFixed(0)} ms of CPU)`}`
  })
  return `${what}: ${texts.join(', ')}, ratio ${figures[0]?.ratio.toFixed(2)} (goal ${goal.toFixed(2)})\n`
}

/** User and system time of a process so far, milliseconds; 0 where /proc does not tell. */
function cpuMsOf(pid: number | undefined): number {
  if (pid === undefined) return 0
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
    // Fields 14 and 15 of the line, in hundredths of a second.
    return (Number(fields[11]) + Number(fields[12])) * 10
  } catch {
    return 0
  }
}
