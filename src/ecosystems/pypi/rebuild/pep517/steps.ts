/** What every part of the recipe does to its job: read, write, run, and say why something failed. Pure; asks and is answered. */
import type { RecipeGot, RecipeNeed, SandboxStep } from '../../../../base/rebuild/build-plan.ts'

/** Asks of a job. */
export type Asking<T> = Generator<RecipeNeed, T, RecipeGot>

/** Why something did not work. `isFinal`: another attempt would not change it. */
export class Failed {
  readonly reason: string
  readonly isFinal: boolean

  constructor(reason: string, isFinal: boolean) {
    this.reason = reason
    this.isFinal = isFinal
  }
}

const REASON_CHARACTERS_MAX = 300

/** Runs a step; what it printed, or why it failed. */
export function* runStep(step: SandboxStep): Asking<string | Failed> {
  const ran = yield { kind: 'run', step }
  if (ran.kind !== 'ran') return new Failed(`${step.name}: it cannot be run`, true)
  if (ran.failure === 'network') return new Failed(`${step.name}: it asked the network for something undeclared`, true)
  if (ran.failure !== undefined) return new Failed(`${step.name}: ended for want of, or by, ${ran.failure}`, true)
  if (ran.exitCode === 0) return ran.log
  return new Failed(`${step.name}: ${lastLine(ran.log) || `exit code ${ran.exitCode}`}`, false)
}

/** The text of a file, or undefined if there is none. */
export function* readText(path: string, bytesMax: number): Asking<string | undefined> {
  const got = yield { kind: 'read', path, bytesMax }
  return got.kind === 'bytes' ? Buffer.from(got.bytes).toString('utf8') : undefined
}

/** A JSON file that a step wrote; undefined if there is none or it is none. */
export function* readJson(path: string, bytesMax: number): Asking<unknown> {
  const text = yield* readText(path, bytesMax)
  try {
    return text === undefined ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Writes a text into the job. */
export function* writeText(path: string, text: string): Asking<void> {
  yield { kind: 'write', path, bytes: Buffer.from(text) }
}

/** The last line that says something, of what pip and Python print when they fail. */
function lastLine(log: string): string {
  const lines = log.split('\n').map((line) => line.trim())
  const telling = lines.filter((line) => line !== '' && !/^(?:\[notice\]|note:|hint:|WARNING:|╰─>|\^+$)/.test(line))
  const error = telling.findLast((line) => /^(?:ERROR|\w*(?:Error|Exception)\b)/.test(line))
  return (error ?? telling.at(-1) ?? '').slice(0, REASON_CHARACTERS_MAX)
}
