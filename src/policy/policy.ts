/**
 * The policy: coordinates and evidence in, allow or deny with the reason out. Pure. Rules beyond `allow everything whose
 * integrity is stated` come with the log and with `policy.toml`; the place and the types are here.
 */
import type { Evidence, Reason } from '../base/located.ts'
import type { Purl } from '../base/purl.ts'

/** What is decided upon. */
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

/** A policy with its revision; the revision is part of every stored variant's key. */
export interface Policy {
  readonly revision: string
  decide(question: PolicyQuestion): PolicyAnswer
}
