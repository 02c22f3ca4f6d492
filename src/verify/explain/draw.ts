/** Draws again: the round, the seed, the ranking of the whole membership as it was, and the panel. Pure. 2-trust.md, "Random selection". */
import { PASSED_OVER_MAX, type SelectionEntry } from '../../base/entries/entry.ts'
import type { NetworkRules } from '../../base/entries/rules.ts'
import { purlParts } from '../../base/purl.ts'
import { buildersFor, type Members } from '../../consensus/draft/members.ts'
import { drawRound } from '../../consensus/selection/draw-round.ts'
import { drawSeed } from '../../consensus/selection/draw-seed.ts'
import { type Seat, type Selection, type SelectionRefusal, select } from '../../consensus/selection/select.ts'
import { type AskedEntry, differences, type Fixed, type Logged, type Problem, problemOf } from './problem.ts'

/** What a draw is checked against. */
export interface DrawInput {
  readonly fixed: Fixed
  readonly asked: Logged<AskedEntry>
  /** The members when the draw was made; undefined: what the log has of them is wrong, so nothing can be drawn from them. */
  readonly members: Members | undefined
  /** Rules that may have been in force when the round was fixed. */
  readonly rules: readonly NetworkRules[]
  /** The redraw before it, if there was one. */
  readonly redrawn: SelectionEntry | undefined
}

type Drawn = Extract<SelectionEntry, { outcome: 'selected' | 'refused' }>

/** Everybody's place in a draw that was made again. */
export interface DrawnAgain {
  readonly seed: string
  readonly result: Selection | SelectionRefusal
}

/** Draws again, and says what differs. */
export function checkDraw(
  logged: Logged<SelectionEntry>,
  input: DrawInput,
): { readonly problems: Problem[]; readonly again: DrawnAgain | undefined } {
  const { entry } = logged
  const { asked, redrawn, fixed } = input
  const problems = differences(logged, { purl: asked.entry.purl, attempt: asked.entry.attempt, request: asked.name })
  if (redrawn !== undefined && entry.outcome !== 'redrawn') {
    problems.push(...differences(logged, { drawSeconds: redrawn.drawSeconds, round: redrawn.round }))
  } else {
    problems.push(...roundProblems(logged, input))
  }
  if (entry.outcome === 'redrawn') return { problems, again: undefined }
  const { beacon } = entry
  if (beacon.chainHash !== fixed.beacon.chainHash) {
    const wanted = `wanted the chain ${fixed.beacon.chainHash}, found ${beacon.chainHash}`
    problems.push(problemOf(logged, 'beacon.chainHash', wanted))
  }
  if (beacon.round !== entry.round) {
    problems.push(problemOf(logged, 'beacon.round', `wanted round ${entry.round}, found ${beacon.round}`))
  }
  if (!fixed.beacon.check(beacon.round, beacon.randomness, beacon.proof)) {
    problems.push(problemOf(logged, 'beacon', `the beacon did not give this for round ${beacon.round}`))
  }
  // From randomness that is wrong nothing follows that could be compared.
  if (problems.length > 0) return { problems, again: undefined }
  const again = drawAgain({ ...logged, entry }, input)
  if (again !== undefined) problems.push(...panelProblems({ ...logged, entry }, again, input))
  return { problems, again }
}

function roundProblems(logged: Logged<SelectionEntry>, { fixed, asked, rules }: DrawInput): Problem[] {
  const { drawSeconds, round, at, outcome } = logged.entry
  const late = outcome === 'redrawn' ? drawSeconds !== at.timeSeconds : drawSeconds > at.timeSeconds
  if (drawSeconds < asked.entry.at.timeSeconds || late) {
    const span = `after the request at ${asked.entry.at.timeSeconds}, not after ${at.timeSeconds}`
    return [problemOf(logged, 'drawSeconds', `wanted a time ${span}, found ${drawSeconds}`)]
  }
  const { schedule } = fixed.beacon
  const possible = rules.map(({ beaconDelaySeconds }) => drawRound(schedule, drawSeconds, beaconDelaySeconds))
  if (possible.includes(round)) return []
  const wanted = [...new Set(possible)].join(' or ')
  return [problemOf(logged, 'round', `wanted round ${wanted}, the first that nobody could know, found ${round}`)]
}

function drawAgain({ entry }: Logged<Drawn>, { fixed, asked, members }: DrawInput): DrawnAgain | undefined {
  if (members === undefined) return undefined
  const seed = drawSeed({
    network: fixed.network,
    chainHash: Buffer.from(entry.beacon.chainHash, 'hex'),
    round: entry.beacon.round,
    randomness: Buffer.from(entry.beacon.randomness, 'hex'),
    requestLeafHash: Buffer.from(asked.name, 'hex'),
    attempt: asked.entry.attempt,
    membershipRoot: Buffer.from(asked.entry.membershipRoot, 'hex'),
  })
  const result = select({
    seed,
    members: buildersFor(members, asked.index),
    ecosystemType: purlParts(asked.entry.purl).type,
    requestIndex: asked.index,
  })
  return { seed: Buffer.from(seed).toString('hex'), result }
}

function panelProblems(logged: Logged<Drawn>, { seed, result }: DrawnAgain, { members, asked }: DrawInput): Problem[] {
  const passedOver = result.passedOver.map(({ organisation, reason }) => ({ organisation, reason }))
  const both = {
    seed,
    outcome: result.kind,
    organisations: result.counts.organisations,
    eligible: result.counts.eligible,
    passedOver: passedOver.slice(0, PASSED_OVER_MAX),
    passedOverCount: passedOver.length,
  }
  if (result.kind === 'refused' || members === undefined) return differences(logged, both)
  const nodes = buildersFor(members, asked.index).flatMap((member) => member.nodes)
  const seatOf = ({ organisation, node }: Seat) => ({
    organisation,
    node,
    memberIndex: nodes.findLast((one) => one.node === node && one.memberIndex < asked.index)?.memberIndex ?? 0,
  })
  return differences(logged, {
    ...both,
    builders: result.size.builders,
    quorum: result.size.quorum,
    rebuilt: result.size.rebuilt,
    selected: result.selected.map(seatOf),
    standbys: result.standbys.map(seatOf),
  })
}
