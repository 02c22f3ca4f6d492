/**
 * How alike builders build: the lists in `bench/rebuild/` by three builders that differ in what should not matter, and what the sandbox costs; writes
 * `bench/rebuild.md`. `--limit N` takes the first N of each list, `--only npm|pypi` one list, `--again` what failed before once more, `--cost` measures
 * the cost, `--report` only writes. `PYRSIA_BENCH_PYTHON` is the prefix of another Python for the third builder. Goes on where it stopped.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startGitServer } from '../../test/kit/git-server.ts'
import type { BuildReport } from './builder-process.ts'
import { type BuilderProcess, describe, startBuilder, threeSurroundings } from './builders.ts'
import { type CostResult, measureCost, readCost } from './cost.ts'
import { AS_OF_SECONDS, type Listed, readList } from './lists.ts'
import { startPythonIndex } from './python-index.ts'
import { writeReport } from './report.ts'
import { addResult, agreementOf, keyOf, type PackageResult, readResults } from './results.ts'
import { startSyntheticNpm } from './synthetic-npm.ts'

const PACKAGE_MS = 300_000
const COST_LIMIT = 5
const GOALS = { pypi: 90, npm: 95 } as const
const CACHE = fileURLToPath(new URL('../../.cache/bench-rebuild', import.meta.url))
const REPORT = fileURLToPath(new URL('../rebuild.md', import.meta.url))
const RESULTS = join(CACHE, 'results.jsonl')

const { values: flags } = parseArgs({
  options: {
    limit: { type: 'string', default: '1000' },
    only: { type: 'string' },
    again: { type: 'boolean', default: false },
    cost: { type: 'boolean', default: false },
    report: { type: 'boolean', default: false },
  },
})
const surroundings = threeSurroundings(process.env.PYRSIA_BENCH_PYTHON)
const ecosystems = (['pypi', 'npm'] as const).filter((each) => flags.only === undefined || flags.only === each)

if (!flags.report) await measure()
report()

async function measure(): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'pyrsia-bench-rebuild-'))
  chmodSync(root, 0o755)
  mkdirSync(CACHE, { recursive: true })
  const git = await startGitServer()
  const [index, npm] = await Promise.all([startPythonIndex(join(CACHE, 'index')), startSyntheticNpm(CACHE, git)])
  const registries = { npm: npm.url, pypi: index.url }
  // Repositories are on loopback or nowhere.
  const mirrors = [{ prefix: 'https://', to: `${git.url}/` }]
  const setup = { registries, mirrors, asOfSeconds: AS_OF_SECONDS }
  const builders = surroundings.map((each) => startBuilder(each, root, setup))
  try {
    if (flags.cost) {
      await measureCost({
        ...setup,
        add: npm.add,
        directory: join(root, 'cost'),
        folder: CACHE,
        limit: Math.min(Number(flags.limit), COST_LIMIT),
      })
    } else {
      for (const listed of wanted()) {
        if (listed.ecosystem === 'npm') npm.add(listed)
        await buildAll(listed, builders)
      }
    }
  } finally {
    await Promise.all([...builders.map((each) => each.close()), index.close(), npm.close(), git.close()])
    rmSync(root, { recursive: true, force: true })
  }
}

/** What is still to be run, the lists in turns so that a run that is stopped has some of each. */
function wanted(): readonly Listed[] {
  const known = readResults(RESULTS)
  const lists = ecosystems.map((each) => readList(each).slice(0, Number(flags.limit)))
  const longest = Math.max(...lists.map((list) => list.length))
  const inTurns = Array.from({ length: longest }, (_, at) => lists.flatMap((list) => list[at] ?? [])).flat()
  return inTurns.filter((listed) => {
    const result = known.get(keyOf(listed))
    return result === undefined || (flags.again && agreementOf(result) !== 'bytes')
  })
}

async function buildAll(listed: Listed, builders: readonly BuilderProcess[]): Promise<void> {
  const load = loadavg()[0] ?? 0
  const result: PackageResult = {
    ...listed,
    load: Math.round(load),
    builders: await Promise.all(builders.map((builder) => buildTwice(builder, listed))),
  }
  addResult(RESULTS, result)
  const [first] = result.builders
  const levels = first?.files?.map(({ level }) => level ?? 'nothing').join(', ') ?? first?.reason ?? ''
  const seconds = result.builders.map((each) => each.seconds).join('/')
  process.stdout.write(`${keyOf(listed)}: ${agreementOf(result)}; ${levels} (${seconds} s, load ${load.toFixed(0)})\n`)
}

/** What went wrong with the machine is tried again, as builders do, if there is time. */
async function buildTwice(builder: BuilderProcess, listed: Listed): Promise<BuildReport> {
  const report = await builder.build(listed, PACKAGE_MS)
  const leftMs = PACKAGE_MS - report.seconds * 1000
  return report.outcome === 'error' && leftMs > 0 ? await builder.build(listed, leftMs) : report
}

function report(): void {
  const known = readResults(RESULTS)
  const cost: readonly CostResult[] = readCost(CACHE)
  const lists = (['pypi', 'npm'] as const).map((ecosystem) => {
    const listed = readList(ecosystem)
    const results = listed.flatMap((each) => known.get(keyOf(each)) ?? [])
    return { ecosystem, listed: listed.length, goal: GOALS[ecosystem], results }
  })
  const seen = lists.flatMap(({ results }) => results.map(({ load }) => load))
  const range = seen.length === 0 ? 'unknown' : `${Math.min(...seen)} to ${Math.max(...seen)}`
  writeReport(REPORT, { lists, builders: surroundings.map(describe), cost, loads: range })
  process.stdout.write(`written: ${REPORT}\n`)
}
