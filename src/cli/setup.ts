/** `pyrsia setup`: points stock clients at this node, or back. The work is `clients/`; this shows it. */
import type { CliContext, CommonOptions } from './context.ts'
import { json, plainText } from './format.ts'

/** Options of `setup`. */
export interface SetupOptions extends CommonOptions {
  readonly undo?: boolean
  readonly dryRun?: boolean
}

/** @throws usage.request for an unknown client, usage.config for a configuration that cannot be parsed */
export async function setup(context: CliContext, clients: readonly string[], options: SetupOptions): Promise<void> {
  const found = await context.setup({
    clients,
    undo: options.undo ?? false,
    dryRun: options.dryRun ?? false,
    data: options.data,
  })
  if (options.json) {
    context.out(json(found))
    return
  }
  const changed = found.changes.filter(({ diff }) => diff !== '')
  if (changed.length === 0) context.out('Nothing has to change.\n')
  for (const { path, diff } of changed) {
    context.out(`${options.dryRun ? 'Would change' : 'Changed'} ${path}\n${diff}${diff.endsWith('\n') ? '' : '\n'}`)
  }
  for (const note of found.notes) context.out(`Note: ${plainText(note)}\n`)
  for (const next of found.afterwards) context.out(`Next: ${next}\n`)
}
