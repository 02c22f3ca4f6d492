import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Advisory } from '../base/osv/advisory.ts'
import { parsePurl } from '../base/purl.ts'
import type { Policy, PolicyException, ReleaseAnswer } from './policy.ts'
import { readRules } from './read-rules.ts'
import { createRulePolicy } from './rule-policy.ts'

const NOW_MS = Date.parse('2026-11-23T10:00:00Z')
const DAY_MS = 86_400_000
const compare = (a: string, b: string): number => Number(a) - Number(b)

const BAD: Advisory = {
  id: 'X-1',
  summary: 'Everything burns',
  severity: 'high',
  aliases: [],
  modified: '',
  versions: [],
  ranges: [
    [
      { kind: 'introduced', version: '2' },
      { kind: 'fixed', version: '4' },
    ],
  ],
}

interface World {
  readonly advisories?: readonly Advisory[]
  readonly exceptions?: readonly PolicyException[]
}

function policy(text: string, { advisories = [], exceptions = [] }: World = {}): Policy {
  const rules = readRules(text, 'policy.toml', ['toy'])
  return createRulePolicy({
    revision: () => '1',
    rules: () => rules,
    exceptions: () => exceptions,
    advisories: () => advisories,
  })
}

function asked(name: string, nowMs = NOW_MS) {
  return { ecosystem: 'toy', purl: parsePurl(`pkg:toy/${name}`), name, nowMs }
}

function judged(made: Policy, name: string, version: string, releasedAtMs?: number): ReleaseAnswer | undefined {
  const releases = [{ version, releasedAtMs }]
  return made.judge({ ...asked(name), releases, statesTimes: true, compare }).byVersion.get(version)
}

function denial(answer: ReleaseAnswer | undefined): string | undefined {
  return answer?.kind === 'deny' ? answer.reason.message : undefined
}

test('a policy without rules allows everything and asks to look at nothing', () => {
  const made = policy('')
  assert.deepEqual(made.admit(asked('a')), { kind: 'allow', notes: [] })
  assert.deepEqual(made.interest(asked('a')), { releases: false, times: false })
  assert.deepEqual(judged(made, 'a', '1'), { kind: 'allow', notes: [] })
})

test('hides() is true for the ecosystems of which a rule may keep releases back', () => {
  for (const rule of ['access = "block"', 'min-age = "7d"', 'vulnerable = "block"']) {
    const made = policy(`[[rule]]\necosystem = "toy"\nnames = ["a"]\n${rule}\n`)
    assert.deepEqual([made.hides('toy'), made.hides('other')], [true, false], rule)
  }
  for (const text of ['', '[[rule]]\nnames = ["a"]\naccess = "private"\n', '[[rule]]\nvulnerable = "warn"\n']) {
    assert.equal(policy(text).hides('toy'), false, text)
  }
  assert.equal(policy('default = "deny"\n').hides('toy'), true)
})

test('a blocked name is denied before anything is asked, with the reason of its rule', () => {
  const made = policy(`
    [[rule]]
    names = ["evil-*"]
    access = "block"
    reason = "typo squatting"
  `)
  const answer = made.admit(asked('Evil-thing'))
  assert.equal(answer.kind === 'deny' && answer.reason.message, 'Evil-thing is blocked (policy: typo squatting)')
  assert.equal(made.admit(asked('good')).kind, 'allow')
})

test('the first rule that matches decides, and versions can be listed', () => {
  const made = policy(`
    [[rule]]
    names = ["a"]
    versions = ["3"]
    access = "allow"
    [[rule]]
    names = ["a"]
    versions = ["<2", ">=3 <5"]
    access = "block"
  `)
  assert.equal(made.admit(asked('a')).kind, 'allow')
  assert.equal(denial(judged(made, 'a', '1')), 'a@1 is blocked (policy: rule 2)')
  assert.equal(judged(made, 'a', '2')?.kind, 'allow')
  assert.equal(judged(made, 'a', '3')?.kind, 'allow')
  assert.equal(judged(made, 'a', '4')?.kind, 'deny')
})

test('with default = "deny" only what is on the list passes', () => {
  const made = policy(`
    default = "deny"
    [[rule]]
    ecosystem = "toy"
    names = ["a"]
    versions = ["<=2"]
    access = "allow"
  `)
  assert.equal(made.admit(asked('b')).kind, 'deny')
  assert.equal(made.admit(asked('a')).kind, 'allow')
  assert.equal(judged(made, 'a', '2')?.kind, 'allow')
  assert.equal(denial(judged(made, 'a', '3')), 'a@3 is on no allow list of this node')
})

test('a release is kept back until it has the minimum age, and its sentence says until when', () => {
  const made = policy('[[rule]]\nmin-age = "7d"')
  assert.deepEqual(made.interest(asked('a')), { releases: true, times: true })
  const releases = [
    { version: '1', releasedAtMs: NOW_MS - 7 * DAY_MS },
    { version: '2', releasedAtMs: NOW_MS - DAY_MS },
  ]
  const answers = made.judge({ ...asked('a'), releases, statesTimes: true, compare })
  assert.equal(answers.byVersion.get('1')?.kind, 'allow')
  assert.equal(
    denial(answers.byVersion.get('2')),
    'a@2 was published 2026-11-22 10:00 UTC; this node waits 7 days, until 2026-11-29 10:00 UTC (policy: rule 1)',
  )
  assert.equal(answers.validUntilMs, NOW_MS + 6 * DAY_MS)
})

