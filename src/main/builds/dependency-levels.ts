/**
 * What the log said of a dependency when the package was asked for: the level that is counted in the result, and whether a build may use
 * it at all. Every builder of a request looks at the same entries, those before it, so all come to the same.
 */
import { digestOf } from '../../base/digest.ts'
import { type Entry, parseEntry, type VerdictEntry } from '../../base/entries/entry.ts'
import type { Hex32 } from '../../base/entries/fields.ts'
import { isKind } from '../../base/errors.ts'
import type { Purl } from '../../base/purl.ts'
import type { LogHit, LogReader } from '../../log/log.ts'

/** A file that went in. */
export interface Ingredient {
  readonly purl: Purl | undefined
  readonly name: string
  readonly sha256: Hex32
}

/** What the log said. */
export interface Standing {
  /** An outcome of a verdict, `differs`, `contradicted`, `disputed`, `revoked`, or `none`. */
  readonly level: string
  /** Why a build must not use it. */
  readonly objection: string | undefined
}

const LOOKED_AT_MAX = 32

/** The standing of a file before the entry at `index`. @throws damaged.log, aborted.caller */
export async function standingOf(
  { purl, name, sha256 }: Ingredient,
  index: number,
  log: Pick<LogReader, 'find'>,
  signal: AbortSignal,
): Promise<Standing> {
  const find = async (by: { readonly purl: string } | { readonly digest: string }, kind: string) =>
    readable(await log.find({ ...by, kind, before: index, limit: LOOKED_AT_MAX }, signal))
  const digest = digestOf('sha256', sha256)
  const withdrawn = [
    ...(await find({ digest }, 'revocation')),
    ...(purl === undefined ? [] : await find({ purl }, 'revocation')),
  ]
  const what = purl ?? name
  if (withdrawn.some((entry) => entry.kind === 'revocation' && entry.step === 'effective')) {
    return { level: 'revoked', objection: `it depends on ${what} (${name}), which was withdrawn` }
  }
  if (purl === undefined) return { level: 'none', objection: undefined }
  const verdict = (await find({ purl }, 'verdict')).find((entry) => entry.kind === 'verdict')
  if (verdict?.kind !== 'verdict') return { level: 'none', objection: undefined }
  const disputes = await find({ purl }, 'dispute')
  const upheld = (entry: Entry): boolean =>
    entry.kind === 'dispute' && entry.step === 'upheld' && entry.verdictOf === verdict.request
  if (disputes.some(upheld)) {
    return { level: 'disputed', objection: `it depends on ${what} (${name}), whose verdict was overturned` }
  }
  return fromVerdict(verdict, { what, name, sha256 })
}

function fromVerdict(
  { outcome, relation, agreed }: VerdictEntry,
  { what, name, sha256 }: { readonly what: string; readonly name: string; readonly sha256: Hex32 },
): Standing {
  if (agreed === null || !('files' in agreed)) return { level: outcome, objection: undefined }
  const own = agreed.files.filter((each) => each.name === name).map((each) => each.sha256)
  if (own.length === 0) return { level: 'none', objection: undefined }
  const theirs = agreed.outcome === 'built' ? agreed.files.filter((each) => each.name === name) : []
  const known = [...own, ...theirs.flatMap(({ upstream }) => upstream?.sha256 ?? [])]
  if (!known.includes(sha256)) {
    return { level: 'contradicted', objection: `it depends on ${what}, and the log knows other bytes of ${name}` }
  }
  return { level: relation === 'differs' ? 'differs' : outcome, objection: undefined }
}

/** What a newer node wrote, and this one cannot read, says nothing to it. */
function readable(hits: readonly LogHit[]): Entry[] {
  return hits.flatMap(({ entry }) => {
    try {
      return [parseEntry(entry)]
    } catch (error) {
      if (isKind(error, 'usage')) return []
      throw error
    }
  })
}
