/** Files that must agree with one another: the lockfile, the map in ARCHITECTURE.md, and the table of error codes. */
import { type LockPackages, missingEntries } from '../lockfile.ts'
import { CODES_NOT_YET } from '../tidy-rules.ts'
import { type Finding, isTest, type Source } from './source.ts'

/** Rule: the lockfile names no registry, so that everybody's own is used, and has an entry for every platform's package. */
export function checkLockfile(sources: readonly Source[]): Finding[] {
  const lock = sources.find(({ path }) => path === 'package-lock.json')
  if (lock === undefined) return []
  const findings: Finding[] = []
  if (/"resolved":/.test(lock.text)) {
    const message = 'holds "resolved": run npm install with the .npmrc of this repository'
    findings.push({ rule: 'lockfile', path: lock.path, line: 0, message })
  }
  const { packages = {} } = JSON.parse(lock.text) as { packages?: LockPackages }
  for (const missing of Object.keys(missingEntries(packages))) {
    const message = `has no entry for ${missing}, so npm ci refuses it: npm run lockfile`
    findings.push({ rule: 'lockfile', path: lock.path, line: 0, message })
  }
  return findings
}

/** Rule: every path in the "Where is" table of ARCHITECTURE.md exists. */
export function checkMap(sources: readonly Source[]): Finding[] {
  const map = sources.find(({ path }) => path === 'ARCHITECTURE.md')
  if (map === undefined) return [{ rule: 'map', path: 'ARCHITECTURE.md', line: 0, message: 'is missing' }]
  const findings: Finding[] = []
  let rows = 0
  let inside = false
  for (const [index, line] of map.text.split('\n').entries()) {
    if (line.startsWith('#')) inside = /where is/i.test(line)
    if (!inside || !line.startsWith('|') || /^\|\s*[-:]/.test(line)) continue
    for (const [, path = ''] of line.matchAll(/`([\w./-]+\/[\w./-]*)`/g)) {
      rows += 1
      if (sources.some((source) => source.path === path || source.path.startsWith(path.replace(/\/?$/, '/')))) continue
      findings.push({ rule: 'map', path: map.path, line: index + 1, message: `${path} does not exist` })
    }
  }
  if (rows === 0) findings.push({ rule: 'map', path: map.path, line: 0, message: 'has no "Where is" table' })
  return findings
}

/**
 * Rule: each error code is thrown in src, named in a test, and documented. `CODES_NOT_YET` holds what is still owed; an entry
 * that is no longer needed is a finding, so the list can only shrink.
 */
export function checkErrorCodes(
  sources: readonly Source[],
  codes: readonly string[],
  notYet: readonly string[] = CODES_NOT_YET,
): Finding[] {
  const table = 'src/base/errors.ts'
  const isCode = (path: string): boolean => path.startsWith('src/') && path.endsWith('.ts') && path !== table
  const thrownIn = sources.filter(({ path }) => isCode(path) && !isTest(path))
  const testedIn = sources.filter(({ path }) => isTest(path) || path.startsWith('test/kit/'))
  const reference = sources.find(({ path }) => path === 'docs/reference/errors.md')?.text ?? ''
  const findings: Finding[] = []
  const report = (message: string): void => {
    findings.push({ rule: 'error-codes', path: table, line: 0, message })
  }
  for (const code of codes) {
    const owed: string[] = []
    if (!thrownIn.some(({ uncommented }) => uncommented.includes(`'${code}'`))) owed.push('thrown in src')
    const escaped = code.replace('.', '\\.')
    if (!testedIn.some(({ text }) => text.includes(code) || text.includes(escaped))) owed.push('named in a test')
    if (!reference.includes(`\`${code}\``)) report(`${code} is not in docs/reference/errors.md: npm run docs`)
    if (owed.length > 0 && !notYet.includes(code)) report(`${code} is not ${owed.join(', nor ')}`)
    if (owed.length === 0 && notYet.includes(code)) report(`${code} is thrown and tested: take it off CODES_NOT_YET`)
  }
  for (const code of notYet) if (!codes.includes(code)) report(`${code} of CODES_NOT_YET is no error code`)
  return findings
}
