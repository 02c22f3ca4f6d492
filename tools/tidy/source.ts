/**
 * What the repository rules see of a file: its text, and for TypeScript the same text with comments, or with comments and the
 * insides of strings, blanked out (same length, same lines). A modest scanner, right for code as Biome formats it; the compiler
 * has no JavaScript API any more (TypeScript 7).
 */

/** A file of the repository. */
export interface Source {
  /** From the root, with forward slashes. */
  readonly path: string
  readonly text: string
  /** Comments and the contents of strings, templates and regular expressions are spaces. Equal to `text` unless TypeScript. */
  readonly code: string
  /** Comments are spaces, strings are kept. */
  readonly uncommented: string
}

/** A breach of a rule. */
export interface Finding {
  readonly rule: string
  readonly path: string
  /** Counted from 1; 0 for the file as a whole. */
  readonly line: number
  readonly message: string
}

/** A file as the rules see it. */
export function sourceOf(path: string, text: string): Source {
  if (!path.endsWith('.ts')) return { path, text, code: text, uncommented: text }
  const spans = scan(text)
  return {
    path,
    text,
    code: blank(text, spans),
    uncommented: blank(
      text,
      spans.filter(({ kind }) => kind === 'comment'),
    ),
  }
}

/** True for a test file or a conformance suite, which may do what its subject may not. */
export function isTest(path: string): boolean {
  return /\.test\.ts$|^test\/kit\/.*suite/.test(path)
}

/** The line, counted from 1, of a position. */
export function lineOf(text: string, position: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at !== -1 && at < position; at = text.indexOf('\n', at + 1)) line += 1
  return line
}

interface Span {
  readonly kind: 'comment' | 'text'
  readonly from: number
  readonly to: number
}

/** Words after which a slash begins a regular expression, not a division. */
const BEFORE_REGEX = /(?:^|[^\w$.])(?:return|typeof|case|in|of|do|else|void|delete|throw|new|await|yield)$/

function scan(text: string): Span[] {
  const spans: Span[] = []
  /** Depths of braces at which a template's `${` is open. */
  const templates: number[] = []
  let depth = 0
  let at = text.startsWith('#!') ? text.indexOf('\n') : 0
  const readTemplate = (from: number): number => {
    let to = from
    while (to < text.length && text[to] !== '`' && !text.startsWith('${', to)) to += text[to] === '\\' ? 2 : 1
    spans.push({ kind: 'text', from, to })
    if (text[to] === '`') return to + 1
    templates.push(depth)
    depth += 1
    return to + 2
  }
  while (at < text.length) {
    const char = text[at]
    if (text.startsWith('//', at)) at = push(spans, 'comment', at, endOf(text, '\n', at))
    else if (text.startsWith('/*', at)) at = push(spans, 'comment', at, endOf(text, '*/', at + 2) + 2)
    else if (char === "'" || char === '"') at = push(spans, 'text', at + 1, endOfString(text, at)) + 1
    else if (char === '`') at = readTemplate(at + 1)
    else if (char === '/' && beginsRegex(text, at, spans)) at = push(spans, 'text', at + 1, endOfRegex(text, at)) + 1
    else if (char === '{') {
      depth += 1
      at += 1
    } else if (char === '}') {
      depth -= 1
      at = templates.at(-1) === depth && templates.pop() !== undefined ? readTemplate(at + 1) : at + 1
    } else at += 1
  }
  return spans
}

function push(spans: Span[], kind: Span['kind'], from: number, to: number): number {
  spans.push({ kind, from, to })
  return to
}

function endOf(text: string, what: string, from: number): number {
  const found = text.indexOf(what, from)
  return found === -1 ? text.length : found
}

function endOfString(text: string, from: number): number {
  let at = from + 1
  while (at < text.length && text[at] !== text[from] && text[at] !== '\n') at += text[at] === '\\' ? 2 : 1
  return at
}

function endOfRegex(text: string, from: number): number {
  let inClass = false
  for (let at = from + 1; at < text.length; at += 1) {
    const char = text[at]
    if (char === '\\') at += 1
    else if (char === '[') inClass = true
    else if (char === ']') inClass = false
    else if ((char === '/' && !inClass) || char === '\n') return at
  }
  return text.length
}

function beginsRegex(text: string, slash: number, spans: readonly Span[]): boolean {
  let at = slash - 1
  for (;;) {
    while (at >= 0 && /\s/.test(text[at] ?? '')) at -= 1
    const comment = spans.findLast(({ kind, to }) => kind === 'comment' && to === at + 1)
    if (comment === undefined) break
    at = comment.from - 1
  }
  if (at < 0) return true
  if (/[\w$]/.test(text[at] ?? '')) return BEFORE_REGEX.test(text.slice(Math.max(0, at - 12), at + 1))
  return !/[)\]}'"`]/.test(text[at] ?? '')
}

function blank(text: string, spans: readonly Span[]): string {
  let made = ''
  let at = 0
  for (const { from, to } of spans) {
    made += text.slice(at, from) + text.slice(from, to).replace(/[^\n]/g, ' ')
    at = to
  }
  return made + text.slice(at)
}
