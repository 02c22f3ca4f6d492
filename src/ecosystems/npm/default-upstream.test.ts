import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isNpmDefaultUrl, npmDefaultUrl } from './default-upstream.ts'

test('npmDefaultUrl() is an https origin without path', () => {
  const url = new URL(npmDefaultUrl())
  assert.equal(url.protocol, 'https:')
  assert.equal(url.pathname, '/')
  assert.ok(!npmDefaultUrl().endsWith('/'))
})

test('isNpmDefaultUrl() knows the default in other spellings, and nothing else', () => {
  assert.ok(isNpmDefaultUrl(`${npmDefaultUrl()}/`))
  assert.ok(isNpmDefaultUrl(npmDefaultUrl().replace('https:', 'HTTP:').toUpperCase()))
  assert.ok(!isNpmDefaultUrl('https://registry.example.com/'))
  assert.ok(!isNpmDefaultUrl(`${npmDefaultUrl()}/team/`))
  assert.ok(!isNpmDefaultUrl('not a url'))
})
