/** The settings as the API shows and changes them: the resolved configuration, and the file that keeps changes. */
import type { SettingChanges, SettingsDoor } from '../../http/api/parts.ts'
import type { SettingView } from '../../http/http.ts'
import { readConfigFile, writeWhole } from '../data-directory.ts'
import type { Config } from './config.ts'
import { editToml, type TopLevelChanges } from './edit.ts'
import { sizeKind } from './kinds.ts'
import { formatted, SETTINGS, type Setting } from './settings.ts'

/** A door to the configuration file at `path`. */
export function createSettingsDoor(path: string, config: Config, ports: readonly Setting<number>[]): SettingsDoor {
  const shown = show(config, ports)
  let writing: Promise<void> = Promise.resolve()
  const change = (changes: TopLevelChanges): Promise<void> => {
    // One after the other: two edits at once would each drop what the other one wrote.
    writing = writing
      .catch(() => undefined)
      .then(async () => {
        const text = (await readConfigFile(path)) ?? ''
        await writeWhole(path, editToml(text, changes), 0o600)
      })
    return writing
  }
  return {
    path,
    show: () => shown,
    edit: (changes) => change(checked(changes)),
    remove: () => change({ host: undefined, port: undefined, disk: undefined }),
  }
}

function checked({ host, port, diskspace }: SettingChanges): TopLevelChanges {
  return {
    ...(host === undefined ? {} : { host: SETTINGS.host.kind.parse(host) as string }),
    ...(port === undefined ? {} : { port }),
    ...(diskspace === undefined ? {} : { disk: sizeKind.format(sizeKind.parse(diskspace)) }),
  }
}

function show(config: Config, ports: readonly Setting<number>[]): SettingView[] {
  const named = Object.entries(SETTINGS).map(
    ([key, row]) => [row as Setting<unknown>, config.values[key as keyof typeof SETTINGS] as unknown] as const,
  )
  const own = ports.map((row) => [row as Setting<unknown>, config.ports[row.name] as unknown] as const)
  return [...named, ...own].map(([row, value]) => ({
    name: row.name,
    value: formatted(row, value),
    source: config.sources[row.name] ?? 'default',
  }))
}
