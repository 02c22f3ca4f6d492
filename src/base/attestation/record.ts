/** What a builder tells of how it came to its result, for the statement that it signs. Types only. */
import type { Hex32 } from '../entries/fields.ts'
import type { SourceGrade } from '../rebuild/build-plan.ts'
import type { Dependency } from './dependencies.ts'
import type { AttestedTimes } from './predicate.ts'

/** How it was found out where the source is, which is for people: builders need not say the same. */
export interface FoundSource {
  readonly grade: SourceGrade
  readonly how: string
  /** The revision that was taken: a commit, or the name of a tag. */
  readonly revision: string
}

/** Beside the result: what only the statement says. */
export interface BuildRecord extends AttestedTimes {
  /** Everything that the registry gave, tools too; empty where nothing was built. */
  readonly dependencies: readonly Dependency[]
  /** Undefined where there was none. */
  readonly source?: FoundSource | undefined
  /** SPDX expression, if the package states one. */
  readonly licence?: string | undefined
  /** SHA-256 of the log of the build, which is kept as a blob. */
  readonly log?: Hex32 | undefined
}
