/**
 * The little YAML that client configurations need: a mapping of top-level keys, one of which may hold a list of words. Whatever
 * is not recognised is refused, so that no file is changed that was not understood. Pure.
 */
import { AppError } from '../../../base/errors.ts'
import { lineEnd, linesOf, withKey, YAML } from './lines.ts'

/** Does nothing if `text` is a mapping of top-level keys. @throws usage.config naming the line otherwise */
export function checkMapping(text: string, path: string): void {
  const seen = new Set<string>()
  /** Brackets of a flow collection that are still open, innermost last; undefined: they do not match. */
  let open: string | undefined = ''
  for (const [index, line] of linesOf(text).entries()) {
    const plain = line.replace(/^\ufeff/, '').trimEnd()
    if (plain === '' || /^\s*#/.test(plain)) continue
    // Indented lines, and list items at any depth, belong to the key above them.
    if (seen.size > 0 && /^(?: +\S|- |-$)/.test(plain)) {
      if (open !== '' && open !== undefined) open = stillOpen(plain, open)
      continue
    }
    if (plain === '---' && seen.size === 0) continue
    const key = YAML.read(plain)?.key
    if (open !== '' || key === undefined || seen.has(key) || /^(?:[?&*!|>%@`<]|- )/.test(plain)) {
      throw notUnderstood(path, index + 1)
    }
    seen.add(key)
    const value = plain.slice(plain.search(/:(?:\s|$)/) + 1).trimStart()
    open = /^[[\]{}]/.test(value) ? stillOpen(value, '') : ''
  }
  if (open !== '') throw notUnderstood(path, linesOf(text).length)
}

/** `open` after the brackets of `text`, quoted ones and those of comments left out; undefined if one closes what is not open. */
function stillOpen(text: string, open: string): string | undefined {
  let left = open
  for (const [sign] of text.replace(/"(?:[^"\\]|\\.)*"|'[^']*'|(?:^|\s)#.*$/g, ' ').matchAll(/[[\]{}]/g)) {
    if (sign === '[' || sign === '{') left += sign
    else if (left.at(-1) === (sign === ']' ? '[' : '{')) left = left.slice(0, -1)
    else return undefined
  }
  return left
}

function notUnderstood(path: string, line: number): AppError {
  return new AppError('usage.config', `${path} is not changed: line ${line} is not a setting that is understood`, {
    data: { path, line },
  })
}

/** `text` with `word` in the list at `key`. @throws usage.config if the value there is no list that can be added to */
export function withWord(text: string, key: string, word: string, path: string): string {
  const list = findList(text, key, path)
  if (list?.words.includes(word)) return text
  const quoted = JSON.stringify(word)
  if (list === undefined) {
    const begun = withKey(text, key, '', YAML)
    const end = lineEnd(text)
    return begun.replace(`${YAML.write(key, '')}${end}`, `${key}:${end}  - ${quoted}${end}`)
  }
  const lines = linesOf(text)
  if (list.flow) {
    const line = lines[list.index] ?? ''
    lines[list.index] =
      list.words.length === 0 ? line.replace(/\[\s*/, `[${quoted}`) : line.replace(/\[(\s*)/, `[$1${quoted}, `)
  } else {
    const indent = /^ */.exec(lines[list.index + 1] ?? '')?.[0] ?? '  '
    lines.splice(list.index + 1, 0, `${indent}- ${quoted}${lineEnd(text)}`)
  }
  return lines.join('')
}

/** `text` without `word` in the list at `key`, unless `before` had it too; the key goes with its last word. @throws usage.config */
export function withoutWord(text: string, key: string, word: string, before: string | undefined, path: string): string {
  const then = findList(before ?? '', key, path)
  const list = findList(text, key, path)
  if (list === undefined || then?.words.includes(word) || !list.words.includes(word)) return text
  const lines = linesOf(text)
  if (list.words.length === 1 && then === undefined) {
    lines.splice(list.index, list.flow ? 1 : 2)
  } else if (list.flow) {
    const line = lines[list.index] ?? ''
    const quoted = `["']?${word.replaceAll('.', '\\.')}["']?`
    lines[list.index] = line.replace(new RegExp(`${quoted}\\s*,\\s*|\\s*,\\s*${quoted}(?=\\s*\\])|${quoted}`), '')
  } else {
    lines.splice(list.index + 1 + list.words.indexOf(word), 1)
  }
  return lines.join('')
}

interface WordList {
  /** Line of the key. */
  readonly index: number
  readonly words: readonly string[]
  /** `[a, b]` on the key's own line, rather than an item per line below it. */
  readonly flow: boolean
}

function findList(text: string, key: string, path: string): WordList | undefined {
  const lines = linesOf(text)
  const index = lines.findIndex((line) => YAML.read(line.replace(/\r?\n$/, ''))?.key === key)
  if (index < 0) return undefined
  const value = YAML.read((lines[index] ?? '').replace(/\r?\n$/, ''))?.value ?? ''
  const flow = /^\[([^[\]{}]*)\]$/.exec(value)?.[1]
  if (flow !== undefined) return { index, flow: true, words: flow.split(',').map(unquoted).filter(Boolean) }
  const words: string[] = []
  for (const line of lines.slice(index + 1)) {
    const item = /^ *- +(\S.*?)\s*$/.exec(line)?.[1]
    if (item === undefined) break
    words.push(unquoted(item.replace(/\s+#.*$/, '')))
  }
  if (value !== '' || words.length === 0) {
    throw new AppError('usage.config', `${path} is not changed: ${key} is not a list that is understood`, {
      data: { path },
    })
  }
  return { index, flow: false, words }
}

function unquoted(text: string): string {
  return text.trim().replace(/^(["'])(.*)\1$/, '$2')
}
