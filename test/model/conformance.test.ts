/**
 * That the model is a model of the code: the rules of `agreement.pml`, written down once more as a dozen lines of TypeScript, and the
 * state machine are given the same transactions in the same order, whatever they are, and must agree on every seat after each.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { BuildResult } from '../../src/base/entries/result.ts'
import type { CommitBody, Transaction } from '../../src/base/entries/transaction.ts'
import { requestIn } from '../../src/consensus/query.ts'
import { createToyNetwork, namesOf, type ToyNetwork } from '../kit/consensus-network.ts'
import { hexOf, sampleResult } from '../kit/sample-entries.ts'

const PURL = 'pkg:toy/toy@1.0'
const NAMES = namesOf(6)
type Value = 'truth' | 'lie' | 'junk'
const RESULTS: Readonly<Record<string, BuildResult>> = {
  truth: sampleResult('true bytes'),
  lie: sampleResult('false bytes'),
}

type Action =
  | { readonly does: 'commit' | 'reveal'; readonly who: string; readonly value: Value }
  | { readonly does: 'deadline' }

interface Seat {
  stage: 'waiting' | 'committed' | 'revealed' | 'missed' | 'faulty'
  value?: Value
}

/** One attempt by the model's rules. Four are drawn, three must agree, one stands by. */
class Attempt {
  phase: 'committing' | 'revealing' | 'closed' = 'committing'
  outcome: Value | undefined
  readonly seats: Map<string, Seat>
  readonly standbys: string[]

  constructor(drawn: readonly string[], standbys: readonly string[]) {
    this.seats = new Map(drawn.map((name) => [name, { stage: 'waiting' }]))
    this.standbys = [...standbys]
  }

  take(action: Action): void {
    if (this.phase === 'closed') return
    if (action.does === 'deadline') {
      this.#deadline()
      return
    }
    const seat = this.seats.get(action.who)
    if (seat === undefined) return
    if (action.does === 'commit') this.#commit(seat, action.value)
    else this.#reveal(seat, action.value)
  }

  #commit(seat: Seat, value: Value): void {
    if (seat.stage === 'waiting' && this.phase === 'committing') Object.assign(seat, { stage: 'committed', value })
    else if (seat.value !== undefined && seat.value !== value) seat.stage = 'faulty'
    this.#goOn()
  }

  #reveal(seat: Seat, value: Value): void {
    if (this.phase !== 'revealing' || seat.stage !== 'committed') return
    seat.stage = seat.value === value && value !== 'junk' ? 'revealed' : 'faulty'
    this.#goOn()
  }

  #deadline(): void {
    const awaited = this.phase === 'committing' ? 'waiting' : 'committed'
    const missing = [...this.seats.values()].filter(({ stage }) => stage === awaited)
    for (const seat of missing) seat.stage = 'missed'
    const called = this.phase === 'committing' ? this.standbys.splice(0, missing.length) : []
    for (const name of called) this.seats.set(name, { stage: 'waiting' })
    this.#goOn()
  }

  #goOn(): void {
    const has = (stage: Seat['stage'], value?: Value) =>
      [...this.seats.values()].filter((seat) => seat.stage === stage && (value ?? seat.value) === seat.value).length
    if (this.phase === 'committing' && has('waiting') === 0) this.phase = has('committed') >= 3 ? 'revealing' : 'closed'
    else if (this.phase === 'revealing' && has('committed') === 0) this.phase = 'closed'
    if (this.phase !== 'closed') return
    this.outcome = (['truth', 'lie'] as const).find((value) => has('revealed', value) >= 3)
  }
}

/** The action as the network gets it. */
function perform(network: ToyNetwork, request: string, attempt: number, action: Action): void {
  if (action.does === 'deadline') {
    network.wait(requestIn(network.state(), request)?.phase === 'revealing' ? 50 : 100)
    return
  }
  const { who, value } = action
  const result = RESULTS[value]
  let tx: Transaction
  if (action.does === 'reveal') tx = network.reveal(who, request, result ?? sampleResult('junk'), attempt)
  else if (result !== undefined) tx = network.commit(who, request, result, attempt)
  else {
    const commitment = hexOf(`junk ${who} ${request}`)
    tx = network.sign<CommitBody>(`${who}/attestation`, { type: 'commit', request, attempt, commitment })
  }
  // No time passes but at deadlines.
  network.block([tx], 0)
}

