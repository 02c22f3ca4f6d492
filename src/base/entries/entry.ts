/**
 * The kinds of entries of the transparency log: one type and one strict schema each. The state machine makes them, the log keeps
 * them, and `verify`, the command line and other people's programs read them. 2-trust.md, "The log".
 */
import { z } from 'zod'
import { canonicalJson, ENTRY_BYTES_MAX, type Json, parseCanonicalJson } from '../crypto/canonical-json.ts'
import { AppError } from '../errors.ts'
import {
  type At,
  at,
  type Hex32,
  hex32,
  hexBytes,
  organisationName,
  originText,
  purlText,
  wholeNumber,
  word,
} from './fields.ts'
import { type Offer, offer } from './offer.ts'
import { type AgreedResult, agreedResult, type Environment, environment, LEVELS, type Level } from './result.ts'
import { type NetworkRules, networkRules } from './rules.ts'
import {
  type CommitBody,
  type DisputeBody,
  type ProposeBody,
  type RequestBody,
  type RevealBody,
  type RevokeBody,
  type Transaction,
  transactionOf,
  type VoteBody,
} from './transaction.ts'

/** The proposal and the further votes that decided a change, in the order in which they came; the first is the proposal. */
export type Votes = readonly [Transaction<ProposeBody>, ...Transaction<VoteBody>[]]

/**
 * Who belongs to the network. `genesis`: a founding node. `vote`: a vote for a change of members or rules, the first of which proposes
 * it. `active`: the change holds for trees larger than this entry's index.
 */
export type MemberEntry = { readonly kind: 'member'; readonly v: 1; readonly at: At } & (
  | { readonly step: 'genesis'; readonly network: string; readonly offer: Offer }
  | { readonly step: 'vote'; readonly tx: Transaction<ProposeBody> | Transaction<VoteBody> }
  | { readonly step: 'active'; readonly votes: Votes }
)

/** The network's rules: those of the genesis, or changed by these votes. They hold for trees larger than this entry's index. */
export interface PolicyEntry {
  readonly kind: 'policy'
  readonly v: 1
  readonly at: At
  readonly rules: NetworkRules
  /** Null at the genesis. */
  readonly votes: Votes | null
}

/** A package is asked for. The hash of this entry's leaf is the request's name. */
export interface RequestEntry {
  readonly kind: 'request'
  readonly v: 1
  readonly at: At
  readonly purl: string
  /** 1 to 3: which attempt at this purl in 30 days. */
  readonly attempt: number
  /** The membership from which builders are drawn. */
  readonly membershipRoot: Hex32
  readonly tx: Transaction<RequestBody>
}

/** One place on the panel. */
export interface SeatEntry {
  readonly organisation: string
  readonly node: Hex32
  /** Index in the log of the member entry that names the node. */
  readonly memberIndex: number
}

/** Why an organisation does not build. */
export interface PassedOverEntry {
  readonly organisation: string
  readonly reason: string
}

/** How many organisations without a seat a selection's entry names; who they all were can be computed from the seed. */
export const PASSED_OVER_MAX = 200

/** What the beacon gave. */
export interface BeaconEvidence {
  readonly chainHash: Hex32
  readonly round: number
  readonly randomness: Hex32
  readonly proof: string
}

/**
 * What became of a draw. `redrawn`: the block after the one that fixed the draw's time came too late, so its time is fixed anew.
 * `refused`: too few organisations build this type. `selected`: these build.
 */
