/** What a builder tells of how it came to its result, for the statement that it signs. Types only. */
import type { Dependency } from './dependencies.ts'
import type { AttestedTimes } from './predicate.ts'

/** Beside the result: what only the statement says. */
export interface BuildRecord extends AttestedTimes {
  /** Everything that the registry gave, tools too; empty where nothing was built. */
  readonly dependencies: readonly Dependency[]
}
