/** `pyrsia service`: the node as a service that is started whenever a client asks. The work is `main/systemd/`. */
import type { CliContext, CommonOptions } from '../context.ts'
import { json, plainText } from '../format.ts'

/** Options of `service install` and `uninstall`. */
export interface ServiceOptions extends CommonOptions {
  readonly system?: boolean
}

/** @throws usage.config, usage.request */
export async function service(
  context: CliContext,
  action: 'install' | 'uninstall',
  options: ServiceOptions,
): Promise<void> {
  const found = await context.service({ action, system: options.system ?? false, data: options.data })
  if (options.json) {
    context.out(json(found))
    return
  }
  if (found.files.length === 0) context.out('No service is installed.\n')
  for (const path of found.files) context.out(`${action === 'install' ? 'Wrote' : 'Removed'} ${plainText(path)}\n`)
  for (const command of found.left) context.out(`Next: ${plainText(command)}\n`)
  if (action === 'install') {
    context.out(`The node is started when a client first asks; its data lie in ${plainText(found.data)}\n`)
    if (!options.system) context.out('To have it while you are logged out: loginctl enable-linger\n')
  } else if (found.files.length > 0) context.out(`The data in ${plainText(found.data)} stay.\n`)
}