export type SelectionEntry = {
  readonly kind: 'selection'
  readonly v: 1
  readonly at: At
  readonly purl: string
  readonly request: Hex32
  readonly attempt: number
  /** T: the consensus time after which the round had to come out. */
  readonly drawSeconds: number
  /** R: the round that decides. */
  readonly round: number
} & (
  | { readonly outcome: 'redrawn' }
  | {
      readonly outcome: 'refused'
      readonly beacon: BeaconEvidence
      readonly seed: Hex32
      readonly organisations: number
      readonly eligible: number
      readonly passedOver: readonly PassedOverEntry[]
      readonly passedOverCount: number
    }
  | {
      readonly outcome: 'selected'
      readonly beacon: BeaconEvidence
      readonly seed: Hex32
      readonly organisations: number
      readonly eligible: number
      /** Organisations that did not get a seat: the first `PASSED_OVER_MAX`. */
      readonly passedOver: readonly PassedOverEntry[]
      /** How many did not. */
      readonly passedOverCount: number
      /** m: how many build. */
      readonly builders: number
      /** q: how many must agree; it never falls. */
      readonly quorum: number
      /** Whether the verdict may say `rebuilt`. */
      readonly rebuilt: boolean
      readonly selected: readonly SeatEntry[]
      readonly standbys: readonly SeatEntry[]
    }
)

/** A builder bound itself to a result. */
export interface CommitEntry {
  readonly kind: 'commit'
  readonly v: 1
  readonly at: At
  readonly purl: string
  readonly organisation: string
  readonly tx: Transaction<CommitBody>
}

/** A builder told its result. */
export interface RevealEntry {
  readonly kind: 'reveal'
  readonly v: 1
  readonly at: At
  readonly purl: string
  readonly organisation: string
  readonly tx: Transaction<RevealBody>
}

/** What an attempt came to. 2-trust.md, "What a verdict says". */
export type Outcome =
  | 'rebuilt'
  | 'repackaged'
  | 'built-once'
  | 'witnessed'
  | 'unbuildable'
  | 'malformed'
  | 'disagreed'
  | 'expired'

/** One builder's part in a verdict. */
export interface VerdictBuilder {
  readonly organisation: string
  readonly node: Hex32
  /** Index in the log of its reveal; null if it told nothing. */
  readonly reveal: number | null
  /** Whether its result is the agreed one. */
  readonly agreed: boolean
  /** SHA-256 of its signed statement, if it named one. */
  readonly envelope: Hex32 | null
  /** Null if it told nothing. */
  readonly environment: Environment | null
}

/** What the selected builders came to. */
export interface VerdictEntry {
  readonly kind: 'verdict'
  readonly v: 1
  readonly at: At
  readonly purl: string
  readonly request: Hex32
  readonly attempt: number
  /** Index in the log of the selection; null if it expired before there was one. */
  readonly selection: number | null
  readonly outcome: Outcome
  /** How what was built relates to upstream's bytes; null where nothing was built. */
  readonly relation: 'equal' | 'differs' | null
  /** The weakest level of any file; null where nothing was built. */
  readonly level: Level | null
  readonly builders: number
  readonly quorum: number
  /** What was agreed; null if nothing was. */
  readonly agreed: AgreedResult | null
  readonly panel: readonly VerdictBuilder[]
  /** When it stops to hold (a tag that was witnessed); null: never. */
  readonly expiresSeconds: number | null
  /** The request whose verdict was doubted, if this is the answer to a dispute. */
  readonly disputes: Hex32 | null
}

/** What a member did wrong. */
export const FAULTS = [
  'missed-commit',
  'late-commit',
  'missed-reveal',
  'late-reveal',
  'unselected',
  'equivocation',
  'copied-commitment',
  'mismatched-reveal',
  'unlisted-recipe',
  'unbuilt',
  'disputed',
] as const
/** One of `FAULTS`. */
export type Fault = (typeof FAULTS)[number]

/** A member did something wrong. What cannot be proven, silence, carries no evidence. */
export interface FaultEntry {
  readonly kind: 'fault'
  readonly v: 1
  readonly at: At
  readonly purl: string
  readonly request: Hex32
  readonly attempt: number
  readonly fault: Fault
  readonly organisation: string
  readonly node: Hex32
  /** The transaction that is wrong, if one is and it is not in the log already. */
  readonly tx: Transaction<CommitBody> | Transaction<RevealBody> | null
  /** Indexes in the log of the entries that show it. */
  readonly evidence: readonly number[]
}

