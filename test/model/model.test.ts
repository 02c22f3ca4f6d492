import assert from 'node:assert/strict'
import { test } from 'node:test'
import { needs, toolPath } from '../kit/needs.ts'
import { BREAKS, HOLDS } from './checks.ts'
import { readReport, search } from './spin.ts'

const tools = () => ({ spin: toolPath('spin'), cc: toolPath('gcc') })

for (const check of HOLDS.filter(({ deep }) => !deep)) {
  test(`the model holds: ${check.says}`, needs('spin', 'gcc'), async (t) => {
    const { states, transitions, violation } = await search(check, tools())
    t.diagnostic(`${states} states, ${transitions} transitions`)
    assert.equal(violation, undefined)
    assert.ok(states > 300, 'a search of next to nothing shows nothing')
  })
}

for (const check of BREAKS) {
  test(`the model breaks: ${check.says}`, needs('spin', 'gcc'), async () => {
    const { violation } = await search(check, tools())
    assert.ok(violation?.includes(check.finds ?? ''), `wanted ${check.finds}, found ${violation}`)
  })
}

test('readReport() takes no search that was cut short for a whole one', () => {
  const whole =
    'State-vector 180 byte, depth reached 10, errors: 0\n 20 states, stored\n 30 transitions (= stored+matched)\n'
  assert.deepEqual(readReport(whole), { states: 20, transitions: 30, violation: undefined })
  assert.throws(() => readReport(`error: max search depth too small\n${whole}`), /not exhaustive/)
  assert.throws(() => readReport(whole.replace('errors: 0', 'errors: 1')), /not exhaustive/)
  assert.throws(() => readReport(''), /wanted .*errors/)
})
