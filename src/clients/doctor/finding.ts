/** What the doctor says: findings with their mend. Types only; shown by `cli/`. */

/** `error`: something does not work; `warning`: something goes past this node or soon will not work; `note`: good to know. */
export type Severity = 'error' | 'warning' | 'note'

/** One thing that was found. */
export interface Finding {
  readonly severity: Severity
  /** What was checked, e.g. `node.down`; stable, for programs. */
  readonly check: string
  /** Name of the client that it is about. */
  readonly client?: string
  readonly wanted: string
  readonly found: string
  /** What to do about it: a command where one does it. */
  readonly mend: string
  /** A command that works without this node meanwhile. */
  readonly bypass?: string
}

/** The whole examination. */
export interface DoctorReport {
  /** False if there is an error or a warning. */
  readonly healthy: boolean
  /** Worst first. */
  readonly findings: readonly Finding[]
  /** What was found to be well, a sentence each. */
  readonly well: readonly string[]
}
