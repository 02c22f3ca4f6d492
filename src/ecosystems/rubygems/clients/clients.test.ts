import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ClientCase, clientSuites, clientsBench } from '../../../../test/kit/clients-suite.ts'
import { gemDefaultUrl } from '../default-upstream.ts'
import { mirrorKey } from './bundler.ts'
import { gemClients } from './clients.ts'

const RUBY = { id: 'gem', clients: gemClients } as const
const NODE = 'http://127.0.0.1:7888/rubygems'
const toNode = { gem: { url: NODE, defaultUpstream: true } }
const GEMRC = '/home/me/.gemrc'
const BUNDLE = '/home/me/.bundle/config'
const KEY = mirrorKey(gemDefaultUrl())

const append = (line: string) => (text: string) => `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${line}\n`

const CASES: ClientCase[] = [
  {
    name: 'gem',
    path: GEMRC,
    lines: [
      '---',
      '# a comment',
      ':backtrace: false',
      ':sources:\n# mine\n- https://registry.example.com/team/ # ours\n- "https://second.example.com"',
      ':update_sources: true',
      'gem: --no-document --user-install',
      'install:\n  - --no-document',
    ],
    laterEdit: append('update: --no-document'),
    survives: 'update: --no-document',
    broken: [
      '{a: 1}\n',
      ':sources: https://registry.example.com\n',
      ':sources: []\n',
      ':sources:\n',
      ':sources:\n- {a: b}\n',
      ':sources: &x\n- https://a.example.com\n',
      ':a: 1\n:a: 2\n',
      '%YAML 1.1\n',
      'what is this\n',
      ':sources:\n- https://me:secret@registry.example.com/\n',
      ':sources:\n- s3://bucket/\n',
    ],
  },
  {
    name: 'gem',
    path: '/home/me/.config/gem/gemrc',
    exists: true,
    lines: [
      '# a comment',
      ':verbose: true',
      ':sources: [ https://registry.example.com/team/, "https://b.example.com" ]',
    ],
    laterEdit: append('update: --no-document'),
    survives: 'update: --no-document',
    broken: ['{a: 1}\n', ':sources: []\n'],
  },
  {
    name: 'bundler',
    path: BUNDLE,
    lines: [
      '---',
      'BUNDLE_PATH: "vendor/bundle"',
      `${KEY}: "https://registry.example.com/team/"`,
      'BUNDLE_MIRROR__HTTPS://OTHER__EXAMPLE__COM/: "https://mirror.example.com/"',
      'BUNDLE_BUILD__PG: "--with-pg=/usr"',
      'BUNDLE_WITHOUT: development:test',
    ],
    laterEdit: append('BUNDLE_JOBS: "4"'),
    survives: 'BUNDLE_JOBS',
    broken: ['{a: 1}\n', `${KEY}:\n- a\n`, `${KEY}: "file:///x"\n`, 'what is this\n', 'A: 1\nA: 2\n'],
  },
]

clientSuites(RUBY, CASES, NODE)

test('plan() puts this node in the place of the default source, and leaves other sources behind it', async () => {
  const { files, clients } = clientsBench(RUBY)
  files.put(GEMRC, `---\n:sources:\n- https://private.example.com/\n- ${gemDefaultUrl()}/\n`)
  const plan = await clients.plan(['gem'], toNode)
  assert.deepEqual(plan.upstreams, [])
  await clients.apply(plan)
  assert.equal(files.text(GEMRC), `---\n:sources:\n- https://private.example.com/\n- ${NODE}/\n`)
})

test('plan() hands a source that is not the default to the node', async () => {
  const { files, clients } = clientsBench(RUBY)
  files.put(GEMRC, ':sources: [ https://registry.example.com/team/, "https://b.example.com" ]\ngem: -V\n')
  const plan = await clients.plan(['gem'], toNode)
  const [upstream] = plan.upstreams
  assert.deepEqual([upstream?.name, upstream?.url], ['rubygems', 'https://registry.example.com/team'])
  await clients.apply(plan)
  assert.equal(files.text(GEMRC), `:sources: [ "${NODE}/", "https://b.example.com" ]\ngem: -V\n`)
  files.put(GEMRC, `:sources: [ "${NODE}/", "https://c.example.com" ]\n`)
  await clients.apply(await clients.undo(['gem']))
  assert.equal(files.text(GEMRC), ':sources: [ https://registry.example.com/team/, "https://c.example.com" ]\n')
})

test('plan() writes a gemrc that gem reads where there is none', async () => {
  const { files, clients } = clientsBench(RUBY)
  await clients.apply(await clients.plan(['gem'], toNode))
  assert.equal(files.text(GEMRC), `---\n:sources:\n- ${NODE}/\n`)
})

test('plan() edits the gemrc below .config only where there is one', async () => {
  const own = '/home/me/.config/gem/gemrc'
  const { files, clients } = clientsBench(RUBY)
  files.put(own, ':verbose: true\n')
  await clients.apply(await clients.plan(['gem'], toNode))
  assert.equal(files.text(own), `:verbose: true\n:sources:\n- ${NODE}/\n`)
  await clients.apply(await clients.undo(['gem']))
  assert.deepEqual(files.paths(), [own])
})

test('undo() takes our entry out of a list that grew since', async () => {
  const { files, clients } = clientsBench(RUBY)
  files.put(GEMRC, 'gem: -V\n')
  await clients.apply(await clients.plan(['gem'], toNode))
  files.put(GEMRC, `${files.text(GEMRC)}- https://later.example.com/\n`)
  await clients.apply(await clients.undo(['gem']))
  assert.equal(files.text(GEMRC), 'gem: -V\n:sources:\n- https://later.example.com/\n')
})

test('plan() gives Bundler a mirror of the default source under the key that Bundler itself writes', async () => {
  const { files, clients } = clientsBench(RUBY)
  await clients.apply(await clients.plan(['bundler'], toNode))
  const host = new URL(gemDefaultUrl()).host.toUpperCase().replaceAll('.', '__')
  assert.equal(files.text(BUNDLE), `---\nBUNDLE_MIRROR__HTTPS://${host}/: "${NODE}/"\n`)
})

test('plan() replaces the mirror of everything where Bundler has one, and takes it as upstream', async () => {
  const { files, clients } = clientsBench(RUBY)
  files.put(BUNDLE, '---\nBUNDLE_MIRROR__ALL: "https://registry.example.com/all"\n')
  const plan = await clients.plan(['bundler'], toNode)
  assert.equal(plan.upstreams[0]?.url, 'https://registry.example.com/all')
  await clients.apply(plan)
  assert.equal(files.text(BUNDLE), `---\nBUNDLE_MIRROR__ALL: "${NODE}/"\n`)
})

test('plan() takes a mirror for the host alone as upstream, and an old spelling of the key for the key', async () => {
  const { files, clients } = clientsBench(RUBY)
  const host = new URL(gemDefaultUrl()).host.toUpperCase()
  files.put(BUNDLE, `---\nBUNDLE_MIRROR__${host.replaceAll('.', '__')}: "https://a.example.com/"\n`)
  assert.equal((await clients.plan(['bundler'], toNode)).upstreams[0]?.url, 'https://a.example.com')
  files.put(BUNDLE, `---\nBUNDLE_MIRROR__HTTPS://${host}: "https://b.example.com/"\n`)
  await clients.apply(await clients.plan(['bundler'], toNode))
  assert.equal(files.text(BUNDLE), `---\nBUNDLE_MIRROR__HTTPS://${host}: "${NODE}/"\n`)
})
