/** Keys, transactions and one entry of each kind, well-formed and really signed, for tests that need some. */
import { hash } from 'node:crypto'
import { type Dependency, dependencyList } from '../../src/base/attestation/dependencies.ts'
import type { BuildRecord } from '../../src/base/attestation/record.ts'
import { type Signer, signerOfSeed } from '../../src/base/crypto/ed25519.ts'
import type { Entry, SeatEntry } from '../../src/base/entries/entry.ts'
import { type Offer, type OfferBody, offerMessage } from '../../src/base/entries/offer.ts'
import { agreedPart, type Built, commitmentOf } from '../../src/base/entries/result.ts'
import { DEFAULT_RULES } from '../../src/base/entries/rules.ts'
import {
  type BeaconBody,
  type CommitBody,
  changeId,
  type DisputeBody,
  type ProposeBody,
  type RequestBody,
  type RevealBody,
  type RevokeBody,
  signTransaction,
  type VoteBody,
} from '../../src/base/entries/transaction.ts'

/** The signer of a name: the same key in every run. */
export function signerOf(name: string): Signer {
  return signerOfSeed(hash('sha256', name, 'buffer'))
}

/** The public key of a name as entries write it. */
export function keyOf(name: string): string {
  return Buffer.from(signerOf(name).publicKey).toString('hex')
}

/** Some 32 bytes as hex, the same for the same name. */
export function hexOf(name: string): string {
  return hash('sha256', name, 'hex')
}

/** The offer that a node signs with the keys named `<name>/attestation` and `<name>/consensus`, as its roles need them. */
export function sampleOffer(name: string, body: Partial<OfferBody> & Pick<OfferBody, 'network'>): Offer {
  const roles = body.roles ?? ['authority', 'builder']
  const names = [
    ...(roles.includes('builder') ? [`${name}/attestation`] : []),
    ...(roles.includes('authority') ? [`${name}/consensus`] : []),
  ]
  const whole: OfferBody = {
    organisation: name,
    roles,
    keys: {
      ...(roles.includes('builder') ? { attestation: keyOf(`${name}/attestation`) } : {}),
      ...(roles.includes('authority') ? { consensus: keyOf(`${name}/consensus`) } : {}),
    },
    builds: roles.includes('builder') ? [{ type: 'toy', toolchains: ['toymake 1.0'] }] : [],
    serial: 0,
    ...body,
  }
  return {
    body: whole,
    proofs: names.map((key) => ({
      key: keyOf(key),
      signature: Buffer.from(signerOf(key).sign(offerMessage(whole))).toString('hex'),
    })),
  }
}

/** What went into the sample results. */
export const SAMPLE_DEPENDENCIES: readonly Dependency[] = [
  { uri: 'pkg:toy/part@2.1', name: 'part-2.1.toy', sha256: hexOf('part'), tool: false },
  { uri: 'pkg:toy/toymake@1.0', name: 'toymake-1.0.toy', sha256: hexOf('toymake'), tool: true },
]

/** What a builder tells of how it came to a sample result. */
export function sampleRecord(startedSeconds = 1_800_000_000): BuildRecord {
  return { dependencies: SAMPLE_DEPENDENCIES, startedSeconds, finishedSeconds: startedSeconds + 7 }
}

/** A result: one file whose bytes are named by `bytes`, upstream's by `upstream`. */
export function sampleResult(bytes: string, upstream: string = bytes): Built {
  const same = bytes === upstream
  return {
    outcome: 'built',
    source: { type: 'git', repository: 'https://git.example/toy', commit: 'a'.repeat(40), tree: hexOf('tree') },
    lock: hexOf('lock'),
    recipe: hexOf('recipe'),
    dependencies: { list: dependencyList(SAMPLE_DEPENDENCIES).digest, levels: { equal: 1, unverified: 1 } },
    files: [
      {
        name: 'toy-1.0.toy',
        sha256: hexOf(bytes),
        sha512: hash('sha512', bytes, 'hex'),
        sha1: hash('sha1', bytes, 'hex'),
        sizeBytes: bytes.length,
        canonical: hexOf(`canonical ${bytes}`),
        upstream: { sha256: hexOf(upstream), level: same ? 'exact' : 'mismatch', rules: [] },
      },
    ],
    environment: { toolchains: ['toymake 1.0'], sandbox: 'none' },
  }
}

/** The network of the samples. */
export const SAMPLE_NETWORK = 'log.example/toy'
/** The package of the samples. */
export const SAMPLE_PURL = 'pkg:toy/toy@1.0'

/** Entries of every kind and step, in an order in which they might be logged. */
export function sampleEntries(): Entry[] {
  return [...memberEntries(), ...drawEntries(), ...buildEntries(), ...doubtEntries()]
}

const network = SAMPLE_NETWORK
const purl = SAMPLE_PURL
const at = { heightBlock: 7, timeSeconds: 1_800_000_000 }
const request = hexOf('request')
const ofRequest = { network, request, attempt: 1 }
const aboutRequest = { purl, request, attempt: 1 }
const builder = signerOf('a/attestation')
const node = keyOf('a/attestation')
const result = sampleResult('bytes')

