/** `pyrsia setup`: points stock clients at this node, or back. The work is `clients/`; this shows it. */
import { AppError } from '../../base/errors.ts'
import type { CliContext, CommonOptions } from '../context.ts'
import { json, plainText } from '../format.ts'

/** Options of `setup`. */
export interface SetupOptions extends CommonOptions {
  readonly undo?: boolean
  readonly dryRun?: boolean
  /** True: of the present folder. */
  readonly project?: string | true
  readonly env?: boolean
}

/** @throws usage.request for an unknown client, usage.config for a configuration that cannot be parsed */
export async function setup(context: CliContext, clients: readonly string[], options: SetupOptions): Promise<void> {
  if (options.env) {
    await printVariables(context, clients, options)
    return
  }
  const found = await context.setup({
    clients,
    project: options.project === true ? '.' : options.project,
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

async function printVariables(context: CliContext, clients: readonly string[], options: SetupOptions): Promise<void> {
  if (options.undo || options.project !== undefined) {
    throw new AppError('usage.request', '--env changes nothing, so there is nothing for --undo and --project to do')
  }
  const variables = await context.setupVariables({ clients, data: options.data })
  if (options.json) context.out(json(variables))
  else for (const [name, value] of Object.entries(variables)) context.out(`export ${name}=${quoted(value)}\n`)
}

/** A word of a shell. */
function quoted(value: string): string {
  return /^[\w./:@-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`
}
