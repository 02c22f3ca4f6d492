/** Where a node keeps its data when nobody says otherwise. Apart from `../data-directory.ts`, because every CLI call needs it. */
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

/** The data directory where none is given: `$XDG_DATA_HOME/pyrsia`, else `~/.local/share/pyrsia` (XDG base directory 0.8). */
export function defaultDataDirectory(environment: Readonly<Record<string, string | undefined>>): string {
  const base = environment.XDG_DATA_HOME
  return base !== undefined && isAbsolute(base) ? join(base, 'pyrsia') : join(homedir(), '.local', 'share', 'pyrsia')
}
