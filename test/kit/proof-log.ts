/**
 * A trust network and its log in memory, with every key at hand: makes checkpoints by whoever a test wants, proofs, proof files, votes,
 * and a whole verdict from request to reveals. For tests of verifying and for benchmarks. Entries are labelled as tests' by their purl
 * type `toy`.
 */
import { hash } from 'node:crypto'
import type { AttestedRequest } from '../../src/base/attestation/predicate.ts'
import { STATEMENT_PAYLOAD_TYPE } from '../../src/base/attestation/statement.ts'
import { statementOf } from '../../src/base/attestation/statement-of.ts'
import { type Envelope, signEnvelope } from '../../src/base/crypto/dsse.ts'
import {
  type BeaconEvidence,
  type Entry,
  encodeEntry,
  type MemberEntry,
  type SeatEntry,
} from '../../src/base/entries/entry.ts'
import { entryName } from '../../src/base/entries/entry-name.ts'
import type { Offer, OfferBody } from '../../src/base/entries/offer.ts'
import { agreedPart, type BuildResult, type Built } from '../../src/base/entries/result.ts'
import type { RevokedItem } from '../../src/base/entries/revocation-list.ts'
import {
  type Change,
  changeId,
  type ProposeBody,
  type RequestBody,
  type RevealBody,
  signTransaction,
  type VoteBody,
} from '../../src/base/entries/transaction.ts'
import { NETWORK_FORMAT, type Network, quorumOf } from '../../src/base/network/network.ts'
import { formatVkey, makeVkey } from '../../src/base/network/vkey.ts'
import { localChain, localRounds } from '../../src/beacon/local-chain.ts'
import { drawSeed } from '../../src/consensus/selection/draw-seed.ts'
import { formatCheckpoint } from '../../src/log/note/checkpoint.ts'
import { cosign } from '../../src/log/note/cosignature.ts'
import { formatNote, signNote } from '../../src/log/note/note.ts'
import { formatTlogProof } from '../../src/log/proof/tlog-proof.ts'
import { type Hash, leafHash, nodeHash } from '../../src/log/tree/hash.ts'
import { inclusionProof, rootOf } from '../../src/log/tree/proof.ts'
import { envelopeBytes, formatProofBundle } from '../../src/verify/proof-bundle.ts'
import { hexOf, keyOf, sampleOffer, sampleRecord, sampleResult, signerOf } from './sample-entries.ts'

/** The origin of test networks. */
export const TEST_ORIGIN = 'log.example/toy'
/** When test networks begin, in seconds since 1970. */
export const TEST_SECONDS = 1_800_000_000
const DAY_SECONDS = 86_400

const BEACON = localRounds(hash('sha256', 'beacon', 'buffer'))

/** A network of these organisations, each authority and builder at once, with the keys `<name>/<role>` of `signerOf`. */
export function testNetwork(names: readonly string[], more: Partial<Network> = {}): Network {
  const base64 = (name: string): string => Buffer.from(signerOf(name).publicKey).toString('base64')
  return {
    format: NETWORK_FORMAT,
    name: 'toy',
    origin: TEST_ORIGIN,
    created: TEST_SECONDS,
    expires: TEST_SECONDS + 365 * DAY_SECONDS,
    freshnessSeconds: DAY_SECONDS,
    organisations: names.map((name) => ({
      name,
      roles: ['authority', 'builder'],
      keys: { ...testVkeys(name), consensus: base64(`${name}/consensus`), attestation: base64(`${name}/attestation`) },
    })),
    quorum: { k: quorumOf(names.length), of: names.length },
    beacon: { kind: 'local', publicKey: Buffer.from(BEACON.publicKey).toString('base64') },
    beaconDelaySeconds: 3,
    bootstrap: [],
    ...more,
  }
}

/** The log and cosigner keys of an organisation, as text. */
export function testVkeys(name: string): { readonly log: string; readonly cosigner: string } {
  return {
    log: formatVkey(makeVkey(TEST_ORIGIN, 'ed25519', signerOf(`${name}/log`).publicKey)),
    cosigner: formatVkey(makeVkey(`${name}.example`, 'cosignature', signerOf(`${name}/cosigner`).publicKey)),
  }
}

/** The offer of an organisation's node with all its keys, signed by itself. */
export function testOffer(name: string, body: Partial<OfferBody> = {}): Offer {
  const keys = { attestation: keyOf(`${name}/attestation`), consensus: keyOf(`${name}/consensus`), ...testVkeys(name) }
  return sampleOffer(name, { network: TEST_ORIGIN, keys, ...body })
}

/** Who signs a checkpoint, and when. */
export interface SignedBy {
  /** Organisations that cosign. */
  readonly by: readonly string[]
  /** The time of every cosignature, in seconds since 1970. */
  readonly timeSeconds?: number
  /** Size of the tree; the whole log if left out. */
  readonly size?: number
  /** The organisation whose log key signs; the first of `by` if left out. */
  readonly log?: string
}

