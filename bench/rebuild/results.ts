/** What was measured so far, as JSON lines in `.cache/bench-rebuild/`: a run goes on where the last one stopped. */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { BuildReport } from './builder-process.ts'
import type { Listed } from './lists.ts'

/** What the builders made of one package, in the order of the builders. */
export interface PackageResult extends Listed {
  /** Load average when it began. */
  readonly load: number
  readonly builders: readonly BuildReport[]
}

/** How far builders agree, best first. */
export type Agreement = 'bytes' | 'canonical' | 'unlike' | 'unbuildable' | 'failed'

/** The results of earlier runs; the last of a package counts. */
export function readResults(file: string): Map<string, PackageResult> {
  const lines = existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
    : []
  return new Map(lines.map((line) => JSON.parse(line) as PackageResult).map((result) => [keyOf(result), result]))
}

/** Adds one. */
export function addResult(file: string, result: PackageResult): void {
  mkdirSync(dirname(file), { recursive: true })
  appendFileSync(file, `${JSON.stringify(result)}\n`)
}

/** What names a package of a list. */
export function keyOf({ ecosystem, name, version }: Listed): string {
  return `${ecosystem} ${name} ${version}`
}

/** How far the builders of a package agree: all of them, in all files. */
export function agreementOf({ builders }: PackageResult): Agreement {
  if (builders.some(({ outcome }) => outcome === 'error')) return 'failed'
  if (builders.every(({ outcome }) => outcome !== 'built')) return 'unbuildable'
  const alike = (part: 'sha256' | 'canonical'): boolean =>
    new Set(builders.map(({ files }) => JSON.stringify(files?.map((file) => [file.name, file[part]]) ?? []))).size === 1
  return alike('sha256') ? 'bytes' : alike('canonical') ? 'canonical' : 'unlike'
}

/** The worst level of a package's files against what was published, as the first builder sees it. */
export function levelOf({ builders }: PackageResult, levels: readonly string[]): string | undefined {
  const found = builders[0]?.files?.map(({ level }) => level) ?? []
  if (found.length === 0) return undefined
  if (found.includes(undefined)) return 'nothing published under that name'
  return levels.findLast((level) => found.includes(level))
}
