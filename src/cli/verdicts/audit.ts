/** `pyrsia audit`: what the log says of everything that a lockfile names, or that this node has given out. */
import { resolve } from 'node:path'
import { AppError } from '../../base/errors.ts'
import type { AuditRow, AuditView } from '../../http/http.ts'
import type { CliContext, CommonOptions, NodeApi } from '../context.ts'
import { json, plainText, showSeconds, table } from '../format.ts'
import { readLockfile } from '../offline/lockfile.ts'

/** Options of `audit`. */
export interface AuditOptions extends CommonOptions {
  readonly all?: boolean
}

/** Statuses in words, for a table. */
const WORDS: Readonly<Record<AuditRow['status'], string>> = {
  'rebuilt-equal': 'rebuilt, equal',
  'rebuilt-differs': 'rebuilt, differs',
  witnessed: 'witnessed',
  repackaged: 'repackaged',
  'built-once': 'built once',
  disagreed: 'disagreed',
  unbuildable: 'unbuildable',
  expired: 'expired',
  malformed: 'malformed',
  disputed: 'DISPUTED',
  revoked: 'REVOKED',
  none: 'nothing',
}
/** Rows that are printed one by one; with `--all` all of them are. */
const SHOWN_MAX = 200

/**
 * Audits lockfiles, or everything that was served.
 * @throws untrusted.revoked if anything was withdrawn, untrusted.verdict for other bytes than those agreed upon, denied.policy if the
 * node would refuse something; unavailable.node, usage.request, denied.token
 */
export async function audit(context: CliContext, paths: readonly string[], options: AuditOptions): Promise<void> {
  const node = await context.connect(options.data)
  const views: AuditView[] = []
  for (const path of paths.length === 0 ? [undefined] : paths) {
    const view = await auditOne(context, node, path, options)
    views.push(view)
    if (!options.json) context.out(auditText(view, context.nowMs(), options.all === true))
  }
  if (options.json) context.out(json({ audits: views }))
  demandSound(views.flatMap(({ rows }) => rows))
}

async function auditOne(
  context: CliContext,
  node: NodeApi,
  path: string | undefined,
  { data }: AuditOptions,
): Promise<AuditView> {
  context.progress(plainText(`auditing ${path ?? 'what this node has given out'}`))
  try {
    const text = path === undefined ? undefined : await readLockfile(context, node, { path, action: 'make', data })
    const body = path === undefined ? {} : { path: resolve(path), text }
    return await node.change<AuditView>('POST', '/api/audit', { body })
  } finally {
    context.progress(undefined)
  }
}

function isWithdrawn({ status }: AuditRow): boolean {
  return status === 'revoked' || status === 'disputed'
}

function isOther({ file, status }: AuditRow): boolean {
  return status === 'rebuilt-equal' && file === 'other'
}

/** The worst that was found decides the exit code. */
function demandSound(rows: readonly AuditRow[]): void {
  const named = (found: readonly AuditRow[]): string => {
    const shown = found.slice(0, 3).map(({ purl }) => purl)
    return `${shown.join(', ')}${found.length > shown.length ? ` and ${found.length - shown.length} more` : ''}`
  }
  const withdrawn = rows.filter((row) => isWithdrawn(row) || row.withdrawnDependencies.length > 0)
  if (withdrawn.length > 0) {
    throw new AppError('untrusted.revoked', `withdrawn, or built with what was: ${named(withdrawn)}`)
  }
  const others = rows.filter(isOther)
  if (others.length > 0) {
    throw new AppError('untrusted.verdict', `other bytes than those that were agreed upon: ${named(others)}`)
  }
  const refused = rows.filter(({ given }) => given === 0)
  if (refused.length > 0) throw new AppError('denied.policy', `this node would refuse: ${named(refused)}`)
}

/** An audit for people: counts, then what needs attention; with `all` every release. */
export function auditText(view: AuditView, nowMs: number, all: boolean): string {
  const { origin, size, asOfSeconds, stale, lockfile, rows } = view
  const age = (seconds: number): string => `${showSeconds(nowMs / 1000 - seconds)} ago`
  const counts = Map.groupBy(rows, ({ status }) => status)
  const summary = [...counts].map(([status, found]) => `${found.length} ${WORDS[status]}`)
  const what = lockfile ?? 'What this node has given out'
  const lines = [
    `${what}: ${rows.length} releases${summary.length === 0 ? '' : `: ${summary.join(', ')}`}`,
    `  log ${origin}, ${size} entries${asOfSeconds === undefined ? '' : `, as of ${age(asOfSeconds)}`}`,
    ...(stale === undefined ? [] : [`  ! ${stale}`]),
  ]
  const listed = all ? rows : rows.filter((row) => row.status !== 'none' || row.given < row.files).slice(0, SHOWN_MAX)
  const cells = listed.map((row) => [
    row.purl,
    WORDS[row.status],
    row.level ?? '',
    row.atSeconds === undefined ? '' : age(row.atSeconds),
    row.given === row.files ? 'given' : row.given === 0 ? 'refused' : `${row.given} of ${row.files} files given`,
  ])
  const tableText = cells.length === 0 ? '' : table([['RELEASE', 'THE LOG SAYS', 'LEVEL', 'SINCE', 'HERE'], ...cells])
  const more = !all && rows.length > listed.length ? [`and ${rows.length - listed.length} more (--all lists them)`] : []
  const remarks = rows.flatMap((row) => remarksOf(row, age))
  return `${lines.map(plainText).join('\n')}\n${tableText}${[...more, ...remarks].map((line) => `${plainText(line)}\n`).join('')}`
}

function remarksOf(row: AuditRow, age: (seconds: number) => string): string[] {
  const { purl, says, servedAtMs, withdrawnAfter, withdrawnDependencies, refusal } = row
  const withdrawn = isWithdrawn(row) || isOther(row)
  const served = servedAtMs === undefined ? '' : `; given out here first ${age(servedAtMs / 1000)}`
  return [
    ...(withdrawn
      ? [`! ${purl}: ${says}${served}${withdrawnAfter ? ', before it was withdrawn: look where it is installed' : ''}`]
      : []),
    ...withdrawnDependencies.map(
      (used) => `! ${purl} was built with ${used.name} of ${used.purl}, which is revoked: ${used.reason}`,
    ),
    ...(!withdrawn && refusal !== undefined && row.given === 0 ? [`! ${refusal}`] : []),
  ]
}
