/**
 * Step 4: signs what came out, and binds this node to it before anybody hears of it. After a crash the same binding is found again:
 * there is one per attempt, so a builder can be slow but never says two things. 2-trust.md, "Attestation", "Agreement".
 */
import { hash } from 'node:crypto'
import { STATEMENT_PAYLOAD_TYPE } from '../../base/attestation/statement.ts'
import { type MadeStatement, type StatementFacts, statementOf } from '../../base/attestation/statement-of.ts'
import type { Brand } from '../../base/brand.ts'
import type { Random } from '../../base/clock.ts'
import { canonicalJson } from '../../base/crypto/canonical-json.ts'
import { type Envelope, envelopeJson, signEnvelope } from '../../base/crypto/dsse.ts'
import type { Signer } from '../../base/crypto/ed25519.ts'
import type { Hex32 } from '../../base/entries/fields.ts'
import { type BuildResult, commitmentOf } from '../../base/entries/result.ts'
import { AppError } from '../../base/errors.ts'
import type { BuildOutcome } from '../builder.ts'
import type { Bound, JobBook } from '../jobs.ts'
import type { Assignment } from './select.ts'

/** A result that this node is bound to. Only `attest` and `boundTo` make one. */
export type Attestation = Brand<Bound & { readonly envelopeName: Hex32 }, 'Attestation'>

/** What attesting needs. */
export interface AttestDependencies {
  readonly network: string
  readonly node: Hex32
  /** Of the attestation key. */
  readonly signer: Signer
  readonly random: Random
  readonly jobs: JobBook
  /** Of Pyrsia, for the statement. */
  readonly version: string
  /** Keeps the signed statement for whoever wants to prove the verdict; durable when it resolves. */
  keepStatement(bytes: Uint8Array): Promise<void>
  /** Likewise the list of dependencies that a statement only names, for being too long. */
  keepList(bytes: Uint8Array): Promise<void>
}

const SALT_BYTES = 32

/** What this node bound itself to before; undefined if nothing. @throws damaged.database */
export function boundTo(job: Assignment, jobs: JobBook): Attestation | undefined {
  const bound = jobs.find(job)
  return bound === undefined ? undefined : named(bound)
}

/** Binds this node to an outcome. @throws unavailable.storage, exhausted.disk; bug.assertion for a record of other dependencies */
export async function attest(job: Assignment, outcome: BuildOutcome, deps: AttestDependencies): Promise<Attestation> {
  const { network, node, signer, random, jobs, version } = deps
  const { purl, request, attempt } = job
  const { result, payload, list } = stated({ network, purl, request, attempt, node, pyrsia: version, ...outcome })
  const envelope = signEnvelope(STATEMENT_PAYLOAD_TYPE, payload, [{ keyid: node, signer }])
  const salt = Buffer.from(random.bytes(SALT_BYTES)).toString('hex')
  const commitment = commitmentOf({ network, request, attempt, builder: node, result, salt })
  if (list !== undefined) await deps.keepList(list)
  await deps.keepStatement(bytesOf(envelope))
  const bound = { result, salt, commitment, envelope }
  jobs.keep(job, bound)
  return named(bound)
}

/** A result of which no statement can be made, since it has too many files, cannot be verified: then it is none, for every builder alike. */
function stated(facts: StatementFacts): MadeStatement & { readonly result: BuildResult } {
  const { result, record } = facts
  try {
    return { result, ...statementOf(facts) }
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'exhausted.size') throw error
    const failed = { outcome: 'unbuildable', reason: error.message, environment: result.environment } as const
    return { result: failed, ...statementOf({ ...facts, result: failed, record: { ...record, dependencies: [] } }) }
  }
}

function named(bound: Bound): Attestation {
  return { ...bound, envelopeName: hash('sha256', bytesOf(bound.envelope), 'hex') } as Attestation
}

function bytesOf(envelope: Envelope): Uint8Array {
  return canonicalJson(envelopeJson(envelope))
}
