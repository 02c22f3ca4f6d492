/**
 * A network of organisations around one state machine: the engine is a loop, the beacon a hash. Organisations are named a, b, c, …; each
 * has one node with an attestation key, the first ones a consensus key too. Tests say what happens in a block; this signs and counts.
 */
import assert from 'node:assert/strict'
import type { Entry, SelectionEntry, VerdictEntry } from '../../src/base/entries/entry.ts'
import type { At } from '../../src/base/entries/fields.ts'
import type { Offer } from '../../src/base/entries/offer.ts'
import { type BuildResult, commitmentOf } from '../../src/base/entries/result.ts'
import { DEFAULT_RULES, type NetworkRules } from '../../src/base/entries/rules.ts'
import {
  type BeaconBody,
  type Change,
  type CommitBody,
  changeId,
  type DisputeBody,
  type ProposeBody,
  type RequestBody,
  type RevealBody,
  type RevokeBody,
  signTransaction,
  type Transaction,
  type TransactionBody,
  type VoteBody,
} from '../../src/base/entries/transaction.ts'
import type { Constants, LoggedEntry, State } from '../../src/consensus/draft/draft.ts'
import type { Refusal } from '../../src/consensus/draft/refusal.ts'
import { requestIn } from '../../src/consensus/query.ts'
import { createStateMachine, type StateMachine } from '../../src/consensus/state.ts'
import { hexOf, keyOf, sampleOffer, sampleResult, signerOf } from './sample-entries.ts'

/** The network's name. */
export const TOY_NETWORK = 'log.example/toy'
/** When it begins. */
export const TOY_START_SECONDS = 1_800_000_000
/** Rules with short deadlines. */
export const TOY_RULES: NetworkRules = {
  ...DEFAULT_RULES,
  beaconDelaySeconds: 30,
  drawSeconds: 60,
  commitSeconds: 100,
  revealSeconds: 50,
}

/** A beacon whose every round is the hash of its number. */
export const TOY_BEACON: Constants['beacon'] = {
  chainHash: hexOf('toy beacon'),
  schedule: { genesisSeconds: TOY_START_SECONDS - 1000, periodSeconds: 3 },
  check: (round, randomness, proof) => randomness === toyRandomness(round) && proof === 'ab',
}

/** What the toy beacon gives for a round. */
export function toyRandomness(round: number): string {
  return hexOf(`toy round ${round}`)
}

/** The names a, b, c, … of so many organisations. */
export function namesOf(count: number): string[] {
  return Array.from({ length: count }, (_, at) => (at < 26 ? String.fromCharCode(97 + at) : `o${at}`))
}

/** Signs as the organisations of the toy network do. */
export interface ToyKeys {
  /** The next transaction of a key (`a/attestation`). */
  sign<T extends TransactionBody>(key: string, body: Omit<T, 'key' | 'network' | 'sequence'>): Transaction<T>
  request(organisation: string, purl: string): Transaction<RequestBody>
  beacon(round: number): Transaction<BeaconBody>
  commit(organisation: string, request: string, result: BuildResult, attempt?: number): Transaction<CommitBody>
  reveal(organisation: string, request: string, result: BuildResult, attempt?: number): Transaction<RevealBody>
  dispute(organisation: string, purl: string, verdictOf: string): Transaction<DisputeBody>
  propose(organisation: string, change: Change): Transaction<ProposeBody>
  vote(organisation: string, change: Change): Transaction<VoteBody>
  revoke(organisation: string, purl: string, digests?: readonly string[]): Transaction<RevokeBody>
}

