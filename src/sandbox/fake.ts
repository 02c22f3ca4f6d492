/**
 * The twin: jobs in memory whose steps a script plays. Keeps the rules of the real one where a recipe or a flow can see them (paths,
 * limits of time, log and disk, undeclared requests, nothing shared between jobs); contains nothing.
 */
import type { Clock } from '../base/clock.ts'
import { AppError, throwIfAborted } from '../base/errors.ts'
import { JOB_FOLDERS, REGISTRY_URL, type SandboxStep, type StepFailure } from '../base/rebuild/build-plan.ts'
import { collect, streamOf } from '../base/streams.ts'
import { fixedEnvironment } from './command/inside.ts'
import { createJobLog, type JobLog } from './job/log.ts'
import type { JobOptions, Sandbox, SandboxJob, StepOutcome } from './sandbox.ts'

/** What a script sees of the job whose step it plays. */
export interface FakeInside {
  /** Files by their paths below the job's root. */
  readonly files: Map<string, Uint8Array>
  /** Everything that the step's environment would hold. */
  readonly env: Readonly<Record<string, string>>
  print(text: string): void
  /** Asks an absolute URL; what is not the registry, or not declared, is told as undeclared and gives status 403. */
  get(url: string): Promise<{ readonly status: number; readonly body: Uint8Array }>
  /** Aborts when the step is ended from outside. */
  readonly signal: AbortSignal
}

/** Plays a step: gives its exit code. */
export type FakeScript = (step: SandboxStep, inside: FakeInside) => Promise<number>

/** Bytes that one of its jobs may be asked for at once. */
const BYTES_MAX = 1 << 30
const KILLED = 137

/** A sandbox whose steps `script` plays. */
export function createFakeSandbox(script: FakeScript, dependencies: { readonly clock: Clock }): Sandbox {
  let count = 0
  return {
    name: 'fake 1',
    async job(options) {
      count += 1
      return createFakeJob(`/fake/build-${count}`, options, script, dependencies.clock)
    },
  }
}

function createFakeJob(directory: string, options: JobOptions, script: FakeScript, clock: Clock): SandboxJob {
  const files = new Map<string, Uint8Array>()
  const log = createJobLog(options.limits.logBytes)
  const found = (path: string): Uint8Array | undefined => (isPlain(path) ? files.get(path) : undefined)
  return {
    directory,
    run: async (step, signal) => await play({ options, script, clock, files, log }, step, signal),
    async read(path, bytesMax) {
      const bytes = found(path)
      if (bytes === undefined || bytes.length <= bytesMax) return bytes
      throw new AppError('exhausted.size', `${path} of a build has ${bytes.length} bytes, ${bytesMax} are read`)
    },
    open(path) {
      const bytes = found(path)
      if (bytes !== undefined) return { sizeBytes: bytes.length, body: streamOf(bytes) }
      throw absent(path)
    },
    async list(path) {
      return namesIn(files, path === '.' ? '' : path.replace(/\/$/, ''))
    },
    async write(path, bytes) {
      if (!isPlain(path) || namesIn(files, path) !== undefined) throw absent(path)
      const parts = path.split('/')
      if (parts.some((_, at) => at > 0 && files.has(parts.slice(0, at).join('/')))) throw absent(path)
      files.set(path, bytes instanceof Uint8Array ? bytes.slice() : await collect(bytes, BYTES_MAX))
    },
    log: async () => log.bytes(),
    async [Symbol.asyncDispose]() {
      files.clear()
    },
  }
}

interface Parts {
  readonly options: JobOptions
  readonly script: FakeScript
  readonly clock: Clock
  readonly files: Map<string, Uint8Array>
  readonly log: JobLog
}

async function play(parts: Parts, step: SandboxStep, signal: AbortSignal): Promise<StepOutcome> {
  throwIfAborted(signal)
  const { options, script, clock, files, log } = parts
  const { limits } = options
  const startedMs = clock.monotonicMs()
  const life = new AbortController()
  let failure: StepFailure | undefined
  const ended = new Promise<number>((resolve) => {
    life.signal.addEventListener('abort', () => resolve(KILLED))
  })
  const onAbort = (): void => life.abort()
  signal.addEventListener('abort', onAbort)
  const seconds = Math.min(step.timeoutSeconds ?? limits.stepSeconds, limits.stepSeconds)
  const cancel = clock.after(seconds * 1000, () => {
    failure = 'time'
    life.abort()
  })
  log.begin(step.name)
  const inside: FakeInside = {
    files,
    env: { ...fixedEnvironment(options.sourceDateSeconds), ...step.env },
    print: (text) => log.add(Buffer.from(text)),
    signal: life.signal,
    async get(url) {
      const { registry } = step
      if (registry !== undefined && url.startsWith(`${REGISTRY_URL}/`)) {
        const path = url.slice(REGISTRY_URL.length)
        const request = { method: 'GET', path, headers: {}, body: undefined, asOfSeconds: registry.asOfSeconds }
        const { status, body } = await options.registry(request, life.signal)
        return { status, body: body instanceof Uint8Array ? body : await collect(body, BYTES_MAX) }
      }
      const what = url.startsWith(REGISTRY_URL)
        ? `GET ${url.slice(REGISTRY_URL.length)}`
        : `the address of ${new URL(url).hostname}`
      log.note(`undeclared: the step asked for ${what}`)
      failure ??= 'network'
      return { status: 403, body: new Uint8Array() }
    },
  }
  try {
    const exitCode = await Promise.race([script(step, inside), ended])
    throwIfAborted(signal)
    const sizeBytes = [...files.values()].reduce((sum, bytes) => sum + bytes.length, 0)
    if (sizeBytes > limits.diskBytes) failure ??= 'output'
    log.end()
    return { exitCode, failure, log: log.tail(), durationMs: clock.monotonicMs() - startedMs }
  } finally {
    cancel()
    signal.removeEventListener('abort', onAbort)
    life.abort()
  }
}

function isPlain(path: string): boolean {
  return path.split('/').every((name) => name !== '' && name !== '.' && name !== '..')
}

/** Names in a folder; the folders of a job are there from the start. */
function namesIn(files: ReadonlyMap<string, Uint8Array>, folder: string): readonly string[] | undefined {
  const below = folder === '' ? '' : `${folder}/`
  const paths = [...JOB_FOLDERS.map((name) => `${name}/`), 'work/home/', ...files.keys()]
  const inside = paths.filter((path) => path.startsWith(below))
  if (inside.length === 0) return undefined
  const names = inside
    .map((path) => path.slice(below.length))
    .filter((rest) => rest !== '')
    .map((rest) => (rest.includes('/') ? rest.slice(0, rest.indexOf('/') + 1) : rest))
  return [...new Set(names)]
    .map((name) => Buffer.from(name))
    .sort(Buffer.compare)
    .map(String)
}

function absent(path: string): AppError {
  return new AppError('absent.file', `${path} is no file of the build, or leads out of it`)
}
