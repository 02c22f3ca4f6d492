/** A job: its tree, its steps one after the other, its log. Made by `bubblewrap.ts`. */
import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock, Logger } from '../../base/clock.ts'
import { AppError, errorChain, throwIfAborted } from '../../base/errors.ts'
import { JOB_FOLDERS, type SandboxStep, type StepFailure } from '../../base/rebuild/build-plan.ts'
import { commandOf, confinementOf, type Mount } from '../command/command.ts'
import { fixedEnvironment, INSIDE, REGISTRY_PORT } from '../command/inside.ts'
import type { FoundBubblewrap } from '../find-bubblewrap.ts'
import type { StepRequest } from '../inside/run-step.ts'
import { openDoor } from '../registry/door.ts'
import type { JobOptions, SandboxJob, StepOutcome } from '../sandbox.ts'
import { createDiskWatch, type DiskWatch } from '../watch/disk.ts'
import { watchStep } from '../watch/watch.ts'
import { createJobFiles } from './files.ts'
import { createJobLog, type JobLog } from './log.ts'
import { handOver, removeTree } from './own.ts'
import { DESCRIPTORS, type StepEnd, startStep } from './step.ts'

/** What the sandbox gives a job. */
export interface JobPlace {
  readonly bubblewrap: FoundBubblewrap
  /** The job's own folder outside, which exists. */
  readonly folder: string
  /** The user outside that it runs as, where the way is `own-uid`. */
  readonly uid: number
  /** The processors that it may use; undefined: all. */
  readonly processors: readonly number[] | undefined
  /** Name of the runner's program in `INSIDE.runtime`. */
  readonly runner: string
  /** What system calls its steps may make; undefined: all that the kernel lets them. */
  readonly filter: Uint8Array | undefined
  /** What it sees beside its own tree. */
  readonly mounts: readonly Mount[]
}

/** Beyond what the runner lets through; only a step that goes round it prints more. */
const OUTPUT_SLACK_BYTES = 1_048_576
const SOCKET_INSIDE = `${INSIDE.runtime}/registry.sock`
const KILLED = 137
/** Exit codes by which a shell, and bubblewrap, say that a signal ended the program. */
const SIGNALLED = { first: 129, last: 192, fileTooLarge: 128 + 25 } as const

const TOLD: Readonly<Record<StepFailure, string>> = {
  time: 'the step was ended: it took longer than it may',
  memory: 'the step was ended: it took more memory than it may',
  processes: 'the step was ended: it had more processes than it may',
  output: 'the step was ended: it wrote more than it may',
  signal: 'the step was ended by a signal',
  network: 'the step failed: it asked for what it had not declared',
}

/** Opens a job in its place. */
export function createJob(
  options: JobOptions,
  place: JobPlace,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): SandboxJob {
  const root = makeTree(place.folder)
  const files = createJobFiles(root)
  const log = createJobLog(options.limits.logBytes)
  const life = new AbortController()
  const parts: Parts = {
    options,
    place,
    root,
    log,
    disk: createDiskWatch(root, options.limits.diskBytes, clock),
    clock,
  }
  let running: Promise<StepOutcome> | undefined
  const idle = <T>(act: () => T): T => {
    if (running === undefined) return act()
    throw new AppError('bug.assertion', 'a build was asked for its files, or for another step, while a step of it ran')
  }
  return {
    directory: root,
    async run(step, signal) {
      throwIfAborted(signal)
      running = idle(() => runStep(parts, step, AbortSignal.any([signal, life.signal])))
      try {
        return await running
      } finally {
        running = undefined
      }
    },
    read: async (path, bytesMax) => await idle(() => files.read(path, bytesMax)),
    open: (path) => idle(() => files.open(path)),
    list: async (path) => await idle(() => files.list(path)),
    write: async (path, bytes) => await idle(() => files.write(path, bytes)),
    log: async () => log.bytes(),
    async [Symbol.asyncDispose]() {
      life.abort()
      await running?.catch(() => undefined)
      // What came of the build stands; the next start removes what is left.
      await removeTree(place.folder).catch((error: unknown) => {
        logger.warn({ folder: place.folder, error: errorChain(error) }, 'the folder of a build could not be removed')
      })
    },
  }
}

/** Makes the empty tree of a job; whatever the node's own umask is, builds see the same. */
function makeTree(folder: string): string {
  const root = join(folder, 'build')
  for (const name of ['', ...JOB_FOLDERS, 'work/home']) {
    mkdirSync(join(root, name))
    chmodSync(join(root, name), 0o755)
  }
  return root
}

