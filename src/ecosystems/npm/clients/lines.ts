/**
 * Setting one key of a configuration that is made of lines, and taking it back, without touching any other byte. Pure; used
 * for npmrc, for the classic yarnrc, and for top-level scalars of YAML files.
 */

/** How a kind of file writes a key and its value on one line. */
export interface LineSyntax {
  /** What a line sets; undefined for comments and all else. */
  read(line: string): { readonly key: string; readonly value: string } | undefined
  /** A line, without its end. */
  write(key: string, value: string): string
  /** True for a line after which keys no longer count (a section). */
  ends(line: string): boolean
}

/** `key=value`; a section ends what npm reads. */
export const NPMRC: LineSyntax = {
  read(line) {
    const found = /^\s*([^\s=;#[][^=]*?)\s*=\s*(.*?)\s*$/.exec(line)
    return found === null ? undefined : { key: unquoted(found[1] ?? ''), value: unquoted(found[2] ?? '') }
  },
  write: (key, value) => `${key}=${value}`,
  ends: (line) => /^\s*\[/.test(line),
}

/** A top-level `key: value` of a YAML mapping. */
export const YAML: LineSyntax = {
  read(line) {
    const found = /^("[^"]*"|'[^']*'|[^\s#"':{[-][^:]*?)\s*:(?:\s+(.*?))?\s*$/.exec(line)
    return found === null ? undefined : { key: unquoted(found[1] ?? ''), value: plainValue(found[2] ?? '') }
  },
  write: (key, value) => `${key}: ${JSON.stringify(value)}`,
  ends: () => false,
}

/** The lines of `text`, each with its end. */
export function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? []
}

/** The line end that `text` uses. */
export function lineEnd(text: string): string {
  return text.includes('\r\n') ? '\r\n' : '\n'
}

/** The value that counts for `key`: the last one; undefined if none is set. */
export function settingOf(text: string, key: string, syntax: LineSyntax): string | undefined {
  return settings(text, syntax).findLast((setting) => setting.key === key)?.value
}

/** `text` with `key` set to `value`: in the line that counts, or in a new one at the end. */
export function withKey(text: string, key: string, value: string, syntax: LineSyntax): string {
  const last = settings(text, syntax).findLast((setting) => setting.key === key)
  if (last?.value === value) return text
  const lines = linesOf(text)
  const line = syntax.write(key, value)
  if (last !== undefined) {
    lines[last.index] = line + endOf(lines[last.index] ?? '')
    return lines.join('')
  }
  const at = firstSection(lines, syntax)
  const before = lines[at - 1]
  if (before !== undefined && endOf(before) === '') lines[at - 1] = before + lineEnd(text)
  lines.splice(at, 0, line + lineEnd(text))
  return lines.join('')
}

/** `text` without our `value` of `key`: with the line of `before` that counted then in its place, if there was one. */
export function withoutKey(
  text: string,
  key: string,
  value: string,
  before: string | undefined,
  syntax: LineSyntax,
): string {
  const ours = settings(text, syntax).findLast((setting) => setting.key === key && setting.value === value)
  if (ours === undefined) return text
  const then = settings(before ?? '', syntax).findLast((setting) => setting.key === key)
  if (then?.value === value) return text
  const lines = linesOf(text)
  const line = then === undefined ? undefined : linesOf(before ?? '')[then.index]?.replace(/\r?\n$/, '')
  if (line === undefined) lines.splice(ours.index, 1)
  else lines[ours.index] = line + endOf(lines[ours.index] ?? '')
  return lines.join('')
}

interface Setting {
  readonly index: number
  readonly key: string
  readonly value: string
}

function settings(text: string, syntax: LineSyntax): Setting[] {
  const lines = linesOf(text)
  return lines.slice(0, firstSection(lines, syntax)).flatMap((line, index) => {
    const found = syntax.read(line.replace(/^\ufeff/, '').replace(/\r?\n$/, ''))
    return found === undefined ? [] : [{ index, ...found }]
  })
}

function firstSection(lines: readonly string[], syntax: LineSyntax): number {
  const found = lines.findIndex((line) => syntax.ends(line))
  return found < 0 ? lines.length : found
}

function endOf(line: string): string {
  return /\r?\n$/.exec(line)?.[0] ?? ''
}

function unquoted(text: string): string {
  return /^"(.*)"$/.exec(text)?.[1] ?? /^'(.*)'$/.exec(text)?.[1] ?? text
}

/** A YAML scalar on one line, without its comment. */
function plainValue(text: string): string {
  const quoted = /^(?:"([^"]*)"|'([^']*)')\s*(?:#.*)?$/.exec(text)
  return quoted?.[1] ?? quoted?.[2] ?? text.replace(/(?:^|\s+)#.*$/, '')
}
