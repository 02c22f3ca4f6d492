/**
 * Runs the git program, hardened, with limits of time, of what it prints and of what it writes; it and its children are ended
 * together. Adapter: the only place of `sources/` that starts a process.
 */
import { spawn } from 'node:child_process'
import type { Clock } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import { sizeOfFolder } from '../tree/folder.ts'
import { gitEnvironment, gitSettings } from './hardening.ts'

/** How often the size of what git writes is looked at. */
const WATCH_MS = 200
const ERRORS_CHARACTERS_MAX = 16_384

/** What every run of one checkout shares. */
export interface GitPlace {
  /** A folder that git may take for its user's home. */
  readonly home: string
  readonly program: string
  readonly protocol: 'https' | 'http' | 'none'
  readonly environment: Readonly<Record<string, string>>
  readonly clock: Clock
  /** Monotonic time at which everything must be over, milliseconds. */
  readonly deadlineMs: number
  readonly signal: AbortSignal
}

/** One run. */
export interface GitRun {
  readonly args: readonly string[]
  readonly input?: string
  readonly outputBytesMax: number
  /** A folder that must not grow beyond this. */
  readonly watch?: { readonly folder: string; readonly bytesMax: number }
  /** Instead of the place's. */
  readonly protocol?: 'none'
}

/** How it ended. */
export interface GitEnd {
  readonly code: number
  readonly output: Buffer
  /** What it printed as errors, in English. */
  readonly errors: string
}

/**
 * Runs git to its end.
 * @throws unavailable.source if there is no git or the time is over; exhausted.size; aborted.caller
 */
export async function runGit(place: GitPlace, run: GitRun): Promise<GitEnd> {
  const { clock, signal } = place
  if (signal.aborted) throw new AppError('aborted.caller', 'getting sources: nobody waits for them any more')
  const protocol = run.protocol ?? place.protocol
  const child = spawn(place.program, [...gitSettings(protocol), ...run.args], {
    cwd: place.home,
    env: gitEnvironment(place.home, protocol, place.environment),
    stdio: ['pipe', 'pipe', 'pipe'],
    // A group of its own: the helpers that git starts must not outlive it.
    detached: true,
  })
  let failure: AppError | undefined
  const end = (error: AppError): void => {
    failure ??= error
    endGroup(child.pid)
  }
  const output: Buffer[] = []
  let outputBytes = 0
  let errors = ''
  child.stdout.on('data', (chunk: Buffer) => {
    outputBytes += chunk.byteLength
    if (outputBytes > run.outputBytesMax) end(new AppError('exhausted.size', `git ${run.args[0]} printed too much`))
    else output.push(chunk)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-ERRORS_CHARACTERS_MAX)
  })
  child.stdin.on('error', () => undefined).end(run.input ?? '')
  const cancelTime = clock.after(Math.max(0, place.deadlineMs - clock.monotonicMs()), () =>
    end(new AppError('unavailable.source', `git ${run.args[0]} took too long`)),
  )
  const abort = (): void => end(new AppError('aborted.caller', 'getting sources: nobody waits for them any more'))
  signal.addEventListener('abort', abort)
  const cancelWatch = run.watch === undefined ? undefined : watchSize(run.watch, clock, end)
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', (cause) =>
        reject(new AppError('unavailable.source', `cannot run ${place.program}: is git installed?`, { cause })),
      )
      child.once('close', (status) => resolve(status ?? -1))
    })
    if (failure !== undefined) throw failure
    return { code, output: Buffer.concat(output), errors }
  } finally {
    cancelTime()
    cancelWatch?.()
    signal.removeEventListener('abort', abort)
  }
}

function watchSize(
  { folder, bytesMax }: NonNullable<GitRun['watch']>,
  clock: Clock,
  end: (error: AppError) => void,
): () => void {
  let isOver = false
  let cancel = (): void => undefined
  const look = async (): Promise<void> => {
    const sizeBytes = await sizeOfFolder(folder)
    if (isOver) return
    if (sizeBytes > bytesMax) end(new AppError('exhausted.size', `the repository has more than ${bytesMax} bytes`))
    else cancel = clock.after(WATCH_MS, () => void look())
  }
  cancel = clock.after(WATCH_MS, () => void look())
  return () => {
    isOver = true
    cancel()
  }
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}
