import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createHostGuard } from './host-guard.ts'

const guard = createHostGuard({
  port: 7888,
  hosts: ['192.0.2.7', 'fe80::1'],
  extra: ['node.example.com', 'proxy.example.com:443'],
  refusedSites: ['cross-site'],
})

test('a host guard lets loopback names, own addresses and configured names pass, with the listening port', () => {
  for (const host of [
    '127.0.0.1:7888',
    'LOCALHOST:7888',
    '[::1]:7888',
    '192.0.2.7:7888',
    '[fe80::1]:7888',
    'node.example.com',
    'node.example.com:7888',
    'proxy.example.com:443',
  ]) {
    assert.equal(guard.refusal({ host }), undefined, host)
  }
})

test('a host guard refuses a foreign, a missing and a nearly right Host', () => {
  for (const host of [
    undefined,
    '',
    'attacker.example.com:7888',
    '127.0.0.1',
    '127.0.0.1:7889',
    'localhost:7888.attacker.example.com',
    'proxy.example.com',
    'proxy.example.com:7888',
  ]) {
    assert.equal(typeof guard.refusal(host === undefined ? {} : { host }), 'string', host)
  }
})

test('a host guard refuses requests that a page of another site sends', () => {
  const host = 'localhost:7888'
  assert.match(guard.refusal({ host, 'sec-fetch-site': 'cross-site' }) ?? '', /another web site/)
  assert.equal(guard.refusal({ host, 'sec-fetch-site': 'none' }), undefined)
  assert.equal(guard.refusal({ host, 'sec-fetch-site': 'same-origin' }), undefined)
})
