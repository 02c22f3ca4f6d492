/** What an envelope holds of Pyrsia's own attestations, read to the letter; whose signatures it carries is not looked at. Pure. */
import type { AttestedRequest, BuilderPredicate } from '../../base/attestation/predicate.ts'
import { PROVENANCE_TYPE, type ProvenInputs, readProvenance } from '../../base/attestation/provenance.ts'
import { NOT_BUILT_TYPE, readNotBuilt, readWitnessed, WITNESSED_TYPE } from '../../base/attestation/reports.ts'
import { parseStatement, STATEMENT_PAYLOAD_TYPE, type Statement } from '../../base/attestation/statement.ts'
import { readSummary, type VerificationSummary, VSA_TYPE } from '../../base/attestation/vsa.ts'
import type { Envelope } from '../../base/crypto/dsse.ts'
import { AppError } from '../../base/errors.ts'

/** What a builder states about its own result. */
export interface BuilderStatement {
  readonly kind: 'built' | 'witnessed' | 'unbuildable' | 'malformed'
  readonly statement: Statement
  readonly of: AttestedRequest
  readonly builder: BuilderPredicate
  /** RFC 3339, by the builder's own clock. */
  readonly startedOn: string
  readonly finishedOn: string
  /** Of what was built. */
  readonly inputs?: ProvenInputs
  /** Of what was witnessed. */
  readonly tag?: boolean | undefined
}

/** What builders state together about a verdict. */
export interface SummaryStatement {
  readonly kind: 'summary'
  readonly statement: Statement
  readonly summary: VerificationSummary
}

/** The attestation in an envelope. @throws untrusted.attestation for what is none of ours, or not to the letter */
export function readAttestation({ payloadType, payload }: Envelope): BuilderStatement | SummaryStatement {
  if (payloadType !== STATEMENT_PAYLOAD_TYPE) {
    throw new AppError(
      'untrusted.attestation',
      `reading a statement: wanted the payload type ${STATEMENT_PAYLOAD_TYPE}, found ${JSON.stringify(payloadType.slice(0, 200))}`,
    )
  }
  const statement = parseStatement(payload)
  const { predicateType, predicate } = statement
  if (predicateType === VSA_TYPE) return { kind: 'summary', statement, summary: readSummary(statement) }
  if (predicateType === PROVENANCE_TYPE) return { kind: 'built', statement, ...readProvenance(predicate) }
  if (predicateType !== WITNESSED_TYPE && predicateType !== NOT_BUILT_TYPE) {
    const known = [PROVENANCE_TYPE, WITNESSED_TYPE, NOT_BUILT_TYPE, VSA_TYPE].join(', ')
    throw new AppError('untrusted.attestation', `reading a statement: found ${predicateType}, not one of ${known}`)
  }
  const { outcome, ...report } = predicateType === WITNESSED_TYPE ? readWitnessed(predicate) : readNotBuilt(predicate)
  return { kind: outcome, statement, ...report }
}

/** True if the envelope says that it holds a verification summary. */
export function isSummary({ payload }: Envelope): boolean {
  try {
    return parseStatement(payload).predicateType === VSA_TYPE
  } catch {
    return false
  }
}
