import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Asker, mayShare, narrowerShare, SHARE_LEVELS, widerShare } from './share.ts'

const STRANGER: Asker = { peerId: 'p', sameSubnet: false, member: false }
const LOCAL: Asker = { ...STRANGER, sameSubnet: true }
const MEMBER: Asker = { ...STRANGER, member: true }

const allowed = (asker: Asker, privateNetwork: boolean): readonly string[] =>
  SHARE_LEVELS.filter((level) => mayShare(level, asker, privateNetwork))

test('mayShare() shows content without a level to nobody, and local content to the same subnet alone', () => {
  assert.deepEqual(allowed(STRANGER, false), ['network', 'world'])
  assert.deepEqual(allowed(LOCAL, false), ['lan', 'network', 'world'])
})

test('mayShare() shows a private network nothing but to its members', () => {
  assert.deepEqual(allowed(LOCAL, true), [])
  assert.deepEqual(allowed(MEMBER, true), ['network', 'world'])
  assert.deepEqual(allowed({ ...LOCAL, member: true }, true), ['lan', 'network', 'world'])
})

test('widerShare() is the more open level, in either order', () => {
  assert.equal(widerShare('none', 'lan'), 'lan')
  assert.equal(widerShare('world', 'network'), 'world')
  assert.equal(widerShare('none', 'none'), 'none')
})

test('narrowerShare() is the less open level, in either order', () => {
  assert.equal(narrowerShare('none', 'lan'), 'none')
  assert.equal(narrowerShare('world', 'network'), 'network')
  assert.equal(narrowerShare('lan', 'lan'), 'lan')
})