/** A log whose operator does whatever a test says. */
export class ProofLog {
  readonly entries: Uint8Array[] = []
  readonly #nodes = new Map<string, Hash>()

  /** Appends an entry and gives its index. */
  append(entry: Entry | Uint8Array): number {
    this.entries.push(entry instanceof Uint8Array ? entry : encodeEntry(entry))
    return this.entries.length - 1
  }

  /** The hash of a complete subtree. */
  readonly read = (level: number, index: number): Hash => {
    const key = `${level}/${index}`
    const known = this.#nodes.get(key)
    if (known !== undefined) return known
    const entry = this.entries[index]
    if (level === 0 && entry === undefined) throw new Error(`no entry ${index}`)
    const made =
      level === 0
        ? leafHash(entry ?? new Uint8Array())
        : nodeHash(this.read(level - 1, index * 2), this.read(level - 1, index * 2 + 1))
    this.#nodes.set(key, made)
    return made
  }

  /** A signed checkpoint. */
  checkpoint({
    by,
    timeSeconds = TEST_SECONDS + 100,
    size = this.entries.length,
    log = by[0] ?? '',
  }: SignedBy): Uint8Array {
    const text = formatCheckpoint({ origin: TEST_ORIGIN, size, root: rootOf(size, this.read), extensions: [] })
    return formatNote({
      text,
      signatures: [
        signNote(text, TEST_ORIGIN, signerOf(`${log}/log`)),
        ...by.map((name) => cosign(text, `${name}.example`, signerOf(`${name}/cosigner`), timeSeconds)),
      ],
    })
  }

  /** The entry with its proof file under a checkpoint of `size`. */
  proven(
    index: number,
    checkpoint: Uint8Array,
    size: number = this.entries.length,
  ): { entry: Uint8Array; proof: Uint8Array } {
    const hashes = inclusionProof(index, size, this.read)
    return { entry: this.entries[index] ?? new Uint8Array(), proof: formatTlogProof({ index, hashes, checkpoint }) }
  }

  /** The bytes of a proof file of these entries, all under one checkpoint. */
  bundle(
    indexes: readonly number[],
    signed: SignedBy,
    envelopes: readonly Envelope[] = [],
    revocations?: readonly RevokedItem[],
  ): Uint8Array {
    const checkpoint = this.checkpoint(signed)
    const entries = indexes.map((index) => this.proven(index, checkpoint, signed.size))
    return formatProofBundle({ entries, envelopes, revocations })
  }
}

/** A change of members as the log has it once it holds, with the votes of these organisations. */
export function votedChange(change: Change, voters: readonly string[], network: string = TEST_ORIGIN): MemberEntry {
  const [first = '', ...others] = voters
  const proposal = signTransaction<ProposeBody>(
    { type: 'propose', network, sequence: 1, change },
    signerOf(`${first}/consensus`),
  )
  const votes = others.map((name) =>
    signTransaction<VoteBody>(
      { type: 'vote', network, sequence: 1, change: changeId(change) },
      signerOf(`${name}/consensus`),
    ),
  )
  return { kind: 'member', v: 1, at: TEST_AT, step: 'active', votes: [proposal, ...votes] }
}

const TEST_AT = { heightBlock: 5, timeSeconds: TEST_SECONDS + 50 }

/** Where the entries of a verdict stand. */
export interface BuiltVerdict {
  readonly request: number
  readonly selection: number
  readonly reveals: readonly number[]
  readonly verdict: number
  readonly envelopes: readonly Envelope[]
  readonly result: Built
}

/** Changes to a verdict, for tests of what is refused. */
export interface VerdictTwist {
  readonly quorum?: number
  /** The attestation key that signs a builder's reveal and statement; its own if left out. */
  readonly signAs?: (name: string) => string
  /** What a builder reveals; the agreed result if left out. */
  readonly result?: (name: string) => Built
  /** The seed; the one that follows if left out. */
  readonly seed?: string
  /** What the selection says of the beacon instead; the seed stays that of what the beacon gave. */
  readonly beacon?: Partial<BeaconEvidence>
  /** Organisations that have a seat; the builders if left out. */
  readonly seated?: readonly string[]
  readonly attempt?: number
  /** What is agreed on; a sample if left out. */
  readonly agreed?: Built
}

