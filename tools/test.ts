/**
 * `npm test` and its relatives. Without an argument: the unit tests and then, one file at a time, what crosses folders and the
 * real clients. `unit`, `e2e`, `live` and `long` run one of these; further arguments are paths or patterns that replace its own.
 */
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { dropNpmVariables } from './plain-environment.ts'
import { addOutcomes, closing, isSuccess, NOTHING, type Outcome, type Phase, runPhase } from './test-runner.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND

/** The phases by name; `all` is a row of them. Nothing under test/live or test/long is part of `npm test`. */
const PHASES: Readonly<Record<string, readonly Phase[]>> = {
  unit: [{ patterns: ['src/**/*.test.ts', 'tools/**/*.test.ts'], concurrency: 3, timeoutMs: MINUTE }],
  e2e: [
    {
      patterns: ['kit', 'sim', 'statistics', 'model'].map((folder) => `test/${folder}/**/*.test.ts`),
      concurrency: 2,
      timeoutMs: 10 * MINUTE,
    },
    { patterns: ['test/e2e/**/*.test.ts'], concurrency: 1, timeoutMs: 12 * MINUTE },
  ],
  live: [{ patterns: ['test/live/**/*.test.ts'], concurrency: 1, timeoutMs: 15 * MINUTE }],
  long: [{ patterns: ['test/long/**/*.test.ts'], concurrency: 1, timeoutMs: 4 * 60 * MINUTE }],
}

const { positionals } = parseArgs({ allowPositionals: true })
const [which = 'all', ...patterns] = positionals
const chosen = which === 'all' ? [...(PHASES.unit ?? []), ...(PHASES.e2e ?? [])] : PHASES[which]
const last = chosen?.at(-1)
if (chosen === undefined || last === undefined) {
  process.stderr.write(`wanted one of ${Object.keys(PHASES).join(', ')}, found ${which}\n`)
  process.exit(2)
}

dropNpmVariables(process.env)
const everything = process.env.CI === 'true'
const root = fileURLToPath(new URL('..', import.meta.url))
let outcome: Outcome = NOTHING
for (const phase of patterns.length > 0 ? [{ ...last, patterns }] : chosen) {
  outcome = addOutcomes(outcome, await runPhase(phase, root))
}
process.exitCode = isSuccess(outcome, everything) ? 0 : 1
process.stdout.write(closing(outcome, everything))
