/** `pyrsia sync`: keeps what lockfiles want, so that they install offline. The node does the work; this follows it. */
import { resolve } from 'node:path'
import { AppError } from '../../base/errors.ts'
import type { SyncedFile, SyncJob, SyncListView } from '../../http/http.ts'
import type { CliContext, CommonOptions, NodeApi } from '../context.ts'
import { json, plainText, showBytes, showSeconds, table } from '../format.ts'
import { readLockfile } from './lockfile.ts'

/** How long the node holds each answer back while a run goes on, milliseconds. */
const WAIT_MS = 500
/** Missing files that are printed for each lockfile. */
const MISSING_SHOWN_MAX = 50

/** Options of `sync`. */
export interface SyncOptions extends CommonOptions {
  readonly check?: boolean
  readonly remove?: boolean
  readonly list?: boolean
  readonly platform?: string
}

/**
 * Keeps, checks, lists or lets go lockfiles.
 * @throws absent.lockfile if anything of any of them is missing; usage.request, unavailable.node, denied.token, exhausted.queue
 */
export async function sync(context: CliContext, paths: readonly string[], options: SyncOptions): Promise<void> {
  const node = await context.connect(options.data)
  if (options.list) {
    listSynced(context, options, await node.get<SyncListView>('/api/syncs'))
    return
  }
  if (paths.length === 0) throw new AppError('usage.config', 'wanted one or more lockfiles, or --list')
  if (options.remove) await removeAll(context, node, paths, options)
  else await runAll(context, node, paths, options)
}

async function runAll(
  context: CliContext,
  node: NodeApi,
  paths: readonly string[],
  options: SyncOptions,
): Promise<void> {
  const runs: SyncJob[] = []
  for (const path of paths) {
    const { platform, check: checkOnly = false, data } = options
    const text = await readLockfile(context, node, { path, action: checkOnly ? 'reuse' : 'make', data })
    const body = {
      path: resolve(path),
      text,
      checkOnly,
      ...(platform === undefined ? {} : { platform }),
    }
    const begun = await node.change<SyncJob>('POST', '/api/syncs', { body })
    const run = await followRun(context, node, begun)
    runs.push(run)
    if (!options.json) context.out(runText(run))
  }
  if (options.json) context.out(json({ runs }))
  const failed = runs.find(({ failure }) => failure !== undefined)
  if (failed !== undefined) throw new AppError('unavailable.node', `${failed.path}: ${failed.failure}`)
  const incomplete = runs.filter(({ state }) => state !== 'complete')
  if (incomplete.length > 0) {
    throw new AppError(
      'absent.lockfile',
      `not complete for offline use: ${incomplete.map(({ path }) => path).join(', ')}`,
    )
  }
}

async function followRun(context: CliContext, node: NodeApi, begun: SyncJob): Promise<SyncJob> {
  let run = begun
  while (run.state === 'running') {
    context.progress(progressText(run))
    run = await node.get<SyncJob>('/api/syncs/run', { id: run.id, waitMs: String(WAIT_MS) })
  }
  context.progress(undefined)
  return run
}

async function removeAll(
  context: CliContext,
  node: NodeApi,
  paths: readonly string[],
  options: SyncOptions,
): Promise<void> {
  const removed: SyncedFile[] = []
  for (const path of paths) {
    const found = await node.change<SyncedFile>('DELETE', '/api/syncs', { query: { path: resolve(path) } })
    const { data } = options
    await context.listed({
      action: 'forget',
      path: resolve(path),
      text: '',
      endpoints: async () => ({}),
      data,
      onLine() {},
    })
    removed.push(found)
    if (!options.json) context.out(`${plainText(found.path)}: ${found.fileCount} files are no longer kept for it\n`)
  }
  if (options.json) context.out(json({ removed }))
}

function listSynced(context: CliContext, options: SyncOptions, { synced }: SyncListView): void {
  if (options.json) {
    context.out(json({ synced }))
    return
  }
  const nowMs = context.nowMs()
  const rows = synced.map((file) => [
    file.path,
    file.ecosystem,
    String(file.fileCount),
    file.complete ? 'complete' : 'incomplete',
    `${showSeconds((nowMs - file.syncedAtMs) / 1000)} ago`,
  ])
  context.out(
    rows.length === 0 ? 'No lockfile is kept.\n' : table([['LOCKFILE', 'KIND', 'FILES', 'STATE', 'SYNCED'], ...rows]),
  )
}

function progressText({ path, doneCount, wantedCount, fetchedBytes }: SyncJob): string {
  const known = wantedCount === 0 ? '' : `${doneCount} of ${wantedCount} files, `
  return plainText(`${path}: ${known}${showBytes(fetchedBytes)}`)
}

/** A finished run for people. */
export function runText(run: SyncJob): string {
  const { path, state, wantedCount, missingCount, missing, fetchedBytes, checkOnly } = run
  const fetched = checkOnly ? '' : `, ${showBytes(fetchedBytes)} fetched`
  if (state === 'complete') return plainLine(`${path}: complete, ${wantedCount} files${fetched}`)
  if (state !== 'incomplete') return plainLine(`${path}: ${state}${fetched}`)
  const shown = missing.slice(0, MISSING_SHOWN_MAX)
  const lines = shown.map(({ purl, requestPath, reason }) => plainLine(`! ${purl} (${requestPath}): ${reason}`))
  const more = missingCount > shown.length ? `! and ${missingCount - shown.length} more\n` : ''
  return `${plainLine(`${path}: ${missingCount} of ${wantedCount} files are missing${fetched}`)}${lines.join('')}${more}`
}

function plainLine(text: string): string {
  return `${plainText(text)}\n`
}
