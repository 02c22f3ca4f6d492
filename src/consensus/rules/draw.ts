/**
 * Who builds: fixes the time of the draw by the block after the request's, waits for the beacon's round, and seats the panel.
 * 2-trust.md, "Random selection", 2 to 6.
 */
import { type BeaconEvidence, PASSED_OVER_MAX, type SelectionEntry } from '../../base/entries/entry.ts'
import type { Hex32 } from '../../base/entries/fields.ts'
import type { BeaconBody, Transaction } from '../../base/entries/transaction.ts'
import { secondsOfRound } from '../../base/network/beacon-schedule.ts'
import { purlParts } from '../../base/purl.ts'
import type { Draft } from '../draft/draft.ts'
import { buildersFor } from '../draft/members.ts'
import type { RequestRecord, Seat } from '../draft/records.ts'
import type { Refusal } from '../draft/refusal.ts'
import { atDeadline, atHeight, deadlineIn, hasPassed, pushTo, takeAll } from '../draft/schedule.ts'
import { drawRound, mustRedraw, REDRAWS_MAX } from '../selection/draw-round.ts'
import { drawSeed } from '../selection/draw-seed.ts'
import { type Seat as DrawnSeat, type Selection, type SelectionRefusal, select } from '../selection/select.ts'
import { endWithout } from './decide.ts'
import { putRequest, requestRecord } from './requests.ts'

/** Looks at a request whose draw's time is not settled: block H+1 fixes it, block H+2 says whether it was in time. */
export function settleDraw(draft: Draft, name: Hex32, record: RequestRecord): void {
  if (draft.at.heightBlock === record.heightBlock + 1) {
    putRequest(draft, name, withDraw(draft, record, 0))
    atHeight(draft, draft.at.heightBlock + 1, `request/${name}`)
    return
  }
  const { beaconDelaySeconds, drawSeconds } = draft.members().rules
  let settled = record
  const late = mustRedraw(record.drawSeconds, draft.at.timeSeconds, beaconDelaySeconds)
  if (late && record.redraws < REDRAWS_MAX) {
    settled = withDraw(draft, record, record.redraws + 1)
    draft.log({ ...selectionHead(draft, name, settled), outcome: 'redrawn' })
  }
  const waitSeconds = secondsOfRound(draft.constants.beacon.schedule, settled.round) - draft.at.timeSeconds
  const deadline = deadlineIn(draft, Math.max(0, waitSeconds) + drawSeconds)
  putRequest(draft, name, { ...settled, phase: 'drawing', deadline })
  atDeadline(draft, deadline, `request/${name}`)
  waitFor(draft, settled.round, name)
}

/** Looks at a request that waits for the beacon: if it waited too long, it has expired. */
export function awaitBeacon(draft: Draft, name: Hex32, record: RequestRecord): void {
  if (!hasPassed(draft, record.deadline)) return
  for (const other of takeWaiting(draft, record.round)) {
    const waits = other !== name && !hasPassed(draft, requestRecord(draft, other)?.deadline ?? null)
    if (waits) waitFor(draft, record.round, other)
  }
  endWithout(draft, name, record, 'expired')
}

/** Takes the beacon's round, and draws for every request that waits for it. */
export function takeBeacon(draft: Draft, { body }: Transaction<BeaconBody>): Refusal | undefined {
  const { chainHash, check } = draft.constants.beacon
  if (!draft.scalars().rounds.includes(body.round)) return 'round'
  if (!check(body.round, body.randomness, body.proof)) return 'beacon'
  const beacon = { chainHash, round: body.round, randomness: body.randomness, proof: body.proof }
  for (const name of takeWaiting(draft, body.round)) {
    const record = requestRecord(draft, name)
    if (record?.phase === 'drawing') draw(draft, name, record, beacon)
  }
  return undefined
}

function waitFor(draft: Draft, round: number, name: Hex32): void {
  const { rounds } = draft.scalars()
  if (!rounds.includes(round)) draft.setScalars({ rounds: [...rounds, round] })
  pushTo(draft, `round/${round}`, name)
}

