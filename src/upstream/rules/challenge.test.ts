import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AppError } from '../../base/errors.ts'
import { bearerChallenge, readToken, scopePrefix, tokenUrl } from './challenge.ts'

test('bearerChallenge() reads realm, service and scope, quoted or not, also behind another challenge', () => {
  const header =
    'Basic realm="x", Bearer realm="https://auth.example.com/token",service=it , scope="repository:a/b:pull,push"'
  assert.deepEqual(bearerChallenge(header), {
    realm: 'https://auth.example.com/token',
    service: 'it',
    scope: 'repository:a/b:pull,push',
  })
})

test('bearerChallenge() finds nothing in other headers and never throws', () => {
  for (const header of [
    undefined,
    '',
    'Basic realm="x"',
    'Bearer',
    'Bearer service="x"',
    `Bearer realm="${'x'.repeat(5000)}"`,
  ]) {
    assert.equal(bearerChallenge(header), undefined)
  }
  fc.assert(
    fc.property(fc.string(), (text) => {
      bearerChallenge(`Bearer ${text}`)
    }),
  )
})

test('tokenUrl() adds service and every scope, and refuses realms that are no URL', () => {
  const challenge = {
    realm: 'https://auth.example.com/token?a=1',
    service: 'it',
    scope: 'repository:a:pull repository:b:pull',
  }
  assert.equal(
    tokenUrl(challenge).href,
    'https://auth.example.com/token?a=1&service=it&scope=repository%3Aa%3Apull&scope=repository%3Ab%3Apull',
  )
  assert.throws(() => tokenUrl({ realm: '/token', service: undefined, scope: undefined }), AppError)
})

test('scopePrefix() covers the paths of the name in the scope', () => {
  assert.equal(scopePrefix('/v2/library/x/things/1', 'repository:library/x:pull'), '/v2/library/x/')
  assert.equal(scopePrefix('/v2/y/things/1', 'repository:x:pull'), '/v2/y/things/1')
  assert.equal(scopePrefix('/a/b', undefined), '/')
})

test('readToken() takes token or access_token, and refuses what could not be sent as a header', () => {
  const read = (value: unknown) => readToken(Buffer.from(JSON.stringify(value)))
  assert.deepEqual(read({ access_token: 'abc', expires_in: 300 }), { token: 'abc', lifetimeMs: 300_000 })
  assert.equal(read({ token: 'abc' }).lifetimeMs, 60_000)
  for (const value of [{}, null, { token: '' }, { token: 'a\r\nb' }, { token: 5 }, { token: 'x'.repeat(40_000) }]) {
    assert.throws(() => read(value), AppError)
  }
  assert.throws(() => readToken(Buffer.from('<html>')), AppError)
})
