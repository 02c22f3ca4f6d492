/**
 * A strict recogniser of small XML files, with the place of every element: for settings that are edited without touching any
 * other byte, and for metadata. Elements, attributes, text, comments, CDATA and processing instructions; no DOCTYPE (it could
 * define entities), no namespaces. Pure.
 */
import { AppError } from '../../../base/errors.ts'

/** An element and where it stands in the text, in UTF-16 units. */
export interface XmlElement {
  readonly name: string
  /** Of the `<`. */
  readonly start: number
  /** Behind the `>` of the opening tag. */
  readonly openEnd: number
  /** Of the `<` of the closing tag; `openEnd` for `<a/>`. */
  closeStart: number
  /** Behind the last `>`. */
  end: number
  readonly children: XmlElement[]
  /** Character data, entities resolved, comments left out. */
  text: string
}

const DEPTH_MAX = 64
const TOKEN =
  /<!--[\s\S]*?-->|<!\[CDATA\[(?<cdata>[\s\S]*?)\]\]>|<\?[\s\S]*?\?>|<\/(?<close>[A-Za-z_][\w.:-]*)\s*>|<(?<open>[A-Za-z_][\w.:-]*)(?<attributes>(?:\s+[A-Za-z_][\w.:-]*\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(?<empty>\/?)>|(?<text>[^<]+)/y
const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

/** The root element. `what` names the document in errors. @throws untrusted.reply if it is not well-formed; the caller turns that into its own error where a person wrote it */
export function readXml(text: string, what: string): XmlElement {
  const open: XmlElement[] = []
  let root: XmlElement | undefined
  TOKEN.lastIndex = text.startsWith('\ufeff') ? 1 : 0
  while (TOKEN.lastIndex < text.length) {
    const start = TOKEN.lastIndex
    const found = TOKEN.exec(text)
    if (found === null) throw broken(what, text, start)
    const end = start + found[0].length
    const { cdata, close, open: name, empty, text: characters } = found.groups ?? {}
    const parent = open.at(-1)
    if (name !== undefined) {
      const element = { name, start, openEnd: end, closeStart: end, end, children: [], text: '' }
      if (parent === undefined && root !== undefined) throw broken(what, text, start)
      if (open.length >= DEPTH_MAX) throw broken(what, text, start)
      parent?.children.push(element)
      root ??= element
      if (empty === '') open.push(element)
    } else if (close !== undefined) {
      if (parent?.name !== close) throw broken(what, text, start)
      parent.closeStart = start
      parent.end = end
      open.pop()
    } else if (cdata !== undefined || characters !== undefined) {
      const content = cdata ?? resolveEntities(characters ?? '', what, text, start)
      if (parent !== undefined) parent.text += content
      else if (cdata !== undefined || content.trim() !== '') throw broken(what, text, start)
    }
  }
  if (root === undefined || open.length > 0) throw broken(what, text, text.length)
  return root
}

/** The first child of this name. */
export function childOf(element: XmlElement | undefined, name: string): XmlElement | undefined {
  return element?.children.find((child) => child.name === name)
}

/** The trimmed text of a child; undefined if there is no such child. */
export function textOfChild(element: XmlElement, name: string): string | undefined {
  return childOf(element, name)?.text.trim()
}

/** `text` as character data. */
export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

function resolveEntities(characters: string, what: string, text: string, at: number): string {
  return characters.replaceAll(/&([^;&\s]{1,10});|&/g, (_, name: string | undefined) => {
    const code = /^#(?:x([0-9a-f]+)|(\d+))$/i.exec(name ?? '')
    const point = code === null ? undefined : Number.parseInt(code[1] ?? code[2] ?? '', code[1] === undefined ? 10 : 16)
    if (point !== undefined && point > 0 && point <= 0x10ffff) return String.fromCodePoint(point)
    const known = name !== undefined && Object.hasOwn(ENTITIES, name) ? ENTITIES[name] : undefined
    if (known === undefined) throw broken(what, text, at)
    return known
  })
}

function broken(what: string, text: string, at: number): AppError {
  const line = text.slice(0, at).split('\n').length
  return new AppError('untrusted.reply', `reading ${what}: wanted well-formed XML, line ${line} is not`)
}
