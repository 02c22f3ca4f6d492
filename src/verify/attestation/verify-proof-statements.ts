/**
 * Checks what builders signed about a verdict, by a proof file and a pinned network: the log first, then each statement against what its builder
 * revealed, then their summary, then the artefact at hand. Every check is listed. Pure.
 */
import { hash } from 'node:crypto'
import type { Envelope } from '../../base/crypto/dsse.ts'
import type { Digest } from '../../base/digest.ts'
import { digestOf } from '../../base/digest.ts'
import { entryName } from '../../base/entries/entry-name.ts'
import type { BuiltFile, FileDigests, Source } from '../../base/entries/result.ts'
import { AppError } from '../../base/errors.ts'
import type { Network } from '../../base/network/network.ts'
import type { Purl } from '../../base/purl.ts'
import { envelopeBytes, formatProofBundle, type ProofBundle, parseProofBundle } from '../proof-bundle.ts'
import { type VerifiedProof, verifyProofBundle } from '../verify-bundle.ts'
import { checkStatement } from './check-statement.ts'
import { checkSummary } from './check-summary.ts'
import { type Check, type Checked, runChecks } from './checks.ts'
import { isSummary } from './read-attestation.ts'

/** What is asked of a proof's statements. */
export interface StatementsQuestion {
  readonly nowSeconds: number
  readonly purl?: Purl | undefined
  /** The artefact at hand must be one of the files; strong digests. */
  readonly digests?: readonly Digest[] | undefined
}

const EXPECTED = ['format', 'log', 'verdict', 'summary', 'artefact', 'quorum']

/** Checks a proof file's statements; what is missing of those who agreed is a no. */
export function verifyProofStatements(
  bytes: Uint8Array,
  network: Network,
  question: StatementsQuestion,
): Checked<VerifiedProof> {
  const { digests, ...about } = question
  const expected = EXPECTED.filter((name) => name !== 'artefact' || digests !== undefined)
  return runChecks(expected, (check) => {
    const bundle = check(
      'format',
      () => parseProofBundle(bytes),
      ({ entries, envelopes }) => {
        return `${entries.length} entries of the log, ${envelopes.length} envelopes`
      },
    )
    const found = check('log', () => verifyProofBundle(withoutEnvelopes(bundle), network, about), logText)
    const verdict = check(
      'verdict',
      () => demandVerdict(found),
      ({ entry }) => {
        return `${entry.outcome}${entry.relation === null ? '' : `, ${entry.relation}`}, on ${entry.purl}: ${found.builders?.length ?? 0} of ${entry.builders} builders alike`
      },
    )
    checkStatements(check, { bundle, found, verdict, network })
    const summaries = bundle.envelopes.filter(isSummary)
    check(
      'summary',
      () => summaries.map((envelope) => checkSummary(envelope, verdict)),
      ([by]) => (by === undefined ? 'the file carries none' : `SLSA_BUILD_REPRODUCED, signed by ${by.join(', ')}`),
    )
    if (digests !== undefined)
      check(
        'artefact',
        () => namedFile(verdict.entry, digests),
        (text) => text,
      )
    return check(
      'quorum',
      () => verifyProofBundle(bytes, network, { ...question, needBuilders: true }),
      ({ builders = [] }) =>
        `by ${builders.map(({ organisation }) => organisation).join(', ')}: the quorum is ${verdict.entry.quorum}`,
    )
  })
}

type Verdict = Parameters<typeof checkSummary>[1]

function checkStatements(
  check: Check,
  {
    bundle,
    found,
    verdict,
    network,
  }: { bundle: ProofBundle; found: VerifiedProof; verdict: Verdict; network: Network },
): void {
  const byName = new Map<string, Envelope>()
  for (const envelope of bundle.envelopes) byName.set(hash('sha256', envelopeBytes(envelope), 'hex'), envelope)
  const { purl, request, attempt, panel } = verdict.entry
  for (const { organisation, node, agreed, envelope: name, reveal } of panel) {
    const told = found.entries.find(({ index }) => index === reveal)?.entry
    if (!agreed || told?.kind !== 'reveal') continue
    const claim = { network: network.origin, purl, request, attempt, result: told.tx.body.result }
    check(
      `statement of ${organisation}`,
      () => checkStatement(demand(byName, name, organisation), Buffer.from(node, 'hex'), claim),
      ({ kind, inputs, builder }) => {
        const list = inputs?.dependencies?.dependencies.length ?? 'a list of'
        const made = inputs === undefined ? '' : ` from ${sourceText(inputs.source)}, ${list} dependencies`
        return `${kind}${made}; ${builder.version.sandbox}`
      },
    )
  }
}

function demand(byName: ReadonlyMap<string, Envelope>, name: string | null, organisation: string): Envelope {
  const found = name === null ? undefined : byName.get(name)
  if (found !== undefined) return found
  const why = name === null ? 'its reveal names none' : `the file does not have ${name}`
  throw new AppError('untrusted.attestation', `wanted the statement of ${organisation}: ${why}`)
}

/** A file that was built, or upstream's that is equal to one. */
function namedFile({ agreed }: Verdict['entry'], digests: readonly Digest[]): string {
  const files: readonly (BuiltFile | FileDigests)[] = agreed !== null && 'files' in agreed ? agreed.files : []
  for (const file of files) {
    if (digests.includes(digestOf('sha256', file.sha256))) return `${file.name}, the bytes as built`
    if (!('upstream' in file) || file.upstream === null) continue
    const { sha256, level } = file.upstream
    const isEqual = level !== 'excluded' && level !== 'mismatch' && level !== 'malformed'
    if (isEqual && digests.includes(digestOf('sha256', sha256)))
      return `${file.name}, upstream's bytes: equal (${level})`
  }
  throw new AppError('untrusted.subject', `no file that was agreed on hashes to ${digests.join(', ')}`)
}

function demandVerdict({ subject, entries, origin }: VerifiedProof): Verdict {
  const bytes = entries.find(({ index }) => index === subject?.index)?.bytes
  if (subject?.verdict === undefined || subject.verdict.agreed === null || bytes === undefined) {
    throw new AppError('untrusted.builders', 'wanted a verdict on which builders agreed, found none in the file')
  }
  return { network: origin, index: subject.index, leaf: entryName(bytes), entry: subject.verdict }
}

/** The log is judged first, by itself: a statement that is wrong then shows as what it is. */
function withoutEnvelopes({ entries, revocations }: ProofBundle): Uint8Array {
  const proven = entries.map(({ entry, text }) => ({ entry, proof: Buffer.from(text, 'utf8') }))
  return formatProofBundle({ entries: proven, envelopes: [], revocations })
}

function logText({ origin, size, quorum, cosigners }: VerifiedProof): string {
  return `${origin}, ${size} entries, cosigned by ${[...cosigners.keys()].join(', ')} (${quorum.k} of ${quorum.of} had to)`
}

function sourceText(source: Source): string {
  return source.type === 'git' ? `${source.repository} at ${source.commit.slice(0, 12)}` : 'an archive of the registry'
}
