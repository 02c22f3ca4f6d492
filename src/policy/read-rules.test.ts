import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readRules } from './read-rules.ts'
import { namePattern, verifiedRule } from './rules.ts'

const read = (text: string) => readRules(text, '/data/policy.toml', ['toy'])

test('readRules() refuses what would silently do nothing, and says where', () => {
  for (const [text, wanted] of [
    ['default = "maybe"', /default/],
    ['colour = 1', /colour/],
    ['[[rule]]\nnames = ["a"]', /rule 1: wanted one of access, min-age/],
    ['[[rule]]\nacess = "block"', /acess/],
    ['[[rule]]\nmin-age = "soon"', /wanted a duration such as 12h or 7d/],
    ['[[rule]]\nmin-age = "1d"\nversions = ["1"]', /versions belong to access/],
    ['[[rule]]\naccess = "private"', /wants names/],
    ['[[rule]]\naccess = "block"\nupstreams = ["x"]', /upstreams belong to/],
    ['[[rule]]\naccess = "block"\nunknown-age = "allow"', /unknown-age belongs to min-age/],
    ['[[rule]]\naccess = "block"\nmin-severity = "low"', /min-severity belongs to vulnerable/],
    ['[[rule]]\necosystem = "tyo"\naccess = "block"', /wanted one of the ecosystems toy, found "tyo"/],
    ['[[rule]]\naccess = "block"\nversions = [">="]', /wanted a range such as/],
    ['[[rule]]\naccess = "block"\nversions = ["^1.2"]', /wanted a range such as/],
    ['[[rule]]\naccess = "block"\nversions = ["1.*"]', /wanted a range such as/],
    ['[[rule]]\naccess = "block"\nversions = ["[1.0,2.0)"]', /wanted a range such as/],
    ['[[rule]]\naccess = "block"\nnames = ["*a*b*c*d*"]', /at most 3 stars/],
    ['[[rule', /as TOML/],
  ] as const) {
    assert.throws(
      () => read(text),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, 'usage.config')
        assert.match(error.message, wanted)
        assert.match(error.message, /policy\.toml/)
        return true
      },
    )
  }
})

test('readRules() carries the verified level; the first rule that names one decides', () => {
  const rules = read('[[rule]]\nnames = ["a*"]\nverified = "enforce"\n[[rule]]\nverified = "prefer"')
  const levelOf = (name: string) => verifiedRule(rules, { ecosystem: 'toy', name })?.verified
  assert.deepEqual([levelOf('ab'), levelOf('b')], ['enforce', 'prefer'])
  assert.equal(verifiedRule(read(''), { ecosystem: 'toy', name: 'b' }), undefined)
})

test('readRules() takes accept with enforce alone, and only what may be accepted', () => {
  const rules = read('[[rule]]\nverified = "enforce"\naccept = ["witnessed", "built-once"]')
  assert.deepEqual(rules.rules[0]?.accept, ['witnessed', 'built-once'])
  assert.throws(() => read('[[rule]]\nverified = "prefer"\naccept = ["witnessed"]'), /accept belongs to/)
  assert.throws(() => read('[[rule]]\nverified = "enforce"\naccept = ["revoked"]'), { code: 'usage.config' })
})

test('namePattern() takes stars for any text and everything else for itself', () => {
  assert.ok(namePattern('@acme/*').test('@ACME/x'))
  assert.ok(!namePattern('@acme/*').test('@acmex/x'))
  assert.ok(!namePattern('a.c').test('abc'))
  assert.ok(namePattern('org.acme:*').test('org.acme:x'))
})
