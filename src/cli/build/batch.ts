/**
 * `pyrsia build --from LOCKFILE`: asks for everything that a lockfile names and the log lacks, a few at a time, and reports what became of
 * each: rebuilt equal, differs, witnessed, repackaged, unbuildable, and why.
 */
import { resolve } from 'node:path'
import { AppError, isKind } from '../../base/errors.ts'
import type { AuditRow, AuditView, LogEntriesView, SubmissionView } from '../../http/http.ts'
import type { CliContext, NodeApi } from '../context.ts'
import { json, plainText, table } from '../format.ts'
import { readLockfile } from '../offline/lockfile.ts'
import type { BuildOptions } from './build.ts'

/** What became of one release. */
export interface BatchRow {
  readonly purl: string
  /** In words, e.g. `rebuilt, equal (exact)`; `asked for` without `--watch`. */
  readonly result: string
  /** Why it is not better; undefined: there is no more to say. */
  readonly why: string | undefined
  /** False: the log had said something of it before. */
  readonly asked: boolean
  /** True: the log holds that it was rebuilt and equal, or witnessed. */
  readonly sound: boolean
}

/** Builds of this command that are open at a time; where it does not wait for them, submissions have this pause between them. */
const OPEN_MAX = 4
const PAUSE_MS = 250
const LOOK_MS = 500
/** How often a full queue is tried again, and after which pause. */
const AGAIN_COUNT = 60
const AGAIN_MS = 1_000
const REASONS_MAX = 2

/**
 * Asks for what the lockfile names; with `watch` waits for what comes of it.
 * @throws usage.request, unavailable.node, exhausted.queue; with `watch` untrusted.verdict unless everything was found equal or witnessed
 */
export async function buildFrom(context: CliContext, path: string, options: BuildOptions): Promise<void> {
  const node = await context.connect(options.data)
  const text = await readLockfile(context, node, { path, action: 'make', data: options.data })
  const { rows } = await node.change<AuditView>('POST', '/api/audit', { body: { path: resolve(path), text } })
  const results = await askAll(context, node, rows, options.watch === true)
  context.out(options.json ? json({ lockfile: resolve(path), releases: results }) : batchText(path, results))
  if (!options.watch) return
  const unsound = results.filter(({ sound }) => !sound)
  if (unsound.length === 0) return
  throw new AppError('untrusted.verdict', `${unsound.length} of ${results.length} releases were not found equal`)
}

async function askAll(
  context: CliContext,
  node: NodeApi,
  rows: readonly AuditRow[],
  watch: boolean,
): Promise<BatchRow[]> {
  const results: BatchRow[] = []
  let next = 0
  let done = 0
  const worker = async (): Promise<void> => {
    for (let at = next++; at < rows.length; at = next++) {
      const row = rows[at] as AuditRow
      results[at] = isSettled(row) ? known(row) : await askOne(context, node, row.purl, watch)
      done++
      context.progress(plainText(`${done} of ${rows.length} releases: ${row.purl}`))
      if (!watch && !isSettled(row)) await context.sleep(PAUSE_MS)
    }
  }
  try {
    await Promise.all(Array.from({ length: watch ? OPEN_MAX : 1 }, worker))
  } finally {
    context.progress(undefined)
  }
  return results
}

/** Of what has expired, or was never built, a build is asked for. */
function isSettled({ status }: AuditRow): boolean {
  return status !== 'none' && status !== 'expired'
}

function known({ purl, status, level, says }: AuditRow): BatchRow {
  const sound = status === 'rebuilt-equal' || status === 'witnessed'
  const result = `${status.replace('rebuilt-', 'rebuilt, ')}${level === undefined ? '' : ` (${level})`}`
  return { purl, result, why: sound ? undefined : says, asked: false, sound }
}

async function askOne(context: CliContext, node: NodeApi, purl: string, watch: boolean): Promise<BatchRow> {
  const failed = (result: string, why: string | undefined): BatchRow => ({
    purl,
    result,
    why,
    asked: true,
    sound: false,
  })
  try {
    let view = await submit(context, node, purl)
    while (watch && !OVER.includes(view.state)) {
      await context.sleep(LOOK_MS)
      view = await node.get<SubmissionView>('/api/builds/status', { id: view.id })
    }
    if (view.state === 'denied') return failed('not taken', view.reason)
    if (view.state === 'refused') return failed('not built', 'too few organisations build it: nobody was drawn')
    const { verdict } = view
    if (verdict === undefined) return failed('asked for', view.reason)
    const { outcome, relation, level } = verdict
    const sound = (outcome === 'rebuilt' && relation === 'equal') || outcome === 'witnessed'
    const result = `${outcome}${relation === null ? '' : `, ${relation}`}${level === null ? '' : ` (${level})`}`
    return { purl, result, why: sound ? undefined : await whyOf(node, view), asked: true, sound }
  } catch (error) {
    if (!(error instanceof AppError) || error.kind === 'bug' || error.kind === 'aborted') throw error
    return failed('not asked for', error.message)
  }
}

const OVER: readonly SubmissionView['state'][] = ['denied', 'refused', 'decided']

/** What others keep busy is tried again. */
async function submit(context: CliContext, node: NodeApi, purl: string): Promise<SubmissionView> {
  for (let tries = 1; ; tries++) {
    try {
      return await node.change<SubmissionView>('POST', '/api/builds', { body: { purl } })
    } catch (error) {
      if (!isKind(error, 'exhausted') || tries >= AGAIN_COUNT) throw error
      await context.sleep(AGAIN_MS)
    }
  }
}

/** What builders told of it: why they could not build it, or how what they built differs. */
async function whyOf(node: NodeApi, { purl, request }: SubmissionView): Promise<string | undefined> {
  const { entries } = await node.get<LogEntriesView>('/api/log/find', { purl })
  const reasons = entries.flatMap(({ entry }) => {
    const { kind, organisation, tx } = entry as {
      kind?: string
      organisation?: string
      tx?: {
        body: {
          request?: string
          result?: { reason?: string; files?: { name: string; upstream: { level: string } | null }[] }
        }
      }
    }
    if (kind !== 'reveal' || tx?.body.request !== request) return []
    const { reason, files = [] } = tx?.body.result ?? {}
    const differing = files.map(({ name, upstream }) => `${name}: ${upstream?.level ?? 'upstream has no such file'}`)
    const told = reason ?? differing.join(', ')
    return told === '' ? [] : [{ organisation, told }]
  })
  const byText = Map.groupBy(reasons, ({ told }) => told)
  const said = [...byText]
    .slice(0, REASONS_MAX)
    .map(([told, by]) => `${by.map(({ organisation }) => organisation).join(', ')}: ${told}`)
  return said.length === 0 ? undefined : said.join('; ')
}

/** The report for people. */
export function batchText(path: string, rows: readonly BatchRow[]): string {
  const counts = [...Map.groupBy(rows, ({ result }) => result)].map(([result, found]) => `${found.length} ${result}`)
  const asked = rows.filter((row) => row.asked).length
  const head = `${path}: ${rows.length} releases, ${asked} asked for now${counts.length === 0 ? '' : `: ${counts.join('; ')}`}`
  const cells = rows.map(({ purl, result, why = '' }) => [purl, result, why])
  return `${plainText(head)}\n${cells.length === 0 ? '' : table([['RELEASE', 'RESULT', 'WHY'], ...cells])}`
}
