/** `pyrsia osv`: importing an OSV database. Works without a node; a running one uses what was imported from its next request on. */
import type { AdvisoriesState } from '../../advisories/advisories.ts'
import type { CliContext, CommonOptions } from '../context.ts'
import { json, plainText, showSeconds } from '../format.ts'

/** Options of `osv import`. */
export interface OsvImportOptions extends CommonOptions {
  readonly add?: boolean
}

/** Imports files and folders. @throws usage.request, untrusted.reply, exhausted.disk, damaged.database */
export async function osvImport(
  context: CliContext,
  paths: readonly string[],
  options: OsvImportOptions,
): Promise<void> {
  const done = await context.osvImport({ paths, add: options.add === true, data: options.data })
  if (options.json) {
    context.out(json(done))
    return
  }
  context.out(`Took ${done.taken} advisories and passed over ${done.passedOver} that concern no package of this node\n`)
  context.out(stateText(done.state, context.nowMs()))
}

/** Shows what is held. @throws damaged.database */
export async function osvStatus(context: CliContext, options: CommonOptions): Promise<void> {
  const state = await context.osvState(options.data)
  context.out(options.json ? json(state) : stateText(state, context.nowMs()))
}

function stateText({ records, packages, importedAtMs, source }: AdvisoriesState, nowMs: number): string {
  if (importedAtMs === undefined) return 'No advisories are held: see pyrsia osv import --help\n'
  const age = showSeconds((nowMs - importedAtMs) / 1000)
  return `${plainText(`${records} advisories for ${packages} packages are held, imported ${age} ago from ${source ?? '?'}`)}\n`
}
