import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { readConfig } from './config/config.ts'
import { defaultDataDirectory } from './config/default-directory.ts'
import { createSettingsDoor } from './config/settings-door.ts'
import {
  apiToken,
  ensureDataDirectory,
  keepClientUpstreams,
  readClientUpstreams,
  readNetworkKey,
  readSecretFile,
  writeWhole,
} from './data-directory.ts'

function scratch(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), 'pyrsia-data-'))
  t.after(() => rmSync(made, { recursive: true }))
  return made
}

test('defaultDataDirectory() follows XDG and ignores a relative path', () => {
  assert.equal(defaultDataDirectory({ XDG_DATA_HOME: '/x' }), '/x/pyrsia')
  assert.match(defaultDataDirectory({ XDG_DATA_HOME: 'x' }), /\/\.local\/share\/pyrsia$/)
})

test('apiToken() makes a token for its owner only, once, and anew when the file is damaged', async (t) => {
  const directory = join(scratch(t), 'data')
  await ensureDataDirectory(directory)
  assert.equal(statSync(directory).mode & 0o777, 0o700)
  const token = await apiToken(directory)
  assert.match(token, /^[A-Za-z0-9_-]{43}$/)
  assert.equal(await apiToken(directory), token)
  assert.equal(statSync(join(directory, 'api-token')).mode & 0o777, 0o600)
  writeFileSync(join(directory, 'api-token'), '')
  assert.notEqual(await apiToken(directory), token)
})

test('writeWhole() leaves nothing behind when it cannot replace the file', async (t) => {
  const directory = scratch(t)
  await writeWhole(join(directory, 'a'), 'text', 0o600)
  assert.equal(readFileSync(join(directory, 'a'), 'utf8'), 'text')
  await assert.rejects(writeWhole(join(directory, 'absent', 'a'), 'text', 0o600), { code: 'usage.config' })
  await ensureDataDirectory(join(directory, 'folder'))
  await assert.rejects(writeWhole(join(directory, 'folder'), 'text', 0o600), { code: 'usage.config' })
  assert.deepEqual(readdirSync(directory).sort(), ['a', 'folder'])
})

test('keepClientUpstreams() adds to what is known, and a damaged file is refused', async (t) => {
  const directory = scratch(t)
  assert.deepEqual(await readClientUpstreams(directory), [])
  await keepClientUpstreams(directory, [{ name: 'a', url: 'http://127.0.0.1:1' }])
  await keepClientUpstreams(directory, [
    { name: 'b', url: 'http://127.0.0.1:2' },
    { name: 'a', url: 'http://127.0.0.1:3' },
  ])
  assert.deepEqual(await readClientUpstreams(directory), [
    { name: 'a', url: 'http://127.0.0.1:3' },
    { name: 'b', url: 'http://127.0.0.1:2' },
  ])
  for (const text of ['{', '{"upstreams":[{"name":"a","url":"file:///etc"}]}', '{"upstreams":{}}']) {
    writeFileSync(join(directory, 'upstreams.json'), text)
    await assert.rejects(readClientUpstreams(directory), { code: 'usage.config' })
  }
})

test('readSecretFile() takes one line and refuses anything else without repeating it', async (t) => {
  const path = join(scratch(t), 'secret')
  writeFileSync(path, 'hunter2\n')
  assert.equal(await readSecretFile(path), 'hunter2')
  for (const text of ['', '\n', 'hunter2\nhunter3\n']) {
    writeFileSync(path, text)
    await assert.rejects(readSecretFile(path), (error: Error) => !error.message.includes('hunter'))
  }
  await assert.rejects(readSecretFile(`${path}.absent`), { code: 'usage.config' })
})

test('a settings door writes two edits at once without losing either, and refuses a bad size', async (t) => {
  const path = join(scratch(t), 'config.toml')
  const config = readConfig({ flags: { up: '1MB/s', peer: ['/a', '/b'] }, environment: {}, file: undefined, ports: [] })
  const door = createSettingsDoor(path, config, [])
  await Promise.all([door.edit({ port: 8000 }), door.edit({ diskspace: '5GB', host: '0.0.0.0' })])
  assert.equal(readFileSync(path, 'utf8'), 'port = 8000\nhost = "0.0.0.0"\ndisk = "5GB"\n')
  await assert.rejects(async () => door.edit({ diskspace: 'plenty' }), { code: 'usage.config' })
  await door.remove()
  assert.equal(readFileSync(path, 'utf8').trim(), '')
  const shown = new Map(door.show().map(({ name, value, source }) => [name, `${value} ${source}`]))
  assert.equal(shown.get('up'), '1MB/s flag')
  assert.equal(shown.get('down'), 'unlimited default')
  assert.equal(shown.get('peer'), '/a /b flag')
})

test('readNetworkKey() refuses a key that others may read, and takes an editors newline off', async (t) => {
  const path = join(scratch(t), 'network.key')
  writeFileSync(path, 'a key\n', { mode: 0o600 })
  assert.equal(Buffer.from(await readNetworkKey(path, 'linux')).toString(), 'a key')
  for (const mode of [0o640, 0o604, 0o660]) {
    chmodSync(path, mode)
    await assert.rejects(readNetworkKey(path, 'linux'), {
      code: 'usage.config',
      message: /may be read by others \(mode 0\d+\)/,
    })
  }
  assert.ok(await readNetworkKey(path, 'win32'), 'where there are no such modes')
  await assert.rejects(readNetworkKey(`${path}.not`, 'linux'), { code: 'usage.config', message: /cannot read/ })
})

test('ensureDataDirectory() makes folders within folders, and gives up at once where none can be made', async (t) => {
  const directory = join(scratch(t), 'a/b/data')
  await Promise.all([ensureDataDirectory(directory), ensureDataDirectory(directory)])
  assert.equal(statSync(directory).mode & 0o777, 0o700)
  await ensureDataDirectory(directory)
  const file = join(directory, 'file')
  writeFileSync(file, '')
  for (const wrong of ['/proc/pyrsia-is-not-here/data', file, join(file, 'data')]) {
    await assert.rejects(ensureDataDirectory(wrong), { code: 'usage.config', message: /--data/ }, wrong)
  }
})
