/** What builds: handed in by `main/`. Interface only. */
import type { BuildRecord } from '../base/attestation/record.ts'
import type { Brand } from '../base/brand.ts'
import type { Hex32 } from '../base/entries/fields.ts'
import type { BuildResult } from '../base/entries/result.ts'

/** What a builder is told: names, nothing that a submitter could poison. */
export interface Job {
  readonly purl: string
  readonly request: Hex32
  readonly attempt: number
}

/** What came of a build, and what the statement about it says beside it. Only `run.ts` makes one. */
export type BuildOutcome = Brand<Built, 'BuildOutcome'>

/** What a builder gives. */
export interface Built {
  readonly result: BuildResult
  /** What went in, and when: for the statement that its builder signs (`base/attestation/`). */
  readonly record: BuildRecord
}

/** Builds packages. */
export interface Builder {
  /** What the toolchains of this builder are, for people. */
  readonly name: string
  /** Builds; what cannot be built is a result too. @throws aborted.caller, and errors of its own machine, after which it is run again */
  run(job: Job, signal: AbortSignal): Promise<Built>
}
