/**
 * Answers what a recipe asks: files of the job, inputs of the registry, steps in the sandbox. Every question is bounded, and one that
 * cannot be answered (a path that leads out of the job, a file that is too large) gets a typed answer, since paths may come from the
 * project's own files.
 */
import { AppError, isKind, throwIfAborted } from '../../base/errors.ts'
import { JOB_FOLDERS, type RecipeGot, type RecipeNeed, type SandboxStep } from '../../base/rebuild/build-plan.ts'
import type { SandboxJob } from '../../sandbox/sandbox.ts'
import type { RecordedRegistry } from './parts.ts'

/** What a recipe is answered from. */
export interface AnswerParts {
  readonly job: SandboxJob
  readonly registry: RecordedRegistry
  /** Told before each step. */
  onStep(name: string, count: number): void
}

/** Questions of one recipe, and steps and inputs among them. */
const NEEDS_MAX = 10_000
const STEPS_MAX = 64
const INPUTS_MAX = 2_000
const READ_BYTES_MAX = 64 * 1_048_576
const WRITE_BYTES_MAX = 16 * 1_048_576
const PATH_LENGTH_MAX = 4_096

/**
 * Drives a generator of an ecosystem to its end; `refuse` makes the end of one that asks too much or chokes on what the project holds.
 * @throws unavailable.sandbox, unavailable.upstream, untrusted.digest, aborted.caller
 */
export async function drive<N extends RecipeNeed, T>(
  asking: Generator<N, T, RecipeGot>,
  refuse: (reason: string) => T,
  parts: AnswerParts,
  signal: AbortSignal,
): Promise<T> {
  const counts = { needs: 0, steps: 0, inputs: 0 }
  let got: RecipeGot | undefined
  for (;;) {
    throwIfAborted(signal)
    const step = next(asking, got)
    if (step instanceof Error) return refuse(`it cannot be worked through: ${step.message}`)
    if (step.done) return step.value
    const { kind } = step.value
    counts.needs += 1
    if (kind === 'run') counts.steps += 1
    if (kind === 'input') counts.inputs += 1
    if (counts.needs > NEEDS_MAX || counts.steps > STEPS_MAX || counts.inputs > INPUTS_MAX) {
      return refuse(`it asks for more than ${STEPS_MAX} steps, ${INPUTS_MAX} inputs or ${NEEDS_MAX} answers`)
    }
    got = await answer(step.value, counts.steps, parts, signal)
  }
}

/** What the project wrote may be too deep for a parser, or not what the recipe takes it for: that is no bug of this machine. */
function next<N, T>(asking: Generator<N, T, RecipeGot>, got: RecipeGot | undefined): IteratorResult<N, T> | Error {
  try {
    return got === undefined ? asking.next() : asking.next(got)
  } catch (error) {
    if (error instanceof RangeError || isKind(error, 'usage') || isKind(error, 'untrusted')) return error
    throw error
  }
}

async function answer(
  need: RecipeNeed,
  stepCount: number,
  parts: AnswerParts,
  signal: AbortSignal,
): Promise<RecipeGot> {
  const { job } = parts
  switch (need.kind) {
    case 'read': {
      const path = inJob(need.path)
      if (path === undefined) return outside(need.path)
      return await read(path, Math.min(need.bytesMax, READ_BYTES_MAX), job)
    }
    case 'list': {
      const path = inJob(need.path)
      const names = path === undefined ? undefined : await job.list(path)
      return names === undefined
        ? { kind: 'nothing', reason: `there is no folder ${need.path}` }
        : { kind: 'names', names }
    }
    case 'write': {
      const path = inJob(need.path)
      if (path === undefined) return outside(need.path)
      if (need.bytes.byteLength > WRITE_BYTES_MAX) return { kind: 'nothing', reason: `${need.path} is too large` }
      await job.write(path, need.bytes)
      return { kind: 'done' }
    }
    case 'input': {
      const path = inJob(`inputs/${need.as}`)
      if (path === undefined) return outside(need.as)
      const given = await parts.registry.input(need, signal)
      if (given.kind === 'nothing') return given
      await job.write(path, given.bytes)
      return { kind: 'done' }
    }
    case 'run': {
      parts.onStep(need.step.name, stepCount)
      return await run(need.step, job, signal)
    }
  }
}

async function read(path: string, bytesMax: number, job: SandboxJob): Promise<RecipeGot> {
  try {
    const bytes = await job.read(path, bytesMax)
    return bytes === undefined ? { kind: 'nothing', reason: `there is no file ${path}` } : { kind: 'bytes', bytes }
  } catch (error) {
    if (isKind(error, 'exhausted')) return { kind: 'nothing', reason: `${path} is larger than ${bytesMax} bytes` }
    throw error
  }
}

async function run(step: SandboxStep, job: SandboxJob, signal: AbortSignal): Promise<RecipeGot> {
  const directory = inJob(step.directory)
  if (directory === undefined) return outside(step.directory)
  const { exitCode, failure, log } = await job.run({ ...step, directory }, signal)
  return { kind: 'ran', exitCode, failure, log }
}

function outside(path: string): RecipeGot {
  return { kind: 'nothing', reason: `${JSON.stringify(path.slice(0, 200))} is no path in the job` }
}

/** A path in one of the job's folders without `.` and empty parts; undefined for anything else. */
export function inJob(path: string): string | undefined {
  if (path.length > PATH_LENGTH_MAX || path.includes('\0') || path.startsWith('/') || path.includes('\\'))
    return undefined
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  const [folder] = parts
  const known = (JOB_FOLDERS as readonly string[]).includes(folder ?? '')
  return known && !parts.includes('..') ? parts.join('/') : undefined
}

/** A text as the log takes it: without control characters, at most 500 code units, never half a character. */
export function remarkOf(text: string): string {
  const plain = text
    .toWellFormed()
    .replaceAll(/\p{Cc}+/gu, ' ')
    .trim()
  const cut = plain.length <= 500 ? plain : `${plain.slice(0, 499).replace(/[\uD800-\uDBFF]$/, '')}…`
  return cut.replaceAll(/\p{Cs}/gu, '?')
}

/** A word as the log takes it: printable ASCII without quotes and backslashes, at most 100. @throws bug.assertion for an empty one */
export function wordOf(text: string): string {
  const plain = text.replaceAll(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, '?').slice(0, 100)
  if (plain === '') throw new AppError('bug.assertion', 'wanted a word for the log, found nothing')
  return plain
}
