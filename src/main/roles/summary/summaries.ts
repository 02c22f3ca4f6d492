/**
 * Verification summaries (VSA) of verdicts: a builder that agreed signs what follows from the recorded verdict, whoever wants the summary
 * collects the signatures of a quorum from peers, and what was collected is kept. A signature is made when it is asked for: it is always the
 * same, so nothing need be remembered, and a lost one is made again. 2-trust.md, "Attestation".
 */
import { hash } from 'node:crypto'
import { STATEMENT_PAYLOAD_TYPE } from '../../../base/attestation/statement.ts'
import type { LoggedVerdict } from '../../../base/attestation/vsa.ts'
import type { Clock, Logger } from '../../../base/clock.ts'
import { canonicalJson } from '../../../base/crypto/canonical-json.ts'
import { type Envelope, envelopeJson, preAuthEncoding } from '../../../base/crypto/dsse.ts'
import { type Signer, verifyEd25519 } from '../../../base/crypto/ed25519.ts'
import { type Entry, parseEntry } from '../../../base/entries/entry.ts'
import { entryName } from '../../../base/entries/entry-name.ts'
import { AppError, errorChain, isKind, throwIfAborted } from '../../../base/errors.ts'
import type { Purl } from '../../../base/purl.ts'
import type { LogReader } from '../../../log/log.ts'
import { createTokenBucket } from '../../../peers/data/token-bucket.ts'
import type { PeerId, Peers } from '../../../peers/peers.ts'
import type { Notebook } from '../../../store/store.ts'
import { signersOf, summaryPayload } from '../../../verify/attestation/check-summary.ts'
import type { Statements } from '../statements.ts'
import {
  formatQuestion,
  formatSignatures,
  parseSignatures,
  questionIn,
  type SummaryQuestion,
  type SummarySignature,
} from './summary-messages.ts'

/** What summaries are made with. */
export interface SummaryDependencies {
  /** Origin of the network's log. */
  readonly network: string
  readonly log: Pick<LogReader, 'newest' | 'entry' | 'find'>
  /** Of the attestation key; undefined: this node builds nothing. */
  readonly signer: Signer | undefined
  readonly peers: Pick<Peers, 'list' | 'transact'>
  readonly statements: Pick<Statements, 'keep' | 'find'>
  readonly notebook: Notebook
  readonly clock: Clock
  readonly logger: Logger
}

/** Summaries of verdicts. */
export interface Summaries {
  /**
   * The summary of the verdict at `index` with the signatures of a quorum; undefined: there is none of this verdict, or too few who
   * signed could be reached. @throws aborted.caller, damaged.log
   */
  collect(index: number, signal: AbortSignal): Promise<Envelope | undefined>
  /** Begins to collect, for a verdict that was waited for; what comes of it is kept. */
  collectSoon(index: number): void
  /** The answer to a peer's message, if it is one about summaries. */
  answer(message: Uint8Array, from: PeerId, signal: AbortSignal): Promise<Uint8Array> | undefined
  /** Ends what was begun. */
  close(): Promise<void>
}

const NAMESPACE = 'build.summaries'
const KEPT_MAX = 10_000
/** Summaries that are collected at the same time without anybody waiting. */
const BEGUN_MAX = 8
/** Peers that are asked about one summary, and how long each is waited for. */
const ASKED_MAX = 16
const PEER_MS = 5000
/** Questions of others that are passed on, in an hour. */
const PASSED_ON = 600
const HOUR_SECONDS = 3600

/** A verdict with what builders sign of it. */
interface Summarised {
  readonly verdict: LoggedVerdict
  readonly payload: Uint8Array
}

