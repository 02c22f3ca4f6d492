/**
 * Starts one step, speaks with the runner inside, and waits until the last process of it is gone. Knows nothing of jobs and limits:
 * it is told what to start and when to end it.
 */
import { type StdioOptions, spawn } from 'node:child_process'
import type { Duplex, Readable } from 'node:stream'
import type { StepReport, StepRequest } from '../inside/run-step.ts'

/** What is started. */
export interface StepStart {
  readonly command: readonly [string, ...string[]]
  readonly request: StepRequest
  /** Written to `DESCRIPTORS.filter`. */
  readonly filter: Uint8Array | undefined
  onOutput(bytes: Uint8Array): void
  onUndeclared(what: string): void
  /** Its log is full: the runner drops what it prints from now on. */
  onFull(): void
}

/** How it ended. */
export interface StepEnd {
  /** What the runner said; undefined: it was ended before it could say anything. */
  readonly report: (StepReport & { readonly kind: 'ended' }) | undefined
  /** False: the sandbox itself could not be made. */
  readonly started: boolean
  /** What bubblewrap and its like complained of, at most 4 KiB. */
  readonly complaint: string
}

/** A running step. */
export interface RunningStep {
  /** Its first process as seen outside; undefined before there is one and after it has gone. */
  pid(): number | undefined
  /** Ends every process of it. */
  kill(): void
  /** Resolves when no process of it is left. */
  readonly ended: Promise<StepEnd>
}

/** Descriptors on which bubblewrap says the first process's id, and reads the filter; the control channel is 3. */
export const DESCRIPTORS = { status: 4, filter: 5 } as const

const PATH = '/usr/bin:/bin:/usr/sbin:/sbin'
const COMPLAINT_CHARACTERS = 4_096
const LINE_CHARACTERS_MAX = 65_536

type Streams = [null, Readable, Readable, Duplex, Readable, Duplex]

/** Starts. */
export function startStep(start: StepStart): RunningStep {
  const [program, ...args] = start.command
  // Nothing of the node's environment: what it holds may be secret, and would change what builds see.
  const stdio: StdioOptions = ['ignore', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe']
  const child = spawn(program, args, { cwd: '/', env: { PATH }, stdio })
  const [, output, complaints, control, status, filter] = child.stdio as unknown as Streams
  let pid: number | undefined
  let killed = false
  let started = false
  let complaint = ''
  let report: StepEnd['report']
  const kill = (): void => {
    killed = true
    // The first process rather than bubblewrap: then bubblewrap waits until the others are gone too. Before there is one, this waits
    // for it: without bubblewrap, a first process that has just been made would wait for its word for ever, and hold the streams.
    if (pid !== undefined) killProcess(pid)
  }
  onLines(status, (line) => {
    pid ??= childPidIn(line)
    if (killed && pid !== undefined) killProcess(pid)
  })
  onLines(control, (line) => {
    const said = readReport(line)
    if (said?.kind === 'started') started = true
    else if (said?.kind === 'undeclared') start.onUndeclared(said.what)
    else if (said?.kind === 'full') start.onFull()
    else report ??= said
  })
  output.on('data', (bytes: Buffer) => start.onOutput(bytes))
  complaints.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(0, COMPLAINT_CHARACTERS)
  })
  control.on('error', () => undefined)
  filter.on('error', () => undefined)
  filter.end(start.filter)
  control.write(`${JSON.stringify(start.request)}\n`)
  const ended = new Promise<StepEnd>((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', () => {
      pid = undefined
    })
    child.on('close', () => resolve({ report, started, complaint }))
  })
  return { pid: () => pid, kill, ended }
}

/** It may just have gone by itself. */
function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {}
}

function onLines(stream: Readable, take: (line: string) => void): void {
  let rest = ''
  stream.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = (lines.pop() ?? '').slice(0, LINE_CHARACTERS_MAX)
    for (const line of lines) take(line)
  })
}

function childPidIn(line: string): number | undefined {
  const [, digits] = /"child-pid"\s*:\s*(\d+)/.exec(line) ?? []
  return digits === undefined ? undefined : Number(digits)
}

/** The runner shares its user with the step: what it says is read as a stranger's. */
function readReport(line: string): StepReport | undefined {
  let said: Record<string, unknown>
  try {
    said = JSON.parse(line) as Record<string, unknown>
  } catch {
    return undefined
  }
  if (said === null) return undefined
  const { kind, what, exitCode, droppedBytes } = said
  if (kind === 'started' || kind === 'full') return { kind }
  if (kind === 'undeclared' && typeof what === 'string') return { kind, what }
  if (kind !== 'ended' || !isCount(exitCode) || !isCount(droppedBytes)) return undefined
  return { kind, exitCode: exitCode & 255, droppedBytes }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}
