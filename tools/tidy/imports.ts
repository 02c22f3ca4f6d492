/** Who imports whom: the layer table of ARCHITECTURE.md, and no cycles. Types count: a type leans on its file too. */
import { posix } from 'node:path'
import { INTERFACE_PARTS, INTERNAL_FILES, VERIFY_MAY_IMPORT } from '../tidy-rules.ts'
import { type Finding, isTest, lineOf, type Source } from './source.ts'

/** One import, re-export or dynamic import. */
export interface Import {
  readonly specifier: string
  /** What stands between `import` and the specifier. */
  readonly clause: string
  /** The path from the root, if it is relative. */
  readonly target: string | undefined
  readonly line: number
}

const IMPORT = /(?<![\w$.])(?:import|export)\b(?:[\s\w$*{},:]*?\bfrom)?\s*\(?\s*(['"])/g

/** The imports of a file. */
export function importsOf(source: Source): Import[] {
  const found: Import[] = []
  for (const match of source.code.matchAll(IMPORT)) {
    const from = match.index + match[0].length
    const to = source.text.indexOf(match[1] ?? '', from)
    const specifier = source.text.slice(from, to)
    const target = specifier.startsWith('.') ? posix.join(posix.dirname(source.path), specifier) : undefined
    found.push({ specifier, clause: match[0], target, line: lineOf(source.text, match.index) })
  }
  return found
}

/** Rule: imports follow the layer table. Tests beside the code may import everything. */
export function checkLayers(sources: readonly Source[]): Finding[] {
  const findings: Finding[] = []
  for (const source of sources) {
    if (!source.path.endsWith('.ts') || !source.path.startsWith('src/') || isTest(source.path)) continue
    for (const { target, line } of importsOf(source)) {
      if (target === undefined || mayImport(source.path, target)) continue
      findings.push({ rule: 'layers', path: source.path, line, message: `must not import ${target} (layer table)` })
    }
  }
  return findings
}

/** True if the layer table lets `from` import `to`; both are paths from the root, `from` in `src/`. */
export function mayImport(from: string, to: string): boolean {
  if (!to.startsWith('src/') || isTest(to)) return false
  const [, part = ''] = from.split('/')
  const [, toPart = ''] = to.split('/')
  if (part === 'main') return true
  if (part === 'base') return toPart === 'base'
  if (toPart === 'base') return true
  if (part === 'ecosystems') return ecosystemMayImport(from, to)
  if (part === toPart) return true
  if (part === 'cli' && to === 'src/http/http.ts') return true
  if (part === 'http' || part === 'cli') {
    return isInterface(to) || ['serve', 'build', 'keep', 'clients'].some((step) => to === `src/${step}/${step}.ts`)
  }
  if (['serve', 'build', 'keep', 'clients'].includes(part)) return isInterface(to) || toPart === 'policy'
  if (part === 'verify') return VERIFY_MAY_IMPORT.includes(to)
  return false
}

function ecosystemMayImport(from: string, to: string): boolean {
  if (to.startsWith('src/archive/') || to === 'src/ecosystems/ecosystem.ts') return true
  if (from === 'src/ecosystems/index.ts') return to.startsWith('src/ecosystems/')
  const own = posix.dirname(from).split('/').slice(0, 3).join('/')
  return own !== 'src/ecosystems' && to.startsWith(`${own}/`)
}

function isInterface(path: string): boolean {
  if (INTERNAL_FILES.includes(path)) return false
  return path === 'src/ecosystems/ecosystem.ts' || INTERFACE_PARTS.some((part) => path === `src/${part}/${part}.ts`)
}

/** Rule: no import cycles, in src, test, tools and bench. Reports each cycle once. */
export function checkCycles(sources: readonly Source[]): Finding[] {
  const graph = new Map<string, readonly Import[]>()
  for (const source of sources) if (source.path.endsWith('.ts')) graph.set(source.path, importsOf(source))
  const findings: Finding[] = []
  const done = new Set<string>()
  const trail: string[] = []
  const visit = (path: string): void => {
    if (done.has(path)) return
    trail.push(path)
    for (const { target, line } of graph.get(path) ?? []) {
      if (target === undefined || !graph.has(target)) continue
      const from = trail.indexOf(target)
      if (from === -1) visit(target)
      else {
        const message = `import cycle: ${[...trail.slice(from), target].join(' -> ')}`
        findings.push({ rule: 'cycles', path, line, message })
      }
    }
    trail.pop()
    done.add(path)
  }
  for (const path of graph.keys()) visit(path)
  return findings
}
