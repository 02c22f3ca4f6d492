/**
 * The little YAML that `gem` and Bundler write: a mapping of top-level keys, each with a value on its line or with items and
 * indented lines below it. What is not recognised is refused, so that no file is changed that was not understood. Edits touch
 * no other byte. Pure.
 */
import { AppError } from '../../../base/errors.ts'

/** A top-level key. */
export interface Entry {
  /** Without quotes. */
  readonly key: string
  /** What follows the colon on its line. */
  readonly value: string
  /** Its first line, and the one after its last. */
  readonly from: number
  readonly to: number
}

const KEY_LINE = /^("[^"]*"|'[^']*'|[^\s#"'[\]{}&*!|>%@`,?-].*?)\s*:(?:\s+(.*?))?\s*$/

/** The lines of `text`, each with its end. */
export function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? []
}

/** The line end that `text` uses. */
export function lineEnd(text: string): string {
  return text.includes('\r\n') ? '\r\n' : '\n'
}

/** A line without its end. */
export function bareLine(line: string | undefined): string {
  return (line ?? '').replace(/^\ufeff/, '').replace(/\r?\n$/, '')
}

/** The keys of a mapping. @throws usage.config naming the line that is not understood */
export function readMapping(text: string, path: string): Entry[] {
  const entries: Entry[] = []
  const keys = new Set<string>()
  let hasBegun = false
  for (const [index, line] of linesOf(text).entries()) {
    const plain = bareLine(line).trimEnd()
    const last = entries.at(-1)
    if (plain === '' || /^\s*#/.test(plain)) continue
    if (plain === '---' && !hasBegun) {
      hasBegun = true
      continue
    }
    hasBegun = true
    if (last !== undefined && /^(?: +\S|- |-$)/.test(plain)) {
      entries[entries.length - 1] = { ...last, to: index + 1 }
      continue
    }
    const [, quoted, value = ''] = KEY_LINE.exec(plain) ?? []
    const key = quoted === undefined ? undefined : unquoted(quoted)
    if (key === undefined || keys.has(key) || /^[&*!|>%@`]/.test(value)) {
      throw notUnderstood(path, `line ${index + 1} is not a setting that is understood`, index + 1)
    }
    keys.add(key)
    entries.push({ key, value, from: index, to: index + 1 })
  }
  return entries
}

/** `text` with these lines (without ends) behind its last, or in a new document. */
export function appended(text: string | undefined, added: readonly string[]): string {
  if (text === undefined || text === '') return `---\n${added.map((line) => `${line}\n`).join('')}`
  const end = lineEnd(text)
  return `${text}${text.endsWith('\n') ? '' : end}${added.map((line) => `${line}${end}`).join('')}`
}

/** `text` with a line's content replaced; its end stays. */
export function withLine(text: string, index: number, content: string): string {
  const lines = linesOf(text)
  const end = /\r?\n$/.exec(lines[index] ?? '')?.[0] ?? ''
  lines[index] = `${content}${end}`
  return lines.join('')
}

/** `text` without `count` lines. */
export function withoutLines(text: string, index: number, count: number): string {
  const lines = linesOf(text)
  lines.splice(index, count)
  return lines.join('')
}

/** Nothing is left of a file that did not exist before and holds no setting now. */
export function leftover(text: string, before: string | undefined): string | undefined {
  return before === undefined && (text.trim() === '' || text.trim() === '---') ? undefined : text
}

/** A YAML scalar without quotes and comment. */
export function scalarOf(text: string): string {
  const quoted = /^(?:"([^"]*)"|'([^']*)')\s*(?:#.*)?$/.exec(text)
  return quoted?.[1] ?? quoted?.[2] ?? text.replace(/(?:^|\s+)#.*$/, '').trim()
}

/** The error for a file that is left as it is. */
export function notUnderstood(path: string, why: string, line?: number): AppError {
  return new AppError('usage.config', `${path} is not changed: ${why}`, {
    data: line === undefined ? { path } : { path, line },
  })
}

/** A URL without slashes at its end, as addresses are compared. */
export function bareUrl(url: string): string {
  return url.replace(/\/+$/, '')
}

/**
 * The address of a registry in a configuration, without slashes at its end.
 * @throws usage.config if this node could not ask it: no http, or with a password, which would then serve all its users
 */
export function upstreamUrl(value: string, path: string): string {
  const url = URL.parse(value)
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw notUnderstood(path, `it names ${JSON.stringify(value)}, wanted an http address`)
  }
  if (url.username !== '' || url.password !== '') {
    throw notUnderstood(path, `its address at ${url.host} has a password, which would serve every user of this node`)
  }
  return bareUrl(url.href)
}

function unquoted(text: string): string {
  return /^(["'])(.*)\1$/.exec(text)?.[2] ?? text
}
