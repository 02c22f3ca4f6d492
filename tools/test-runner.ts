/**
 * Runs test files with node:test in phases, prints one report and one summary, and says which tests were left out for want of
 * tools. Used by `npm test` and its relatives (`tools/test.ts`); knows nothing of what is tested.
 */
import { globSync } from 'node:fs'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'

/** A set of files that run under the same rules. */
export interface Phase {
  readonly patterns: readonly string[]
  /** Test files at a time. */
  readonly concurrency: number
  /** For one file. */
  readonly timeoutMs: number
}

/** What a run came to; the names are those of node's own summary. */
export interface Outcome {
  readonly tests: number
  readonly suites: number
  readonly pass: number
  readonly fail: number
  readonly cancelled: number
  readonly skipped: number
  readonly todo: number
  readonly durationMs: number
  /** Every test that did not run, with the reason that it gave. */
  readonly leftOut: ReadonlyArray<{ readonly name: string; readonly reason: string }>
}

/** Nothing run yet. */
export const NOTHING: Outcome = {
  tests: 0,
  suites: 0,
  pass: 0,
  fail: 0,
  cancelled: 0,
  skipped: 0,
  todo: 0,
  durationMs: 0,
  leftOut: [],
}

/** Runs one phase, reporting to stdout as it goes, without a summary of its own. */
export async function runPhase(phase: Phase, cwd: string): Promise<Outcome> {
  const files = globSync([...phase.patterns], { cwd, exclude: ['**/node_modules/**'] }).sort()
  if (files.length === 0) return NOTHING
  const leftOut: Array<{ name: string; reason: string }> = []
  let outcome: Outcome = NOTHING
  const events = run({ files, cwd, concurrency: phase.concurrency, timeout: phase.timeoutMs })
  events.on('test:pass', ({ name, skip }) => {
    if (skip !== undefined) leftOut.push({ name, reason: String(skip) })
  })
  events.on('test:summary', ({ file, counts, duration_ms }) => {
    if (file !== undefined) return
    const { tests, suites, passed, cancelled, skipped, todo } = counts
    const fail = tests - passed - cancelled - skipped - todo
    outcome = { tests, suites, pass: passed, fail, cancelled, skipped, todo, durationMs: duration_ms, leftOut }
  })
  const report = events
    .filter(({ type }: { type: string }) => type !== 'test:diagnostic' && type !== 'test:summary')
    .compose(spec)
  for await (const text of report) process.stdout.write(text as string)
  return outcome
}

/** Two outcomes as one. */
export function addOutcomes(a: Outcome, b: Outcome): Outcome {
  return {
    tests: a.tests + b.tests,
    suites: a.suites + b.suites,
    pass: a.pass + b.pass,
    fail: a.fail + b.fail,
    cancelled: a.cancelled + b.cancelled,
    skipped: a.skipped + b.skipped,
    todo: a.todo + b.todo,
    durationMs: a.durationMs + b.durationMs,
    leftOut: [...a.leftOut, ...b.leftOut],
  }
}

/** True if the outcome may be called a success; with `everything`, nothing may have been left out. No tests at all is a failure. */
export function isSuccess(outcome: Outcome, everything: boolean): boolean {
  if (outcome.tests === 0 || outcome.fail > 0 || outcome.cancelled > 0) return false
  return !everything || (outcome.skipped === 0 && outcome.todo === 0)
}

/** The closing text: what was left out, how to have it run, and the summary in node's own (TAP) format as the last lines. */
export function closing(outcome: Outcome, everything: boolean): string {
  const lines: string[] = ['']
  if (outcome.leftOut.length > 0) {
    lines.push(everything ? 'Left out, which CI=true does not allow:' : 'Left out on this machine:')
    for (const { name, reason } of outcome.leftOut) lines.push(`  - ${name}: ${reason}`)
    lines.push('To have them run: npm run test:tools   (as root; installs what Debian and the npm registry have)', '')
  }
  lines.push(
    `# tests ${outcome.tests}`,
    `# suites ${outcome.suites}`,
    `# pass ${outcome.pass}`,
    `# fail ${outcome.fail}`,
    `# cancelled ${outcome.cancelled}`,
    `# skipped ${outcome.skipped}`,
    `# todo ${outcome.todo}`,
    `# duration_ms ${outcome.durationMs}`,
  )
  return `${lines.join('\n')}\n`
}
