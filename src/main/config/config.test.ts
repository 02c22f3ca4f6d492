import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError, errorChain } from '../../base/errors.ts'
import { ecosystems } from '../../ecosystems/index.ts'
import { type Config, type ConfigInput, readConfig, readEarly, suggest } from './config.ts'
import { portSettings, SETTINGS } from './settings.ts'

const ports = portSettings(ecosystems)

function read(given: { flags?: ConfigInput['flags']; environment?: Record<string, string>; file?: string }): Config {
  return readConfig({
    flags: given.flags ?? {},
    environment: given.environment ?? {},
    file: given.file === undefined ? undefined : { path: 'config.toml', text: given.file },
    ports,
  })
}

function refusal(given: Parameters<typeof read>[0]): string {
  try {
    read(given)
  } catch (error) {
    assert(error instanceof AppError)
    assert.equal(error.code, 'usage.config')
    return errorChain(error).join(' | ')
  }
  return assert.fail('it was accepted')
}

test('readConfig() takes flags over the environment, that over the file, and that over defaults', () => {
  const file = 'port = 1\napi-port = 1\ndata-port = 1\nnpm-port = 1'
  const environment = { PYRSIA_PORT: '2', PYRSIA_API_PORT: '2', PYRSIA_NPM_PORT: '2' }
  const { values, ports, sources } = read({ file, environment, flags: { port: '3' } })
  assert.deepEqual([values.port, values.apiPort, values.dataPort, values.host], [3, 2, 1, '127.0.0.1'])
  assert.deepEqual(ports, { 'npm-port': 2 })
  assert.deepEqual(
    ['port', 'api-port', 'data-port', 'host'].map((name) => sources[name]),
    ['flag', 'environment', 'file', 'default'],
  )
})

test('readConfig() gives the defaults of the command line that the documentation shows', () => {
  const { values, ports } = read({})
  assert.equal(values.port, 7888)
  assert.equal(values.apiPort, 7889)
  assert.equal(ports['npm-port'], 4873)
  assert.equal(values.disk, 10_000_000_000)
  assert.equal(values.up, undefined)
  assert.deepEqual(values.listen, [])
})

test('readConfig() reads sizes, rates, times and lists from every source', () => {
  const ids = ['a', 'b', 'c'].map((letter) => `12D3KooW${letter.repeat(44)}`)
  const { values } = read({
    flags: { disk: '1.5GiB', peer: ['/ip4/192.0.2.1/tcp/1', '/ip4/192.0.2.2/tcp/1'] },
    environment: { PYRSIA_UP: '20MB/s', PYRSIA_TRUST_PEER: `${ids[0]}, ${ids[1]} ${ids[2]}` },
    file: 'fresh = "5m"\noffline = true\nupstream = ["docker.io=http://127.0.0.1:5000"]',
  })
  assert.equal(values.disk, 1_610_612_736)
  assert.equal(values.up, 20_000_000)
  assert.deepEqual(values.trustPeer, ids)
  assert.deepEqual(values.peer, ['/ip4/192.0.2.1/tcp/1', '/ip4/192.0.2.2/tcp/1'])
  assert.equal(values.fresh, 300)
  assert.equal(values.offline, true)
  assert.deepEqual(values.upstream, [{ name: 'docker.io', url: 'http://127.0.0.1:5000' }])
})

test('readConfig() names the setting, what was wanted and what was found in a bad value', () => {
  for (const [given, wanted] of [
    [{ flags: { port: '70000' } }, /--port.*whole number.*"70000"/],
    [{ flags: { disk: 'much' } }, /--disk.*size.*"much"/],
    [{ flags: { 'deny-peer': ['12D3Koo'] } }, /--deny-peer.*peer id.*"12D3Koo"/],
    [{ flags: { listen: ['0.0.0.0:7900'] } }, /--listen.*multiaddr.*"0\.0\.0\.0:7900"/],
    [{ environment: { PYRSIA_UP: '20MB' } }, /PYRSIA_UP.*rate.*"20MB"/],
    [{ file: 'fresh = "5 parsecs"' }, /fresh in config\.toml.*time/],
    [{ file: 'host = ["a"]' }, /host in config\.toml.*one value/],
    [{ file: 'peer = "a"' }, /peer in config\.toml.*list/],
    [{ flags: { upstream: ['docker.io'] } }, /--upstream.*NAME=URL/],
    [{ flags: { upstream: ['docker.io=ftp://registry.example.com'] } }, /http or https/],
    [{ flags: { 'log-level': 'loud' } }, /--log-level.*debug/],
    [{ file: 'port = ' }, /config\.toml as TOML/],
  ] as const) {
    assert.match(refusal(given), wanted)
  }
})

test('readConfig() refuses an unknown key with a suggestion', () => {
  assert.match(refusal({ file: 'disc = "1GB"' }), /"disc".*did you mean disk\?/)
  assert.match(refusal({ file: 'api_port = 1' }), /did you mean api-port\?/)
  assert.match(refusal({ file: 'data = "/x"' }), /only be a flag or an environment variable/)
  assert.match(refusal({ file: '[upstream."docker.io"]\nshares = "none"' }), /did you mean share\?/)
})

test('readConfig() refuses credentials in an upstream URL without repeating them', () => {
  const found = refusal({ flags: { upstream: ['docker.io=https://user:hunter2@registry.example.com'] } })
  assert.match(found, /must not hold credentials/)
  assert.doesNotMatch(found, /hunter2/)
})

test('readConfig() reads an upstream table and demands that user name and password belong together', () => {
  const { upstreamEntries } = read({
    file: '[upstream."registry.example.com"]\nurl = "https://registry.example.com/"\nshare = "lan"\nusername = "u"\npassword-env = "P"',
  })
  assert.equal(upstreamEntries[0]?.url, 'https://registry.example.com')
  assert.equal(upstreamEntries[0]?.share, 'lan')
  assert.match(refusal({ file: '[upstream.a]\nurl = "http://a"\nusername = "u"' }), /belong together/)
  assert.match(refusal({ file: '[upstream.a]\ntoken-env = "A"\ntoken-file = "B"' }), /one of/)
})

test('readEarly() finds the data directory before any file can be read', () => {
  assert.equal(readEarly(SETTINGS.data, { flags: { data: '/f' }, environment: { PYRSIA_DATA: '/e' } }), '/f')
  assert.equal(readEarly(SETTINGS.data, { flags: {}, environment: { PYRSIA_DATA: '/e' } }), '/e')
  assert.equal(readEarly(SETTINGS.data, { flags: {}, environment: {} }), undefined)
})

test('suggest() names all that is known when nothing is near', () => {
  assert.equal(suggest('zzzzzz', ['port', 'host']), 'known are port, host')
})
