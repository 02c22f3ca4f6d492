/**
 * The policy: coordinates, release times, advisories and evidence in, allow or deny with the reason out. Pure: the owner's rules,
 * exceptions and advisories are handed to whoever makes one (`rule-policy.ts`). The read flow asks in this order: `admit`
 * before anything is asked of anybody, `mayAsk` for each upstream, `judge` at the index and again at the file, `decide` on the
 * digests of the file, `judgeVerdict` on what the log says of it.
 */

import type { Evidence, Reason } from '../base/located.ts'
import type { CompareVersions } from '../base/osv/advisory.ts'
import type { Purl } from '../base/purl.ts'
import type { Release } from '../base/releases.ts'
import type { VerdictAnswer, VerdictQuestion, VerifiedLevel } from './verdict.ts'

export type { VerdictFile, VerdictStatus } from './verdict.ts'

/** What is decided upon by its evidence. */
export interface PolicyQuestion {
  readonly ecosystem: string
  readonly purl: Purl | undefined
  readonly label: string
  readonly evidence: readonly Evidence[]
}

/** The answer. */
export type PolicyAnswer =
  | { readonly kind: 'allow'; readonly notes: readonly string[] }
  | { readonly kind: 'deny'; readonly reason: Reason }

/** A package as a whole. */
export interface PackageQuestion {
  readonly ecosystem: string
  /** Without version. */
  readonly purl: Purl
  /** As its users write it. */
  readonly name: string
  readonly nowMs: number
}

/** Releases of one package. */
export interface ReleasesQuestion extends PackageQuestion {
  readonly releases: readonly Release[]
  /** False: the ecosystem's indexes never state release times. */
  readonly statesTimes: boolean
  readonly compare: CompareVersions
}

/** What is decided on one release; notes of an allowed one are for its user (known vulnerabilities that are only warned of). */
export type ReleaseAnswer = PolicyAnswer & {
  /** The recorded exception but for which it would be denied. */
  readonly exception?: PolicyException
}

/** Decisions by version, and until when they hold if neither the question nor the policy's revision changes, milliseconds since 1970. */
export interface ReleaseAnswers {
  readonly byVersion: ReadonlyMap<string, ReleaseAnswer>
  readonly validUntilMs: number
}

/** What is decided on a file by what the log says of it. */
export type VerifiedAnswer = VerdictAnswer & {
  /** The recorded exception but for which it would be denied. */
  readonly exception?: PolicyException
}

/** What the owner lets through although a rule denies it ("break glass"); recorded, never silent, and it ends. */
export interface PolicyException {
  /** With a version: that release; without: the whole package. */
  readonly purl: Purl
  readonly reason: string
  readonly madeAtMs: number
  readonly untilMs: number
}

/** What decisions on the releases of a package depend on. */
export interface PolicyInterest {
  /** False: every release is allowed, so that nobody need look at them. */
  readonly releases: boolean
  /** Release times count. */
  readonly times: boolean
}

/** A policy. */
export interface Policy {
  /** Another one after each change of rules, exceptions or advisories. */
  readonly revision: string
  decide(question: PolicyQuestion): PolicyAnswer
  /** May it be asked for at all? Denies what is blocked, not allowed, or private and to be asked of nobody. */
  admit(question: PackageQuestion): PolicyAnswer
  /** Why this upstream must not be asked for a package of a private name; undefined: it may. */
  mayAsk(question: PackageQuestion, upstream: string): Reason | undefined
  /** True if the name is private: nobody but its own upstreams may hear of it. */
  isPrivate(question: Pick<PackageQuestion, 'ecosystem' | 'name'>): boolean
  /** True if some names of this ecosystem must not be told to its upstreams. */
  keepsNames(ecosystem: string): boolean
  interest(question: PackageQuestion): PolicyInterest
  /** False: of no package of this ecosystem is any release ever kept from clients. */
  hides(ecosystem: string): boolean
  judge(question: ReleasesQuestion): ReleaseAnswers
  /** How much a verdict is asked for where files of this package are given. */
  verifiedLevel(question: Pick<PackageQuestion, 'ecosystem' | 'name'>): VerifiedLevel
  /** True if verdicts are enforced for some package of this ecosystem. */
  enforces(ecosystem: string): boolean
  /** What a verdict of the log, or the lack of one, does to a file of this package. `release` has the version, if it is known. */
  judgeVerdict(question: PackageQuestion, release: Purl | undefined, verdict: VerdictQuestion): VerifiedAnswer
  /** The exception in force that covers this purl. */
  exceptionFor(purl: Purl, nowMs: number): PolicyException | undefined
}