/** Signers that count their sequences, each from what `first` says (1). */
export function createToyKeys(first: (key: string) => number = () => 1): ToyKeys {
  const sequences = new Map<string, number>()
  const saltOf = (organisation: string, request: string) => hexOf(`salt ${organisation} ${request}`)
  const attestation = (organisation: string) => `${organisation}/attestation`
  const keys: ToyKeys = {
    sign<T extends TransactionBody>(key: string, body: Omit<T, 'key' | 'network' | 'sequence'>) {
      const sequence = (sequences.get(key) ?? first(key) - 1) + 1
      sequences.set(key, sequence)
      const whole = { ...body, network: TOY_NETWORK, sequence } as unknown as Omit<T, 'key'>
      return signTransaction<T>(whole, signerOf(key))
    },
    request: (name, purl) => keys.sign<RequestBody>(attestation(name), { type: 'request', purl }),
    beacon(round) {
      const given = { round, randomness: toyRandomness(round), proof: 'ab' }
      return keys.sign<BeaconBody>('a/attestation', { type: 'beacon', ...given })
    },
    commit(name, request, result, attempt = 1) {
      const builder = keyOf(attestation(name))
      const salt = saltOf(name, request)
      const commitment = commitmentOf({ network: TOY_NETWORK, request, attempt, builder, result, salt })
      return keys.sign<CommitBody>(attestation(name), { type: 'commit', request, attempt, commitment })
    },
    reveal(name, request, result, attempt = 1) {
      const salt = saltOf(name, request)
      return keys.sign<RevealBody>(attestation(name), { type: 'reveal', request, attempt, salt, result })
    },
    dispute: (name, purl, verdictOf) =>
      keys.sign<DisputeBody>(attestation(name), { type: 'dispute', purl, verdictOf, reason: 'other bytes here' }),
    propose: (name, change) => keys.sign<ProposeBody>(`${name}/consensus`, { type: 'propose', change }),
    vote: (name, change) => keys.sign<VoteBody>(`${name}/consensus`, { type: 'vote', change: changeId(change) }),
    revoke: (name, purl, digests = []) =>
      keys.sign<RevokeBody>(`${name}/consensus`, { type: 'revoke', purl, digests, reason: 'malicious' }),
  }
  return keys
}

/** A network to drive. */
export interface ToyNetwork extends ToyKeys {
  readonly machine: StateMachine
  /** The state now. */
  state(): State
  /** Everything that was logged. */
  readonly entries: LoggedEntry[]
  /** What was logged of this kind. */
  logged<K extends Entry['kind']>(kind: K): Extract<Entry, { kind: K }>[]
  /** A new block so many seconds later (1), with these transactions; what became of each. */
  block(transactions?: readonly Transaction[], laterSeconds?: number): (Refusal | undefined)[]
  /** Empty blocks until a deadline of so many seconds has passed, blocks included. */
  wait(seconds: number): void
  /** Asks for a package and lets the draw happen; the request's name and its selection. */
  draw(organisation: string, purl: string): { request: string; selection: SelectionEntry & { outcome: 'selected' } }
  /** Lets the draw happen of what was asked for in the last block. */
  drawAsked(request: string): SelectionEntry
  /** Draws, and lets everybody on the panel report what `report` says (undefined: silence); the verdict. */
  build(organisation: string, purl: string, report: (organisation: string) => BuildResult | undefined): VerdictEntry
  /** Lets everybody on the panel of a drawn request report. */
  vetted(request: string, attempt: number, report: (organisation: string) => BuildResult | undefined): VerdictEntry
}

/** Options of a toy network. */
export interface ToyOptions {
  readonly organisations: number
  /** How many of them are authorities, the first ones (4, or all if there are fewer). */
  readonly authorities?: number
  readonly rules?: Partial<NetworkRules>
  /** More founding offers. */
  readonly offers?: readonly Offer[]
}

/** Founding offers of so many organisations. */
export function toyOffers({
  organisations,
  authorities = Math.min(4, organisations),
  offers = [],
}: ToyOptions): Offer[] {
  const own = namesOf(organisations).map((name, at) =>
    sampleOffer(name, { network: TOY_NETWORK, roles: at < authorities ? ['authority', 'builder'] : ['builder'] }),
  )
  return [...own, ...offers]
}

