/**
 * Checks an envelope alone against a pinned network: whose statement it is, and that it is one to the letter. Without the log it is the word of
 * who signed: that a builder was drawn, and revealed just this, only a proof file shows. Pure.
 */
import type { AttestedRequest } from '../../base/attestation/predicate.ts'
import { BUILDER_ID_PREFIX } from '../../base/attestation/predicate.ts'
import type { Envelope } from '../../base/crypto/dsse.ts'
import { verifyEnvelope } from '../../base/crypto/dsse.ts'
import { type Digest, digestOf } from '../../base/digest.ts'
import { AppError } from '../../base/errors.ts'
import type { Network } from '../../base/network/network.ts'
import { panelSize } from '../../consensus/selection/panel-size.ts'
import { type Checked, runChecks } from './checks.ts'
import { type BuilderStatement, readAttestation, type SummaryStatement } from './read-attestation.ts'

/** What is asked of an envelope. */
export interface EnvelopeQuestion {
  readonly purl?: string | undefined
  /** The artefact at hand must be a subject; strong digests. */
  readonly digests?: readonly Digest[] | undefined
}

/** Checks an envelope: form, network, signatures of different organisations, subject. */
export function verifyAttestation(
  envelope: Envelope,
  network: Network,
  { purl, digests }: EnvelopeQuestion,
): Checked<BuilderStatement | SummaryStatement> {
  const expected = ['format', 'network', 'signatures', ...(digests === undefined ? [] : ['artefact'])]
  return runChecks(expected, (check) => {
    const found = check('format', () => readAttestation(envelope), formatText)
    check(
      'network',
      () => checkAbout(found, network, purl),
      (text) => text,
    )
    check(
      'signatures',
      () => signers(envelope, found, network),
      (names) => `by ${names.join(', ')}`,
    )
    if (digests !== undefined)
      check(
        'artefact',
        () => subjectOf(found, digests),
        (name) => name,
      )
    return found
  })
}

function formatText(found: BuilderStatement | SummaryStatement): string {
  const { predicateType, subject } = found.statement
  return `${predicateType} about ${subject.map(({ name }) => name).join(', ')}`
}

function checkAbout(found: BuilderStatement | SummaryStatement, { origin }: Network, purl: string | undefined): string {
  const of: Pick<AttestedRequest, 'network' | 'purl'> = found.kind === 'summary' ? found.summary : found.of
  if (of.network !== origin) {
    throw new AppError('untrusted.origin', `wanted a statement of the network ${origin}, found one of ${of.network}`)
  }
  if (purl === undefined || purl === of.purl) return `${of.purl}, in ${origin}`
  throw new AppError('untrusted.subject', `wanted a statement about ${purl}, found one about ${of.purl}`)
}

/** Organisations whose builders' keys signed, each once; a statement needs its own builder, a summary the quorum of a draw. */
function signers(envelope: Envelope, found: BuilderStatement | SummaryStatement, network: Network): string[] {
  const builders = network.organisations.flatMap(({ name, keys: { attestation } }) =>
    attestation === undefined ? [] : [{ name, key: Buffer.from(attestation, 'base64') }],
  )
  const own = (hex: string): boolean => found.kind === 'summary' || found.builder.id === `${BUILDER_ID_PREFIX}${hex}`
  const trusted = builders.filter(({ key }) => own(key.toString('hex')))
  const needed = found.kind === 'summary' ? quorumOf(builders.length) : 1
  if (trusted.length < needed) {
    const wanted = found.kind === 'summary' ? `${needed} organisations that build` : `the builder ${found.builder.id}`
    throw new AppError('untrusted.signature', `wanted ${wanted} among those that network.json names`)
  }
  const signed = verifyEnvelope(
    envelope,
    trusted.map(({ key }) => key),
    needed,
  )
  const names = signed.map((key) => trusted.find((one) => Buffer.compare(one.key, key) === 0)?.name ?? '')
  const organisations = [...new Set(names)]
  if (organisations.length >= needed) return organisations
  throw new AppError('untrusted.signature', `wanted ${needed} organisations, found ${organisations.join(', ')}`)
}

/** Where fewer than four organisations build nothing is ever `rebuilt`: no number of signatures suffices. */
function quorumOf(builders: number): number {
  const { quorum, rebuilt } = panelSize(builders, builders)
  return rebuilt ? quorum : builders + 1
}

function subjectOf({ statement }: BuilderStatement | SummaryStatement, digests: readonly Digest[]): string {
  const found = statement.subject.find(({ digest }) => {
    return digest.sha256?.length === 64 && digests.includes(digestOf('sha256', digest.sha256))
  })
  if (found !== undefined) return found.name
  throw new AppError('untrusted.subject', `the statement is about none of ${digests.join(', ')}`)
}
