import assert from 'node:assert/strict'
import { test } from 'node:test'
import { documentKey } from './document.ts'

const REQUEST = { upstream: 'u', method: 'GET', path: '/a', headers: { accept: 'x', range: 'y' } } as const

test('documentKey() does not depend on the order of headers', () => {
  assert.equal(documentKey({ ...REQUEST, headers: { range: 'y', accept: 'x' } }), documentKey(REQUEST))
})

test('documentKey() tells apart upstreams, methods, paths and headers', () => {
  const others = [{ upstream: 'v' }, { method: 'HEAD' as const }, { path: '/b' }, { headers: { accept: 'x' } }]
  const keys = [REQUEST, ...others.map((other) => ({ ...REQUEST, ...other }))].map(documentKey)
  assert.equal(new Set(keys).size, keys.length)
})
