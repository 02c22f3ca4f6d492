/**
 * Checks a verification summary (VSA): it must be byte for byte what follows from the verdict, and be signed by as many organisations as had
 * to agree, each by a node that did. Pure.
 */

import { formatStatement, STATEMENT_PAYLOAD_TYPE } from '../../base/attestation/statement.ts'
import { type LoggedVerdict, summaryOf } from '../../base/attestation/vsa.ts'
import { type Envelope, verifyEnvelope } from '../../base/crypto/dsse.ts'
import { AppError } from '../../base/errors.ts'

/** The payload that builders sign of a verdict; undefined for a verdict of which there is no summary. */
export function summaryPayload(verdict: LoggedVerdict): Uint8Array | undefined {
  const statement = summaryOf(verdict)
  return statement && formatStatement(statement)
}

/**
 * The organisations whose signatures on the summary count, each once: those of nodes that agreed.
 * @throws untrusted.attestation if it is not the summary of this verdict, or has too few signatures
 */
export function checkSummary(envelope: Envelope, verdict: LoggedVerdict): string[] {
  const payload = summaryPayload(verdict)
  if (payload === undefined) throw refused(`there is none of a verdict ${verdict.entry.outcome}`)
  const isOurs = envelope.payloadType === STATEMENT_PAYLOAD_TYPE && Buffer.compare(envelope.payload, payload) === 0
  if (!isOurs) throw refused(`found another than follows from entry ${verdict.index}`)
  const found = signersOf(envelope, verdict)
  const { quorum } = verdict.entry
  if (found.length >= quorum) return found
  throw refused(`wanted the signatures of ${quorum} organisations that agreed, found ${found.length}`)
}

/** The organisations that agreed and signed these bytes; for whoever collects signatures. */
export function signersOf(envelope: Envelope, { entry }: LoggedVerdict): string[] {
  const found = entry.panel
    .filter(({ agreed }) => agreed)
    .filter(({ node }) => signed(envelope, Buffer.from(node, 'hex')))
    .map(({ organisation }) => organisation)
  return [...new Set(found)]
}

function signed(envelope: Envelope, key: Uint8Array): boolean {
  try {
    return verifyEnvelope(envelope, [key], 1).length === 1
  } catch {
    return false
  }
}

function refused(found: string): AppError {
  return new AppError('untrusted.attestation', `checking a verification summary: ${found}`)
}
