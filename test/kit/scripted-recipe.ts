/** Drives generators of `Rebuild` by scripted answers: files of a job that a test writes down, steps that it plays. */
import type { RecipeGot, RecipeNeed, SandboxStep } from '../../src/base/rebuild/build-plan.ts'

/** A job in memory. */
export interface ScriptedJob {
  /** Contents by path below the job's root. */
  readonly files: Map<string, string>
  /** Steps that were run so far, and inputs that were asked for. */
  readonly steps: SandboxStep[]
  readonly inputs: string[]
  /** Plays a step: what it prints, or how it fails; may write files. */
  play(
    step: SandboxStep,
    files: Map<string, string>,
  ): string | { readonly exitCode: number; readonly log: string } | 'network'
  /** What the registry has at a path below the mount. */
  registry(requestPath: string): string | undefined
}

/** An empty job whose steps print nothing. */
export function scriptedJob(files: Readonly<Record<string, string>>, over: Partial<ScriptedJob> = {}): ScriptedJob {
  const map = new Map(Object.entries(files))
  return { files: map, steps: [], inputs: [], play: () => '', registry: () => undefined, ...over }
}

/** Drives a generator to its end. */
export function driveScripted<T>(asking: Generator<RecipeNeed, T, RecipeGot>, job: ScriptedJob): T {
  let step = asking.next()
  while (step.done !== true) step = asking.next(answer(step.value, job))
  return step.value
}

function answer(need: RecipeNeed, job: ScriptedJob): RecipeGot {
  switch (need.kind) {
    case 'read': {
      const text = job.files.get(need.path)
      return text === undefined ? { kind: 'nothing', reason: 'none' } : { kind: 'bytes', bytes: Buffer.from(text) }
    }
    case 'list':
      return list(need.path, job)
    case 'write':
      job.files.set(need.path, Buffer.from(need.bytes).toString('utf8'))
      return { kind: 'done' }
    case 'input': {
      job.inputs.push(need.requestPath)
      const text = job.registry(need.requestPath)
      if (text === undefined) return { kind: 'nothing', reason: 'none' }
      job.files.set(`inputs/${need.as}`, text)
      return { kind: 'done' }
    }
    case 'run': {
      job.steps.push(need.step)
      const played = job.play(need.step, job.files)
      if (played === 'network') return { kind: 'ran', exitCode: 137, failure: 'network', log: '' }
      const ended = typeof played === 'string' ? { exitCode: 0, log: played } : played
      return { kind: 'ran', failure: undefined, ...ended }
    }
  }
}

function list(path: string, { files }: ScriptedJob): RecipeGot {
  const names = new Set<string>()
  for (const file of files.keys()) {
    if (!file.startsWith(`${path}/`)) continue
    const [name = '', ...rest] = file.slice(path.length + 1).split('/')
    names.add(rest.length === 0 ? name : `${name}/`)
  }
  return names.size === 0 ? { kind: 'nothing', reason: 'none' } : { kind: 'names', names: [...names].toSorted() }
}
