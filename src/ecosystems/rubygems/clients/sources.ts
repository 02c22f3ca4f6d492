/** The list of sources in a gemrc: found, one entry replaced or taken out. Nothing else of the file changes. Pure. */
import { isGemDefaultUrl } from '../default-upstream.ts'
import {
  appended,
  bareLine,
  bareUrl,
  type Entry,
  linesOf,
  notUnderstood,
  readMapping,
  scalarOf,
  withLine,
  withoutLines,
} from './mapping.ts'

const KEY = ':sources'

/** One entry of the list. */
interface Source {
  readonly url: string
  readonly line: number
  /** Where it stands in its line. */
  readonly start: number
  readonly end: number
}

interface SourceList {
  readonly entry: Entry
  readonly items: readonly Source[]
  /** `[a, b]` on the key's own line. */
  readonly flow: boolean
}

/** The sources, best first; none if the file has no list. @throws usage.config */
export function sourcesOf(text: string, path: string): string[] {
  return listOf(text, path)?.items.map(({ url }) => url) ?? []
}

/** The one of these for which this node would stand: the default, else the first. */
export function replacedBy<T extends { readonly url: string }>(sources: readonly T[]): T | undefined {
  return sources.find(({ url }) => isGemDefaultUrl(url)) ?? sources[0]
}

/** `text` with `url` in the list, in the place of the one for which it stands. @throws usage.config */
export function withSource(text: string | undefined, url: string, path: string): string {
  const list = text === undefined ? undefined : listOf(text, path)
  if (text === undefined || list === undefined) return appended(text, [`${KEY}:`, `- ${url}`])
  if (list.items.some((item) => bareUrl(item.url) === bareUrl(url))) return text
  const replaced = replacedBy(list.items)
  if (replaced === undefined) throw notUnderstood(path, `its list ${KEY} is empty`)
  return withText(text, replaced, list.flow ? JSON.stringify(url) : url)
}

/** `text` without `url`: with the entry of `before` for which it stood in its place, if there was one. @throws usage.config */
export function withoutSource(text: string, url: string, before: string | undefined, path: string): string {
  const list = listOf(text, path)
  const ours = list?.items.find((item) => bareUrl(item.url) === bareUrl(url))
  if (list === undefined || ours === undefined) return text
  const then = before === undefined ? undefined : listOf(before, path)
  if (then?.items.some((item) => bareUrl(item.url) === bareUrl(url))) return text
  const replaced = then === undefined ? undefined : replacedBy(then.items)
  if (before !== undefined && replaced !== undefined && list.flow === then?.flow) {
    return withText(text, ours, bareLine(linesOf(before)[replaced.line]).slice(replaced.start, replaced.end))
  }
  if (replaced !== undefined) return withText(text, ours, JSON.stringify(replaced.url))
  if (list.items.length === 1) return withoutLines(text, list.entry.from, list.entry.to - list.entry.from)
  if (!list.flow) return withoutLines(text, ours.line, 1)
  const line = bareLine(linesOf(text)[ours.line])
  const [head, tail] = [line.slice(0, ours.start), line.slice(ours.end)]
  const shorter = /^\s*,\s*/.test(tail) ? head + tail.replace(/^\s*,\s*/, '') : head.replace(/\s*,\s*$/, '') + tail
  return withLine(text, ours.line, shorter)
}

function withText(text: string, { line, start, end }: Source, replacement: string): string {
  const present = bareLine(linesOf(text)[line])
  return withLine(text, line, present.slice(0, start) + replacement + present.slice(end))
}

function listOf(text: string, path: string): SourceList | undefined {
  const entry = readMapping(text, path).find(({ key }) => key === KEY)
  if (entry === undefined) return undefined
  const lines = linesOf(text).map(bareLine)
  const value = entry.value.replace(/(?:^|\s+)#.*$/, '')
  if (value !== '') return { entry, flow: true, items: flowItems(lines[entry.from] ?? '', value, entry.from, path) }
  const items: Source[] = []
  for (let line = entry.from + 1; line < entry.to; line++) {
    const content = lines[line] ?? ''
    if (/^\s*(?:#.*)?$/.test(content)) continue
    const [, dash, item] = /^( *- +)(\S.*?)\s*$/.exec(content) ?? []
    const written = item?.replace(/\s+#.*$/, '')
    if (dash === undefined || written === undefined || !isPlain(written)) {
      throw notUnderstood(path, `line ${line + 1} is no source that is understood`, line + 1)
    }
    items.push({ url: scalarOf(written), line, start: dash.length, end: dash.length + written.length })
  }
  if (items.length === 0) throw notUnderstood(path, `its list ${KEY} is empty`)
  return { entry, flow: false, items }
}

function flowItems(line: string, value: string, index: number, path: string): Source[] {
  const open = line.indexOf('[', line.indexOf(`${KEY}`) + KEY.length)
  const inner = /^\[([^[\]{}#]*)\]$/.exec(value)?.[1]
  if (inner === undefined || inner.trim() === '' || open < 0) {
    throw notUnderstood(path, `${KEY} is not a list that is understood`, index + 1)
  }
  return [...inner.matchAll(/[^,\s][^,]*/g)].map((found) => {
    const written = found[0].trimEnd()
    if (!isPlain(written)) throw notUnderstood(path, `${KEY} is not a list that is understood`, index + 1)
    const start = open + 1 + found.index
    return { url: scalarOf(written), line: index, start, end: start + written.length }
  })
}

/** A scalar that is a string on one line: quoted, or beginning with no character that means something else. */
function isPlain(text: string): boolean {
  return /^(?:"[^"\\]*"|'[^']*'|[A-Za-z0-9/.~][^"']*)$/.test(text) && !/:\s|:$/.test(text)
}
