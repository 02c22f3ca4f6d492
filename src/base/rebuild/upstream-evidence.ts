/** What an attestation that upstream serves with a file shows of where it was built. Made by `verify/upstream/`. Types only. */

/** What upstream's attestation shows. */
export interface UpstreamEvidence {
  /** https URL of the repository, as the certificate has it. */
  readonly repository: string
  /** The commit, lower-case hex. */
  readonly commit: string
  /** The branch or tag, e.g. `refs/tags/v1.0.0`. */
  readonly ref: string | undefined
  /** What signed: the URI of the workflow with its revision, which may be of another repository. */
  readonly signer: string
  /** Who vouches for the identity of the signer: the URL of the issuer. */
  readonly issuer: string
  /** Type of the predicate: a provenance, or that it was published from there. */
  readonly predicateType: string
  /** Names under which the statement has the file. */
  readonly subjects: readonly string[]
}