/** A network of its own. */
export function createToyNetwork(options: ToyOptions): ToyNetwork {
  const { machine, begun } = beginning(options)
  const entries: LoggedEntry[] = [...begun.outputs.entries]
  let { state } = begun
  const authorityCount = options.authorities ?? Math.min(4, options.organisations)
  const network: ToyNetwork = {
    ...createToyKeys(),
    machine,
    state: () => state,
    entries,
    logged: (kind) => entries.flatMap(({ entry }) => (entry.kind === kind ? [entry as never] : [])),
    block(transactions = [], laterSeconds = 1) {
      const at = { heightBlock: state.at.heightBlock + 1, timeSeconds: state.at.timeSeconds + laterSeconds }
      const passed = pass(machine, state, at, transactions)
      state = passed.state
      entries.push(...passed.entries)
      return passed.refusals
    },
    wait(seconds) {
      network.block([], seconds)
      for (let block = 1; block < 2 * authorityCount; block += 1) network.block([], 0)
    },
    draw(name, purl) {
      assert.deepEqual(network.block([network.request(name, purl)]), [undefined])
      const request = entries.at(-1)?.name ?? ''
      const selection = network.drawAsked(request)
      assert.ok(selection.outcome === 'selected')
      return { request, selection }
    },
    drawAsked(request) {
      network.block()
      network.block()
      const round = requestIn(network.state(), request)?.round
      assert.ok(round)
      assert.deepEqual(network.block([network.beacon(round)], 40), [undefined])
      const selection = network.logged('selection').findLast((entry) => entry.request === request)
      assert.ok(selection)
      return selection
    },
    build(name, purl, report) {
      const { request, selection } = network.draw(name, purl)
      return network.vetted(request, selection.attempt, report)
    },
    vetted(request, attempt, report) {
      const selection = network.logged('selection').findLast((entry) => entry.request === request)
      assert.ok(selection?.outcome === 'selected')
      const seats = selection.selected.flatMap(({ organisation }) => {
        const result = report(organisation)
        return result === undefined ? [] : [{ organisation, result }]
      })
      network.block(seats.map(({ organisation, result }) => network.commit(organisation, request, result, attempt)))
      if (seats.length < selection.selected.length) {
        network.wait(100)
        network.wait(100)
      }
      network.block(seats.map(({ organisation, result }) => network.reveal(organisation, request, result, attempt)))
      const verdict = network.logged('verdict').findLast((entry) => entry.request === request)
      assert.ok(verdict)
      return verdict
    },
  }
  return network
}

/** One block, step by step. However a block is gone through, at once or so, it comes to the same. */
function pass(machine: StateMachine, before: State, at: At, transactions: readonly Transaction[]) {
  const begun = machine.beginBlock(before, at)
  let { state } = begun
  const entries = [...begun.outputs.entries]
  const refusals = transactions.map((tx) => {
    const step = machine.step(state, tx, at)
    state = step.state
    entries.push(...step.outputs.entries)
    return step.refusal
  })
  const whole = machine.block(before, at, transactions)
  assert.deepEqual(
    whole.steps.map(({ refusal }) => refusal),
    refusals,
  )
  assert.deepEqual(whole.entries, entries)
  assert.deepEqual(machine.root(whole.state), machine.root(state))
  return { state, entries, refusals }
}

/** A result on which honest builders agree. */
export function honest(): BuildResult {
  return sampleResult('honest bytes')
}

const known = new Map<string, { machine: StateMachine; begun: ReturnType<StateMachine['genesis']> }>()

/** States never change, so networks with the same options begin with the same one: checking keys of offers is slow. */
function beginning(options: ToyOptions): { machine: StateMachine; begun: ReturnType<StateMachine['genesis']> } {
  const key = JSON.stringify(options)
  const before = known.get(key)
  if (before !== undefined) return before
  const machine = createStateMachine({ network: TOY_NETWORK, beacon: TOY_BEACON })
  const rules = { ...TOY_RULES, ...options.rules }
  const begun = machine.genesis({ offers: toyOffers(options), rules, timeSeconds: TOY_START_SECONDS })
  known.set(key, { machine, begun })
  return { machine, begun }
}
