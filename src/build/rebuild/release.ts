/** What the registry says of a release, with what was written by hand for it put in its place among the candidates. */
import { AppError } from '../../base/errors.ts'
import type { Reason } from '../../base/located.ts'
import type { ReleaseFacts, SourceCandidate, SourceFound, SourceGrade } from '../../base/rebuild/build-plan.ts'
import type { Rebuild } from '../../ecosystems/ecosystem.ts'
import type { Asked, Mapping, RecordedRegistry } from './parts.ts'
import { resolveNeeds } from './resolve-needs.ts'

/** What is asked. */
export interface ReleaseAsk {
  readonly asked: Asked
  readonly rebuild: Rebuild
  readonly registry: RecordedRegistry
  readonly mapping: Mapping | undefined
}

const GRADES: readonly SourceGrade[] = ['attested', 'stated', 'override', 'guessed']

/** The release. @throws unavailable.upstream if nobody can be asked, so that it is asked again later; aborted.caller */
export async function releaseFacts(
  { asked, rebuild, registry, mapping }: ReleaseAsk,
  signal: AbortSignal,
): Promise<
  { readonly kind: 'release'; readonly facts: ReleaseFacts } | { readonly kind: 'absent'; readonly reason: Reason }
> {
  const found: SourceFound = await resolveNeeds(rebuild.source(asked.purl, registry.context), registry, signal)
  if (found.kind === 'unavailable') throw new AppError('unavailable.upstream', `${asked.purl}: ${found.reason.message}`)
  if (found.kind === 'absent') return found
  const override = mapping?.source
  if (override === undefined) return found
  return { kind: 'release', facts: { ...found.facts, candidates: inOrder([...found.facts.candidates, override]) } }
}

/** Best first; what was stated alike stays in its order. */
function inOrder(candidates: readonly SourceCandidate[]): SourceCandidate[] {
  return candidates.toSorted((a, b) => GRADES.indexOf(a.grade) - GRADES.indexOf(b.grade))
}
