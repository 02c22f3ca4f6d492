/**
 * Edits the text of a configuration file line by line, so that comments, order and everything else stay as the user wrote it.
 * The result is parsed again and compared; a file whose form this does not understand is refused, not damaged. Pure.
 */
import { isDeepStrictEqual } from 'node:util'
import { parse, stringify } from 'smol-toml'
import { AppError } from '../../base/errors.ts'

/** New values of top-level keys; undefined takes the key out. */
export type TopLevelChanges = Readonly<Record<string, string | number | undefined>>

/** @throws usage.config if the text is no TOML, or cannot be edited without rewriting it */
export function editToml(text: string, changes: TopLevelChanges): string {
  const before = parsed(text)
  const lines = text.split('\n')
  const firstTable = lines.findIndex((line) => /^\s*\[/.test(line))
  const end = firstTable < 0 ? lines.length : firstTable
  const top = lines.slice(0, end)
  for (const [key, value] of Object.entries(changes)) {
    const at = top.findIndex((line) => keyOf(line) === key)
    const line = value === undefined ? undefined : stringify({ [key]: value }).trimEnd()
    if (at >= 0 && line !== undefined) top[at] = `${line}${commentOf(top[at] ?? '')}`
    else if (at >= 0) top.splice(at, 1)
    else if (line !== undefined) top.splice(insertAt(top), 0, line)
  }
  const after = [...top, ...lines.slice(end)].join('\n')
  const wanted: Record<string, unknown> = { ...before }
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined) delete wanted[key]
    else wanted[key] = value
  }
  if (!isDeepStrictEqual(plain(parsed(after)), plain(wanted))) {
    throw new AppError(
      'usage.config',
      `cannot change ${Object.keys(changes).join(', ')} without rewriting the file: edit it by hand`,
    )
  }
  return after.endsWith('\n') || after === '' ? after : `${after}\n`
}

function parsed(text: string): Record<string, unknown> {
  try {
    return parse(text)
  } catch (cause) {
    throw new AppError('usage.config', 'the configuration file is no TOML', { cause })
  }
}

/** smol-toml makes objects without a prototype in places; JSON evens that out, and a configuration holds nothing else. */
function plain(value: Record<string, unknown>): unknown {
  return JSON.parse(JSON.stringify(value, (_key, found) => (typeof found === 'bigint' ? String(found) : found)))
}

function keyOf(line: string): string | undefined {
  return /^\s*(?:"([a-z-]+)"|'([a-z-]+)'|([a-z-]+))\s*=/
    .exec(line)
    ?.slice(1)
    .find((key) => key !== undefined)
}

/** A comment behind a simple value. */
function commentOf(line: string): string {
  return /^[^#"']*=\s*(?:"[^"#]*"|'[^'#]*'|[^"'#[{]*?)(\s*#.*)$/.exec(line)?.[1] ?? ''
}

function insertAt(top: readonly string[]): number {
  let at = top.length
  while (at > 0 && top[at - 1]?.trim() === '') at--
  return at
}
