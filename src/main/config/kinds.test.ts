import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatVkey, makeVkey } from '../../base/network/vkey.ts'
import {
  askWitnessKind,
  countKind,
  durationKind,
  hostPortKind,
  listenKind,
  peerIdKind,
  rateKind,
  sizeKind,
  upstreamKind,
  urlKind,
  witnessLogKind,
} from './kinds.ts'

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
  const kinds = [
    sizeKind,
    durationKind,
    rateKind,
    upstreamKind,
    peerIdKind,
    listenKind,
    countKind('N', 1, 5),
    hostPortKind,
    urlKind,
    witnessLogKind,
    askWitnessKind,
  ]
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

test('an address to listen on is a host and a port, IPv6 in brackets', () => {
  assert.deepEqual(hostPortKind.parse('0.0.0.0:7890'), { host: '0.0.0.0', port: 7890 })
  assert.deepEqual(hostPortKind.parse('[::1]:0'), { host: '::1', port: 0 })
  for (const text of ['0.0.0.0:7890', '[::]:1', 'log.example:80']) {
    assert.equal(hostPortKind.format(hostPortKind.parse(text)), text)
  }
  for (const text of ['7890', '::1:7890', 'host', 'host:', 'host:65536', '[host]:1']) {
    assert.throws(() => hostPortKind.parse(text), { code: 'usage.config' }, text)
  }
})

test('a log to witness is a verifier key, with its origin where the key has another name', () => {
  const key = makeVkey('log.example', 'ed25519', new Uint8Array(32).fill(7))
  const text = formatVkey(key)
  assert.deepEqual(witnessLogKind.parse(text), { origin: 'log.example', key })
  assert.deepEqual(witnessLogKind.parse(`other.example/a=b=${text}`), { origin: 'other.example/a=b', key })
  for (const each of [text, `other.example=${text}`]) {
    assert.equal(witnessLogKind.format(witnessLogKind.parse(each)), each)
  }
  const cosigner = formatVkey(makeVkey('log.example', 'cosignature', new Uint8Array(32)))
  for (const bad of ['log.example', `=${text}`, cosigner]) {
    assert.throws(() => witnessLogKind.parse(bad), { code: 'usage.config' }, bad)
  }
})

test('a witness to ask is a URL and a verifier key of a cosigner, and credentials in the URL are not repeated', () => {
  const key = makeVkey('w.example/1', 'cosignature', new Uint8Array(32).fill(7))
  const text = `http://127.0.0.1:7/w1=${formatVkey(key)}`
  assert.deepEqual(askWitnessKind.parse(text), { url: 'http://127.0.0.1:7/w1', key })
  assert.equal(askWitnessKind.format(askWitnessKind.parse(text)), text)
  const log = formatVkey(makeVkey('w.example', 'ed25519', new Uint8Array(32)))
  for (const bad of [
    formatVkey(key),
    `=${formatVkey(key)}`,
    `http://a=${log}`,
    'http://a',
    `ftp://a=${formatVkey(key)}`,
  ]) {
    assert.throws(() => askWitnessKind.parse(bad), { code: 'usage.config' }, bad)
  }
  assert.throws(
    () => askWitnessKind.parse(`http://me:secret@a=${formatVkey(key)}`),
    (error: Error) => {
      return !error.message.includes('secret')
    },
  )
})
