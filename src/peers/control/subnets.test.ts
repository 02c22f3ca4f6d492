import assert from 'node:assert/strict'
import { test } from 'node:test'
import { steppedClock } from '../../../test/kit/stepped-clock.ts'
import { createSubnetTest } from './subnets.ts'

test('createSubnetTest() knows the loopback subnet, and neither far addresses nor what is none', () => {
  const near = createSubnetTest({ clock: steppedClock() })
  assert.equal(near('127.0.0.1'), true)
  assert.equal(near('127.1.2.3'), true)
  for (const host of ['240.0.0.1', '2001:db8:ffff::1', 'localhost', '', '127.0.0.1:80']) {
    assert.equal(near(host), false, host)
  }
})
