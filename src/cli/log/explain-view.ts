/** What `explain` is asked, and shows. Types only. */
import type { LogEntryView } from '../../http/http.ts'

/** What `explain` is asked. */
export interface ExplainRequest {
  /** The name of a request (64 hex digits), or a package URL: the newest request for it. */
  readonly wanted: string
  /** A directory with the files of a log; undefined: the log of the running node, or of the data directory if none runs. */
  readonly log: string | undefined
  /** A network.json; undefined: the data directory's. */
  readonly network: string | undefined
  readonly data: string | undefined
}

/** One place in a draw. */
export interface DrawnSeat {
  readonly organisation: string
  readonly node: string
  /** From 0. */
  readonly rank: number
}

/** A draw that was made again from the whole membership. */
export interface DrawView {
  /** Hex. */
  readonly seed: string
  readonly result: {
    readonly kind: 'selected' | 'refused'
    readonly counts: { readonly organisations: number; readonly eligible: number; readonly eligibleNeeded: number }
    readonly selected?: readonly DrawnSeat[]
    readonly standbys?: readonly DrawnSeat[]
    readonly passedOver: readonly { readonly organisation: string; readonly reason: string; readonly rank?: number }[]
  }
}

/** A request, explained from entries of the log alone. */
export interface ExplainReport {
  /** Where the entries came from: a directory, or a node's URL. */
  readonly source: string
  readonly network: string
  readonly purl: string
  /** The name of the request, hex. */
  readonly request: string
  /** Names of all requests for the package, oldest first. */
  readonly requests: readonly string[]
  /** Members when it was asked for. */
  readonly members: readonly {
    readonly organisation: string
    readonly roles: readonly string[]
    readonly types: readonly string[]
    readonly nodes: number
  }[]
  /** Undefined: nothing was drawn, or what it rests on is wrong. */
  readonly drawn: DrawView | undefined
  readonly entries: readonly LogEntryView[]
  /** Entries that do not follow from the others. */
  readonly problems: readonly {
    readonly index: number | undefined
    readonly kind: string
    readonly field: string | undefined
    readonly problem: string
  }[]
}