/** The summaries of a node. */
export function createSummaries(deps: SummaryDependencies): Summaries {
  const begun = new Map<number, Promise<unknown>>()
  const ending = new AbortController()
  const passing = createTokenBucket({ unitsPerSecond: PASSED_ON / HOUR_SECONDS, burstUnits: PASSED_ON }, deps)
  const reply = async (asked: SummaryQuestion, from: PeerId, signal: AbortSignal): Promise<Uint8Array> => {
    if (asked.network !== deps.network) throw new AppError('unavailable.peer', 'this node belongs to another network')
    const found = await summarised(asked.summaryOf, deps)
    if (found === undefined) return formatSignatures([])
    const kept = await keptEnvelope(asked.summaryOf, found, deps, signal)
    if (kept !== undefined) return formatSignatures(signaturesIn(kept))
    const own = ownSignature(found, deps)
    const others =
      asked.hops > 0 && passing.tryTake(1) ? await gather(found, { hops: 0, except: from }, deps, signal) : []
    return formatSignatures([...own, ...others])
  }
  return {
    collect: (index, signal) => collect(index, deps, signal),
    collectSoon(index) {
      if (begun.has(index) || begun.size >= BEGUN_MAX || ending.signal.aborted) return
      const collecting = collect(index, deps, ending.signal)
        .catch((error) => {
          if (!ending.signal.aborted)
            deps.logger.warn({ index, error: errorChain(error) }, 'collecting a summary failed')
        })
        .finally(() => begun.delete(index))
      begun.set(index, collecting)
    },
    answer(message, from, signal) {
      const asked = questionIn(message)
      return asked && reply(asked, from, signal)
    },
    async close() {
      ending.abort(new AppError('aborted.shutdown', 'the node is shutting down'))
      await Promise.all(begun.values())
    },
  }
}

async function collect(index: number, deps: SummaryDependencies, signal: AbortSignal): Promise<Envelope | undefined> {
  const found = await summarised(index, deps)
  if (found === undefined) return undefined
  const kept = await keptEnvelope(index, found, deps, signal)
  if (kept !== undefined) return kept
  const { entry } = found.verdict
  const own = ownSignature(found, deps)
  const signatures = own.length >= entry.quorum ? own : [...own, ...(await gather(found, { hops: 1 }, deps, signal))]
  const envelope = envelopeOf(found, signatures)
  const by = signersOf(envelope, found.verdict)
  if (by.length < entry.quorum) {
    deps.logger.info(
      { purl: entry.purl, index, by, quorum: entry.quorum },
      'too few signed the summary of a verdict yet',
    )
    return undefined
  }
  await keep(index, envelope, deps)
  return envelope
}

/** The verdict that the log holds there, if it is one of which builders sign a summary and nothing speaks against it. */
async function summarised(index: number, { network, log }: SummaryDependencies): Promise<Summarised | undefined> {
  if (index >= (log.newest()?.size ?? 0)) return undefined
  const bytes = await log.entry(index)
  const entry = parsed(bytes)
  if (entry?.kind !== 'verdict') return undefined
  const verdict = { network, index, leaf: entryName(bytes), entry }
  const payload = summaryPayload(verdict)
  if (payload === undefined || (await isWithdrawn(verdict, log))) return undefined
  return { verdict, payload }
}

async function isWithdrawn({ entry }: LoggedVerdict, log: SummaryDependencies['log']): Promise<boolean> {
  const ofKind = async (kind: string) => await log.find({ purl: entry.purl as Purl, kind, limit: 100 })
  const hits = [...(await ofKind('dispute')), ...(await ofKind('revocation'))].map((hit) => parsed(hit.entry))
  return hits.some((found) => {
    if (found?.kind === 'revocation') return found.step === 'effective'
    return found?.kind === 'dispute' && found.step === 'upheld' && found.verdictOf === entry.request
  })
}

function parsed(bytes: Uint8Array): Entry | undefined {
  try {
    return parseEntry(bytes)
  } catch (error) {
    if (isKind(error, 'usage')) return undefined
    throw error
  }
}

