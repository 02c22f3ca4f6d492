/**
 * Effects stay in adapters: which node: modules, packages and effectful globals a file of src/ may use. What is not listed in
 * `tidy-rules.ts` is not allowed; it is an allow-list, so a new kind of effect shows by itself.
 */
import { ADAPTERS, type Effect, PACKAGES, PURE_MODULES, PURE_NAMES } from '../tidy-rules.ts'
import { type Import, importsOf } from './imports.ts'
import { type Finding, isTest, lineOf, type Source } from './source.ts'

/** How each effectful global looks in code whose strings are blanked. */
const GLOBALS: ReadonlyArray<readonly [Effect, RegExp]> = [
  ['time', /(?<![\w$])Date\.now\b|\bnew Date\(\s*\)|(?<![\w$.])performance\b|(?<![\w$.])Temporal\.Now\b/g],
  ['timers', /(?<![\w$.])(?:setTimeout|setInterval|setImmediate)\b|\bAbortSignal\.timeout\b/g],
  [
    'random',
    /\bMath\.random\b|\b(?:randomBytes|randomUUID|randomInt|randomFill(?:Sync)?|getRandomValues|generateKeyPair(?:Sync)?|generateKey(?:Sync)?)\b/g,
  ],
  ['network', /(?<![\w$.])(?:fetch\(|new (?:WebSocket|EventSource)\b)/g],
  ['process', /(?<![\w$.])process\b(?!:)/g],
  ['console', /(?<![\w$.])console\b/g],
]

/** Rule: effects only where the table names them. Tests are free. */
export function checkEffects(sources: readonly Source[]): Finding[] {
  const findings: Finding[] = []
  for (const source of sources) {
    if (!source.path.startsWith('src/') || !source.path.endsWith('.ts') || isTest(source.path)) continue
    const allowed = allowedIn(source.path)
    for (const found of importsOf(source)) {
      const message = moduleBreach(source.path, found, allowed)
      if (message !== undefined) findings.push({ rule: 'effects', path: source.path, line: found.line, message })
    }
    for (const [effect, pattern] of GLOBALS) {
      if (allowed.has(effect)) continue
      for (const match of source.code.matchAll(pattern)) {
        if (isDefinition(source.code, match.index, match[0])) continue
        const line = lineOf(source.code, match.index)
        const message = `${match[0].trim()} is an effect (${effect}): take it as a dependency, or name this adapter in tools/tidy-rules.ts`
        findings.push({ rule: 'effects', path: source.path, line, message })
      }
    }
  }
  return findings
}

/** Everything that the adapter table allows in a file: effects and node: modules. */
export function allowedIn(path: string): ReadonlySet<string> {
  const allowed = new Set<string>()
  for (const [place, what] of Object.entries(ADAPTERS)) {
    if (place === path || (place.endsWith('/') && path.startsWith(place))) for (const one of what) allowed.add(one)
  }
  return allowed
}

function moduleBreach(path: string, found: Import, allowed: ReadonlySet<string>): string | undefined {
  const { specifier } = found
  if (specifier.startsWith('.') || /^(?:import|export)\s+type\b/.test(found.clause)) return undefined
  if (specifier.startsWith('node:')) {
    if (PURE_MODULES.includes(specifier) || allowed.has(specifier) || importsPureNames(found)) return undefined
    return `${specifier} has effects: only the adapters named in tools/tidy-rules.ts import it`
  }
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
  const places = PACKAGES[name] ?? PACKAGES[name.replace(/\/.*/, '/*')]
  if (places?.some((place) => path.startsWith(place))) return undefined
  return `the package ${name} is not allowed here (PACKAGES in tools/tidy-rules.ts)`
}

function importsPureNames({ specifier, clause }: Import): boolean {
  const names = /\{([^}]*)\}/.exec(clause)?.[1]?.split(',') ?? []
  const wanted = names.map((name) => name.trim()).filter((name) => name !== '' && !name.startsWith('type '))
  const pure = PURE_NAMES[specifier] ?? []
  return names.length > 0 && wanted.every((name) => pure.includes(name.split(/\s+as\s+/)[0] ?? ''))
}

/** True if what looks like a call declares a method or function of that name, or calls the file's own function. */
function isDefinition(code: string, at: number, matched: string): boolean {
  if (!matched.endsWith('(')) return false
  const name = matched.slice(0, -1)
  if (new RegExp(`^import [^;']*[{ ,]${name}[ ,}]|\\b(?:function|const) ${name}\\b`, 'm').test(code)) return true
  const lineStart = code.lastIndexOf('\n', at - 1) + 1
  if (!/^\s*(?:(?:async|function|readonly|public|private)\s+)*$/.test(code.slice(lineStart, at))) return false
  let depth = 0
  for (let end = at + matched.length - 1; end < code.length; end += 1) {
    if (code[end] === '(') depth += 1
    else if (code[end] === ')') depth -= 1
    if (depth === 0) return /^\s*[:{]/.test(code.slice(end + 1))
  }
  return false
}
