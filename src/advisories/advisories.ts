/**
 * Known vulnerabilities of packages, imported from an OSV database: what the policy and the local OSV endpoint look up. Interface
 * file; `sqlite.ts` is the one adapter (a file beside the store, or memory for tests). The import runs in the command line's own
 * process; a node that is running sees the new revision at its next question.
 */
import type { Advisory } from '../base/osv/advisory.ts'
import type { Purl } from '../base/purl.ts'

/** Which database is held. */
export interface AdvisoriesState {
  readonly records: number
  readonly packages: number
  /** Undefined: nothing was imported yet. */
  readonly importedAtMs: number | undefined
  /** Where it was imported from, as the user named it. */
  readonly source: string | undefined
}

/** Looking up. */
export interface Advisories {
  /** Another one after each import. */
  readonly revision: string
  /** What is known of any version of a package; its version and qualifiers do not matter. */
  of(purl: Purl): readonly Advisory[]
  /** A record as the OSV API gives it. */
  record(id: string): Readonly<Record<string, unknown>> | undefined
  state(): AdvisoriesState
  close(): void
}

/** One record, with its packages by our names. */
export interface ImportedRecord {
  readonly id: string
  readonly shown: Readonly<Record<string, unknown>>
  readonly affected: ReadonlyArray<{ readonly purl: Purl; readonly advisory: Advisory }>
}

/** What an import is told. */
export interface ImportFacts {
  readonly source: string
  readonly nowMs: number
  /** Keep what was imported before; else it is replaced as a whole. */
  readonly keep: boolean
}

/** A database that can be imported into: whole or not at all. */
export interface AdvisoryDatabase extends Advisories {
  /** @throws exhausted.disk, damaged.database, and what `records` throws, with nothing changed */
  importAll(records: Iterable<ImportedRecord>, facts: ImportFacts): void
}
