/** Looks at a running step now and then, and says as soon as it takes more than its job may. */
import type { Clock } from '../../base/clock.ts'
import type { StepFailure } from '../../base/rebuild/build-plan.ts'
import type { JobLimits } from '../sandbox.ts'
import type { DiskWatch } from './disk.ts'
import { measureNameless, measureProcesses, shareOfMemory } from './processes.ts'

/** What is watched. */
export interface WatchOptions {
  readonly limits: JobLimits
  readonly stepSeconds: number
  readonly disk: DiskWatch
  /** The step's first process as seen outside; undefined until it has one. */
  pid(): number | undefined
  /** Called at most once. */
  onExceeded(failure: StepFailure): void
}

const LOOK_EVERY_MS = 100
/** Looks between those at files without names, which are many to look at. */
const NAMELESS_EVERY = 5

/** Watches until the returned function is called. */
export function watchStep(options: WatchOptions, clock: Clock): () => void {
  const { limits } = options
  let over = false
  let looks = 0
  let nameless = { diskBytes: 0, memoryBytes: 0 }
  const exceeded = (failure: StepFailure): void => {
    if (over) return
    over = true
    options.onExceeded(failure)
  }
  const cancelTime = clock.after(options.stepSeconds * 1000, () => exceeded('time'))
  let cancelLook = (): void => {}
  const look = async (): Promise<void> => {
    const pid = options.pid()
    const use = pid === undefined ? undefined : measureProcesses(pid)
    if (pid !== undefined && use !== undefined) {
      if (looks % NAMELESS_EVERY === 0) nameless = measureNameless(pid, options.disk.device)
      looks += 1
      if (use.threadCount > limits.processCount) return exceeded('processes')
      const roomBytes = limits.memoryBytes - use.folderBytes - nameless.memoryBytes
      // Forks share memory: before a step is ended for it, what they share is counted once.
      if (use.memoryBytes > roomBytes && shareOfMemory(pid) > roomBytes) return exceeded('memory')
    }
    if ((await options.disk.look()) + nameless.diskBytes > limits.diskBytes) return exceeded('output')
    again()
  }
  const again = (): void => {
    // What cannot be looked at now is looked at again: a step must not end a node.
    if (!over) cancelLook = clock.after(LOOK_EVERY_MS, () => void look().catch(again))
  }
  again()
  return () => {
    over = true
    cancelTime()
    cancelLook()
  }
}
