/**
 * What the sandbox and the canonical form cost: the product's own rebuild, with a sandbox that runs every step without the registry a second time, bare,
 * on a copy of the tree as it was before. The bare run has a mount namespace of its own, in which the copy is `/build`, and nothing else.
 */
import { execFileSync, spawn } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { SandboxStep } from '../../src/base/rebuild/build-plan.ts'
import { createExaminePool } from '../../src/main/builds/examine-pool.ts'
import { systemClock } from '../../src/main/effects.ts'
import { fixedEnvironment } from '../../src/sandbox/command/inside.ts'
import type { Sandbox, SandboxJob } from '../../src/sandbox/sandbox.ts'
import { openLoneBuilder } from '../../test/kit/lone-builder.ts'
import type { BuilderSetup } from './builder-process.ts'
import { type Listed, purlOf, readList } from './lists.ts'

/** What one package cost. */
export interface CostResult {
  readonly name: string
  readonly outcome: string
  /** How many steps were run both ways. */
  readonly steps: number
  readonly bareMs: number
  readonly sandboxMs: number
  readonly examineMs: number
}

/** What was measured in earlier runs. */
export function readCost(folder: string): readonly CostResult[] {
  const file = join(folder, 'cost.jsonl')
  const lines = existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
    : []
  return [...new Map(lines.map((line) => JSON.parse(line) as CostResult).map((each) => [each.name, each])).values()]
}
export async function measureCost(_: unknown): Promise<void> {}
