/**
 * Edits of TOML by its tables, leaving every byte outside the touched lines as it is. A parser says whether the text is TOML
 * and what it means; lines say where. Pure.
 */
import { parse, TomlError } from 'smol-toml'
import { AppError } from '../../../base/errors.ts'

/** A parsed table. */
export type Table = Readonly<Record<string, unknown>>

/** A table's header and what follows it, up to the next header. The first segment has no header: the top-level keys. */
export interface Segment {
  /** Keys of the table; an array of tables is a table here. */
  readonly path: readonly string[]
  /** Lines with their ends, header first. */
  readonly lines: readonly string[]
}

/** The meaning of `text`. @throws usage.config naming the line if it is no TOML */
export function parseToml(text: string, path: string): Table {
  try {
    return parse(text) as Table
  } catch (cause) {
    const where = cause instanceof TomlError ? ` at line ${cause.line}, column ${cause.column}` : ''
    throw new AppError('usage.config', `${path} is not changed: it is no valid TOML${where}`, { cause, data: { path } })
  }
}

/** The segments of a valid `text`, which joined give it back. */
export function segmentsOf(text: string): Segment[] {
  const segments: { path: readonly string[]; lines: string[] }[] = [{ path: [], lines: [] }]
  let open: string | undefined
  for (const line of text.match(/[^\n]*\n|[^\n]+$/g) ?? []) {
    const path = open === undefined ? headerPath(line) : undefined
    open = openString(line, open)
    if (path === undefined) segments.at(-1)?.lines.push(line)
    else segments.push({ path, lines: [line] })
  }
  return segments
}

/** The text of `segments`. */
export function textOf(segments: readonly Segment[]): string {
  return segments.flatMap((segment) => segment.lines).join('')
}

/** The table at `path`; undefined if there is none. */
export function tableAt(root: Table, path: readonly string[]): Table | undefined {
  let at: unknown = root
  for (const key of path) {
    at = isTable(at) ? at[key] : undefined
  }
  return isTable(at) ? at : undefined
}

/** True for a table, as opposed to a value or an array. */
export function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** True if both paths are the same, or `path` lies below `above`. */
export function isWithin(path: readonly string[], above: readonly string[]): boolean {
  return above.every((key, index) => path[index] === key)
}

/** `text` with its last line ended. */
export function ended(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`
}

function headerPath(line: string): string[] | undefined {
  const header = /^\s*(\[\[?.*\]\]?)\s*(?:#.*)?$/.exec(line.trimEnd())?.[1]
  if (header === undefined) return undefined
  try {
    const path: string[] = []
    for (let at: unknown = parse(header); ; ) {
      const [key] = isTable(at) ? Object.keys(at) : []
      if (key === undefined) return path
      path.push(key)
      const next = isTable(at) ? at[key] : undefined
      at = Array.isArray(next) ? next[0] : next
    }
  } catch {
    // A line within an array, which happens to look like a header.
    return undefined
  }
}

/** The delimiter of a multi-line string that is still open after `line`. */
function openString(line: string, open: string | undefined): string | undefined {
  let now = open
  for (const [mark] of line.matchAll(/"""|'''/g)) {
    if (now === undefined) now = mark
    else if (now === mark) now = undefined
  }
  return now
}
