import assert from 'node:assert/strict'
import { randomBytes, verify } from 'node:crypto'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Random } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { IDENTITY_FILE, identityOfSeed, keyObjectOf, loadIdentity, peerIdOf, publicKeyOf, seedOf } from './identity.ts'

const random: Random = { bytes: (count) => randomBytes(count), fraction: () => 0.5 }

function inDirectory(run: (directory: string, file: string) => void): void {
  const directory = mkdtempSync(join(tmpdir(), 'pyrsia-identity-'))
  try {
    run(directory, join(directory, IDENTITY_FILE))
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const withCode = (code: string) => (error: unknown) => error instanceof AppError && error.code === code

test('loadIdentity() makes a key that only the owner may read, and finds it again', () => {
  inDirectory((directory, file) => {
    const made = loadIdentity(directory, { random })
    assert.equal(statSync(file).mode & 0o777, 0o600)
    assert.deepEqual(readdirSync(directory), [IDENTITY_FILE])
    const found = loadIdentity(directory, { random })
    assert.equal(found.peerId, made.peerId)
    assert.deepEqual(found.publicKey, made.publicKey)
  })
})

test('loadIdentity() refuses a key file that others may read', () => {
  inDirectory((directory, file) => {
    loadIdentity(directory, { random })
    chmodSync(file, 0o640)
    assert.throws(() => loadIdentity(directory, { random }), withCode('usage.config'))
  })
})

test('loadIdentity() refuses a file that holds no Ed25519 key and leaves it as it is', () => {
  inDirectory((directory, file) => {
    writeFileSync(file, 'not a key', { mode: 0o600 })
    assert.throws(() => loadIdentity(directory, { random }), withCode('damaged.identity'))
    assert.equal(readFileSync(file, 'utf8'), 'not a key')
  })
})

test('identityOfSeed() gives the public key of RFC 8032, 7.1, test 1, and signatures that verify', () => {
  const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex')
  const identity = identityOfSeed(seed)
  const hex = Buffer.from(identity.publicKey).toString('hex')
  assert.equal(hex, 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a')
  assert.deepEqual(Buffer.from(seedOf(identity)), seed)
  const message = Buffer.from('hello')
  assert.ok(verify(null, message, keyObjectOf(identity.publicKey), identity.sign(message)))
})

test('peerIdOf() and publicKeyOf() are inverse to one another', () => {
  const { publicKey, peerId } = identityOfSeed(randomBytes(32))
  assert.match(peerId, /^12D3KooW/)
  assert.equal(peerIdOf(publicKey), peerId)
  assert.deepEqual(Buffer.from(publicKeyOf(peerId)), Buffer.from(publicKey))
})

test('publicKeyOf() refuses what is no Ed25519 peer id', () => {
  for (const text of ['', 'x', '12D3KooW', 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N', 'é'.repeat(52)]) {
    assert.throws(() => publicKeyOf(text), withCode('usage.message'), text)
  }
})
