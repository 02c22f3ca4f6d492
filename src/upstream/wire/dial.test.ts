import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Reach } from '../rules/target.ts'
import { guardedLookup, type LookupAll, sharedLookup } from './dial.ts'

function resolve(reach: Reach, all: boolean, ...addresses: string[]): Promise<unknown> {
  const fake: LookupAll = (_name, done) =>
    done(
      null,
      addresses.map((address) => ({ address, family: 4 })),
    )
  return new Promise((done, fail) => {
    guardedLookup(reach, fake)('registry.example.com', { all }, (error, found) => (error ? fail(error) : done(found)))
  })
}

test('guardedLookup() leaves out what is not within reach', async () => {
  assert.deepEqual(await resolve('public', true, '10.0.0.1', '8.8.4.4'), [{ address: '8.8.4.4', family: 4 }])
  assert.equal(await resolve('public', false, '127.0.0.1', '8.8.4.4'), '8.8.4.4')
  assert.equal(await resolve('loopback', false, '127.0.0.1'), '127.0.0.1')
  assert.equal(await resolve('any', false, '169.254.169.254'), '169.254.169.254')
})

test('guardedLookup() fails where nothing is left', async () => {
  await assert.rejects(resolve('public', true, '127.0.0.1', '192.168.0.1'), /only where they are configured/)
  await assert.rejects(resolve('private', true, '127.0.0.1'), /only where they are configured/)
})

test('guardedLookup() lets a registry that stands inside lead to other names of its own address, and to no other address', async () => {
  const addresses: Record<string, string> = {
    'registry.example.com': '10.0.0.5',
    'files.example.com': '10.0.0.5',
    'other.example.com': '10.0.0.6',
  }
  const fake: LookupAll = (name, done) => done(null, [{ address: addresses[name] ?? '', family: 4 }])
  const lead = (name: string) =>
    new Promise((done, fail) => {
      const lookup = guardedLookup('like:registry.example.com', fake)
      lookup(name, {}, (error, found) => (error ? fail(error) : done(found)))
    })
  assert.equal(await lead('files.example.com'), '10.0.0.5')
  await assert.rejects(lead('other.example.com'), /only where they are configured/)
})

test('sharedLookup() asks once for all who ask within seconds, again later, and at once after a failure', async () => {
  let nowMs = 0
  const asked: string[] = []
  let failing = false
  const lookup = sharedLookup({ monotonicMs: () => nowMs }, (name, done) => {
    asked.push(name)
    queueMicrotask(() => (failing ? done(new Error('no answer'), []) : done(null, [{ address: '8.8.4.4', family: 4 }])))
  })
  const look = () =>
    new Promise((done, fail) => {
      lookup('a.example.com', (error, found) => (error === null ? done(found[0]?.address) : fail(error)))
    })
  assert.deepEqual(await Promise.all([look(), look(), look()]), ['8.8.4.4', '8.8.4.4', '8.8.4.4'])
  assert.equal(asked.length, 1)
  nowMs = 10_001
  failing = true
  await assert.rejects(look(), /no answer/)
  failing = false
  assert.equal(await look(), '8.8.4.4')
  assert.equal(asked.length, 3)
})
