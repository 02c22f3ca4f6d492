import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseTarget, TARGET_BYTES_MAX } from './request-target.ts'

test('parseTarget() keeps the path encoded and decodes the query', () => {
  assert.deepEqual({ ...parseTarget('/@a%2fb/-/x.tgz?a=1%202&b=&a=3').query }, { a: '1 2', b: '' })
  assert.equal(parseTarget('/@a%2fb/-/x.tgz?x').path, '/@a%2fb/-/x.tgz')
  assert.equal(parseTarget('/v2/library/x/manifests/sha256:aa').path, '/v2/library/x/manifests/sha256:aa')
  assert.equal(parseTarget('/.well-known/...x').path, '/.well-known/...x')
})

test('parseTarget() gives a query without inherited names', () => {
  const { query } = parseTarget('/?__proto__=1')
  assert.equal(Object.getPrototypeOf(query), null)
  assert.deepEqual(Object.entries(query), [['__proto__', '1']])
})

test('parseTarget() refuses whatever would climb, hide or break once it is decoded', () => {
  for (const target of [
    '',
    '*',
    'http://registry.example.com/',
    '/..',
    '/a/../b',
    '/a/./b',
    '/a/%2e%2e/b',
    '/a%2f..%2fb',
    '/a%2F%2e%2E%2fb',
    '/a/..%2fb',
    '/a\\b',
    '/a%5cb',
    '/%00',
    '/%0d%0a',
    '/%zz',
    '/%c0%ae',
    '/ü',
    `/${'a'.repeat(TARGET_BYTES_MAX)}`,
  ]) {
    assert.throws(() => parseTarget(target), { code: 'usage.request' }, target)
  }
})

test('parseTarget() throws nothing but usage.request and lets no dot segment through', () => {
  const part = fc.constantFrom('/', '.', '..', '%2e', '%2E', '%2f', '%', 'a', '?', '\\', '%5c', '%00', '@', ' ')
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      try {
        const { path } = parseTarget(`/${parts.join('')}`)
        assert(!decodeURIComponent(path).split(/[/\\]/).includes('..'))
      } catch (error) {
        assert.equal((error as { code?: unknown }).code, 'usage.request')
      }
    }),
  )
})
