/** What `members`, `authorize` and `deauthorize` are asked, and show. Types only. */

/** Members of a network by its log. */
export interface MembersReport {
  /** The log's origin. */
  readonly network: string
  /** Entries of the log that were read. */
  readonly size: number
  /** Authorities that must vote for a change. */
  readonly quorum: { readonly k: number; readonly of: number }
  readonly organisations: readonly {
    readonly organisation: string
    /** It is a member for trees of this size and larger. */
    readonly sinceSize: number
    readonly nodes: readonly {
      /** What entries call it, hex. */
      readonly node: string
      readonly peer: string | undefined
      readonly roles: readonly string[]
      /** Purl types that it builds. */
      readonly types: readonly string[]
      readonly sinceSize: number
    }[]
  }[]
  /** Changes that are voted on, or decided and not in force yet. */
  readonly pending: readonly {
    /** What votes refer to, hex. */
    readonly id: string
    readonly action: 'admit' | 'remove' | 'rules'
    readonly organisation: string | undefined
    readonly peer: string | undefined
    readonly node: string | undefined
    /** Index in the log of the proposal. */
    readonly index: number
    readonly votes: readonly string[]
    readonly decided: boolean
  }[]
}

/** Whom to let in, or to take out. */
export type VoteRequest =
  /** By a file that `network offer` wrote, or, if somebody has proposed it already, by its peer id. */
  | { readonly action: 'admit'; readonly offer: string | undefined; readonly peer: string | undefined }
  /** `node`: what entries call it, or its peer id; without it the whole organisation. */
  | { readonly action: 'remove'; readonly organisation: string; readonly node: string | undefined }

/** What a vote came to. */
export interface VoteReport {
  readonly action: 'admit' | 'remove'
  readonly organisation: string
  /** What votes refer to, hex. */
  readonly change: string
  /** Whether this was the first vote. */
  readonly proposed: boolean
  /** Organisations that are for it now, this one included. */
  readonly votes: readonly string[]
  readonly quorum: { readonly k: number; readonly of: number }
  /** What was logged: indexes. */
  readonly entries: readonly number[]
}

/** The members of the network of a running node. */
export interface MembersDoor {
  /** @throws unavailable.node, absent.entry, absent.network, untrusted.entry */
  show(data: string | undefined): Promise<MembersReport>
  /**
   * Votes with the consensus key of this data directory, through the node that runs there.
   * @throws unavailable.node, unavailable.peer, usage.part, usage.config, absent.entry, denied.network with the reason of the network
   */
  vote(request: VoteRequest & { readonly data: string | undefined }): Promise<VoteReport>
}
