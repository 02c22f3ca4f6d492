import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../base/errors.ts'
import { membershipMac, networkTag, provesMembership, swarmKey } from './membership.ts'

const key = Buffer.alloc(32, 1)
const other = Buffer.alloc(32, 2)

test('provesMembership() accepts the MAC of the same key and peer, and no other', () => {
  const mac = membershipMac(key, 'peer-a')
  assert.equal(provesMembership(key, 'peer-a', mac), true)
  assert.equal(provesMembership(key, 'peer-b', mac), false)
  assert.equal(provesMembership(other, 'peer-a', mac), false)
  assert.equal(provesMembership(key, 'peer-a', mac.subarray(0, 31)), false)
  assert.equal(provesMembership(key, 'peer-a', undefined), false)
})

test('swarmKey() and networkTag() differ between networks and do not hold the network key', () => {
  assert.notDeepEqual(swarmKey(key), swarmKey(other))
  assert.notEqual(networkTag(key), networkTag(other))
  assert.ok(!Buffer.from(swarmKey(key)).toString().includes(key.toString('hex')))
})

test('membershipMac() refuses a key that could be guessed', () => {
  assert.throws(
    () => membershipMac(Buffer.alloc(15), 'peer-a'),
    (error) => error instanceof AppError && error.code === 'usage.config',
  )
})
