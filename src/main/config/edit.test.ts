import assert from 'node:assert/strict'
import { test } from 'node:test'
import { editToml } from './edit.ts'

const TEXT = `# my node
host = "127.0.0.1" # only me
port = 7888

[upstream."docker.io"]
share = "none"
port-like = "x"
`

test('editToml() changes a key and keeps comments, order and tables', () => {
  assert.equal(editToml(TEXT, { port: 8000 }), TEXT.replace('7888', '8000'))
  assert.equal(editToml(TEXT, { host: '0.0.0.0' }), TEXT.replace('127.0.0.1', '0.0.0.0'))
})

test('editToml() adds a new key before the first table', () => {
  assert.equal(editToml(TEXT, { disk: '50GB' }), TEXT.replace('port = 7888\n', 'port = 7888\ndisk = "50GB"\n'))
})

test('editToml() takes a key out, and leaves the text alone where there is none', () => {
  assert.equal(editToml(TEXT, { port: undefined }), TEXT.replace('port = 7888\n', ''))
  assert.equal(editToml(TEXT, { disk: undefined }), TEXT)
})

test('editToml() makes a file out of nothing', () => {
  assert.equal(editToml('', { port: 1, host: 'a"b' }), 'port = 1\nhost = "a\\"b"\n')
})

test('editToml() refuses what it cannot change line by line, and what is no TOML', () => {
  assert.throws(() => editToml('host = """\nport = 1\n"""\n', { port: 2 }), { code: 'usage.config' })
  assert.throws(() => editToml('host = ', { port: 2 }), { code: 'usage.config' })
})
