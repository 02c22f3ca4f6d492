/**
 * Checks a builder's signed statement against what the builder reported in the log: same request, same builder, same inputs, same files.
 * A valid signature for another subject, request or package is no proof of this one (attacks F5, G5). Pure.
 */
import type { AttestedRequest } from '../../base/attestation/predicate.ts'
import { BUILDER_ID_PREFIX } from '../../base/attestation/predicate.ts'
import type { ProvenInputs } from '../../base/attestation/provenance.ts'
import { type Envelope, verifyEnvelope } from '../../base/crypto/dsse.ts'
import type { BuildResult, Built, FileDigests, Source } from '../../base/entries/result.ts'
import { AppError } from '../../base/errors.ts'
import { type BuilderStatement, readAttestation } from './read-attestation.ts'

/** What the statement must bear out. */
export interface StatementClaim extends AttestedRequest {
  /** As the builder revealed it. */
  readonly result: BuildResult
}

/**
 * The statement in `envelope`, if `key` (32 bytes) signed it and it says just what was revealed; key ids count for nothing.
 * @throws untrusted.signature; untrusted.attestation with what differs
 */
export function checkStatement(envelope: Envelope, key: Uint8Array, claim: StatementClaim): BuilderStatement {
  verifyEnvelope(envelope, [key], 1)
  const found = readAttestation(envelope)
  const { result } = claim
  if (found.kind === 'summary') throw refused('found a verification summary, which is no single builder’s')
  for (const name of ['network', 'purl', 'request', 'attempt'] as const) {
    if (found.of[name] !== claim[name]) throw refused(`wanted the ${name} ${claim[name]}, found ${found.of[name]}`)
  }
  if (found.kind !== result.outcome) throw refused(`wanted one of what is ${result.outcome}, found ${found.kind}`)
  checkBuilder(found, key, result)
  if (found.inputs !== undefined && result.outcome === 'built') checkInputs(found.inputs, result)
  checkSubjects(found, 'files' in result ? result.files : undefined, claim)
  return found
}

function checkBuilder({ builder }: BuilderStatement, key: Uint8Array, { environment }: BuildResult): void {
  const wanted = `${BUILDER_ID_PREFIX}${Buffer.from(key).toString('hex')}`
  if (builder.id !== wanted) throw refused(`wanted the builder ${wanted}, found ${builder.id}`)
  const { sandbox, toolchains } = builder.version
  if (sandbox === environment.sandbox && toolchains === environment.toolchains.join(', ')) return
  throw refused(`found another sandbox or toolchain than was revealed: ${sandbox}; ${toolchains}`)
}

function checkInputs(inputs: ProvenInputs, { source, recipe, lock, dependencies }: Built): void {
  if (textOf(inputs.source) !== textOf(source)) {
    throw refused(`wanted the source ${textOf(source)}, found ${textOf(inputs.source)}`)
  }
  if (inputs.recipe !== recipe) throw refused(`wanted the recipe ${recipe}, found ${inputs.recipe}`)
  if (inputs.lock !== lock) throw refused(`wanted the lock ${lock ?? 'none'}, found ${inputs.lock ?? 'none'}`)
  if (inputs.list === dependencies.list) return
  throw refused(`wanted the list of dependencies ${dependencies.list}, found ${inputs.list}`)
}

/** Every file of the result and no other, by name and sha256 as built. */
function checkSubjects(
  { statement }: BuilderStatement,
  files: readonly FileDigests[] | undefined,
  { purl, request }: AttestedRequest,
): void {
  const wanted = files?.map(({ name, sha256 }) => ({ name, sha256 })) ?? [{ name: purl, sha256: request }]
  const found = new Map(statement.subject.map(({ name, digest }) => [name, digest]))
  for (const { name, sha256 } of wanted) {
    const digest = found.get(name)
    if (digest?.sha256 === sha256 && Object.keys(digest).length === 1) continue
    throw refused(`it says nothing of ${name} (sha256 ${sha256})`)
  }
  if (statement.subject.length === wanted.length) return
  throw refused(`wanted ${wanted.length} subjects, found ${statement.subject.length}`)
}

function textOf(source: Source): string {
  if (source.type === 'archive') return `archive ${source.sha256}`
  return `${source.repository} ${source.commit} ${source.tree}`
}

function refused(found: string): AppError {
  return new AppError('untrusted.attestation', `checking a builder's statement: ${found}`)
}