interface Parts {
  readonly options: JobOptions
  readonly place: JobPlace
  readonly root: string
  readonly log: JobLog
  readonly disk: DiskWatch
  readonly clock: Clock
}

async function runStep(parts: Parts, step: SandboxStep, signal: AbortSignal): Promise<StepOutcome> {
  const { options, place, root, log, clock } = parts
  const startedMs = clock.monotonicMs()
  if (place.bubblewrap.way === 'own-uid') await handOver(root, place.uid)
  const { registry } = step
  const door = registry && (await openDoor(place.folder, registry.asOfSeconds, options.registry, signal))
  log.begin(step.name)
  try {
    const { how, failure } = await attempt(parts, step, door?.path, signal)
    throwIfAborted(signal)
    if (failure !== undefined) log.note(TOLD[failure])
    log.end()
    const exitCode = how.report?.exitCode ?? KILLED
    return { exitCode, failure, log: log.tail(), durationMs: clock.monotonicMs() - startedMs }
  } finally {
    await door?.close()
  }
}

async function attempt(
  parts: Parts,
  step: SandboxStep,
  socket: string | undefined,
  signal: AbortSignal,
): Promise<{ readonly how: StepEnd; readonly failure: StepFailure | undefined }> {
  const { options, log, disk, clock } = parts
  const { limits } = options
  const roomBytes = log.roomBytes()
  let failure: StepFailure | undefined
  let undeclared = 0
  let outputBytes = 0
  const running = startStep({
    command: commandFor(parts, socket),
    filter: parts.place.filter,
    request: requestFor(parts, step, socket, roomBytes),
    onOutput(bytes) {
      outputBytes += bytes.length
      log.add(bytes)
      if (outputBytes > roomBytes + OUTPUT_SLACK_BYTES) end('output')
    },
    onFull: log.full,
    onUndeclared(what) {
      undeclared += 1
      log.note(`undeclared: the step asked for ${what}`)
    },
  })
  const end = (why: StepFailure): void => {
    failure ??= why
    running.kill()
  }
  const stepSeconds = Math.min(step.timeoutSeconds ?? limits.stepSeconds, limits.stepSeconds)
  const stopWatching = watchStep({ limits, stepSeconds, disk, pid: running.pid, onExceeded: end }, clock)
  signal.addEventListener('abort', running.kill)
  if (signal.aborted) running.kill()
  const how = await running.ended.finally(() => {
    stopWatching()
    signal.removeEventListener('abort', running.kill)
  })
  if (!how.started && failure === undefined && !signal.aborted) {
    throw new AppError('unavailable.sandbox', `the sandbox could not be made: ${how.complaint.trim()}`)
  }
  log.dropped(how.report?.droppedBytes ?? 0)
  if (failure === undefined && (await disk.count()) > limits.diskBytes) failure = 'output'
  return { how, failure: failure ?? failureOf(how, undeclared) }
}

/** Why a step that nobody ended has failed, beyond its exit code. */
function failureOf({ report }: StepEnd, undeclared: number): StepFailure | undefined {
  if (undeclared > 0) return 'network'
  if (report === undefined) return 'signal'
  if (report.exitCode === SIGNALLED.fileTooLarge) return 'output'
  return report.exitCode >= SIGNALLED.first && report.exitCode <= SIGNALLED.last ? 'signal' : undefined
}

function commandFor({ options, place, root }: Parts, socket: string | undefined): readonly [string, ...string[]] {
  const { way, programs, system } = place.bubblewrap
  const own: Mount[] = [{ from: root, to: INSIDE.job, writable: true }]
  if (socket !== undefined) own.push({ from: socket, to: SOCKET_INSIDE })
  return commandOf({
    ...{ way, programs, uid: place.uid, system, limits: options.limits },
    mounts: [...place.mounts, ...own],
    descriptors: place.filter === undefined ? { status: DESCRIPTORS.status } : DESCRIPTORS,
    program: [`${INSIDE.runtime}/node`, '--no-warnings', `${INSIDE.runtime}/${place.runner}`],
  })
}

function requestFor(
  { options, place }: Parts,
  step: SandboxStep,
  socket: string | undefined,
  logBytes: number,
): StepRequest {
  const directory = join(INSIDE.job, step.directory)
  const { limits, sourceDateSeconds } = options
  const { programs } = place.bubblewrap
  return {
    argv: [...confinementOf({ programs, limits, directory, processors: place.processors }), ...step.argv],
    env: { ...fixedEnvironment(sourceDateSeconds), ...step.env },
    logBytes,
    fileTimeSeconds: socket === undefined ? sourceDateSeconds : undefined,
    registrySocket: socket && SOCKET_INSIDE,
    registryPort: REGISTRY_PORT,
  }
}
