/**
 * What the sandbox costs: a program of about one second of processor time, bare and as a step, by turns. Goal: under 15% with the
 * canonical forms; by processor time, since the machine may be busy;
 * steps run at nice 10, so the bare program does too.
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { needs } from '../../test/kit/needs.ts'
import { openRealSandbox } from '../../test/kit/real-sandbox.ts'
import { jobOptions } from '../../test/kit/sandbox-suite.ts'

const ROUNDS = 7
const PROGRAM = 'n = 0\nfor at in range(16_000_000): n += at & 7'

if (needs('bubblewrap', 'python3').skip !== undefined) {
  process.stdout.write('left out: bubblewrap or python3 is not installed\n')
  process.exit(0)
}
await using real = await openRealSandbox()
await using job = await real.sandbox.job(jobOptions({ stepSeconds: 600 }))
const never = new AbortController().signal

const step = async (argv: readonly [string, ...string[]]): Promise<void> => {
  const { exitCode } = await job.run({ name: 'bench', argv, directory: '.', env: {} }, never)
  if (exitCode !== 0) throw new Error(`the step ended with ${exitCode}`)
}
const bare = (argv: readonly [string, ...string[]]): Promise<void> => {
  const child = spawn(argv[0], argv.slice(1), { stdio: 'ignore', env: { PATH: '/usr/bin:/bin' } })
  return new Promise((resolve, reject) => {
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`it ended with ${code}`))))
  })
}

/** Seconds on the clock, and of processors (of this process and of children that have ended), in the fastest of the rounds. */
async function fastest(run: () => Promise<void>): Promise<{ readonly wall: number; readonly cpu: number }> {
  const walls: number[] = []
  const cpus: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    const start = performance.now()
    const before = processorSeconds()
    await run()
    walls.push((performance.now() - start) / 1000)
    cpus.push(processorSeconds() - before)
  }
  return { wall: Math.min(...walls), cpu: Math.min(...cpus) }
}

/** From `/proc`, whose ticks are 10 ms. */
function processorSeconds(): number {
  const stat = readFileSync('/proc/self/stat', 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks) / 100, 0)
}

const program = ['python3', '-c', PROGRAM] as const
const bareProgram = ['nice', '-n', '10', ...program] as const
await step(['true'])
const nothing = await fastest(() => step(['true']))
const alone = await fastest(() => bare(bareProgram))
const contained = await fastest(() => step(program))
const share = (a: number, b: number): string => `${((a / b - 1) * 100).toFixed(1)}%`
process.stdout.write(
  [
    `a step that does nothing: ${nothing.wall.toFixed(3)} s, ${nothing.cpu.toFixed(2)} s of processors`,
    `a program alone:          ${alone.wall.toFixed(3)} s, ${alone.cpu.toFixed(2)} s of processors`,
    `the same as a step:       ${contained.wall.toFixed(3)} s, ${contained.cpu.toFixed(2)} s of processors`,
    `the sandbox costs ${share(contained.wall, alone.wall)} of the time, ${share(contained.cpu, alone.cpu)} of the processors (fastest of ${ROUNDS})\n`,
  ].join('\n'),
)