/**
 * A verdict is doubted (`opened`: the hash of this entry's leaf is the name of the request that builds it again), and what came of it.
 * `upheld`: a fresh selection found otherwise, the verdict no longer holds. `dismissed`: it found the same. `unresolved`: neither.
 */
export type DisputeEntry = {
  readonly kind: 'dispute'
  readonly v: 1
  readonly at: At
  readonly purl: string
  /** The request whose verdict is doubted. */
  readonly verdictOf: Hex32
} & (
  | {
      readonly step: 'opened'
      readonly attempt: number
      readonly membershipRoot: Hex32
      readonly tx: Transaction<DisputeBody>
    }
  | { readonly step: 'upheld' | 'dismissed' | 'unresolved'; readonly request: Hex32 }
)

/** A package is withdrawn. `vote`: an authority is for it. `effective`: enough are, it is on the list now. */
export type RevocationEntry = { readonly kind: 'revocation'; readonly v: 1; readonly at: At } & (
  | { readonly step: 'vote'; readonly organisation: string; readonly tx: Transaction<RevokeBody> }
  | {
      readonly step: 'effective'
      readonly purl: string
      readonly digests: readonly string[]
      readonly reason: string
      /** Indexes in the log of the votes. */
      readonly votes: readonly number[]
      /** Place on the complete list, from 0. */
      readonly place: number
    }
)

/** The complete revocation list as of now: how long it is, and its hash (`revocationHash`). */
export interface HeadEntry {
  readonly kind: 'head'
  readonly v: 1
  readonly at: At
  readonly revocations: { readonly count: number; readonly hash: Hex32 }
}

/** Any entry. */
export type Entry =
  | MemberEntry
  | PolicyEntry
  | RequestEntry
  | SelectionEntry
  | CommitEntry
  | RevealEntry
  | VerdictEntry
  | FaultEntry
  | DisputeEntry
  | RevocationEntry
  | HeadEntry

const seat = z.strictObject({ organisation: organisationName, node: hex32, memberIndex: wholeNumber })
const beacon = z.strictObject({ chainHash: hex32, round: wholeNumber, randomness: hex32, proof: hexBytes })
const passedOver = z.array(z.strictObject({ organisation: organisationName, reason: word }))
const votes = z.tuple([transactionOf('propose')], transactionOf('vote'))
const vote = z.union([transactionOf('propose'), transactionOf('vote')])
const drawn = {
  beacon,
  seed: hex32,
  organisations: wholeNumber,
  eligible: wholeNumber,
  passedOver,
  passedOverCount: wholeNumber,
}
const attempt = wholeNumber

function head<K extends Entry['kind']>(kind: K) {
  return { kind: z.literal(kind), v: z.literal(1), at }
}

const selection = {
  ...head('selection'),
  purl: purlText,
  request: hex32,
  attempt,
  drawSeconds: wholeNumber,
  round: wholeNumber,
}
const revocation = head('revocation')
const dispute = { ...head('dispute'), purl: purlText, verdictOf: hex32 }
const outcomes = [
  'rebuilt',
  'repackaged',
  'built-once',
  'witnessed',
  'unbuildable',
  'malformed',
  'disagreed',
  'expired',
]

