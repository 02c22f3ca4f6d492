import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { addressClass } from './addresses.ts'

test('addressClass() knows the special ranges at their edges', () => {
  const wanted: Record<string, string | undefined> = {
    '9.255.255.255': 'public',
    '10.0.0.0': 'private',
    '100.64.0.1': 'private',
    '100.128.0.0': 'public',
    '127.255.255.255': 'loopback',
    '169.254.169.254': 'special',
    '172.15.255.255': 'public',
    '172.31.255.255': 'private',
    '172.32.0.0': 'public',
    '192.168.1.1': 'private',
    '223.255.255.255': 'public',
    '224.0.0.1': 'special',
    '255.255.255.255': 'special',
    '0.0.0.0': 'special',
    '::': 'special',
    '::1': 'loopback',
    '::ffff:127.0.0.1': 'loopback',
    '::ffff:a00:1': 'private',
    '64:ff9b::10.0.0.1': 'private',
    '64:ff9b:1::1': 'special',
    '2002:7f00:1::': 'loopback',
    'fc00::1': 'private',
    'fe80::1': 'special',
    'ff02::1': 'special',
    '2001:db8::1': 'special',
    '2001:4860::8888': 'public',
    '256.1.1.1': undefined,
    '1.2.3': undefined,
    '1::2::3': undefined,
    '1:2:3:4:5:6:7:8:9': undefined,
    'example.com': undefined,
  }
  for (const [text, found] of Object.entries(wanted)) assert.equal(addressClass(text), found, text)
})

test('addressClass() takes exactly what node takes for an address', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.stringMatching(/^[0-9a-f:.]{0,24}$/)), (text) => {
      assert.equal(addressClass(text) !== undefined, isIP(text) !== 0)
    }),
    { numRuns: 300 },
  )
})
