/**
 * `npm run sim`: plays schedules and says how many held. A failure shows its last events and the command that plays it again.
 */
import { parseArgs } from 'node:util'
import { MUTATIONS } from './mutations.ts'
import { type Outcome, simulate } from './simulate.ts'

const HELP = `Simulates whole networks, each under a seed: lossy messages, partitions, crashes, clock skew, hostile builders and requesters.
After every block the safety rules are checked, and in calm weather that decisions are reached.

usage: npm run sim -- [--seed N] [--schedules K] [--minutes M] [--mutation NAME] [--trace] [--json]
  --seed N         the first seed, a whole number (1)
  --schedules K    how many seeds from there on (1; with --minutes: as many as fit)
  --minutes M      stop after so long
  --mutation NAME  with a bug on purpose: ${Object.keys(MUTATIONS).join(', ')}
  --trace          show the events of a schedule that held, too
  --json           one line of JSON at the end instead of text
exit code: 0 all held, 1 a rule was broken, 2 wrong usage
`

const SHOWN = 40

/** What a run came to. */
export interface Summary {
  readonly schedules: number
  readonly events: number
  readonly seconds: number
  readonly failed: Outcome | undefined
  readonly counts: Readonly<Record<string, number>>
}

/** Plays seeds from `first` on until a rule is broken, `schedules` were played or `minutes` have passed. */
export async function playSeeds(
  { first, schedules, minutes, mutation }: { first: number; schedules: number; minutes: number; mutation?: string },
  tell: (outcome: Outcome, played: number, held: number) => void,
): Promise<Summary> {
  const startMs = performance.now()
  const counts = new Map<string, number>()
  let events = 0
  let played = 0
  let failed: Outcome | undefined
  while (failed === undefined && played < schedules && performance.now() - startMs < minutes * 60_000) {
    const outcome = await simulate(String(first + played), mutation)
    played += 1
    events += outcome.events
    for (const [name, count] of outcome.counts) counts.set(name, (counts.get(name) ?? 0) + count)
    if (outcome.violation !== undefined) failed = outcome
    tell(outcome, played, failed === undefined ? played : played - 1)
  }
  const sorted = Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)))
  return { schedules: played, events, seconds: (performance.now() - startMs) / 1000, failed, counts: sorted }
}

/** How far a run is: how many schedules were played, and of how many that held is so. */
export function progressLine(played: number, held: number): string {
  return held === played ? `${played} schedules held` : `${played} schedules played, ${held} held`
}

/** The command that plays a seed again. */
export function commandOf(seed: string, mutation?: string): string {
  return `npm run sim -- --seed ${seed}${mutation === undefined ? '' : ` --mutation ${mutation}`}`
}

function wrongUsage(text: string): never {
  process.stderr.write(`${text}\n\n${HELP}`)
  process.exit(2)
}

function wholeOf(text: string | undefined, otherwise: number, name: string): number {
  if (text === undefined) return otherwise
  const found = Number(text)
  return Number.isSafeInteger(found) && found > 0
    ? found
    : wrongUsage(`wanted a whole number from 1 for --${name}, found ${text}`)
}

function readOptions() {
  const option = (type: 'string' | 'boolean') => ({ type }) as const
  try {
    const { values } = parseArgs({
      options: {
        seed: option('string'),
        schedules: option('string'),
        minutes: option('string'),
        mutation: option('string'),
        trace: option('boolean'),
        json: option('boolean'),
        help: option('boolean'),
      },
    })
    return values as { [key in 'seed' | 'schedules' | 'minutes' | 'mutation']?: string } & {
      [key in 'trace' | 'json' | 'help']?: boolean
    }
  } catch (error) {
    return wrongUsage(error instanceof Error ? error.message : String(error))
  }
}

async function main(): Promise<void> {
  const { seed, schedules, minutes, mutation, trace, json, help } = readOptions()
  if (help) {
    process.stdout.write(HELP)
    return
  }
  if (mutation !== undefined && !Object.hasOwn(MUTATIONS, mutation)) wrongUsage(`found no mutation ${mutation}`)
  const plan = {
    first: wholeOf(seed, 1, 'seed'),
    schedules: wholeOf(schedules, minutes === undefined ? 1 : Number.POSITIVE_INFINITY, 'schedules'),
    minutes: wholeOf(minutes, Number.POSITIVE_INFINITY, 'minutes'),
    ...(mutation === undefined ? {} : { mutation }),
  }
  let toldMs = performance.now()
  const summary = await playSeeds(plan, (outcome, played, held) => {
    if (trace && outcome.violation === undefined) process.stdout.write(`${outcome.trace.join('\n')}\n`)
    if (performance.now() - toldMs < 5000) return
    toldMs = performance.now()
    process.stderr.write(`${progressLine(played, held)}, at seed ${outcome.seed}\n`)
  })
  const { failed, counts, events, seconds } = summary
  const command = failed === undefined ? undefined : commandOf(failed.seed, mutation)
  if (json) {
    const { violation } = failed ?? {}
    process.stdout.write(
      `${JSON.stringify({ ...summary, failed: failed && { seed: failed.seed, violation, command } })}\n`,
    )
  } else {
    for (const [name, count] of Object.entries(counts)) process.stdout.write(`${String(count).padStart(9)} ${name}\n`)
    const perSecond = (summary.schedules / seconds).toFixed(1)
    process.stdout.write(`${summary.schedules} schedules, ${events} events, ${seconds.toFixed(1)} s, ${perSecond}/s\n`)
  }
  if (failed?.violation === undefined) return
  process.exitCode = 1
  if (json) return
  const { rule, text } = failed.violation
  process.stdout.write(`\n${failed.trace.slice(-SHOWN).join('\n')}\n\nBROKEN ${rule}: ${text}\nagain: ${command}\n`)
}

if (import.meta.main) await main()
