/**
 * Checks a verdict against those who built: the selection (`verdict-selection.ts`), each builder's signed reveal, and the envelopes that
 * the reveals name. So the authorities' word is not all that a proof rests on. 2-trust.md, "The proof in one file", "Agreement".
 * Pure.
 */
import { createHash } from 'node:crypto'
import { canonicalJson, type Json } from '../base/crypto/canonical-json.ts'
import type { Envelope } from '../base/crypto/dsse.ts'
import type { Entry, RevealEntry, VerdictBuilder, VerdictEntry } from '../base/entries/entry.ts'
import { entryName } from '../base/entries/entry-name.ts'
import { nodeOf } from '../base/entries/offer.ts'
import { agreedPart } from '../base/entries/result.ts'
import { isSigned } from '../base/entries/transaction.ts'
import { AppError } from '../base/errors.ts'
import type { Network } from '../base/network/network.ts'
import { type PolicyChain, versionAt } from '../log/policy/network-chain.ts'
import { checkStatement } from './attestation/check-statement.ts'
import { checkSummary } from './attestation/check-summary.ts'
import { isSummary } from './attestation/read-attestation.ts'
import { envelopeBytes } from './proof-bundle.ts'
import type { Subject } from './subject.ts'
import { type Selected, selectionOf } from './verdict-selection.ts'

/** A builder whose part in a verdict was checked. */
export interface CheckedBuilder {
  readonly organisation: string
  /** Its attestation key, lower-case hex. */
  readonly node: string
  /** Index of its reveal. */
  readonly reveal: number
  /** Whether its signed statement is in the file and was checked; false: its reveal names none, or the file leaves it out. */
  readonly stated: boolean
}

interface Logged {
  readonly index: number
  readonly bytes: Uint8Array
  readonly entry: Entry | undefined
}

/** What is checked against what. */
export interface BuildersClaim {
  readonly chain: PolicyChain
  readonly network: Network
  readonly logged: readonly Logged[]
  readonly envelopes: readonly Envelope[]
  readonly subject: Subject | undefined
  /** True: reveals and the statements that they name must be there. */
  readonly need: boolean | undefined
}

/** What the file shows of those behind a verdict. */
export interface CheckedVerdict {
  /** Undefined if the file carries none of their reveals and none are needed. */
  readonly builders: readonly CheckedBuilder[] | undefined
  /** Organisations that signed the verification summary (VSA) in the file; undefined: there is none. */
  readonly summarisedBy: readonly string[] | undefined
}

/**
 * The builders who agreed, each checked, and the summary that they signed.
 * @throws untrusted.builders with what is missing or wrong; untrusted.signature for an envelope that its builder did not sign;
 * untrusted.attestation for a statement that says something else than its builder revealed, or a summary that does not follow
 */
export function checkBuilders(claim: BuildersClaim): CheckedVerdict {
  const summaries = claim.envelopes.filter(isSummary)
  const summarisedBy = summaries.flatMap((envelope) => checkSummary(envelope, loggedVerdict(claim)))
  return {
    builders: checkStated({ ...claim, envelopes: claim.envelopes.filter((one) => !isSummary(one)) }),
    summarisedBy: summaries.length === 0 ? undefined : [...new Set(summarisedBy)],
  }
}

function loggedVerdict({ subject, logged, network }: BuildersClaim) {
  const bytes = logged.find(({ index }) => index === subject?.index)?.bytes
  if (subject?.verdict === undefined || bytes === undefined)
    throw refused('found a summary of a verdict, and no verdict')
  return { network: network.origin, index: subject.index, leaf: entryName(bytes), entry: subject.verdict }
}

