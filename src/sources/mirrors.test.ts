import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasCode } from '../../test/kit/sources-suite.ts'
import { parseMirror, sourceAddress } from './mirrors.ts'

test('parseMirror() reads an https mirror, or one on loopback, and nothing else', () => {
  assert.deepEqual(parseMirror('https://git.example.com/=http://127.0.0.1:8080/'), {
    prefix: 'https://git.example.com/',
    to: 'http://127.0.0.1:8080/',
  })
  assert.equal(
    parseMirror('https://git.example.com/a/=https://mirror.example.com/x/').to,
    'https://mirror.example.com/x/',
  )
  for (const text of [
    'https://git.example.com/=http://mirror.example.com/',
    'http://git.example.com/=https://mirror.example.com/',
    'https://git.example.com=https://mirror.example.com',
    'https://git.example.com/=file:///srv/',
    'https://user:secret@git.example.com/=https://mirror.example.com/',
    'https://git.example.com/',
  ]) {
    assert.throws(() => parseMirror(text), hasCode('usage.config'), text)
  }
})

test('sourceAddress() goes by the longest prefix that fits, and plain http only by a mirror on loopback', () => {
  const mirrors = [
    parseMirror('https://git.example.com/=https://mirror.example.com/all/'),
    parseMirror('https://git.example.com/some/=http://127.0.0.1:8080/'),
  ]
  assert.deepEqual(sourceAddress('https://git.example.com/some/project', mirrors), {
    url: 'http://127.0.0.1:8080/project',
    loopback: true,
  })
  assert.deepEqual(sourceAddress('https://git.example.com/other', mirrors), {
    url: 'https://mirror.example.com/all/other',
    loopback: false,
  })
  assert.deepEqual(sourceAddress('https://github.com/a/b', mirrors), { url: 'https://github.com/a/b', loopback: false })
  assert.throws(() => sourceAddress('http://git.example.com/some/project', mirrors), hasCode('absent.source'))
  assert.throws(() => sourceAddress('https://10.0.0.1/a/b', mirrors), hasCode('absent.source'))
})
