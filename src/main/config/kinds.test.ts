import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { countKind, durationKind, listenKind, peerIdKind, rateKind, sizeKind, upstreamKind } from './kinds.ts'

test('a size is read back as it was formatted', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1_000_000, max: 2 ** 40 }),
      (bytes) => sizeKind.parse(sizeKind.format(bytes)) === bytes,
    ),
  )
})

test('a size without its unit is refused: a node with five bytes of disk can install nothing', () => {
  for (const text of ['0', '5', '10', '999KB'])
    assert.throws(() => sizeKind.parse(text), { code: 'usage.config' }, text)
})

test('a time is read back as it was formatted', () => {
  fc.assert(fc.property(fc.nat(999_999_999), (seconds) => durationKind.parse(durationKind.format(seconds)) === seconds))
})

test('a rate has a unit per second or is unlimited', () => {
  assert.equal(rateKind.parse('unlimited'), undefined)
  assert.equal(rateKind.parse('1KiB/s'), 1024)
  assert.throws(() => rateKind.parse('0MB/s'), { code: 'usage.config' })
})

test('no kind throws anything but usage.config', () => {
  const kinds = [sizeKind, durationKind, rateKind, upstreamKind, peerIdKind, listenKind, countKind('N', 1, 5)]
  fc.assert(
    fc.property(fc.string(), fc.constantFrom(...kinds), (text, kind) => {
      try {
        kind.parse(text)
      } catch (error) {
        assert.equal((error as { code?: unknown }).code, 'usage.config')
      }
    }),
  )
})

test('a peer id is a whole one: a mistyped one would trust, or deny, nobody', () => {
  const id = '12D3KooWN5VvWczcv7fPx4rCQDSCTZivm7DPAwcNLCrAu7rfjxpU'
  assert.equal(peerIdKind.parse(id), id)
  for (const text of ['', 'nonsense', id.slice(0, -1), `${id}1`, `/p2p/${id}`, id.replace('N', '0')]) {
    assert.throws(() => peerIdKind.parse(text), { code: 'usage.config' }, text)
  }
})

test('an address to listen on is a multiaddr with a TCP port', () => {
  for (const text of ['/ip4/0.0.0.0/tcp/7900', '/ip6/::/tcp/0', '/dns4/host.example/tcp/1']) {
    assert.equal(listenKind.parse(text), text)
  }
  for (const text of ['nonsense', '0.0.0.0:7900', '/ip4/0.0.0.0', '/ip4/0.0.0.0/udp/1/quic-v1']) {
    assert.throws(() => listenKind.parse(text), { code: 'usage.config' }, text)
  }
})