const SCHEMAS: { readonly [K in Entry['kind']]: z.ZodType } = {
  member: z.discriminatedUnion('step', [
    z.strictObject({ ...head('member'), step: z.literal('genesis'), network: originText, offer }),
    z.strictObject({ ...head('member'), step: z.literal('vote'), tx: vote }),
    z.strictObject({ ...head('member'), step: z.literal('active'), votes }),
  ]),
  policy: z.strictObject({ ...head('policy'), rules: networkRules, votes: votes.nullable() }),
  request: z.strictObject({
    ...head('request'),
    purl: purlText,
    attempt,
    membershipRoot: hex32,
    tx: transactionOf('request'),
  }),
  selection: z.discriminatedUnion('outcome', [
    z.strictObject({ ...selection, outcome: z.literal('redrawn') }),
    z.strictObject({ ...selection, outcome: z.literal('refused'), ...drawn }),
    z.strictObject({
      ...selection,
      outcome: z.literal('selected'),
      ...drawn,
      builders: wholeNumber,
      quorum: wholeNumber,
      rebuilt: z.boolean(),
      selected: z.array(seat),
      standbys: z.array(seat),
    }),
  ]),
  commit: z.strictObject({
    ...head('commit'),
    purl: purlText,
    organisation: organisationName,
    tx: transactionOf('commit'),
  }),
  reveal: z.strictObject({
    ...head('reveal'),
    purl: purlText,
    organisation: organisationName,
    tx: transactionOf('reveal'),
  }),
  verdict: z.strictObject({
    ...head('verdict'),
    purl: purlText,
    request: hex32,
    attempt,
    selection: wholeNumber.nullable(),
    outcome: z.enum(outcomes),
    relation: z.enum(['equal', 'differs']).nullable(),
    level: z.enum(LEVELS).nullable(),
    builders: wholeNumber,
    quorum: wholeNumber,
    agreed: agreedResult.nullable(),
    panel: z.array(
      z.strictObject({
        organisation: organisationName,
        node: hex32,
        reveal: wholeNumber.nullable(),
        agreed: z.boolean(),
        envelope: hex32.nullable(),
        environment: environment.nullable(),
      }),
    ),
    expiresSeconds: wholeNumber.nullable(),
    disputes: hex32.nullable(),
  }),
  fault: z.strictObject({
    ...head('fault'),
    purl: purlText,
    request: hex32,
    attempt,
    fault: z.enum(FAULTS),
    organisation: organisationName,
    node: hex32,
    tx: z.union([transactionOf('commit'), transactionOf('reveal')]).nullable(),
    evidence: z.array(wholeNumber),
  }),
  dispute: z.discriminatedUnion('step', [
    z.strictObject({
      ...dispute,
      step: z.literal('opened'),
      attempt,
      membershipRoot: hex32,
      tx: transactionOf('dispute'),
    }),
    z.strictObject({ ...dispute, step: z.enum(['upheld', 'dismissed', 'unresolved']), request: hex32 }),
  ]),
  revocation: z.discriminatedUnion('step', [
    z.strictObject({
      ...revocation,
      step: z.literal('vote'),
      organisation: organisationName,
      tx: transactionOf('revoke'),
    }),
    z.strictObject({
      ...revocation,
      step: z.literal('effective'),
      purl: purlText,
      digests: z.array(z.string()),
      reason: z.string(),
      votes: z.array(wholeNumber),
      place: wholeNumber,
    }),
  ]),
  head: z.strictObject({ ...head('head'), revocations: z.strictObject({ count: wholeNumber, hash: hex32 }) }),
}

/** `entry` as canonical JSON. @throws usage.entry if it is larger than an entry may be */
export function encodeEntry(entry: Entry): Uint8Array {
  const bytes = canonicalJson(entry as unknown as Json)
  if (bytes.byteLength <= ENTRY_BYTES_MAX) return bytes
  throw new AppError('usage.entry', `wanted an entry of at most ${ENTRY_BYTES_MAX} bytes, found ${bytes.byteLength}`)
}

/** The entry in these bytes. Signatures in it are not looked at. @throws usage.entry for anything but a known kind, to the letter */
export function parseEntry(bytes: Uint8Array): Entry {
  let json: Json
  try {
    json = parseCanonicalJson(bytes)
  } catch (cause) {
    throw new AppError('usage.entry', 'wanted an entry of the log as canonical JSON', { cause })
  }
  const kind = typeof json === 'object' && json !== null && 'kind' in json ? json.kind : undefined
  const schema = typeof kind === 'string' && Object.hasOwn(SCHEMAS, kind) ? SCHEMAS[kind as Entry['kind']] : undefined
  if (schema === undefined)
    throw new AppError('usage.entry', `found an entry of kind ${JSON.stringify(kind)?.slice(0, 100)}`)
  const found = schema.safeParse(json)
  if (found.success) return found.data as Entry
  throw new AppError('usage.entry', `found a malformed ${kind} entry: ${z.prettifyError(found.error)}`)
}