/** This node's own signature, if it was one of those who agreed. */
function ownSignature({ verdict, payload }: Summarised, { signer }: SummaryDependencies): SummarySignature[] {
  if (signer === undefined) return []
  const node = Buffer.from(signer.publicKey).toString('hex')
  if (!verdict.entry.panel.some((one) => one.agreed && one.node === node)) return []
  const message = preAuthEncoding(STATEMENT_PAYLOAD_TYPE, payload)
  return [{ node, signature: Buffer.from(signer.sign(message)).toString('hex') }]
}

/** Signatures of those who agreed, as far as connected peers have them; each is checked, and each node counts once. */
async function gather(
  { verdict, payload }: Summarised,
  { hops, except }: { readonly hops: number; readonly except?: PeerId },
  { network, peers, clock }: SummaryDependencies,
  signal: AbortSignal,
): Promise<SummarySignature[]> {
  const message = preAuthEncoding(STATEMENT_PAYLOAD_TYPE, payload)
  const question = formatQuestion({ network, hops, summaryOf: verdict.index })
  const agreed = new Set(verdict.entry.panel.filter((one) => one.agreed).map(({ node }) => node))
  const asked = peers
    .list()
    .filter(({ peerId, connected }) => connected && peerId !== except)
    .slice(0, ASKED_MAX)
  const found = new Map<string, SummarySignature>()
  await Promise.all(
    asked.map(async ({ peerId }) => {
      for (const one of await answerOf(peerId, question, { peers, clock }, signal)) {
        if (!agreed.has(one.node) || found.has(one.node)) continue
        const isGood = verifyEd25519(Buffer.from(one.node, 'hex'), message, Buffer.from(one.signature, 'hex'))
        if (isGood) found.set(one.node, one)
      }
    }),
  )
  return [...found.values()]
}

async function answerOf(
  peerId: PeerId,
  question: Uint8Array,
  { peers, clock }: Pick<SummaryDependencies, 'peers' | 'clock'>,
  signal: AbortSignal,
): Promise<readonly SummarySignature[]> {
  const late = new AbortController()
  const cancel = clock.after(PEER_MS, () => late.abort())
  try {
    return parseSignatures(await peers.transact(peerId, question, { signal: AbortSignal.any([signal, late.signal]) }))
  } catch (error) {
    throwIfAborted(signal)
    if (isKind(error, 'bug')) throw error
    return []
  } finally {
    cancel()
  }
}

/** In the order of the panel, so that all who have the same signatures make the same envelope. */
function envelopeOf({ verdict, payload }: Summarised, signatures: readonly SummarySignature[]): Envelope {
  const byNode = new Map(signatures.map((one) => [one.node, one]))
  const ordered = verdict.entry.panel.flatMap(({ node }) => byNode.get(node) ?? [])
  return {
    payloadType: STATEMENT_PAYLOAD_TYPE,
    payload,
    signatures: ordered.map(({ node, signature }) => ({
      keyid: node,
      sig: Uint8Array.from(Buffer.from(signature, 'hex')),
    })),
  }
}

function signaturesIn({ signatures }: Envelope): SummarySignature[] {
  return signatures.map(({ keyid, sig }) => ({ node: keyid, signature: Buffer.from(sig).toString('hex') }))
}

async function keep(index: number, envelope: Envelope, deps: SummaryDependencies): Promise<void> {
  const { network, notebook, statements } = deps
  const bytes = canonicalJson(envelopeJson(envelope))
  await statements.keep(bytes)
  if (notebook.entries(NAMESPACE).length >= KEPT_MAX) return
  notebook.set(NAMESPACE, `${network} ${index}`, hash('sha256', bytes, 'hex'))
}

async function keptEnvelope(
  index: number,
  { verdict }: Summarised,
  { network, notebook, statements }: SummaryDependencies,
  signal: AbortSignal,
): Promise<Envelope | undefined> {
  const name = notebook.get(NAMESPACE, `${network} ${index}`)
  const envelope = typeof name === 'string' ? await statements.find(name, signal) : undefined
  if (envelope === undefined || signersOf(envelope, verdict).length < verdict.entry.quorum) return undefined
  return envelope
}
