import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parsePurl } from '../../base/purl.ts'
import { readRules } from '../../policy/read-rules.ts'
import { createRulePolicy } from '../../policy/rule-policy.ts'
import { compareNpmPrecedence, compareNpmVersions } from './versions.ts'

test('numbers that are left out are zeros, with and without what stands behind them', () => {
  for (const [a, b] of [
    ['4', '4.0.0'],
    ['4.0', '4.0.0'],
    ['v4.1', '4.1.0'],
    ['4.0-rc.1', '4.0.0-rc.1'],
    ['4.0+build', '4.0.0'],
  ] as const)
    assert.equal(compareNpmPrecedence(a, b), 0, a)
  const order = ['no version', '3.9.9', '4.0-rc', '4', '4.0', '4.0.0', '4.0.1', '4.1', '10']
  assert.deepEqual([...order].reverse().sort(compareNpmVersions), order)
})

test('the rules of the how-to do what they say to npm packages', () => {
  const text = readFileSync(new URL('../../../docs/how-to/policy.md', import.meta.url), 'utf8')
  const toml = /```toml\n([\s\S]*?)```/.exec(text)?.[1] ?? ''
  const rules = readRules(toml, 'policy.md', ['npm'])
  const sources = { revision: () => '1', rules: () => rules, exceptions: () => [], advisories: () => [] }
  const versions = ['3.3.5', '3.3.6', '3.3.7', '4.0.0', '4.0.1', '4.0.2', '10.0.0']
  const answers = createRulePolicy(sources).judge({
    ...{ ecosystem: 'npm', purl: parsePurl('pkg:npm/event-stream'), name: 'event-stream', nowMs: 1e12 },
    ...{ releases: versions.map((version) => ({ version, releasedAtMs: 0 })), statesTimes: true },
    compare: compareNpmPrecedence,
  })
  const denied = versions.filter((version) => answers.byVersion.get(version)?.kind === 'deny')
  assert.deepEqual(denied, ['3.3.6', '4.0.0', '4.0.1'])
})
