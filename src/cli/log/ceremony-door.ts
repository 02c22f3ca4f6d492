/** What the commands of the ceremony are handed, and what it gives back. Types only. */
import type { Network } from '../../base/network/network.ts'
import type { Part } from '../../base/network/part.ts'

/** What can be done with parts and other people's networks. */
export interface CeremonyDoor {
  /** Writes this node's part. @throws usage.part, usage.config, usage.network, damaged.identity */
  part(request: PartRequest): Promise<PartReport>
  /** Founds a network. @throws usage.part, usage.network, usage.config, usage.key, absent.network */
  merge(request: MergeRequest): Promise<FoundedReport>
  /** Joins a network. @throws absent.network, usage.network, usage.key, untrusted.expired, conflict.network */
  join(request: {
    readonly file: string
    readonly yes: boolean
    readonly data: string | undefined
  }): Promise<JoinReport>
}

/** What `part` is asked. */
export interface PartRequest {
  readonly organisation: string
  /** Undefined: the network of the data directory. */
  readonly network: string | undefined
  readonly roles: readonly string[]
  readonly types: readonly string[] | undefined
  readonly bootstrap: readonly string[]
  readonly output: string
  readonly data: string | undefined
}

/** A part, for people. */
export interface PartReport {
  readonly file: string
  readonly network: string
  readonly organisation: string
  readonly roles: readonly string[]
  /** Purl types that it builds. */
  readonly types: readonly string[]
  readonly peer: string | undefined
  readonly part: Part
}

/** What `merge` is asked. */
export interface MergeRequest {
  readonly parts: readonly string[]
  readonly name: string | undefined
  readonly beacon: string
  readonly beaconInfo: string | undefined
  readonly rules: string | undefined
  readonly days: number
  readonly output: string
}

/** What joining came to, or would. */
export interface JoinReport {
  /** The file that is, or would be, in force. */
  readonly file: string
  readonly network: Network
  readonly digest: string
  /** In whose name this node takes part; undefined: it is no member, and follows. */
  readonly organisation: string | undefined
  /** Where the network of before is kept; undefined: there was none. */
  readonly aside: string | undefined
  /** A node seems to run in the directory. */
  readonly running: boolean
  /** False: nothing was changed. */
  readonly joined: boolean
}

/** A network that was founded. */
export interface FoundedReport {
  readonly file: string
  readonly network: Network
  /** What is compared: `sha256:<hex>`. */
  readonly digest: string
  readonly solo: false
  /** What it is not worth, in sentences. */
  readonly notes: readonly string[]
}
