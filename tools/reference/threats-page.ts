/** `threats.md`: which test shows what becomes of which attack. Made of `attacks.ts` and of the titles of the tests, so it lists nothing that is not run. */
import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ATTACKS, NOT_CLAIMED, NOT_SHOWN } from './attacks.ts'

/** A test with an attack in its title. */
export interface AttackTest {
  readonly file: string
  /** Parts that differ from run to run are `…`. */
  readonly title: string
  readonly attacks: readonly string[]
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** A title is the first argument of a call; suites and tests of several cases have functions of their own for `test`. */
const TITLE = /\b[\w.]+\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1/g
const ATTACK = /\b[C-H]\d{1,2}\b/g

/** Tests of the repository that name attacks, by file and in its order. */
export function attackTests(): AttackTest[] {
  const files = globSync(['src/**/*.test.ts', 'test/**/*.test.ts', 'test/kit/*-suite.ts'], { cwd: ROOT }).sort()
  return files.flatMap((file) => titledIn(file, readFileSync(`${ROOT}/${file}`, 'utf8')))
}

/** The tests in the text of a file that name attacks. */
export function titledIn(file: string, text: string): AttackTest[] {
  return [...text.matchAll(TITLE)].flatMap(([, quote, literal = '']) => {
    const attacks = [...new Set(literal.match(ATTACK) ?? [])].filter((name) => NAMES.includes(name))
    if (attacks.length === 0 || !literal.includes(' ')) return []
    const plain = quote === '`' ? literal.replace(/\$\{[^}]*\}/g, '…') : literal
    return [{ file, title: plain.replace(/\\(['"`])/g, '$1'), attacks }]
  })
}

const NAMES = ATTACKS.flatMap(({ attacks }) => Object.keys(attacks))

/** Attacks that neither a test nor a reason speaks of, or both. */
export function unspoken(tests: readonly AttackTest[]): string[] {
  return NAMES.filter((name) => tests.some(({ attacks }) => attacks.includes(name)) === name in NOT_SHOWN)
}

/** The page. */
export function threatsPage(): string {
  const tests = attackTests()
  const groups = ATTACKS.map(({ letter, title, attacks }) => {
    const parts = Object.entries(attacks).map(([name, sentence]) => {
      const shown = tests
        .filter((test) => test.attacks.includes(name))
        .map(({ file, title: what }) => `- \`${file}\`: ${escaped(what)}`)
      const lines = shown.length > 0 ? shown : [`Not shown by a test. ${NOT_SHOWN[name] ?? ''}`]
      return `### ${name}\n\n${sentence}\n\n${lines.join('\n')}`
    })
    return `## ${letter}: ${title}\n\n${parts.join('\n\n')}`
  })
  return `${[
    '# Threats',
    '<!-- Made by `npm run docs` from tools/reference/attacks.ts and the titles of the tests; edit those. -->',
    'What is tried against Pyrsia, and the tests that show what becomes of it. A test names its attack in its title; this page is made of those titles, so that nothing stands here that is not run. Tests in `test/e2e/` have real processes, clients and tools; suites of `test/kit/` are run on every adapter of their interface, the real one included. `npm run sim` plays D1 to D3, D7 to D10 and F4 in whole networks under seeds.',
    ...groups,
    '## What is not claimed',
    NOT_CLAIMED.map((sentence) => `- ${sentence}`).join('\n'),
  ].join('\n\n')}\n`
}

/** Nothing in a title is markup. */
function escaped(title: string): string {
  return title.replace(/[<>*_|]/g, '\\$&')
}