function compare(network: ToyNetwork, request: string, attempt: Attempt): void {
  const record = requestIn(network.state(), request)
  // A closed request is forgotten after a while.
  assert.equal(record?.phase ?? 'closed', attempt.phase)
  assert.equal(record?.quorum ?? 3, 3)
  const seats = record?.seats
  if (seats !== undefined)
    assert.deepEqual(
      new Map(seats.map(({ organisation, stage }) => [organisation, stage])),
      new Map([...attempt.seats].map(([name, { stage }]) => [name, stage])),
    )
  const verdicts = network.logged('verdict').filter((verdict) => verdict.request === request)
  assert.equal(verdicts.length, attempt.phase === 'closed' ? 1 : 0)
  if (attempt.phase !== 'closed') return
  const [verdict] = verdicts
  const agreed = verdict?.agreed ?? undefined
  const files = agreed !== undefined && 'files' in agreed ? agreed.files[0]?.sha256 : undefined
  const wanted = RESULTS[attempt.outcome ?? '']
  assert.equal(files, wanted !== undefined && 'files' in wanted ? wanted.files[0]?.sha256 : undefined)
}

/** Everybody has a character, and mostly acts by it: else all would equivocate and nothing would ever be agreed. */
const characters = fc.array(fc.constantFrom<Value>('truth', 'truth', 'truth', 'truth', 'lie', 'junk'), {
  minLength: NAMES.length,
  maxLength: NAMES.length,
})
const step = fc.record({
  does: fc.nat(40).map((at) => (at === 0 ? 'deadline' : at % 2 === 0 ? 'commit' : 'reveal')),
  who: fc.nat(NAMES.length - 1),
  odd: fc.constantFrom<Value | undefined>(...Array.from({ length: 150 }, () => undefined), 'truth', 'lie', 'junk'),
})
const attempts: fc.Arbitrary<Action[]> = fc
  .tuple(characters, fc.array(step, { minLength: 30, maxLength: 60 }))
  .map(([values, steps]) =>
    steps.map(({ does, who, odd }): Action => {
      if (does === 'deadline') return { does }
      return {
        does: does === 'commit' ? 'commit' : 'reveal',
        who: NAMES[who] ?? '',
        value: odd ?? values[who] ?? 'truth',
      }
    }),
  )

test('the state machine does to every seat what the model does, in three attempts', (t) => {
  const reached = new Map<string, number>()
  fc.assert(
    fc.property(fc.tuple(attempts, attempts, attempts), (planned) => {
      const network = createToyNetwork({ organisations: 6 })
      for (const [at, steps] of planned.entries()) {
        const { request, selection } = network.draw('a', PURL)
        assert.equal(selection.attempt, at + 1)
        const names = (list: readonly { organisation: string }[]) => list.map(({ organisation }) => organisation)
        const attempt = new Attempt(names(selection.selected), names(selection.standbys))
        const deadlines: Action[] = Array.from({ length: 3 }, () => ({ does: 'deadline' }))
        for (const action of [...steps, ...deadlines]) {
          // Another attempt's number never counts.
          if (action.does !== 'deadline' && at > 0) perform(network, request, at, action)
          const wasOpen = attempt.phase !== 'closed'
          if (wasOpen || action.does !== 'deadline') perform(network, request, at + 1, action)
          attempt.take(action)
          compare(network, request, attempt)
        }
        const end = `${attempt.outcome ?? 'nothing'}, ${attempt.seats.size} seats`
        reached.set(end, (reached.get(end) ?? 0) + 1)
        if (attempt.outcome !== undefined) return
      }
    }),
    // Always the same runs, so that the ends below are reached; shrinking would take minutes.
    { numRuns: 30, endOnFailure: true, seed: 6 },
  )
  t.diagnostic(JSON.stringify([...reached]))
  assert.ok(reached.size >= 4, `wanted several kinds of ends, found ${JSON.stringify([...reached])}`)
})
