/**
 * Child processes of tests: started with their output kept, waited for by a condition, ended by pid. Used by the end-to-end
 * tests only.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'

/** How a finished command ended. */
export interface Finished {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Bytes of output that are kept per stream; older output is dropped. */
const OUTPUT_CHARACTERS_MAX = 4_000_000

/** A running child. */
export interface Running {
  readonly pid: number
  /** Output so far. */
  readonly stdout: () => string
  readonly stderr: () => string
  /** Resolves with the exit code (128 + signal number for signals is not computed: -1). */
  readonly ended: Promise<number>
  /** Sends the signal and waits for the end; SIGKILL after `graceMs`. */
  stop(signal?: NodeJS.Signals, graceMs?: number): Promise<number>
}

/** Starts a program; its output is kept, its standard input is empty. */
export function start(
  program: string,
  args: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string } = {},
): Running {
  const child: ChildProcess = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout = (stdout + text).slice(-OUTPUT_CHARACTERS_MAX)
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-OUTPUT_CHARACTERS_MAX)
  })
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve(code ?? -1))
  })
  ended.catch(() => undefined)
  return {
    pid: child.pid ?? -1,
    stdout: () => stdout,
    stderr: () => stderr,
    ended,
    async stop(signal = 'SIGTERM', graceMs = 10_000) {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal)
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
      try {
        return await ended
      } finally {
        clearTimeout(timer)
      }
    },
  }
}

/** Runs a command to its end. A command that takes longer than `timeoutMs` is killed and has code -1. */
export async function run(
  program: string,
  args: readonly string[],
  options: {
    readonly env?: Readonly<Record<string, string>>
    readonly cwd?: string
    readonly timeoutMs?: number
  } = {},
): Promise<Finished> {
  const running = start(program, args, options)
  const timer = setTimeout(() => void running.stop('SIGKILL'), options.timeoutMs ?? 120_000)
  try {
    const code = await running.ended
    return { code, stdout: running.stdout(), stderr: running.stderr() }
  } finally {
    clearTimeout(timer)
  }
}

/** Runs a command that must succeed; the error shows what it printed. */
export async function mustRun(
  program: string,
  args: readonly string[],
  options: Parameters<typeof run>[2] = {},
): Promise<Finished> {
  const finished = await run(program, args, options)
  if (finished.code !== 0) {
    throw new Error(
      `${program} ${args.join(' ')} ended with ${finished.code}\n${finished.stdout.slice(-4000)}\n${finished.stderr.slice(-4000)}`,
    )
  }
  return finished
}

/** Longer than anything takes on a loaded machine, and shorter than the tests' own time-outs, which do not say what was waited for. */
const UNTIL_MS = 90_000

/** Polls `condition` every `pauseMs` until it yields something other than undefined or false. @throws after `timeoutMs`, naming `what` */
export async function until<T>(
  what: string,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs: number = UNTIL_MS,
  pauseMs = 100,
): Promise<T> {
  const end = Date.now() + timeoutMs
  for (;;) {
    const found = await condition()
    if (found !== undefined && found !== false) return found
    if (Date.now() > end) throw new Error(`waited ${timeoutMs} ms for ${what}`)
    await delay(pauseMs)
  }
}
