/** Writes `bench/rebuild.md` from what was measured: counts of each outcome and level, and every package that did not come out alike, with why. */
import { writeFileSync } from 'node:fs'
import { LEVELS } from '../../src/base/entries/result.ts'
import type { CostResult, Taken } from './cost.ts'
import { type Agreement, agreementOf, levelOf, type PackageResult } from './results.ts'

/** What the report is made of. */
export interface ReportFacts {
  readonly lists: ReadonlyArray<{
    readonly ecosystem: 'npm' | 'pypi'
    readonly listed: number
    readonly goal: number
    readonly results: readonly PackageResult[]
  }>
  /** Rows of a table, one for each builder. */
  readonly builders: readonly string[]
  readonly cost: readonly CostResult[]
  /** Of the machine, while it ran. */
  readonly loads: string
}

const AGREEMENTS: Readonly<Record<Agreement, string>> = {
  bytes: 'all three the same bytes',
  canonical: 'not the same bytes, the same canonical form',
  unlike: 'unlike',
  unbuildable: 'built by none',
  failed: 'a builder gave no answer (its machine, or five minutes)',
}
const NAMES = { npm: 'npm (*synthetic*)', pypi: 'PyPI (*repackaged*)' } as const
const REASON_CHARACTERS = 220

/** Writes it. */
export function writeReport(file: string, facts: ReportFacts): void {
  writeFileSync(file, `${[...headOf(facts), ...facts.lists.flatMap(sectionOf), ...costOf(facts.cost)].join('\n')}\n`)
}

function headOf({ builders, loads }: ReportFacts): string[] {
  return [
    '# Rebuilds: how alike builders build',
    '',
    'Written by `npm run bench -- rebuild`; do not edit. The lists are frozen (`rebuild/pypi.txt`, `rebuild/npm.txt`), failures stay in them. A run goes on',
    'where the last one stopped (`.cache/bench-rebuild/`), so the same command runs the rest; `--limit N` runs the first N of each list.',
    'Everything goes through the product: source, confirm and recipe of the ecosystem, `build/rebuild`, git, the registry as it was, bubblewrap.',
    '',
    '- **PyPI, repackaged**: built from the source archive that the index has, not from a repository: it says whether builders agree, and whether the',
    "  archive makes the wheel, not where the archive comes from. The index is reached by the machine's own pip. Repositories that metadata names are",
    '  answered 404 on loopback.',
    '- **npm, synthetic**: each from a git repository made on loopback from its published tarball: it shows agreement between builders, nothing about upstream.',
    '  Node and npm are those of this machine, as packages.',
    '',
    `Machine: two cores, load average ${loads} while it ran. The three builders:`,
    '',
    '| | umask | TZ | locale | user | host | directory | processors | Python in the sandbox |',
    '|---|---|---|---|---|---|---|---|---|',
    ...builders,
    '',
    'What a sandbox shows of these is the same (user `builder`, host, `/build`, UTC, C.UTF-8, umask 022), which is what is put to the test. Another Python is',
    'given other files of what a build requires, so the dependencies, and with them the whole agreed part of the result, can differ where the bytes do not.',
    'Not varied: the date (all ask as of the same second), kernel, file system, and the system below `/usr` but for Python.',
    '',
  ]
}

function sectionOf({ ecosystem, listed, goal, results }: ReportFacts['lists'][number]): string[] {
  const agreements = results.map(agreementOf)
  const counts = Object.entries(AGREEMENTS).map(([agreement, what]) => {
    return `| ${what} | ${agreements.filter((each) => each === agreement).length} |`
  })
  const same = agreements.filter((each) => each === 'bytes').length
  const agreed = results.filter((result) => agreementOf(result) !== 'failed' && agreedOf(result).size === 1).length
  const built = results.filter(({ builders }) => builders[0]?.outcome === 'built')
  const levels = built.map((result) => levelOf(result, LEVELS))
  const pair = results.filter(
    (result) => agreementOf({ ...result, builders: result.builders.slice(0, 2) }) === 'bytes',
  ).length
  const seconds = results.flatMap(({ builders }) => builders.map((each) => each.seconds)).toSorted((a, b) => a - b)
  const share = results.length === 0 ? '' : ` (${((100 * same) / results.length).toFixed(0)}%, goal ${goal}%)`
  return [
    `## ${NAMES[ecosystem]}`,
    '',
    `${results.length} of ${listed} listed packages were run${results.length < listed ? '; the rest was **not run**' : ''}.`,
    `${same} of ${results.length} agree byte for byte${share}; in ${agreed} the whole agreed part of the result (source, lock, dependencies, files) is the same.`,
    `Builders a and b, which have the same Python, agree byte for byte in ${pair} of ${results.length}.`,
    `Seconds for one build, three at a time: median ${seconds[seconds.length >> 1] ?? '-'}, longest ${seconds.at(-1) ?? '-'}.`,
    '',
    '| builders | packages |',
    '|---|---|',
    ...counts,
    '',
    '| against what was published (worst file of the package, builder a) | packages |',
    '|---|---|',
    ...[...LEVELS, 'nothing published under that name'].map((level) => {
      return `| ${level} | ${levels.filter((each) => each === level).length} |`
    }),
    '',
    ...listOf(
      'Not the same bytes',
      results.filter((result) => agreementOf(result) !== 'bytes'),
      whyUnlike,
    ),
    ...listOf(
      'The same bytes by three builders, another agreed part',
      results.filter((result) => agreementOf(result) === 'bytes' && agreedOf(result).size > 1),
      ({ builders }) => builders.map(({ toolchains = [] }) => toolchains.join(', ')).join(' / '),
    ),
    ...listOf(
      'Built, and other than what was published',
      built.filter((result) => !['exact', 'container', 'canonical'].includes(levelOf(result, LEVELS) ?? '')),
      whyOther,
    ),
  ]
}

