/** Runs one check: spin makes a verifier of the model, the C compiler builds it, and it searches every reachable state. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { ModelCheck } from './checks.ts'

const run = promisify(execFile)
const MODEL = fileURLToPath(new URL('agreement.pml', import.meta.url))

/** Longest path that is searched; the longest of all checks is a tenth of it, and a search cut short is an error. */
const DEPTH_MAX = 20_000
const TIMEOUT_MS = 120_000

/** What a search came to. */
export interface Searched {
  /** Different states found: with no violation all that there are. */
  readonly states: number
  readonly transitions: number
  /** What was found, as the verifier says it, or undefined. */
  readonly violation: string | undefined
}

/** Searches. @throws Error if a program fails or the search was not exhaustive */
export async function search(
  { macros, finds }: ModelCheck,
  tools: { readonly spin: string; readonly cc: string },
): Promise<Searched> {
  const cwd = await mkdtemp(join(tmpdir(), 'pyrsia-model-'))
  try {
    const defines = Object.entries(macros).map(([name, value]) => (value === true ? `-D${name}` : `-D${name}=${value}`))
    await run(tools.spin, [...defines, '-a', MODEL], { cwd, timeout: TIMEOUT_MS })
    // What is found is found soon: there the compiler would take longer than the search.
    await run(tools.cc, [finds === undefined ? '-O1' : '-O0', '-w', '-DSAFETY', '-o', 'pan', 'pan.c'], {
      cwd,
      timeout: TIMEOUT_MS,
    })
    const { stdout } = await run(join(cwd, 'pan'), [`-m${DEPTH_MAX}`, '-w22'], { cwd, timeout: TIMEOUT_MS })
    return readReport(stdout)
  } finally {
    await rm(cwd, { recursive: true, force: true })
  }
}

/** What a verifier's report says. @throws Error if it is none, or the search was cut short without a finding */
export function readReport(report: string): Searched {
  const number = (pattern: RegExp): number => {
    const found = pattern.exec(report)?.[1]
    if (found === undefined) throw new Error(`wanted ${pattern} in the report of the verifier, found ${report}`)
    return Number(found)
  }
  const errors = number(/errors: (\d+)/)
  const violation = /^pan:1: (.*?) \(at depth \d+\)/m.exec(report)?.[1]
  if (/max search depth too small|out of memory/.test(report) || errors > 0 !== (violation !== undefined)) {
    throw new Error(`the search was not exhaustive: ${report}`)
  }
  return { states: number(/(\d+) states, stored/), transitions: number(/(\d+) transitions/), violation }
}
