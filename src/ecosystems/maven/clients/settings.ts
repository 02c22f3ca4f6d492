/**
 * Editing Maven's `settings.xml` (settings reference 1.2) without touching any other byte: one `<mirror>` is put first, because
 * of several mirrors of the same repository the first one counts. Pure.
 */
import { AppError, isKind } from '../../../base/errors.ts'
import { childOf, escapeXml, readXml, textOfChild, type XmlElement } from '../formats/xml.ts'

/** The id of our mirror. */
export const MIRROR_ID = 'pyrsia'
const CENTRAL = 'central'

/** The root of a settings file. @throws usage.config if it is none */
export function readSettings(text: string, path: string): XmlElement {
  let root: XmlElement
  try {
    root = readXml(text, path)
  } catch (cause) {
    if (!isKind(cause, 'untrusted')) throw cause
    throw new AppError('usage.config', `${path} is not changed: ${cause.message}`, { cause, data: { path } })
  }
  if (root.name === 'settings') return root
  throw unusable(path, `its root is <${root.name.slice(0, 50)}>, wanted <settings>`)
}

/** `text` with our mirror first, at `url`; the text itself if it is there. @throws usage.config */
export function withMirror(text: string | undefined, url: string, path: string): string {
  const nl = text?.includes('\r\n') ? '\r\n' : '\n'
  const lines = (indent: string, mirrorOf: string): string =>
    [
      '<mirror>',
      `  <id>${MIRROR_ID}</id>`,
      `  <mirrorOf>${escapeXml(mirrorOf)}</mirrorOf>`,
      `  <url>${escapeXml(url)}</url>`,
      '</mirror>',
    ]
      .map((line) => `${nl}${indent}${line}`)
      .join('')
  const list = (mirrorOf: string): string => `${nl}  <mirrors>${lines('    ', mirrorOf)}${nl}  </mirrors>`
  if (text === undefined || text.trim() === '') return `<settings>${list(CENTRAL)}${nl}</settings>${nl}`
  const root = readSettings(text, path)
  const mirrors = childOf(root, 'mirrors')
  const own = mirrors?.children.find((mirror) => textOfChild(mirror, 'id') === MIRROR_ID)
  if (own !== undefined && textOfChild(own, 'url') === url) return text
  if (own !== undefined) throw unusable(path, `it has a mirror ${MIRROR_ID} already, which leads elsewhere`)
  const mirrorOf = textOfChild(mirrorOfCentral(root) ?? root, 'mirrorOf') ?? CENTRAL
  if (mirrors !== undefined) {
    const indent = indentOf(text, mirrors.children[0]) ?? `${indentOf(text, mirrors) ?? ''}  `
    const close = isBlank(text, mirrors) ? `${nl}${indentOf(text, mirrors) ?? ''}` : ''
    return filled(text, mirrors, mirrors.openEnd, lines(indent, mirrorOf), close)
  }
  const at = root.children.at(-1)?.end ?? root.openEnd
  const close = isBlank(text, root) ? nl : ''
  return filled(text, root, at, list(mirrorOf), close)
}

/** `text` without our mirror at `url`, its surroundings as in `before`. @throws usage.config */
export function withoutMirror(text: string, url: string, before: string | undefined, path: string): string {
  const root = readSettings(text, path)
  const mirrors = childOf(root, 'mirrors')
  const isOurs = (mirror: XmlElement) => textOfChild(mirror, 'id') === MIRROR_ID && textOfChild(mirror, 'url') === url
  const own = mirrors?.children.find(isOurs)
  if (mirrors === undefined || own === undefined) return text
  const then = before === undefined || before.trim() === '' ? undefined : before
  const rootThen = then === undefined ? undefined : readSettings(then, path)
  if (childOf(rootThen, 'mirrors')?.children.some(isOurs)) return text
  const bare = removed(text, own)
  return withoutEmpty(withoutEmpty(bare, 'mirrors', then, rootThen, path), 'settings', then, rootThen, path)
}

/** True if nothing is left of the settings. @throws usage.config */
export function isEmptySettings(text: string, path: string): boolean {
  const root = readSettings(text, path)
  return text.slice(root.openEnd, root.closeStart).trim() === '' && /^\s*$/.test(text.slice(0, root.start))
}

