/**
 * `npm run check`: the one gate. Format and lint, types, and the unit tests with the repository rules run side by side; their
 * output is shown one after the other, and the exit code is 0 only if all succeed.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const bin = join(root, 'node_modules/.bin')
/** What Node makes of the sources: each of some 300 test files runs in a process of its own, and most import the same ones. */
const compiled = join(root, '.cache/compiled')

/** The steps, the slowest first. */
const STEPS: ReadonlyArray<readonly [name: string, program: string, ...args: string[]]> = [
  ['unit tests and repository rules', process.execPath, join(root, 'tools/test.ts'), 'unit'],
  ['types', join(bin, 'tsc'), '-p', '.'],
  ['format and lint', join(bin, 'biome'), 'check', '--error-on-warnings', '--max-diagnostics=15', '.'],
]

interface StepResult {
  readonly name: string
  readonly ok: boolean
  readonly output: string
  readonly seconds: number
}

async function runStep(name: string, program: string, args: readonly string[]): Promise<StepResult> {
  const startMs = performance.now()
  const env = { NODE_COMPILE_CACHE: compiled, ...process.env }
  const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk))
  const code = await new Promise<number | null>((resolve) => {
    child.on('error', (error) => {
      chunks.push(Buffer.from(`${error.message}\n`))
      resolve(null)
    })
    child.on('close', resolve)
  })
  const seconds = (performance.now() - startMs) / 1000
  return { name, ok: code === 0, output: Buffer.concat(chunks).toString(), seconds }
}

const results = await Promise.all(STEPS.map(([name, program, ...args]) => runStep(name, program, args)))
for (const { name, ok, output, seconds } of results.reverse()) {
  const shown = ok
    ? output
        .split('\n')
        .filter((line) => line.startsWith('# '))
        .join('\n')
    : output
  process.stdout.write(`\n== ${name}: ${ok ? 'ok' : 'FAILED'} (${seconds.toFixed(1)} s)\n${shown}\n`)
}
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1
