/** Words that must not stand in certain places: ecosystems in the core, registry hosts anywhere, notes to self. */
import { ECOSYSTEM_WORDS, FORBIDDEN_HOSTS } from '../tidy-rules.ts'
import { type Finding, lineOf, type Source } from './source.ts'

/** Rule: the core is blind to ecosystems; comments and tests included. */
export function checkEcosystemWords(sources: readonly Source[]): Finding[] {
  const findings: Finding[] = []
  for (const { path, text } of sources) {
    if (!path.startsWith('src/') || /^src\/(?:ecosystems|main)\//.test(path)) continue
    for (const [index, line] of [path, ...text.split('\n')].entries()) {
      const found = line.match(/[A-Za-z]+/g)?.find((identifier) => wordsOf(identifier).some(isEcosystemWord))
      if (found === undefined) continue
      const message = `the core is blind to ecosystems, found "${found}"`
      findings.push({ rule: 'ecosystem-words', path, line: index, message })
    }
  }
  return findings
}

function isEcosystemWord(word: string): boolean {
  return ECOSYSTEM_WORDS.some((stem) => stem.test(word))
}

/** The words of an identifier in camelCase, in lower case. */
function wordsOf(identifier: string): string[] {
  return (identifier.match(/[A-Z]?[a-z]+|[A-Z]+(?![a-z])/g) ?? []).map((word) => word.toLowerCase())
}

/** Rule: no package registry's host name in any file of the repository. */
export function checkHosts(sources: readonly Source[]): Finding[] {
  const findings: Finding[] = []
  for (const { path, text } of sources) {
    const lower = text.toLowerCase()
    for (const host of FORBIDDEN_HOSTS) {
      const at = lower.indexOf(host)
      if (at === -1) continue
      const message = 'names the host of a package registry: examples use registry.example.com'
      findings.push({ rule: 'hosts', path, line: lineOf(text, at), message })
    }
  }
  return findings
}

/** Rule: no notes to self in code; what is missing is an issue. */
export function checkNotes(sources: readonly Source[]): Finding[] {
  const findings: Finding[] = []
  const note = new RegExp(`\\b(?:${['TO', 'DO'].join('')}|${['FIX', 'ME'].join('')}|${['X', 'XX'].join('')})\\b`, 'g')
  for (const { path, text } of sources) {
    if (!/\.(?:ts|sh|json|yml)$/.test(path) || path.startsWith('test/vectors/') || path === 'package-lock.json')
      continue
    for (const match of text.matchAll(note)) {
      findings.push({
        rule: 'notes',
        path,
        line: lineOf(text, match.index),
        message: `${match[0]}: open an issue instead`,
      })
    }
  }
  return findings
}