function checkStated(claim: BuildersClaim): CheckedBuilder[] | undefined {
  const verdict = claim.subject?.verdict
  const carried = new Set(claim.logged.map(({ index }) => index))
  const some = verdict?.panel.some(({ reveal }) => reveal !== null && carried.has(reveal)) ?? false
  if (!some && !claim.need) return undefined
  if (verdict === undefined || verdict.agreed === null)
    throw refused('wanted a verdict on which builders agreed, found none')
  const selection = selectionOf(claim.logged, claim.network, verdict)
  const statements = new Map(claim.envelopes.map((envelope) => [sha256(envelopeBytes(envelope)), envelope]))
  const found = verdict.panel
    .filter(({ agreed }) => agreed)
    .map((builder) => checkBuilder(claim, verdict, selection, builder, statements))
  const unnamed = [...statements.keys()].find((name) => !verdict.panel.some(({ envelope }) => envelope === name))
  if (unnamed !== undefined) throw refused(`found a statement ${unnamed} that no builder of the verdict named`)
  const organisations = new Set(found.map(({ organisation }) => organisation))
  if (organisations.size >= verdict.quorum) return found
  throw refused(`wanted ${verdict.quorum} organisations that built the same, found ${organisations.size}`)
}

function checkBuilder(
  claim: BuildersClaim,
  verdict: VerdictEntry,
  selection: Selected,
  builder: VerdictBuilder,
  statements: ReadonlyMap<string, Envelope>,
): CheckedBuilder {
  const { organisation, node, reveal: index, envelope } = builder
  const seat = [...selection.selected, ...selection.standbys].find((one) => one.node === node)
  if (seat?.organisation !== organisation) throw refused(`${organisation} with the node ${node} was not selected`)
  if (!isMember(claim, organisation, node, seat.memberIndex, verdict.selection ?? 0)) {
    throw refused(`nothing shows that the node ${node} is one of ${organisation}`)
  }
  const reveal = claim.logged.find((one) => one.index === index)?.entry
  if (index === null || reveal?.kind !== 'reveal') throw refused(`wanted the reveal of ${organisation}`)
  checkReveal(reveal, verdict, builder, claim.network)
  const { request, attempt, purl } = verdict
  const { result } = reveal.tx.body
  const statement = envelope === null ? undefined : statements.get(envelope)
  if (statement === undefined) {
    if (envelope !== null && claim.need) throw refused(`wanted the statement of ${organisation}`)
    return { organisation, node, reveal: index, stated: false }
  }
  checkStatement(statement, Buffer.from(node, 'hex'), { network: claim.network.origin, purl, request, attempt, result })
  return { organisation, node, reveal: index, stated: true }
}

function checkReveal(
  { organisation, tx }: RevealEntry,
  verdict: VerdictEntry,
  builder: VerdictBuilder,
  network: Network,
): void {
  const { body } = tx
  const name = builder.organisation
  if (organisation !== name || body.key !== builder.node) throw refused(`found a reveal of somebody else for ${name}`)
  if (body.network !== network.origin || body.request !== verdict.request || body.attempt !== verdict.attempt) {
    throw refused(`found a reveal of ${name} for another request`)
  }
  if (!isSigned(tx)) throw refused(`the reveal of ${name} is not signed by its key`)
  const told = canonicalJson(agreedPart(body.result) as unknown as Json)
  if (Buffer.compare(told, canonicalJson(verdict.agreed as unknown as Json)) !== 0) {
    throw refused(`${name} revealed something else than the verdict says`)
  }
  if ((body.envelope ?? null) !== builder.envelope) throw refused(`${name} named another statement`)
}

/** By the member entry that the seat names, or by the members that the network's file and the changes in this file make. */
function isMember(
  claim: BuildersClaim,
  organisation: string,
  node: string,
  memberIndex: number,
  atIndex: number,
): boolean {
  const entry = claim.logged.find(({ index }) => index === memberIndex)?.entry
  if (entry?.kind === 'member') {
    const proposed = entry.step === 'active' ? entry.votes[0].body.change : undefined
    const offer = entry.step === 'genesis' ? entry.offer : proposed?.action === 'admit' ? proposed.offer : undefined
    return offer?.body.organisation === organisation && nodeOf(offer.body) === node
  }
  const { members } = versionAt(claim.chain, atIndex)
  return members.get(organisation)?.some(({ attestation }) => attestation === node) ?? false
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function refused(found: string): AppError {
  return new AppError('untrusted.builders', `verifying a verdict: ${found}`)
}