test('a release of unknown age is denied unless the rule says otherwise or no time is ever stated', () => {
  const strict = policy('[[rule]]\nmin-age = "7d"')
  assert.match(denial(judged(strict, 'a', '1')) ?? '', /nobody can tell when it was published/)
  assert.equal(judged(policy('[[rule]]\nmin-age = "7d"\nunknown-age = "allow"'), 'a', '1')?.kind, 'allow')
  const releases = [{ version: '1', releasedAtMs: undefined }]
  const timeless = strict.judge({ ...asked('a'), releases, statesTimes: false, compare })
  assert.equal(timeless.byVersion.get('1')?.kind, 'allow')
  const own = [{ version: '1', releasedAtMs: NOW_MS }]
  const timely = strict.judge({ ...asked('a'), releases: own, statesTimes: false, compare })
  assert.equal(timely.byVersion.get('1')?.kind, 'deny', 'the file itself brought a time')
})

test('a rule for some names before the general one shortens their wait', () => {
  const made = policy('[[rule]]\nnames = ["own-*"]\nmin-age = "0d"\n[[rule]]\nmin-age = "7d"')
  assert.equal(judged(made, 'own-a', '1', NOW_MS)?.kind, 'allow')
  assert.equal(judged(made, 'a', '1', NOW_MS)?.kind, 'deny')
})

test('a vulnerable version is blocked, or allowed with a warning, with the advisory and the fix', () => {
  const world = { advisories: [BAD] }
  const blocking = policy('[[rule]]\nvulnerable = "block"', world)
  assert.equal(
    denial(judged(blocking, 'a', '3')),
    'a@3 has known vulnerabilities: X-1 Everything burns; fixed in 4 (policy: rule 1)',
  )
  assert.deepEqual(judged(blocking, 'a', '4'), { kind: 'allow', notes: [] })
  const warning = judged(policy('[[rule]]\nvulnerable = "warn"', world), 'a', '2')
  assert.equal(warning?.kind, 'allow')
  assert.match(warning?.kind === 'allow' ? (warning.notes[0] ?? '') : '', /X-1 Everything burns; fixed in 4/)
  assert.deepEqual(judged(policy('[[rule]]\nvulnerable = "ignore"', world), 'a', '2'), { kind: 'allow', notes: [] })
  const severe = policy('[[rule]]\nvulnerable = "block"\nmin-severity = "critical"', world)
  assert.equal(judged(severe, 'a', '2')?.kind, 'allow')
})

test('a private name is asked of nobody, or of the upstreams that its rule names', () => {
  const closed = policy('[[rule]]\nnames = ["acme-*"]\naccess = "private"')
  const answer = closed.admit(asked('acme-x'))
  assert.match(answer.kind === 'deny' ? answer.reason.message : '', /acme-x is a private name/)
  const own = policy('[[rule]]\nnames = ["acme-*"]\naccess = "private"\nupstreams = ["acme"]')
  assert.equal(own.admit(asked('acme-x')).kind, 'allow')
  assert.equal(own.mayAsk(asked('acme-x'), 'acme'), undefined)
  assert.match(own.mayAsk(asked('acme-x'), 'public')?.message ?? '', /does not ask public/)
  assert.equal(own.mayAsk(asked('other'), 'public'), undefined)
})

test('an exception lets its release through until it ends, and says so', () => {
  const exception: PolicyException = {
    purl: parsePurl('pkg:toy/a@3'),
    reason: 'needed for the fix of the outage',
    madeAtMs: NOW_MS - 1,
    untilMs: NOW_MS + 10,
  }
  const text = '[[rule]]\nnames = ["a"]\naccess = "block"'
  const made = policy(text, { exceptions: [exception] })
  assert.equal(made.admit(asked('a')).kind, 'allow', 'the index must be readable for it')
  const let3 = judged(made, 'a', '3')
  assert.equal(let3?.exception, exception)
  assert.match(let3?.kind === 'allow' ? (let3.notes[0] ?? '') : '', /let through by an exception: needed for/)
  assert.equal(judged(made, 'a', '2')?.kind, 'deny')
  assert.equal(made.judge({ ...asked('a'), releases: [], statesTimes: true, compare }).validUntilMs, NOW_MS + 10)
  assert.equal(made.admit(asked('a', NOW_MS + 10)).kind, 'deny')
})

test('an exception does not make a private name public', () => {
  const purl = parsePurl('pkg:toy/acme-x')
  const exceptions = [{ purl, reason: 'please', madeAtMs: 0, untilMs: NOW_MS + 10 }]
  assert.equal(
    policy('[[rule]]\nnames = ["acme-*"]\naccess = "private"', { exceptions }).admit(asked('acme-x')).kind,
    'deny',
  )
})
