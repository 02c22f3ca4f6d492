/**
 * What the sandbox and the canonical form cost: the product's own rebuild, with a sandbox that runs every step without the registry a second time, bare,
 * on a copy of the tree as it was before. The bare run has a mount namespace of its own, in which the copy is `/build`, and nothing else.
 */
import { execFileSync, spawn } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import type { SandboxStep } from '../../src/base/rebuild/build-plan.ts'
import { createExaminePool } from '../../src/main/builds/examine-pool.ts'
import { systemClock } from '../../src/main/effects.ts'
import { fixedEnvironment } from '../../src/sandbox/command/inside.ts'
import type { Sandbox } from '../../src/sandbox/sandbox.ts'
import { openRealRebuild } from '../../test/kit/real-rebuild.ts'
import type { BuilderSetup } from './builder-process.ts'
import { type Listed, purlOf, readList } from './lists.ts'

/** What one package cost. */
export interface CostResult {
  readonly name: string
  readonly outcome: string
  /** How many steps were run both ways. */
  readonly steps: number
  readonly bare: Taken
  readonly sandbox: Taken
  readonly examine: Taken
  readonly load: number
}

/** Time by the clock, and of processors: this process, its threads, and all that it started and waited for. */
export interface Taken {
  readonly wallMs: number
  readonly cpuMs: number
}

/** What is needed to measure. */
export interface CostAsk extends Omit<BuilderSetup, 'cpuCount'> {
  /** Makes a package's repository. */
  add(listed: Listed): void
  /** Where results are kept. */
  readonly folder: string
  /** Of each list, from its beginning. */
  readonly limit: number
}

/** Sums of one package, by what was measured. */
type Sums = { steps: number } & Record<'bare' | 'sandbox' | 'examine', { wallMs: number; cpuMs: number }>

const PLACE = '/build'
const FILE = 'cost.jsonl'
const TICK_MS = 10
const BARE = `mount --bind "$1" ${PLACE} && cd "$2" && shift 2 && exec "$@"`

/** What was measured in earlier runs. */
export function readCost(folder: string): readonly CostResult[] {
  const file = join(folder, FILE)
  const lines = existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
    : []
  return [...new Map(lines.map((line) => JSON.parse(line) as CostResult).map((each) => [each.name, each])).values()]
}

/** Measures the first packages of both lists. Needs root, for the bare run's namespace. */
export async function measureCost(ask: CostAsk): Promise<void> {
  const madePlace = mkdirSync(PLACE, { recursive: true }) !== undefined
  const sums = noSums()
  const compare = createExaminePool({ workers: 1 }, { clock: systemClock })
  const { directory, registries: upstreams, mirrors, asOfSeconds } = ask
  const builder = await openRealRebuild({
    folder: directory,
    upstreams,
    mirrors,
    // All that this machine has: bare programs are held to no processor either.
    cpuCount: 2,
    sandboxOf: (real) => twice(real, join(directory, 'bare'), sums),
    examine: async (job, signal) => await taken(sums.examine, () => compare(job, signal)),
  })
  try {
    for (const listed of (['pypi', 'npm'] as const).flatMap((each) => readList(each).slice(0, ask.limit))) {
      if (listed.ecosystem === 'npm') ask.add(listed)
      Object.assign(sums, noSums())
      const { built } = await builder.run({ purl: purlOf(listed), requestedAtSeconds: asOfSeconds })
      const name = `${listed.ecosystem} ${listed.name} ${listed.version}`
      const result: CostResult = { name, outcome: built.result.outcome, ...sums, load: Math.round(loadavg()[0] ?? 0) }
      appendFileSync(join(ask.folder, FILE), `${JSON.stringify(result)}\n`)
      process.stdout.write(`${JSON.stringify(result)}\n`)
    }
  } finally {
    await builder[Symbol.asyncDispose]()
    if (madePlace) rmdirSync(PLACE)
  }
}

/** Runs steps without the registry both ways; which way first is turned round each time. */
function twice(real: Sandbox, copy: string, sums: Sums): Sandbox {
  return {
    name: real.name,
    async job(options) {
      const job = await real.job(options)
      return {
        ...job,
        async run(step, signal) {
          if (step.registry !== undefined) return await job.run(step, signal)
          rmSync(copy, { recursive: true, force: true })
          execFileSync('cp', ['-a', '--', job.directory, copy])
          const bare = (): Promise<void> => taken(sums.bare, () => runBare(step, copy, options.sourceDateSeconds))
          const bareFirst = sums.steps % 2 === 0
          if (bareFirst) await bare()
          const outcome = await taken(sums.sandbox, () => job.run(step, signal))
          if (!bareFirst) await bare()
          rmSync(copy, { recursive: true, force: true })
          sums.steps += 1
          return outcome
        },
      }
    },
  }
}

/** Beside the program itself it takes a mount, a shell and `unshare`, some 10 ms. */
async function runBare(step: SandboxStep, tree: string, sourceDateSeconds: number): Promise<void> {
  const where = `${PLACE}/${step.directory}`
  const child = spawn(
    'unshare',
    ['--mount', '--propagation', 'private', 'sh', '-c', BARE, 'sh', tree, where, ...step.argv],
    { env: { ...fixedEnvironment(sourceDateSeconds), ...step.env }, stdio: 'ignore' },
  )
  await new Promise<void>((resolve) => child.once('close', () => resolve()))
}

function noSums(): Sums {
  const none = (): Sums['bare'] => ({ wallMs: 0, cpuMs: 0 })
  return { steps: 0, bare: none(), sandbox: none(), examine: none() }
}

async function taken<T>(sum: Sums['bare'], act: () => Promise<T>): Promise<T> {
  const startedMs = performance.now()
  const beforeMs = cpuMs()
  try {
    return await act()
  } finally {
    sum.wallMs += performance.now() - startedMs
    sum.cpuMs += cpuMs() - beforeMs
  }
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  // Fields 16 and 17: what children took, and theirs, that were waited for.
  const stat = readFileSync('/proc/self/stat', 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (user + system) / 1000 + (Number(fields[13]) + Number(fields[14])) * TICK_MS
}