function drawEntries(): Entry[] {
  const seat = (name: string): SeatEntry => ({
    organisation: name,
    node: keyOf(`${name}/attestation`),
    memberIndex: name.charCodeAt(0),
  })
  const drawn = {
    beacon: { chainHash: hexOf('chain'), round: 9, randomness: hexOf('randomness'), proof: 'ab'.repeat(48) },
    seed: hexOf('seed'),
    organisations: 5,
    eligible: 5,
    passedOver: [{ organisation: 'f', reason: 'type-not-declared' }],
    passedOverCount: 1,
  }
  const selection = { kind: 'selection', v: 1, at, ...aboutRequest, drawSeconds: 1_799_999_990, round: 9 } as const
  const tx = signTransaction<RequestBody>({ type: 'request', network, sequence: 1, purl }, builder)
  return [
    { kind: 'request', v: 1, at, purl, attempt: 1, membershipRoot: hexOf('members'), tx },
    { ...selection, outcome: 'redrawn' },
    { ...selection, outcome: 'refused', ...drawn },
    {
      ...selection,
      outcome: 'selected',
      ...drawn,
      builders: 4,
      quorum: 3,
      rebuilt: true,
      selected: ['a', 'b', 'c', 'd'].map(seat),
      standbys: [seat('e')],
    },
  ]
}

function buildEntries(): Entry[] {
  const salt = hexOf('salt')
  const commitment = commitmentOf({ ...ofRequest, builder: node, result, salt })
  const envelope = hexOf('envelope')
  const commit = signTransaction<CommitBody>({ type: 'commit', ...ofRequest, sequence: 2, commitment }, builder)
  const reveal = signTransaction<RevealBody>(
    { type: 'reveal', ...ofRequest, sequence: 3, salt, result, envelope },
    builder,
  )
  const silent = { reveal: null, agreed: false, envelope: null, environment: null }
  return [
    { kind: 'commit', v: 1, at, purl, organisation: 'a', tx: commit },
    { kind: 'reveal', v: 1, at, purl, organisation: 'a', tx: reveal },
    {
      kind: 'verdict',
      v: 1,
      at,
      ...aboutRequest,
      selection: 12,
      outcome: 'rebuilt',
      relation: 'equal',
      level: 'exact',
      builders: 4,
      quorum: 3,
      agreed: agreedPart(result),
      panel: [
        { organisation: 'a', node, reveal: 14, agreed: true, envelope, environment: result.environment },
        { organisation: 'b', node: keyOf('b/attestation'), ...silent },
      ],
      expiresSeconds: null,
      disputes: null,
    },
    {
      kind: 'fault',
      v: 1,
      at,
      ...aboutRequest,
      fault: 'equivocation',
      organisation: 'a',
      node,
      tx: commit,
      evidence: [13],
    },
  ]
}

function doubtEntries(): Entry[] {
  const dispute = signTransaction<DisputeBody>(
    { type: 'dispute', network, sequence: 4, purl, verdictOf: request, reason: 'other bytes here' },
    builder,
  )
  const revoke = signTransaction<RevokeBody>(
    { type: 'revoke', network, sequence: 5, purl, digests: [`sha256:${hexOf('bytes')}`], reason: 'malicious' },
    signerOf('a/consensus'),
  )
  const { digests, reason } = revoke.body
  const doubt = { kind: 'dispute', v: 1, at, purl, verdictOf: request } as const
  return [
    { ...doubt, step: 'opened', attempt: 1, membershipRoot: hexOf('m'), tx: dispute },
    { ...doubt, step: 'upheld', request: hexOf('again') },
    { kind: 'revocation', v: 1, at, step: 'vote', organisation: 'a', tx: revoke },
    { kind: 'revocation', v: 1, at, step: 'effective', purl, digests, reason, votes: [18], place: 0 },
    { kind: 'head', v: 1, at, revocations: { count: 1, hash: hexOf('list') } },
  ]
}

/** A transaction that no entry carries whole: what it says is in the selection. */
export function sampleBeacon(): ReturnType<typeof signTransaction<BeaconBody>> {
  const body = { type: 'beacon', network: SAMPLE_NETWORK, sequence: 6, round: 9 } as const
  return signTransaction<BeaconBody>({ ...body, randomness: hexOf('randomness'), proof: 'ab' }, signerOf('a/consensus'))
}

function memberEntries(): Entry[] {
  const at = { heightBlock: 0, timeSeconds: 1_790_000_000 }
  const change = { action: 'admit', offer: sampleOffer('g', { network, roles: ['builder'] }) } as const
  const proposal = signTransaction<ProposeBody>(
    { type: 'propose', network, sequence: 1, change },
    signerOf('a/consensus'),
  )
  const vote = signTransaction<VoteBody>(
    { type: 'vote', network, sequence: 1, change: changeId(change) },
    signerOf('b/consensus'),
  )
  return [
    { kind: 'member', v: 1, at, step: 'genesis', network, offer: sampleOffer('a', { network }) },
    { kind: 'policy', v: 1, at, rules: DEFAULT_RULES, votes: null },
    { kind: 'member', v: 1, at, step: 'vote', tx: proposal },
    { kind: 'member', v: 1, at, step: 'vote', tx: vote },
    { kind: 'member', v: 1, at, step: 'active', votes: [proposal, vote] },
    { kind: 'policy', v: 1, at, rules: { ...DEFAULT_RULES, recipes: [hexOf('recipe')] }, votes: [proposal, vote] },
  ]
}
