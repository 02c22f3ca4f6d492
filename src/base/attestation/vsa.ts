/**
 * SLSA Verification Summary Attestation v1 (slsa.dev/spec/v1.1/verification_summary) of a verdict `rebuilt, equal`: upstream's files
 * are what the source gives. It follows from the entry of the log alone, so that all builders sign the same bytes, and q signatures make
 * one envelope. The level's name is that of SLSA's draft. 2-trust.md, "Attestation". Pure.
 */
import { z } from 'zod'
import type { VerdictEntry } from '../entries/entry.ts'
import { type Hex32, hex32 } from '../entries/fields.ts'
import type { Level } from '../entries/result.ts'
import { purlShape, timeShape, timeText } from './predicate.ts'
import { readShape, type Statement } from './statement.ts'

/** Type of the predicate. */
export const VSA_TYPE = 'https://slsa.dev/verification_summary/v1'
/** What is said of the files. */
export const REPRODUCED_LEVEL = 'SLSA_BUILD_REPRODUCED'
/** What `verifier.id` begins with; the origin of the network's log follows. */
export const VERIFIER_ID_PREFIX = 'https://pyrsia.io/network/'
/** What `policy.uri` begins with. */
export const QUORUM_POLICY_PREFIX = 'https://pyrsia.io/policy/quorum/v1?'

/** Levels at which files are equal enough for a summary: those that `enforce` takes. */
const SUMMARISED: readonly (Level | null)[] = ['exact', 'container', 'canonical']

/** A summary, read. */
export interface VerificationSummary {
  /** Origin of the network's log. */
  readonly network: string
  readonly purl: string
  readonly timeVerified: string
  /** Leaf hash of the verdict's entry, and its index in the log. */
  readonly verdict: { readonly leaf: Hex32; readonly index: number }
  /** Statements of the builders who agreed, by the SHA-256 of their envelopes. */
  readonly statements: readonly Hex32[]
}

const sha256 = z.strictObject({ sha256: hex32 })
const summary = z.strictObject({
  verifier: z.strictObject({ id: z.string().startsWith(VERIFIER_ID_PREFIX).max(512) }),
  timeVerified: timeShape,
  resourceUri: purlShape,
  policy: z.strictObject({ uri: z.string().startsWith(QUORUM_POLICY_PREFIX).max(512) }),
  inputAttestations: z
    .tuple([z.strictObject({ uri: z.string().max(1024), digest: sha256 })], z.strictObject({ digest: sha256 }))
    .refine((found) => found.length <= 17),
  verificationResult: z.literal('PASSED'),
  verifiedLevels: z.tuple([z.literal(REPRODUCED_LEVEL)]),
  dependencyLevels: z.record(z.string().regex(/^PYRSIA_[A-Z0-9_]{1,100}$/), z.int().min(0)),
})

/** A verdict as the log has it. */
export interface LoggedVerdict {
  /** Origin of the log. */
  readonly network: string
  readonly index: number
  /** Leaf hash of the entry, hex. */
  readonly leaf: Hex32
  readonly entry: VerdictEntry
}

/** The summary of a verdict; undefined for one that is not `rebuilt, equal` at a level that `enforce` takes. */
export function summaryOf({ network, index, leaf, entry }: LoggedVerdict): Statement | undefined {
  const { outcome, relation, level, agreed, purl, at, panel, quorum, builders } = entry
  if (outcome !== 'rebuilt' || relation !== 'equal' || !SUMMARISED.includes(level)) return undefined
  if (agreed?.outcome !== 'built') return undefined
  const statements = panel.flatMap((one) => (one.agreed && one.envelope !== null ? [one.envelope] : []))
  return {
    subject: agreed.files.map(({ name, sha256, upstream }) => ({
      name,
      digest: { sha256: upstream?.sha256 ?? sha256 },
    })),
    predicateType: VSA_TYPE,
    predicate: {
      verifier: { id: `${VERIFIER_ID_PREFIX}${network}` },
      timeVerified: timeText(at.timeSeconds),
      resourceUri: purl,
      policy: { uri: `${QUORUM_POLICY_PREFIX}quorum=${quorum}&builders=${builders}` },
      inputAttestations: [
        { uri: `${VERIFIER_ID_PREFIX}${network}#${index}`, digest: { sha256: leaf } },
        ...statements.map((digest) => ({ digest: { sha256: digest } })),
      ],
      verificationResult: 'PASSED',
      verifiedLevels: [REPRODUCED_LEVEL],
      dependencyLevels: dependencyLevels(agreed.dependencies.levels),
    },
  }
}

/** The summary in a statement. @throws untrusted.attestation for anything that is not to the letter */
export function readSummary({ predicateType, predicate }: Statement): VerificationSummary {
  const found = readShape('verification summary', summary, predicateType === VSA_TYPE ? predicate : undefined)
  const [verdict, ...statements] = found.inputAttestations
  return {
    network: found.verifier.id.slice(VERIFIER_ID_PREFIX.length),
    purl: found.resourceUri,
    timeVerified: found.timeVerified,
    verdict: { leaf: verdict.digest.sha256, index: Number(/#(\d{1,16})$/.exec(verdict.uri)?.[1] ?? Number.NaN) },
    statements: statements.map(({ digest }) => digest.sha256),
  }
}

/** Levels of dependencies by names of our own, as SLSA wants those that it does not define. */
function dependencyLevels(levels: Readonly<Record<string, number>>): Record<string, number> {
  const found: Record<string, number> = {}
  for (const [level, count] of Object.entries(levels)) {
    const name = `PYRSIA_${level.toUpperCase().replace(/[^A-Z0-9]+/g, '_')}`
    found[name] = (found[name] ?? 0) + count
  }
  return found
}