function takeWaiting(draft: Draft, round: number): Hex32[] {
  draft.setScalars({ rounds: draft.scalars().rounds.filter((other) => other !== round) })
  return takeAll(draft, `round/${round}`)
}

function draw(draft: Draft, name: Hex32, record: RequestRecord, beacon: BeaconEvidence): void {
  const members = buildersFor(draft.members(), record.index)
  const seed = drawSeed({
    network: draft.constants.network,
    chainHash: Buffer.from(beacon.chainHash, 'hex'),
    round: beacon.round,
    randomness: Buffer.from(beacon.randomness, 'hex'),
    requestLeafHash: Buffer.from(name, 'hex'),
    attempt: record.attempt,
    membershipRoot: Buffer.from(record.membershipRoot, 'hex'),
  })
  const drawn = select({ seed, members, ecosystemType: purlParts(record.purl).type, requestIndex: record.index })
  const evidence = {
    ...selectionHead(draft, name, record),
    beacon,
    seed: Buffer.from(seed).toString('hex'),
    organisations: drawn.counts.organisations,
    eligible: drawn.counts.eligible,
    ...passedOver(drawn),
  }
  if (drawn.kind === 'refused') {
    draft.log({ ...evidence, outcome: 'refused' })
    endWithout(draft, name, record, 'refused')
    return
  }
  // A node that was replaced since, under the same name, is there twice; the request knew the first.
  const there = members.flatMap(({ nodes }) => nodes.filter(({ memberIndex }) => memberIndex < record.index))
  const indexes = new Map(there.map(({ node, memberIndex }) => [node, memberIndex]))
  const seatOf = ({ organisation, node }: DrawnSeat): Seat => ({
    ...FREE,
    organisation,
    node,
    memberIndex: indexes.get(node) ?? 0,
  })
  const seats = drawn.selected.map(seatOf)
  const standbys = drawn.standbys.map(seatOf)
  const { builders, quorum, rebuilt } = drawn.size
  const logged = draft.log({
    ...evidence,
    outcome: 'selected',
    builders,
    quorum,
    rebuilt,
    selected: seats.map(seatEntry),
    standbys: standbys.map(seatEntry),
  })
  const deadline = deadlineIn(draft, draft.members().rules.commitSeconds)
  const size = { builders, quorum, rebuilt }
  putRequest(draft, name, {
    ...record,
    phase: 'committing',
    selection: logged.index,
    ...size,
    seats,
    standbys,
    deadline,
  })
  atDeadline(draft, deadline, `request/${name}`)
}

const FREE = {
  stage: 'waiting',
  commitment: null,
  commit: null,
  reveal: null,
  agreement: null,
  envelope: null,
  environment: null,
} as const

function seatEntry({ organisation, node, memberIndex }: Seat): Pick<Seat, 'organisation' | 'node' | 'memberIndex'> {
  return { organisation, node, memberIndex }
}

function passedOver(
  drawn: Selection | SelectionRefusal,
): Pick<SelectionEntry & { outcome: 'refused' }, 'passedOver' | 'passedOverCount'> {
  const shown = drawn.passedOver.slice(0, PASSED_OVER_MAX)
  return {
    passedOver: shown.map(({ organisation, reason }) => ({ organisation, reason })),
    passedOverCount: drawn.passedOver.length,
  }
}

function selectionHead(draft: Draft, request: Hex32, { purl, attempt, drawSeconds, round }: RequestRecord) {
  return { kind: 'selection', v: 1, at: draft.at, purl, request, attempt, drawSeconds, round } as const
}

function withDraw(draft: Draft, record: RequestRecord, redraws: number): RequestRecord {
  const drawSeconds = draft.at.timeSeconds
  const round = drawRound(draft.constants.beacon.schedule, drawSeconds, draft.members().rules.beaconDelaySeconds)
  return { ...record, drawSeconds, round, redraws }
}
