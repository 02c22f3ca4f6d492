/** `pyrsia setup`: points stock clients at this node, or back. The work is `clients/`; this shows it. */
import type { CliContext, CommonOptions } from './context.ts'
import { json } from './format.ts'

/** Options of `setup`. */
export interface SetupOptions extends CommonOptions {
  readonly undo?: boolean
  readonly dryRun?: boolean
}

/** @throws usage.config if a client is unknown or its configuration cannot be parsed */
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
  for (const { client, path, changed, diff, afterwards } of found.changes) {
    const verb = options.dryRun ? 'would change' : 'changed'
    context.out(
      changed
        ? `${client}: ${verb} ${path}\n${diff}${diff.endsWith('\n') ? '' : '\n'}`
        : `${client}: ${path} is as it should be\n`,
    )
    if (changed && afterwards !== undefined) context.out(`${client}: ${afterwards}\n`)
  }
}
