/** `pyrsia config`: shows the settings in force, and changes those that the node keeps in its file. */
import { AppError } from '../base/errors.ts'
import type { ConfigChanged, ConfigView } from '../http/http.ts'
import type { CliContext, CommonOptions } from './context.ts'
import { json, table } from './format.ts'

/** Options of `config`. */
export interface ConfigOptions extends CommonOptions {
  readonly show?: boolean
  readonly remove?: boolean
}

/** Options of `config edit`. */
export interface ConfigEditOptions extends CommonOptions {
  readonly host?: string
  readonly port?: string
  readonly diskspace?: string
}

/** Shows, or with `remove` takes back what `edit` changed. @throws unavailable.node, usage.config */
export async function config(context: CliContext, options: ConfigOptions): Promise<void> {
  const node = await context.connect(options.data)
  if (options.remove) {
    changed(context, options, await node.change<ConfigChanged>('DELETE', '/api/config'))
    return
  }
  const found = await node.get<ConfigView>('/api/config')
  if (options.json) {
    context.out(json(found))
    return
  }
  const rows = found.settings.map(({ name, value, source }) => [name, value === '' ? '-' : value, source])
  context.out(`${table([['SETTING', 'VALUE', 'FROM'], ...rows])}File: ${found.file}\n`)
}

/** Writes into the file. @throws unavailable.node, usage.config, usage.request */
export async function configEdit(context: CliContext, options: ConfigEditOptions): Promise<void> {
  const { host, port, diskspace } = options
  if (host === undefined && port === undefined && diskspace === undefined) {
    throw new AppError('usage.config', 'wanted at least one of --host, --port and --diskspace')
  }
  if (port !== undefined && !/^[0-9]{1,5}$/.test(port)) {
    throw new AppError('usage.config', `--port: wanted a port, found ${JSON.stringify(port)}`)
  }
  const node = await context.connect(options.data)
  const body = { host, port: port === undefined ? undefined : Number(port), diskspace }
  changed(context, options, await node.change<ConfigChanged>('PUT', '/api/config', { body }))
}

function changed(context: CliContext, options: CommonOptions, found: ConfigChanged): void {
  if (options.json) context.out(json(found))
  else context.out(`${found.file} is changed; it is in force from the next start of the node on.\n`)
}
