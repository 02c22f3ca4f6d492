/** Plays a generator of an ecosystem's rebuild over files in memory, with scripted steps and inputs, for tests without a sandbox. */
import type { RecipeGot, RecipeNeed, SandboxStep } from '../../src/base/rebuild/build-plan.ts'

/** What the generator is answered from. */
export interface PlayedJob {
  /** Text by path, changed by what is written. */
  readonly files: Map<string, string>
  /** What the registry has, by request path. */
  readonly inputs?: Readonly<Record<string, string>>
  /** What a step does: what it prints, or the code with which it fails. */
  step?(step: SandboxStep, files: Map<string, string>): string | number
}

/** What was asked. */
export interface Played<T> {
  readonly end: T
  readonly steps: readonly SandboxStep[]
  readonly asked: readonly string[]
}

/** Plays to the end. */
export function playRecipe<T>(asking: Generator<RecipeNeed, T, RecipeGot>, job: PlayedJob): Played<T> {
  const steps: SandboxStep[] = []
  const asked: string[] = []
  let next = asking.next()
  while (!next.done) {
    if (next.value.kind === 'run') steps.push(next.value.step)
    if (next.value.kind === 'input') asked.push(`${next.value.requestPath} as of ${next.value.asOfSeconds}`)
    next = asking.next(answer(next.value, job))
  }
  return { end: next.value, steps, asked }
}

function answer(need: RecipeNeed, { files, inputs = {}, step }: PlayedJob): RecipeGot {
  const nothing = { kind: 'nothing', reason: 'there is no such thing' } as const
  switch (need.kind) {
    case 'read': {
      const text = files.get(need.path)
      return text === undefined ? nothing : { kind: 'bytes', bytes: Buffer.from(text) }
    }
    case 'list': {
      const below = [...files.keys()].filter((path) => path.startsWith(`${need.path}/`))
      const names = below.map((path) => path.slice(need.path.length + 1).replace(/\/.*$/, '/'))
      return below.length === 0 ? nothing : { kind: 'names', names: [...new Set(names)].sort() }
    }
    case 'write':
      files.set(need.path, Buffer.from(need.bytes).toString())
      return { kind: 'done' }
    case 'input': {
      const text = inputs[need.requestPath]
      if (text === undefined) return nothing
      files.set(`inputs/${need.as}`, text)
      return { kind: 'done' }
    }
    case 'run': {
      const said = step?.(need.step, files) ?? ''
      const exitCode = typeof said === 'number' ? said : 0
      return { kind: 'ran', exitCode, failure: undefined, log: typeof said === 'string' ? said : `failed: ${said}` }
    }
  }
}
