/** D4 and D8 of 2-trust.md as statistics: whatever an attacker may choose, it chooses before the randomness is known. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { roundAt } from '../../src/base/network/beacon-schedule.ts'
import { drawRound, mustRedraw } from '../../src/consensus/selection/draw-round.ts'
import { type BuilderOrganisation, select } from '../../src/consensus/selection/select.ts'
import { buildersOf, orderOf, seedOfDraw } from '../kit/draws.ts'
import { markedAtLeast, shareP } from '../kit/statistics.ts'

const LIMIT = 0.001
/** 5 of 12, panels of 5 and 4: captures are frequent enough to count. */
const ORGANISATIONS = 12
const HOSTILE = 5
const CAPTURE = markedAtLeast(4, 5, HOSTILE, ORGANISATIONS)
const members = buildersOf(ORGANISATIONS)

function isCaptured(seed: Uint8Array, among: readonly BuilderOrganisation[] = members): boolean {
  const outcome = select({ seed, members: among, ecosystemType: 'toy', requestIndex: 1_000_000 })
  assert.equal(outcome.kind, 'selected')
  if (outcome.kind !== 'selected') return false
  return outcome.selected.filter(({ organisation }) => Number(organisation) < HOSTILE).length >= outcome.size.quorum
}

/** Whether any of the retries that the rules allow is captured. */
const hostileShare = (captured: (trial: number) => boolean, trials: number): number =>
  Array.from({ length: trials }, (_, trial) => captured(trial)).filter(Boolean).length

test('three attempts capture with 1 - (1 - p)^3: each retry is a fresh draw, no more', () => {
  const trials = 10_000
  const hits = hostileShare((trial) => {
    const attempts = [1, 2, 3].map((attempt) => seedOfDraw('retries', { round: trial * 3 + attempt, attempt }))
    return attempts.some((seed) => isCaptured(seed))
  }, trials)
  assert.ok(shareP(hits, trials, 1 - (1 - CAPTURE) ** 3) > LIMIT, `${hits}`)
})

test('two attempts drawn in one round are as unlike as two rounds', () => {
  const trials = 20_000
  const hits = hostileShare((trial) => {
    const attempts = [1, 2].map((attempt) => seedOfDraw('same round', { round: trial, attempt }))
    return attempts.every((seed) => isCaptured(seed))
  }, trials * 2)
  assert.ok(shareP(hits, trials * 2, CAPTURE ** 2) > LIMIT, `${hits}`)
})

test('a requester that waits for a round which would have served it gains nothing in the next', () => {
  const trials = 1500
  let round = 0
  const hits = hostileShare(() => {
    do round += 1
    while (!isCaptured(seedOfDraw('waits', { round })))
    round += 11
    return isCaptured(seedOfDraw('waits', { round }))
  }, trials)
  assert.ok(shareP(hits, trials, CAPTURE) > LIMIT, `${hits}`)
})

test('a requester that shapes its request by all that it has seen gains nothing', () => {
  const trials = 2000
  const wouldHave = (request: string, past: readonly number[]): number =>
    past.filter((round) => isCaptured(seedOfDraw('shapes', { round, request }))).length
  const hits = hostileShare((trial) => {
    const round = trial * 20
    const past = [round, round + 1, round + 2]
    const candidates = Array.from({ length: 6 }, (_, at) => `${trial}/${at}`)
    const scored = candidates.map((request) => ({ request, score: wouldHave(request, past) }))
    const best = scored.sort((a, b) => b.score - a.score)[0]?.request ?? ''
    return isCaptured(seedOfDraw('shapes', { round: round + 12, request: best }))
  }, trials)
  assert.ok(shareP(hits, trials, CAPTURE) > LIMIT, `${hits}`)
})

test('an attacker that chooses when to join, hence its member entries, by past rounds gains nothing', () => {
  const past = Array.from({ length: 400 }, (_, at) => at + 1)
  const firsts = (memberIndex: number): number => {
    const among = [{ organisation: '99', memberIndex, nodes: [] }, ...members]
    return past.filter((round) => orderOf(seedOfDraw('joins', { round }), among).indexOf(99) < 5).length
  }
  const indexes = Array.from({ length: 40 }, (_, at) => 10_000 + at)
  const luck = new Map(indexes.map((index) => [index, firsts(index)]))
  const memberIndex = indexes.sort((a, b) => (luck.get(b) ?? 0) - (luck.get(a) ?? 0))[0] ?? 0
  const among = [{ organisation: '99', memberIndex, nodes: [] }, ...members]
  const trials = 20_000
  const hits = hostileShare(
    (trial) => orderOf(seedOfDraw('joins', { round: 1000 + trial }), among).indexOf(99) < 5,
    trials,
  )
  assert.ok((luck.get(memberIndex) ?? 0) > (400 * 5) / 13, 'the chosen entry was lucky in the past')
  assert.ok(shareP(hits, trials, 5 / 13) > LIMIT, `${hits}`)
})

test('an operator that registers fifty nodes is drawn as often as with one (D4)', () => {
  const crowded = buildersOf(ORGANISATIONS, (at) => (at === 0 ? 50 : 1))
  const trials = 10_000
  const hits = hostileShare((trial) => {
    const seed = seedOfDraw('fifty', { round: trial })
    const outcome = select({ seed, members: crowded, ecosystemType: 'toy', requestIndex: 1_000_000 })
    return outcome.kind === 'selected' && outcome.selected.some(({ organisation }) => organisation === '0')
  }, trials)
  assert.ok(shareP(hits, trials, 5 / ORGANISATIONS) > LIMIT, `${hits}`)
})

test('block makers who may be late, and take the first moment that suits them, gain nothing while they tell the time truly', () => {
  const schedule = { genesisSeconds: 0, periodSeconds: 3 }
  const delaySeconds = 30
  const trials = 10_000
  const hits = hostileShare((trial) => {
    const fixed = 1000 + trial * 100
    let suits: boolean | undefined
    for (let late = 0; late <= 60 && suits !== true; late += 1) {
      const from = mustRedraw(fixed, fixed + late, delaySeconds) ? fixed + late : fixed
      const round = drawRound(schedule, from, delaySeconds)
      // What is not out yet cannot suit anybody.
      suits = round <= roundAt(schedule, fixed + late) ? isCaptured(seedOfDraw('late', { round })) : undefined
    }
    const last = drawRound(schedule, fixed + 60, delaySeconds)
    return suits ?? isCaptured(seedOfDraw('late', { round: last }))
  }, trials)
  assert.ok(shareP(hits, trials, CAPTURE) > LIMIT, `${hits}`)
})

test('an order that lies about time gains one draw more for each attempt, 1 - (1 - p)^2, and no third', () => {
  const schedule = { genesisSeconds: 0, periodSeconds: 3 }
  const trials = 20_000
  const hits = hostileShare((trial) => {
    const fixed = 1000 + trial * 100
    if (isCaptured(seedOfDraw('lies', { round: drawRound(schedule, fixed, 30) }))) return true
    return isCaptured(seedOfDraw('lies', { round: drawRound(schedule, fixed + 21, 30) }))
  }, trials)
  assert.ok(shareP(hits, trials, 1 - (1 - CAPTURE) ** 2) > LIMIT, `${hits}`)
})
