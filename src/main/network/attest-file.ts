/** `pyrsia attest`: reads and judges attestations in files. No node need run, nobody is asked; what is trusted is a `network.json`. */
import { hash } from 'node:crypto'
import { type Json, parseCanonicalJson } from '../../base/crypto/canonical-json.ts'
import { ENVELOPE_BYTES_MAX, type Envelope, envelopeJson, envelopeOfJson } from '../../base/crypto/dsse.ts'
import { parseEntry, type VerdictEntry } from '../../base/entries/entry.ts'
import { AppError, isKind } from '../../base/errors.ts'
import { parsePurl } from '../../base/purl.ts'
import type { AttestationView, AttestReport, AttestVerifyRequest } from '../../cli/log/attest-view.ts'
import { readText } from '../../cli/offline/files.ts'
import { readAttestation } from '../../verify/attestation/read-attestation.ts'
import { verifyAttestation } from '../../verify/attestation/verify-envelope.ts'
import { verifyProofStatements } from '../../verify/attestation/verify-proof-statements.ts'
import { envelopeBytes, PROOF_BYTES_MAX, type ProvenEntry, parseProofBundle } from '../../verify/proof-bundle.ts'
import { digestsOf, pinnedNetwork } from './verify-file.ts'

/** The attestations in a proof or an envelope. @throws untrusted.malformed, untrusted.attestation, usage.json */
export function readAttestations(bytes: Uint8Array): AttestationView[] {
  if (!isProof(bytes)) return [viewOf(readEnvelope(bytes), new Map())]
  const { entries, envelopes } = parseProofBundle(bytes)
  const owners = new Map(entries.flatMap(ownersIn))
  return envelopes.map((envelope) => viewOf(envelope, owners))
}

/**
 * Judges a proof or an envelope at `nowSeconds`; what does not hold is in the report.
 * @throws usage.network, usage.key, absent.network, usage.purl, usage.request, usage.json
 */
export async function verifyAttestFile(
  { file, network: pinned, artifact, purl, data: _ }: AttestVerifyRequest,
  directory: string,
  nowSeconds: number,
): Promise<AttestReport> {
  const network = await pinnedNetwork(pinned, directory)
  const bytes = Buffer.from(await readText(file, PROOF_BYTES_MAX))
  const digests = artifact === undefined ? undefined : await digestsOf(artifact)
  const wanted = purl === undefined ? undefined : parsePurl(purl)
  const notCompared = digests === undefined ? ['no artefact was compared'] : []
  if (isProof(bytes)) {
    const { checks, failure } = verifyProofStatements(bytes, network, { nowSeconds, purl: wanted, digests })
    return { kind: 'proof', checks, failure, remarks: notCompared }
  }
  const { checks, failure, value } = verifyAttestation(readEnvelope(bytes), network, { purl: wanted, digests })
  const alone =
    value?.kind === 'summary'
      ? 'the log was not looked at: that the verdict stands, only a proof shows'
      : 'the log was not looked at: that this builder was drawn and revealed just this, only a proof shows'
  return { kind: 'envelope', checks, failure, remarks: [alone, ...notCompared] }
}

/** A proof says its format in its first member; an envelope has none of that name. */
function isProof(bytes: Uint8Array): boolean {
  try {
    const { format } = JSON.parse(Buffer.from(bytes).toString('utf8')) as { format?: unknown }
    return format !== undefined
  } catch (cause) {
    throw new AppError('usage.json', 'wanted a proof or a DSSE envelope as JSON', { cause })
  }
}

function readEnvelope(bytes: Uint8Array): Envelope {
  if (bytes.byteLength > ENVELOPE_BYTES_MAX) {
    throw new AppError(
      'usage.json',
      `wanted an envelope of at most ${ENVELOPE_BYTES_MAX} bytes, found ${bytes.byteLength}`,
    )
  }
  return envelopeOfJson(JSON.parse(Buffer.from(bytes).toString('utf8')))
}

/** Whose envelope is whose, as the verdicts in a proof say it. */
function ownersIn({ entry }: ProvenEntry): Array<readonly [string, string]> {
  const verdict = verdictOf(entry)
  return (verdict?.panel ?? []).flatMap(({ envelope, organisation }) =>
    envelope === null ? [] : [[envelope, organisation] as const],
  )
}

function verdictOf(bytes: Uint8Array): VerdictEntry | undefined {
  try {
    const entry = parseEntry(bytes)
    return entry.kind === 'verdict' ? entry : undefined
  } catch (error) {
    if (isKind(error, 'usage')) return undefined
    throw error
  }
}

function viewOf(envelope: Envelope, owners: ReadonlyMap<string, string>): AttestationView {
  const found = readAttestation(envelope)
  const name = hash('sha256', envelopeBytes(envelope), 'hex')
  const { purl, network } = found.kind === 'summary' ? found.summary : found.of
  return {
    name,
    kind: found.kind,
    purl,
    network,
    organisation: owners.get(name),
    keyIds: envelope.signatures.map(({ keyid }) => keyid),
    statement: parseCanonicalJson(envelope.payload) as Json,
    envelope: envelopeJson(envelope),
  }
}
