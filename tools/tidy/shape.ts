/** How files look: names, sizes, docstrings, module heads, and the kinds of export that are not used here. */
import { posix } from 'node:path'
import { BARRELS, LIMITS } from '../tidy-rules.ts'
import { type Finding, isTest, type Source } from './source.ts'

const CODE_FOLDERS = /^(?:src|test|tools|bench)\//
const BAD_NAMES = /^(?:utils?|helpers?|common|managers?|services?|misc|shared)$|-(?:utils?|helpers?|manager|service)$/

/** Rule: kebab-case, and no name that says nothing. */
export function checkNames(sources: readonly Source[]): Finding[] {
  const findings: Finding[] = []
  for (const { path } of sources) {
    if (!CODE_FOLDERS.test(path) || path.startsWith('test/vectors/')) continue
    for (const name of path.split('/').map((segment) => segment.split('.')[0] ?? '')) {
      const message = BAD_NAMES.test(name)
        ? `the name ${name} says nothing: name the thing`
        : path.endsWith('.ts') && !/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name)
          ? `the name ${name} is not kebab-case`
          : undefined
      if (message !== undefined) findings.push({ rule: 'names', path, line: 0, message })
    }
  }
  return findings
}

/** Rule: files within their limit of lines. */
export function checkFileSizes(sources: readonly Source[]): Finding[] {
  const findings: Finding[] = []
  for (const { path, text } of sources) {
    if (!CODE_FOLDERS.test(path) || !path.endsWith('.ts')) continue
    const lines = text.trimEnd().split('\n').length
    const limit = isTest(path) ? LIMITS.testLines : LIMITS.fileLines
    if (lines > limit) {
      findings.push({ rule: 'file-size', path, line: 0, message: `${lines} lines, at most ${limit}: split it` })
    }
  }
  return findings
}

/** Rule: a folder has at most a dozen files or so, tests not counted. */
export function checkFolderSizes(sources: readonly Source[]): Finding[] {
  const counts = new Map<string, number>()
  for (const { path } of sources) {
    if (!/^(?:src|tools|bench)\//.test(path) || !path.endsWith('.ts') || isTest(path)) continue
    const folder = posix.dirname(path)
    counts.set(folder, (counts.get(folder) ?? 0) + 1)
  }
  return [...counts]
    .filter(([, count]) => count > LIMITS.folderFiles)
    .map(([path, count]) => {
      const message = `${count} files, at most ${LIMITS.folderFiles}: it wants rooms`
      return { rule: 'folder-size', path, line: 0, message }
    })
}

/** A function as the brace scanner sees it; lines counted from 1, both included. */
export interface FunctionSpan {
  readonly from: number
  readonly to: number
}

const CONTROL =
  /^\s*(?:\}\s*)?(?:if|for|while|switch|catch|else|do|try|finally|with|return|throw|class|interface|type)\b/
const METHOD =
  /^\s*(?:(?:public|private|protected|static|async|get|set|override|export|default)\s+|\*\s*)*[#\w$[\].]+(?:<.*>)?\(.*\{$/

/** The functions with a block body, by indentation: Biome puts a body's closing brace under its header. */
export function functionSpans(source: Source): FunctionSpan[] {
  const lines = source.code.split('\n').map((line) => line.trimEnd())
  const spans: FunctionSpan[] = []
  for (const [index, line] of lines.entries()) {
    if (!line.endsWith('{')) continue
    const indent = indentOf(line)
    let start = index
    if (/^\s*[)\]}>]/.test(line)) start = lines.findLastIndex((above, at) => at < index && opensAt(above, indent))
    const header = lines[start] ?? ''
    const isFunction =
      line.endsWith('=> {') ||
      (!CONTROL.test(header) && (/\bfunction\b/.test(header) || METHOD.test(header) || start < index))
    if (!isFunction || (/^\s*\}/.test(line) && !line.endsWith('=> {'))) continue
    const end = lines.findIndex((below, at) => at > index && indentOf(below) === indent && /^\s*\}/.test(below))
    if (end !== -1) spans.push({ from: start + 1, to: end + 1 })
  }
  return spans
}

/** Rule: functions within their limit of lines. Tests are stories and may be longer. */
export function checkFunctionSizes(sources: readonly Source[]): Finding[] {
  const findings: Finding[] = []
  for (const source of sources) {
    if (!CODE_FOLDERS.test(source.path) || !source.path.endsWith('.ts') || isTest(source.path)) continue
    for (const { from, to } of functionSpans(source)) {
      const lines = to - from + 1
      if (lines <= LIMITS.functionLines) continue
      const message = `a function of ${lines} lines, at most ${LIMITS.functionLines}`
      findings.push({ rule: 'function-size', path: source.path, line: from, message })
    }
  }
  return findings
}

function indentOf(line: string): number {
  return line === '' ? -1 : line.length - line.trimStart().length
}

function opensAt(line: string, indent: number): boolean {
  return indentOf(line) === indent && !/^\s*[)\]}>]/.test(line)
}

const EXPORT = /^export (?:declare |abstract |async )*(?:function\*?|class|const|let|interface|type) ([\w$]+)/

/** Rule: every export of src, test/kit and tools has a docstring, and every file of src a head that says what it is. */
export function checkDocstrings(sources: readonly Source[]): Finding[] {
  const findings: Finding[] = []
  for (const { path, text, code } of sources) {
    if (!/^(?:src|test\/kit|tools|bench)\//.test(path) || !path.endsWith('.ts') || isTest(path)) continue
    if (!/^(?:#![^\n]*\n)?\/\*\*/.test(text)) {
      findings.push({ rule: 'docstrings', path, line: 1, message: 'wants a module head: what this is, who calls it' })
    }
    const lines = text.split('\n')
    for (const [index, line] of code.split('\n').entries()) {
      const name = EXPORT.exec(line)?.[1]
      if (name === undefined || (lines[index - 1] ?? '').trimEnd().endsWith('*/')) continue
      findings.push({ rule: 'docstrings', path, line: index + 1, message: `the export ${name} has no docstring` })
    }
  }
  return findings
}

/** Rule: no default export, no enum, no barrel but the ones that are named. */
export function checkExports(sources: readonly Source[]): Finding[] {
  const findings: Finding[] = []
  for (const { path, code } of sources) {
    if (!CODE_FOLDERS.test(path) || !path.endsWith('.ts')) continue
    for (const [index, line] of code.split('\n').entries()) {
      const what = /^export default\b/.test(line)
        ? 'a default export'
        : /^(?:export )?(?:declare )?(?:const )?enum\b/.test(line)
          ? 'an enum'
          : /^export \*/.test(line) && !BARRELS.includes(path)
            ? 'a barrel'
            : undefined
      if (what === undefined) continue
      findings.push({ rule: 'exports', path, line: index + 1, message: `${what} is not used here` })
    }
  }
  return findings
}
