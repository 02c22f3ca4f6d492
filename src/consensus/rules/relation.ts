/** How what was built relates to upstream's bytes. 2-trust.md, "Canonical forms". */
import { type AgreedResult, type BuiltFile, LEVELS, type Level } from '../../base/entries/result.ts'

const LAST_EQUAL = LEVELS.indexOf('metadata')

/** Equal only if upstream has every file, and each is equal at some level; the level is the weakest of all. Null where nothing was built. */
export function relationOf(agreed: AgreedResult | undefined): {
  readonly relation: 'equal' | 'differs' | null
  readonly level: Level | null
} {
  if (agreed?.outcome !== 'built') return { relation: null, level: null }
  const weakest = agreed.files.reduce((least, file) => Math.max(least, LEVELS.indexOf(levelOf(file))), 0)
  return { relation: weakest <= LAST_EQUAL ? 'equal' : 'differs', level: LEVELS[weakest] ?? 'mismatch' }
}

/** What builders say of a file counts only as far as its digests bear it out: `exact` is what these themselves show. */
function levelOf({ sha256, upstream }: BuiltFile): Level {
  if (upstream === null) return 'mismatch'
  if (upstream.sha256 === sha256) return upstream.level === 'malformed' ? 'malformed' : 'exact'
  return upstream.level === 'exact' ? 'mismatch' : upstream.level
}