function agreedOf({ builders }: PackageResult): ReadonlySet<string | undefined> {
  return new Set(builders.map(({ agreed }) => agreed))
}

function listOf(
  title: string,
  results: readonly PackageResult[],
  why: (result: PackageResult) => string,
): readonly string[] {
  if (results.length === 0) return []
  const lines = results.map((result) => `- ${result.name} ${result.version}: ${shown(why(result))}`)
  return [`${title}:`, '', ...lines, '']
}

function whyUnlike({ builders }: PackageResult): string {
  const reasons = builders.map(({ outcome, reason, toolchains = [] }) =>
    reason === undefined ? `${outcome} by ${toolchains.join(', ')}` : `${outcome}: ${reason}`,
  )
  if (new Set(reasons).size === 1) return reasons[0] ?? ''
  return reasons.map((reason, at) => `${'abc'[at]} ${reason}`).join('; ')
}

/** The differences that stand at the end of a build's log. */
function whyOther(result: PackageResult): string {
  const [first] = result.builders
  const names = first?.files?.map(({ name }) => name) ?? []
  const lines = (first?.log ?? '')
    .split('\n')
    .filter((line) => names.some((name) => line.startsWith(`${name}: `)) && !line.includes(' taken as '))
  return `${levelOf(result, LEVELS)}; ${lines[0]?.replace(/^\S+: /, '') ?? 'no difference was named'}${lines.length > 1 ? ` (and ${lines.length - 1} more)` : ''}`
}

/** One line without what could be read as markup or a host of a registry. */
function shown(text: string): string {
  const line = text
    .replaceAll(/https?:\/\/[^\s/]+/g, '…')
    .replaceAll(/[\s|`<>]+/g, ' ')
    .trim()
  return line.length > REASON_CHARACTERS ? `${line.slice(0, REASON_CHARACTERS)}…` : line
}

function costOf(results: readonly CostResult[]): string[] {
  const title = ['## What the sandbox and the canonical form cost', '']
  if (results.length === 0)
    return [...title, '**Not measured**: `npm run bench -- rebuild --cost` as root measures it.']
  const rows = results.map((each) => rowOf(each.name, each))
  const sum = (part: 'bare' | 'sandbox' | 'examine'): Taken => ({
    wallMs: results.reduce((so, each) => so + each[part].wallMs, 0),
    cpuMs: results.reduce((so, each) => so + each[part].cpuMs, 0),
  })
  const steps = results.reduce((so, each) => so + each.steps, 0)
  const seen = results.map(({ load }) => load)
  return [
    ...title,
    'Each step without the registry (`npm run bench -- rebuild --cost`) was run in the sandbox and, on a copy of the same tree, bare: the same program,',
    'arguments and environment, one right after the other, in turns. Steps that resolve and fetch are left out of both. Comparing has what reading,',
    "canonical digest and comparison with the published file took, its worker's start too. CPU time counts: by the clock, other work on the same two",
    `cores is measured as well (load average ${Math.min(...seen)} to ${Math.max(...seen)}), for which the sandbox, being nice, waits longer.`,
    '',
    `Goal: under 15% more than bare. A step costs ${ms((sum('sandbox').cpuMs - sum('bare').cpuMs) / steps)} more in the mean, whatever it does, so small packages pay most.`,
    '',
    '| package | steps | bare, CPU | in the sandbox | comparing | more than bare, CPU | by the clock |',
    '|---|---|---|---|---|---|---|',
    ...rows,
    rowOf('**all**', { steps, bare: sum('bare'), sandbox: sum('sandbox'), examine: sum('examine') }),
  ]
}

function rowOf(name: string, { steps, bare, sandbox, examine }: Omit<CostResult, 'name' | 'outcome' | 'load'>): string {
  const more = (part: keyof Taken): string => percent(sandbox[part] + examine[part] - bare[part], bare[part])
  const figures = [bare, sandbox, examine].map(({ cpuMs }) => ms(cpuMs))
  return `| ${[name, steps, ...figures, more('cpuMs'), more('wallMs')].join(' | ')} |`
}

function ms(value: number): string {
  return `${Math.round(value)} ms`
}

function percent(part: number, whole: number): string {
  return whole === 0 ? '-' : `${((100 * part) / whole).toFixed(0)}%`
}
