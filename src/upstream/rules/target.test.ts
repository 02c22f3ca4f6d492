import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../base/errors.ts'
import { firstHop, nextHop, parseBase, type TargetRules } from './target.ts'

const rules = (base: string, ...configured: string[]): TargetRules => ({
  base: parseBase('main', base),
  configured: new Set([`${new URL(base).hostname}:${new URL(base).port || 443}`, ...configured]),
})
const PUBLIC = rules('https://registry.example.com/base')
const code = (wanted: string) => (error: unknown) => error instanceof AppError && error.code === wanted

test('firstHop() appends the path to the base and keeps its encoding', () => {
  const hop = firstHop(PUBLIC, '/@scope%2fname?x=%20')
  assert.equal(hop.url.href, 'https://registry.example.com/base/@scope%2fname?x=%20')
  assert.equal(hop.home, true)
})

test('firstHop() takes absolute URLs of documents, with https where the base has it, and without credentials elsewhere', () => {
  assert.equal(firstHop(PUBLIC, 'http://registry.example.com/f.tgz').url.href, 'https://registry.example.com/f.tgz')
  assert.equal(firstHop(PUBLIC, 'https://registry.example.com/f.tgz').home, true)
  assert.equal(firstHop(PUBLIC, 'https://files.example.com/f.tgz').home, false)
  assert.throws(() => firstHop(PUBLIC, 'http://files.example.com/f.tgz'), code('untrusted.reply'))
  assert.throws(() => firstHop(PUBLIC, 'file:///etc/passwd'), code('untrusted.reply'))
})

test('firstHop() refuses paths that leave the base', () => {
  for (const path of ['/..', '/a/../../b', '/%2e%2E/b', '/a/.%2e', '/a b', '/a\n', '/\\b', 'a', '']) {
    assert.throws(() => firstHop(PUBLIC, path), code('usage.request'), path)
  }
})

test('nextHop() follows relative and public locations, without user info and fragment', () => {
  const from = new URL('https://registry.example.com/base/a/b')
  assert.equal(nextHop(PUBLIC, from, '../c').url.href, 'https://registry.example.com/base/c')
  const away = nextHop(PUBLIC, from, 'https://me:secret@cdn.example.com/x#y')
  assert.equal(away.url.href, 'https://cdn.example.com/x')
  assert.deepEqual([away.home, away.reach], [false, 'like:registry.example.com'])
})

test('nextHop() refuses to give up TLS, addresses and local names', () => {
  const from = new URL('https://registry.example.com/')
  for (const to of [
    'http://registry.example.com/',
    'https://127.0.0.1/',
    'https://2130706433/',
    'https://0x7f.1/',
    'https://[::1]/',
    'https://[::ffff:10.0.0.1]/',
    'https://localhost./',
    'https://a.localhost/',
    'https://93.184.216.34/',
    'ftp://cdn.example.com/',
    'http://[',
  ]) {
    assert.throws(() => nextHop(PUBLIC, from, to), code('untrusted.reply'), to)
  }
})

test('nextHop() lets an upstream on loopback lead to loopback, one in a private network to that, and both to what is configured', () => {
  const loopback = rules('http://127.0.0.1:5000', '10.0.0.9:8080')
  const from = new URL('http://127.0.0.1:5000/')
  assert.equal(nextHop(loopback, from, 'http://127.0.0.1:6000/').reach, 'loopback')
  assert.equal(nextHop(loopback, from, 'http://10.0.0.9:8080/').reach, 'any')
  assert.throws(() => nextHop(loopback, from, 'http://10.0.0.9/'), code('untrusted.reply'))
  const inside = rules('http://10.1.1.1:5000')
  assert.equal(nextHop(inside, from, 'http://192.168.0.1/').reach, 'private')
  assert.throws(() => nextHop(inside, from, 'http://127.0.0.1/'), code('untrusted.reply'))
  assert.throws(() => nextHop(inside, from, 'http://169.254.169.254/'), code('untrusted.reply'))
})
