import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ecosystems } from '../../ecosystems/index.ts'
import type { UpstreamConfig } from '../../upstream/upstream.ts'
import { readConfig } from './config.ts'
import { portSettings } from './settings.ts'
import { assembleUpstreams } from './upstreams.ts'

const URL_A = 'http://127.0.0.1:5000'

async function assemble(given: {
  file?: string
  upstream?: string[]
  clients?: { name: string; url: string }[]
}): Promise<Map<string, UpstreamConfig>> {
  const config = readConfig({
    flags: { upstream: given.upstream },
    environment: {},
    file: given.file === undefined ? undefined : { path: 'config.toml', text: given.file },
    ports: portSettings(ecosystems),
  })
  const found = await assembleUpstreams(config, ecosystems, given.clients ?? [], {
    file: async (path) => `secret of ${path}`,
    variable: (name) => (name === 'SET' ? 'from the environment' : undefined),
  })
  return new Map(found.map((upstream) => [upstream.name, upstream]))
}

test('assembleUpstreams() begins with the public defaults of the ecosystems, shared with the network', async () => {
  const found = (await assemble({})).get('docker.io')
  assert.equal(found?.share, 'network')
  assert.equal(found?.source, 'default')
})

test('assembleUpstreams() lets a flag replace a default and shares it, since it has no credentials', async () => {
  const found = (await assemble({ upstream: [`docker.io=${URL_A}`] })).get('docker.io')
  assert.deepEqual(found, { name: 'docker.io', url: URL_A, share: 'network', source: 'flag' })
})

test('assembleUpstreams() shares nothing of an upstream that was found in a client', async () => {
  const found = (await assemble({ clients: [{ name: 'docker.io', url: URL_A }] })).get('docker.io')
  assert.deepEqual(found, { name: 'docker.io', url: URL_A, share: 'none', source: 'client' })
})

test('assembleUpstreams() shares nothing of an upstream with credentials unless the file says so', async () => {
  const table = `[upstream."a.example.com"]\nurl = "${URL_A}"\nusername = "u"\npassword-file = "p"\n`
  const found = (await assemble({ file: table })).get('a.example.com')
  assert.equal(found?.share, 'none')
  assert.deepEqual(found?.credentials, { kind: 'basic', user: 'u', password: 'secret of p' })
  const open = (await assemble({ file: `${table}share = "lan"\n` })).get('a.example.com')
  assert.equal(open?.share, 'lan')
  const token = (await assemble({ file: `[upstream.b]\nurl = "${URL_A}"\ntoken-env = "SET"` })).get('b')
  assert.deepEqual(token?.credentials, { kind: 'bearer', token: 'from the environment' })
})

test('assembleUpstreams() changes only the share of a default when the file gives no URL', async () => {
  const found = (await assemble({ file: '[upstream."docker.io"]\nshare = "none"' })).get('docker.io')
  assert.equal(found?.share, 'none')
  assert.match(found?.url ?? '', /^https:/)
})

test('assembleUpstreams() keeps the share of the file when a flag gives the URL', async () => {
  const file = '[upstream."docker.io"]\nshare = "none"'
  const found = (await assemble({ file, upstream: [`docker.io=${URL_A}`] })).get('docker.io')
  assert.equal(found?.share, 'none')
  assert.equal(found?.url, URL_A)
})

test('assembleUpstreams() refuses an upstream without a URL and a secret that is not there', async () => {
  await assert.rejects(assemble({ file: '[upstream.nobody]\nshare = "none"' }), { code: 'usage.config' })
  await assert.rejects(assemble({ file: `[upstream.b]\nurl = "${URL_A}"\ntoken-env = "UNSET"` }), {
    code: 'usage.config',
  })
})
