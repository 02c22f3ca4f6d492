/** Counts again, and says what a verdict had to be. Pure. 2-trust.md, "Agreement", "What a verdict says". */
import type { Outcome, SelectionEntry, VerdictEntry } from '../../base/entries/entry.ts'
import type { AgreedResult } from '../../base/entries/result.ts'
import { TAG_SECONDS, WITNESSED_SECONDS } from '../../consensus/rules/decide.ts'
import { relationOf } from '../../consensus/rules/relation.ts'
import { type AskedEntry, differences, type Logged, type Problem, problemOf } from './problem.ts'
import type { SeatState } from './seats.ts'

/** What a verdict is checked against. */
export interface VerdictInput {
  readonly asked: Logged<AskedEntry>
  /** Undefined: it ended before builders were drawn. */
  readonly selection: Logged<Extract<SelectionEntry, { outcome: 'selected' }>> | undefined
  readonly seats: readonly SeatState[]
}

/** Says what differs from the verdict that follows from the votes. */
export function checkVerdict(logged: Logged<VerdictEntry>, { asked, selection, seats }: VerdictInput): Problem[] {
  const { at } = logged.entry
  const quorum = selection?.entry.quorum ?? 0
  const revealed = seats.filter(({ stage }) => stage === 'revealed')
  const agreement = agreementOf(revealed, quorum)
  const agreed = revealed.find((seat) => seat.agreement === agreement && agreement !== undefined)?.agreed
  const outcome = outcomeOf(agreed, revealed.length, quorum, selection?.entry.rebuilt ?? false)
  const holds =
    outcome !== 'witnessed'
      ? null
      : agreed !== undefined && 'tag' in agreed && agreed.tag
        ? TAG_SECONDS
        : WITNESSED_SECONDS
  const { relation, level } = relationOf(agreed)
  const wanted = {
    purl: asked.entry.purl,
    request: asked.name,
    attempt: asked.entry.attempt,
    selection: selection?.index ?? null,
    outcome,
    relation,
    level,
    builders: selection?.entry.builders ?? 0,
    quorum,
    agreed: agreed ?? null,
    panel: seats.map(({ organisation, node, stage, reveal, envelope, environment, ...seat }) => ({
      organisation,
      node,
      reveal,
      agreed: stage === 'revealed' && agreement !== undefined && seat.agreement === agreement,
      envelope,
      environment,
    })),
    expiresSeconds: holds === null ? null : at.timeSeconds + holds,
    disputes: asked.entry.kind === 'dispute' ? asked.entry.verdictOf : null,
  }
  return [...differences(logged, wanted), ...earlyProblems(logged, seats, quorum)]
}

/** Nobody is passed over in silence: who told nothing has missed it, or there was no use in telling. */
function earlyProblems(logged: Logged<VerdictEntry>, seats: readonly SeatState[], quorum: number): Problem[] {
  const committed = seats.filter(({ stage }) => stage === 'committed' || stage === 'revealed').length
  return seats.flatMap(({ organisation, stage, commit }) => {
    if (stage === 'waiting') {
      return [problemOf(logged, undefined, `it came while ${organisation} could still commit`)]
    }
    if (stage !== 'committed' || committed < quorum) return []
    return [
      problemOf(
        logged,
        undefined,
        `it leaves out ${organisation}, which committed in entry ${commit} and could still reveal`,
      ),
    ]
  })
}

function agreementOf(revealed: readonly SeatState[], quorum: number): string | undefined {
  const counts = new Map<string, number>()
  for (const { agreement = '' } of revealed) counts.set(agreement, (counts.get(agreement) ?? 0) + 1)
  return [...counts].find(([, count]) => quorum > 0 && count >= quorum)?.[0]
}

function outcomeOf(agreed: AgreedResult | undefined, told: number, quorum: number, rebuilt: boolean): Outcome {
  if (agreed === undefined) return told > 0 && told >= quorum ? 'disagreed' : 'expired'
  if (agreed.outcome !== 'built') return agreed.outcome
  if (!rebuilt) return 'built-once'
  return agreed.source.type === 'archive' ? 'repackaged' : 'rebuilt'
}
