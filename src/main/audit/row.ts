/** One line of an audit: what is said of the files of a release, put together. Pure. */
import type { VerdictEntry } from '../../base/entries/entry.ts'
import type { Purl } from '../../base/purl.ts'
import type { AuditRow } from '../../http/http.ts'
import type { FileVerdict } from '../../serve/serve.ts'

/** A row and what is looked at beside it. */
export interface AuditedRow {
  readonly row: AuditRow
  readonly stale: string | undefined
  /** The verdict that decides, if one does. */
  readonly verdict: VerdictEntry | undefined
}

/** Said of one file, refuses the release; the others only fail to speak for it. */
const WITHDRAWN: readonly string[] = ['revoked', 'disputed']

/**
 * The row of a release. Of several files (a wheel for each platform) clients take one: the best is shown, unless something was said
 * against one of them. `servedAtMs`: when this node first gave it out.
 */
export function rowOf(purl: Purl, files: readonly FileVerdict[], servedAtMs: number | undefined): AuditRow {
  const shown = files.toSorted((a, b) => rankOf(a) - rankOf(b))[0]
  const given = files.filter(({ answer }) => answer.kind === 'allow').length
  const finding = shown?.finding
  const status = finding?.evidence.status ?? 'none'
  const refusal = files.flatMap(({ answer }) => (answer.kind === 'deny' ? [answer.reason.message] : []))[0]
  const isWithdrawn = WITHDRAWN.includes(status)
  const after =
    isWithdrawn && servedAtMs !== undefined && finding !== undefined && servedAtMs < finding.atSeconds * 1000
  return {
    purl,
    status,
    file: finding?.evidence.file,
    level: finding?.evidence.level,
    says: finding?.evidence.says,
    index: finding?.index,
    atSeconds: finding?.atSeconds,
    files: files.length,
    given,
    refusal,
    servedAtMs,
    withdrawnAfter: after,
    withdrawnDependencies: [],
  }
}

/** What is shown of several files: what was withdrawn, then other bytes than those agreed upon, then what is best. */
function rankOf({ finding, answer }: FileVerdict): number {
  if (finding === undefined) return 4
  const { status, file } = finding.evidence
  if (WITHDRAWN.includes(status)) return 0
  if (file === 'other') return 1
  return file === 'named' && answer.kind === 'allow' ? 2 : 3
}
