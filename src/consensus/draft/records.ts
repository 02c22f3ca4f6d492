/** What the state remembers, by the key under which it does. Plain values that go through canonical JSON and back. */

import type { Outcome } from '../../base/entries/entry.ts'
import type { Hex32 } from '../../base/entries/fields.ts'
import type { Builds, NodeKeys, Role } from '../../base/entries/offer.ts'
import type { Environment } from '../../base/entries/result.ts'
import type { NetworkRules } from '../../base/entries/rules.ts'
import type { Change, ProposeBody, Transaction, VoteBody } from '../../base/entries/transaction.ts'

/** A node, present or former. */
export interface NodeRecord {
  readonly node: Hex32
  /** Index in the log of the member entry that brought it. */
  readonly index: number
  /** Index in the log of the entry that took it out; null while it is a member. */
  readonly until: number | null
  /** Consensus time of that. */
  readonly untilSeconds: number | null
  readonly roles: readonly Role[]
  readonly keys: NodeKeys
  readonly builds: readonly Builds[]
}

/** `organisation/<name>` in the tree of members. */
export interface OrganisationRecord {
  readonly name: string
  /** Indexes in the log of the entries by which it came in, each time after it had left. */
  readonly joins: readonly number[]
  readonly nodes: readonly NodeRecord[]
}

/** `rules` in the tree of members. */
export interface RulesRecord {
  readonly rules: NetworkRules
  /** Index in the log of the policy entry. */
  readonly index: number
}

/** When a wait is over: both must be reached. */
export interface Deadline {
  readonly timeSeconds: number
  readonly heightBlock: number
}

/** A builder of a request. */
export interface Seat {
  readonly organisation: string
  readonly node: Hex32
  readonly memberIndex: number
  /** `faulty`: shown to have cheated, its vote does not count. */
  readonly stage: 'waiting' | 'committed' | 'revealed' | 'missed' | 'faulty'
  readonly commitment: Hex32 | null
  /** Index in the log of the commit. */
  readonly commit: number | null
  /** Index in the log of the reveal. */
  readonly reveal: number | null
  /** Hash of the part of the result that must agree. */
  readonly agreement: Hex32 | null
  readonly envelope: Hex32 | null
  readonly environment: Environment | null
}

/**
 * `request/<name>`: an attempt at a package from its request until some time after its verdict.
 * `fixing`: its draw's time is not settled. `drawing`: waits for the beacon. Then `committing`, `revealing`, `closed`.
 */
export interface RequestRecord {
  readonly phase: 'fixing' | 'drawing' | 'committing' | 'revealing' | 'closed'
  readonly purl: string
  readonly attempt: number
  /** Who asked; its limits are used. */
  readonly organisation: string
  /** Index in the log of the request. */
  readonly index: number
  readonly membershipRoot: Hex32
  /** The request whose verdict is doubted. */
  readonly disputes: Hex32 | null
  /** The block that took it. */
  readonly heightBlock: number
  readonly drawSeconds: number
  readonly round: number
  readonly redraws: number
  /** Index in the log of the selection. */
  readonly selection: number | null
  /** m, q, and whether the verdict may say `rebuilt`. */
  readonly builders: number
  readonly quorum: number
  readonly rebuilt: boolean
  readonly seats: readonly Seat[]
  /** Who may still step in. */
  readonly standbys: readonly Seat[]
  readonly deadline: Deadline | null
  /** `fault/node` of what was logged, so that nothing is logged twice. */
  readonly faults: readonly string[]
}

/** The verdict that holds for a package. */
export interface LiveVerdict {
  readonly request: Hex32
  /** Index in the log. */
  readonly index: number
  readonly outcome: Outcome
  /** Hash of the files' names and bytes, as built and upstream. */
  readonly files: Hex32
  readonly expiresSeconds: number | null
  /** Who agreed on it: indexes in the log of their member entries. */
  readonly agreed: readonly number[]
}

/** `purl/<purl>`. */
export interface PurlRecord {
  /** The request that is open. */
  readonly open: Hex32 | null
  readonly live: LiveVerdict | null
  /** Times of attempts that failed since the last verdict that held. */
  readonly attempts: readonly number[]
  /** Times of disputes. */
  readonly disputes: readonly number[]
  readonly revoked: boolean
}

/** `limit/<organisation>`. */
export interface LimitRecord {
  /** Which window, counted from 1970. */
  readonly window: number
  readonly used: number
  readonly open: number
}

/** `change/<name>`: a change that is voted on. */
export interface ChangeRecord {
  readonly change: Change
  readonly votes: readonly {
    readonly organisation: string
    readonly tx: Transaction<ProposeBody> | Transaction<VoteBody>
  }[]
  readonly deadline: Deadline
}

/** `revocation/<target>`: votes for withdrawing it. */
export interface RevocationRecord {
  readonly votes: readonly { readonly organisation: string; readonly index: number }[]
  readonly effective: boolean
}

/** Singletons; part of the root. */
export interface Scalars {
  /** Entries in the log. */
  readonly entries: number
  /** Items in the heap of deadlines. */
  readonly heap: number
  /** Items that wait for a height. */
  readonly heights: number
  /** Rounds of the beacon that draws wait for, in the order in which they began to. */
  readonly rounds: readonly number[]
  /** Changes that are voted on, oldest first; one per organisation. */
  readonly changes: readonly { readonly id: Hex32; readonly organisation: string }[]
  /** The change that was decided and is not in force yet. */
  readonly approved: Hex32 | null
  readonly revocations: { readonly count: number; readonly hash: Hex32 }
}
