/**
 * Runs the steps of a build without network, reproducibly and contained. Interface only: `bubblewrap.ts` is real, `fake.ts` the twin.
 * 2-trust.md, "Sandbox".
 */
import type { SandboxStep, StepFailure } from '../base/rebuild/build-plan.ts'

/** What a job may use. */
export interface JobLimits {
  readonly cpuCount: number
  readonly memoryBytes: number
  readonly processCount: number
  /** Of everything that it writes. */
  readonly diskBytes: number
  /** Of each step, unless it asks for less. */
  readonly stepSeconds: number
  /** Of the log of the whole job; what is more is dropped, and says so. */
  readonly logBytes: number
}

/** A request that a tool in the sandbox makes of the recorded registry. */
export interface RegistryRequest {
  readonly method: string
  /** Path with query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | undefined
  readonly asOfSeconds: number
}

/** What the recorded registry answers. */
export interface RegistryReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | AsyncIterable<Uint8Array>
}

/** What a job is opened with. */
export interface JobOptions {
  readonly limits: JobLimits
  /** SOURCE_DATE_EPOCH, and the time of every file, seconds since 1970. */
  readonly sourceDateSeconds: number
  /** Answers the steps that ask for it. */
  registry(request: RegistryRequest, signal: AbortSignal): Promise<RegistryReply>
}

/** How a step ended. */
export interface StepOutcome {
  readonly exitCode: number
  /** Why it was ended from outside; undefined: it ended by itself. */
  readonly failure: StepFailure | undefined
  /** The end of what it printed, at most 64 KiB. */
  readonly log: string
  readonly durationMs: number
}

/** A job: a folder of its own, seen as `/build` inside. Nothing of it outlives its disposal but what was read out of it. */
export interface SandboxJob extends AsyncDisposable {
  /** Absolute path of the job's root outside; `source/`, `inputs/`, `tools/`, `work/`, `out/` are below it. */
  readonly directory: string
  /** @throws unavailable.sandbox, aborted.caller */
  run(step: SandboxStep, signal: AbortSignal): Promise<StepOutcome>
  /** A plain file of the job, never through a link that leads out of it; undefined if there is none. @throws exhausted.size */
  read(path: string, bytesMax: number): Promise<Uint8Array | undefined>
  /** Streams a plain file. @throws absent.file */
  open(path: string): { readonly sizeBytes: number; readonly body: AsyncIterable<Uint8Array> }
  /** Names in a folder, sorted by bytes, folders with a slash at their end. */
  list(path: string): Promise<readonly string[] | undefined>
  /** Writes a file, mode 0644, with the folders above it. */
  write(path: string, bytes: Uint8Array | AsyncIterable<Uint8Array>): Promise<void>
  /** Everything that its steps printed, each headed by its name; the artefact that is kept. */
  log(): Promise<Uint8Array>
}

/** Runs jobs. */
export interface Sandbox {
  /** What it is, e.g. `bubblewrap 0.8.0`. */
  readonly name: string
  /** @throws unavailable.sandbox */
  job(options: JobOptions): Promise<SandboxJob>
}