/** Logs a verdict on which these organisations agree, from request to reveals. Members are those of `network.json` (index 2^53 - 1). */
export function logVerdict(
  log: ProofLog,
  purl: string,
  builders: readonly string[],
  twist: VerdictTwist = {},
): BuiltVerdict {
  const { attempt = 1, quorum = builders.length, seated = builders, signAs = (name) => name } = twist
  const result = twist.agreed ?? sampleResult(purl)
  const sender = { network: TEST_ORIGIN, sequence: 7 }
  const asker = signerOf(`${builders[0]}/consensus`)
  const tx = signTransaction<RequestBody>({ type: 'request', ...sender, purl }, asker)
  const membershipRoot = hexOf('members')
  const request = log.append({ kind: 'request', v: 1, at: TEST_AT, purl, attempt, membershipRoot, tx })
  const name = entryName(log.entries[request] ?? new Uint8Array())
  const about = { v: 1, at: TEST_AT, purl } as const
  const drawn = { request: name, attempt, membershipRoot, quorum, builders: builders.length }
  const selection = log.append(selectionOf(purl, seated, drawn, twist))
  const parts = builders.map((organisation) => {
    const told = twist.result?.(organisation) ?? result
    return {
      ...revealOf(organisation, told, { name, attempt, purl, signer: `${signAs(organisation)}/attestation` }),
      told,
    }
  })
  const reveals = parts.map(({ tx, organisation }) => log.append({ kind: 'reveal', ...about, organisation, tx }))
  const verdict = log.append({
    kind: 'verdict',
    ...about,
    request: name,
    attempt,
    selection,
    outcome: 'rebuilt',
    relation: 'equal',
    level: 'exact',
    builders: builders.length,
    quorum,
    agreed: agreedPart(result),
    panel: parts.map(({ organisation, envelopeName }, at) => ({
      organisation,
      node: keyOf(`${organisation}/attestation`),
      reveal: reveals[at] ?? 0,
      agreed: true,
      envelope: envelopeName,
      environment: result.environment,
    })),
    expiresSeconds: null,
    disputes: null,
  })
  return { request, selection, reveals, verdict, envelopes: parts.map(({ envelope }) => envelope), result }
}

function selectionOf(
  purl: string,
  seated: readonly string[],
  drawn: {
    readonly request: string
    readonly attempt: number
    readonly membershipRoot: string
    readonly quorum: number
    readonly builders: number
  },
  { seed, beacon: twisted }: VerdictTwist,
): Entry {
  const { request, attempt, membershipRoot, quorum, builders } = drawn
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
  const chain = localChain(BEACON.publicKey)
  const { round, randomness, signature } = BEACON.round(chain.roundAt(TEST_SECONDS) + 1)
  const beacon = { chainHash: hex(chain.chainHash), round, randomness: hex(randomness), proof: hex(signature) }
  const followed = drawSeed({
    network: TEST_ORIGIN,
    chainHash: Buffer.from(beacon.chainHash, 'hex'),
    round: beacon.round,
    randomness: Buffer.from(beacon.randomness, 'hex'),
    requestLeafHash: Buffer.from(request, 'hex'),
    attempt,
    membershipRoot: Buffer.from(membershipRoot, 'hex'),
  })
  return {
    kind: 'selection',
    v: 1,
    at: TEST_AT,
    purl,
    request,
    attempt,
    drawSeconds: TEST_SECONDS,
    round: beacon.round,
    outcome: 'selected',
    beacon: { ...beacon, ...twisted },
    seed: seed ?? Buffer.from(followed).toString('hex'),
    organisations: builders,
    eligible: builders,
    passedOver: [],
    passedOverCount: 0,
    builders,
    quorum,
    rebuilt: true,
    selected: seated.map((organisation): SeatEntry => {
      return { organisation, node: keyOf(`${organisation}/attestation`), memberIndex: Number.MAX_SAFE_INTEGER }
    }),
    standbys: [],
  }
}

function revealOf(
  organisation: string,
  result: Built,
  {
    name,
    attempt,
    purl,
    signer,
  }: { readonly name: string; readonly attempt: number; readonly purl: string; readonly signer: string },
) {
  const envelope = testStatement(result, signer, { network: TEST_ORIGIN, purl, request: name, attempt })
  const envelopeName = hash('sha256', envelopeBytes(envelope), 'hex')
  const sender = { network: TEST_ORIGIN, sequence: 8, request: name, attempt }
  const salt = hexOf(organisation)
  const body = { type: 'reveal', ...sender, salt, result, envelope: envelopeName } as const
  return { organisation, envelope, envelopeName, tx: signTransaction<RevealBody>(body, signerOf(signer)) }
}

/** A builder's signed statement about a result; `of` may name another request, `signer` is a key's name. */
export function testStatement(result: BuildResult, signer: string, of: AttestedRequest): Envelope {
  const facts = { ...of, node: keyOf(signer), pyrsia: '0.0.0', result, record: sampleRecord() }
  const signers = [{ keyid: keyOf(signer), signer: signerOf(signer) }]
  return signEnvelope(STATEMENT_PAYLOAD_TYPE, statementOf(facts).payload, signers)
}