/** URLs by which the settings reach the central repository, best first; ours is none of them. @throws usage.config */
export function centralUrls(text: string, path: string): string[] {
  if (text.trim() === '') return []
  const root = readSettings(text, path)
  const mirror = mirrorOfCentral(root)
  const found = mirror === undefined ? centralRepositories(root) : [mirror]
  const urls = found.flatMap((element) => textOfChild(element, 'url') ?? [])
  for (const url of urls) {
    if (URL.parse(url) === null || url.includes('${'))
      throw unusable(path, `it leads to ${JSON.stringify(url)}, wanted a URL`)
  }
  return [...new Set(urls)]
}

/** The mirror that Maven takes for the central repository: one that names it, else the first whose pattern fits. */
function mirrorOfCentral(root: XmlElement): XmlElement | undefined {
  const mirrors = (childOf(root, 'mirrors')?.children ?? []).filter(
    (mirror) => textOfChild(mirror, 'id') !== MIRROR_ID && textOfChild(mirror, 'blocked') !== 'true',
  )
  const named = mirrors.find((mirror) => textOfChild(mirror, 'mirrorOf') === CENTRAL)
  return named ?? mirrors.find((mirror) => coversCentral(textOfChild(mirror, 'mirrorOf') ?? ''))
}

function coversCentral(mirrorOf: string): boolean {
  const patterns = mirrorOf.split(',').map((pattern) => pattern.trim())
  if (patterns.includes(`!${CENTRAL}`)) return false
  return patterns.some((pattern) => pattern === '*' || pattern === 'external:*' || pattern === CENTRAL)
}

/** Profiles may say where the central repository is, for artifacts and for plugins. */
function centralRepositories(root: XmlElement): XmlElement[] {
  const profiles = childOf(root, 'profiles')?.children ?? []
  return profiles
    .flatMap((profile) => [childOf(profile, 'repositories'), childOf(profile, 'pluginRepositories')])
    .flatMap((list) => list?.children ?? [])
    .filter((repository) => textOfChild(repository, 'id') === CENTRAL)
}

/** `text` with `content` at `at` inside `element`, which gets a closing tag of its own if it had none. */
function filled(text: string, element: XmlElement, at: number, content: string, close: string): string {
  const before = text.slice(0, at)
  if (text.slice(element.openEnd - 2, element.openEnd) !== '/>') {
    const rest = text.slice(at)
    return before + content + (rest.trimStart().startsWith('</') && !/^\s*[\r\n]/.test(rest) ? close : '') + rest
  }
  return `${before.replace(/\s*\/>$/, '>')}${content}${close}</${element.name}>${text.slice(element.end)}`
}

/** An element that holds nothing any more: as it was before, or gone if it was not there. */
function withoutEmpty(
  text: string,
  name: 'mirrors' | 'settings',
  before: string | undefined,
  rootThen: XmlElement | undefined,
  path: string,
): string {
  const root = readSettings(text, path)
  const element = name === 'settings' ? root : childOf(root, name)
  if (element === undefined || !isBlank(text, element)) return text
  const then = name === 'settings' ? rootThen : childOf(rootThen, name)
  if (then !== undefined && before !== undefined) {
    if (!isBlank(before, then)) return text
    return text.slice(0, element.start) + before.slice(then.start, then.end) + text.slice(element.end)
  }
  return name === 'settings' ? text : removed(text, element)
}

/** Without the element and the white space before it. */
function removed(text: string, { start, end }: XmlElement): string {
  return text.slice(0, start).trimEnd() + text.slice(end)
}

/** True if there is nothing but white space in an element: no comment either. */
function isBlank(text: string, { openEnd, closeStart }: XmlElement): boolean {
  return text.slice(openEnd, closeStart).trim() === ''
}

/** The white space before an element on its line; undefined if something else stands there. */
function indentOf(text: string, element: XmlElement | undefined): string | undefined {
  if (element === undefined) return undefined
  return /(?:^|[\r\n])([ \t]*)$/.exec(text.slice(0, element.start))?.[1]
}

function unusable(path: string, why: string): AppError {
  return new AppError('usage.config', `${path} is not changed: ${why}`, { data: { path } })
}
