/** gem and Bundler install through nodes; the lockfile stays as it is without one; another node needs no gem server. */
import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { compareGemVersions } from '../../src/ecosystems/rubygems/versions.ts'
import { type GemServer, gemTree, startGemServer } from '../kit/gem-server.ts'
import { needs } from '../kit/needs.ts'
import { connected, scratch, startNode } from '../kit/node-process.ts'
import { mustRun } from '../kit/process.ts'
import { RubyUser } from '../kit/ruby-user.ts'

const GEMS = 36
const ROOT = { 'sample-0': '~> 1.0' }

async function serverOf(
  t: { after(fn: () => Promise<unknown>): void },
  directory: string,
  samples = gemTree(GEMS),
): Promise<GemServer> {
  const server = await startGemServer(directory, samples)
  t.after(() => server.close())
  return server
}

test('Bundler and gem install 36 gems through A; again through B from A alone; and again through B alone', {
  ...needs('ruby', 'gem', 'bundle'),
  timeout: 300_000,
}, async (t) => {
  const directory = await scratch(t, 'e2e-gems')
  const server = await serverOf(t, directory)
  const args = ['--upstream', `rubygems=${server.url}`]
  const plain = new RubyUser(directory, 'plain', ROOT).server(server.url)
  await plain.run('bundle', 'install')
  server.requests.length = 0

  const a = await startNode({ data: join(directory, 'a'), args })
  t.after(() => a.stop())
  const first = await new RubyUser(directory, 'first', ROOT).server(server.url).setup(a, 'bundler', 'gem')
  await first.run('bundle', 'install')
  assert.equal(first.installed().length, GEMS)
  assert.equal(first.lockfile, plain.lockfile)
  assert.equal(server.requests.filter((each) => each.endsWith('.gem')).length, GEMS, 'each gem left upstream once')
  first.forget()
  await first.run('gem', 'install', '--no-document', 'sample-0')
  assert.equal(first.installed().length, GEMS)
  assert.equal(server.requests.filter((each) => each.endsWith('.gem')).length, GEMS)

  const trusting = [...args, '--peer', a.listen[0] as string, '--trust-peer', a.peerId]
  const b = await startNode({ data: join(directory, 'b'), args: trusting })
  t.after(() => b.stop())
  await connected(b, a.peerId)
  await server.down()
  const second = await new RubyUser(directory, 'second', ROOT).server(server.url).setup(b, 'bundler', 'gem')
  await second.run('bundle', 'install')
  assert.equal(second.installed().length, GEMS)
  assert.equal(second.lockfile, plain.lockfile)
  second.forget()
  await second.run('gem', 'install', '--no-document', 'sample-0')
  assert.equal(second.installed().length, GEMS)

  await a.stop()
  for (const [program, ...words] of [
    ['bundle', 'install'],
    ['gem', 'install', '--no-document', 'sample-0'],
  ] as const) {
    second.forget()
    await second.run(program, ...words)
    assert.equal(second.installed().length, GEMS, `${program} with nobody but B`)
  }
  assert.equal(second.lockfile, plain.lockfile)
})

test('Bundler appends to the versions that it has by Range, through the node, when a gem is released', {
  ...needs('ruby', 'bundle'),
  timeout: 120_000,
}, async (t) => {
  const directory = await scratch(t, 'e2e-gems')
  const server = await serverOf(t, directory, [{ name: 'left', version: '1.0.0' }])
  const node = await startNode({
    data: join(directory, 'node'),
    args: ['--upstream', `rubygems=${server.url}`, '--fresh', '0s'],
  })
  t.after(() => node.stop())
  const user = await new RubyUser(directory, 'user', { left: '>= 1.0' }).setup(node, 'bundler')
  await user.run('bundle', 'install')
  assert.deepEqual(user.installed(), ['left-1.0.0'])
  await server.publish({ name: 'left', version: '1.1.0' })
  const { stdout } = await user.run('bundle', 'update', '--all', '--verbose')
  assert.deepEqual(user.installed(), ['left-1.0.0', 'left-1.1.0'])
  assert.match(stdout, /HTTP 206 Partial Content \S+\/rubygems\/versions/)
  assert.doesNotMatch(stdout, /does not match the checksum/)
  assert.ok(
    server.requests.some((each) => /^GET \/versions bytes=\d+- 206$/.test(each)),
    'and so does the node from upstream',
  )
  const again = await user.run('bundle', 'update', '--all', '--verbose')
  assert.match(again.stdout, /HTTP 304 Not Modified \S+\/rubygems\/versions/)
})

test('a gem that was tampered with on its way is refused for plain gem install, and says why', {
  ...needs('ruby', 'gem'),
  timeout: 120_000,
}, async (t) => {
  const directory = await scratch(t, 'e2e-gems')
  const server = await serverOf(t, directory, [
    { name: 'left', version: '1.0.0' },
    { name: 'left', version: '1.0.1' },
  ])
  // What `gem install` itself takes without a word: other bytes under this name.
  server.tamper((path, body) => (path === '/gems/left-1.0.1.gem' ? Buffer.concat([body, Buffer.alloc(512)]) : body))
  const user = new RubyUser(directory, 'user').server(server.url)
  await user.run('gem', 'install', '--no-document', 'left')
  assert.deepEqual(user.installed(), ['left-1.0.1'], 'gem does not check')
  user.forget()
  const node = await startNode({ data: join(directory, 'node'), args: ['--upstream', `rubygems=${server.url}`] })
  t.after(() => node.stop())
  await user.setup(node, 'gem')
  const refused = await user.try('gem', 'install', '--no-document', 'left')
  assert.notEqual(refused.code, 0)
  assert.match(refused.stderr, /Upstream not trusted: wanted sha256:[0-9a-f]{64}, found sha256:/)
  assert.deepEqual(user.installed(), [])
  await user.run('gem', 'install', '--no-document', 'left', '-v', '1.0.0')
  assert.deepEqual(user.installed(), ['left-1.0.0'])
  server.tamper(undefined)
  await user.run('gem', 'install', '--no-document', 'left')
  assert.deepEqual(user.installed(), ['left-1.0.0', 'left-1.0.1'])
})

test('a release that the policy hides is passed over, also by a Bundler that knew it; a blocked gem says why', {
  ...needs('ruby', 'gem', 'bundle'),
  timeout: 240_000,
}, async (t) => {
  const directory = await scratch(t, 'e2e-gems')
  const young = new Date().toISOString().replace(/\.\d+Z$/, 'Z')
  const server = await serverOf(t, directory, [
    { name: 'left', version: '1.0.0', createdAt: '2026-01-01T00:00:00Z' },
    { name: 'left', version: '1.1.0', createdAt: '2026-01-02T00:00:00Z' },
    { name: 'right', version: '1.0.0', createdAt: '2026-01-03T00:00:00Z' },
    { name: 'right', version: '1.1.0', createdAt: young },
    { name: 'evil-tool', version: '1.0.0', createdAt: '2026-01-04T00:00:00Z' },
  ])
  const data = join(directory, 'node')
  const args = ['--upstream', `rubygems=${server.url}`]
  const before = await startNode({ data, args })
  const user = await new RubyUser(directory, 'user', { left: '>= 1.0', right: '>= 1.0' }).setup(before, 'bundler')
  await user.run('bundle', 'install')
  assert.deepEqual(user.installed(), ['left-1.1.0', 'right-1.1.0'])
  await before.stop()

  const rules = [
    'names = ["left"]\nversions = ["1.1.0"]\naccess = "block"',
    'names = ["evil*"]\naccess = "block"\nreason = "it steals keys"',
    'min-age = "7d"',
  ]
  const policy = join(directory, 'policy.toml')
  writeFileSync(policy, rules.map((rule) => `[[rule]]\n${rule}\n`).join(''))
  const after = await startNode({ data, args: [...args, '--policy', policy] })
  t.after(() => after.stop())
  await user.setup(after, 'bundler', 'gem')
  user.forgetGems()
  // Bundler never goes below the version of a lockfile by itself.
  rmSync(join(user.project, 'Gemfile.lock'))
  await user.run('bundle', 'install')
  assert.deepEqual(user.installed(), ['left-1.0.0', 'right-1.0.0'])
  user.forget()
  await user.run('gem', 'install', '--no-document', 'left', 'right')
  assert.deepEqual(user.installed(), ['left-1.0.0', 'right-1.0.0'])

  const blocked = await user.try('gem', 'install', '--no-document', 'evil-tool')
  assert.match(blocked.stderr, /Forbidden by policy: evil-tool is blocked .*it steals keys/)
  writeFileSync(join(user.project, 'Gemfile'), `${user.gemfile}gem 'evil-tool'\n`)
  const bundled = await user.try('bundle', 'install', '--verbose')
  assert.notEqual(bundled.code, 0)
  assert.match(`${bundled.stdout}${bundled.stderr}`, /evil-tool is blocked .*it steals keys/)
})

test('pyrsia sync keeps what a Gemfile.lock wants: Bundler then installs it with nobody to ask', {
  ...needs('ruby', 'bundle'),
  timeout: 120_000,
}, async (t) => {
  const directory = await scratch(t, 'e2e-gems')
  const server = await serverOf(t, directory, gemTree(8))
  const user = new RubyUser(directory, 'user', ROOT).server(server.url)
  await user.run('bundle', 'lock')
  const { lockfile } = user
  const node = await startNode({ data: join(directory, 'node'), args: ['--upstream', `rubygems=${server.url}`] })
  t.after(() => node.stop())
  const path = join(user.project, 'Gemfile.lock')
  const before = await node.cli('sync', '--check', path)
  assert.notEqual(before.code, 0)
  assert.match(`${before.stdout}${before.stderr}`, /sample-7/)
  const synced = await node.cli('sync', path)
  assert.equal(synced.code, 0, synced.stdout + synced.stderr)
  await server.down()
  assert.equal((await node.cli('sync', '--check', path)).code, 0)
  await user.setup(node, 'bundler')
  await user.run('bundle', 'install')
  assert.equal(user.installed().length, 8)
  assert.equal(user.lockfile, lockfile)
})

test('gem finds a gem by the older indexes too', { ...needs('ruby', 'gem'), timeout: 120_000 }, async (t) => {
  const directory = await scratch(t, 'e2e-gems')
  const server = await serverOf(t, directory, [
    { name: 'left', version: '1.0.0' },
    { name: 'left', version: '2.0.0.rc1' },
  ])
  const node = await startNode({ data: join(directory, 'node'), args: ['--upstream', `rubygems=${server.url}`] })
  t.after(() => node.stop())
  const user = await new RubyUser(directory, 'user').setup(node, 'gem')
  const listed = await user.run('gem', 'list', '--remote', '--all', '--prerelease', 'left')
  assert.match(listed.stdout, /left \(2\.0\.0\.rc1, 1\.0\.0\)/)
  const shown = await user.run('gem', 'specification', '--remote', 'left', 'summary')
  assert.match(shown.stdout, /sample left/)
  const missing = await user.try('gem', 'install', 'right')
  assert.match(missing.stderr, /right/)
})

test('compareGemVersions() orders versions as RubyGems itself does', { ...needs('ruby') }, async (t) => {
  const directory = await scratch(t, 'e2e-gems')
  const version = fc.stringMatching(
    /^[0-9]{1,2}(\.([0-9]{1,3}|[a-zA-Z]{1,4}|[a-z]{1,2}[0-9]{1,2}|0)){0,4}(-[a-z0-9]{1,3})?$/,
  )
  const pairs = fc.sample(fc.tuple(version, version), { numRuns: 2_000, seed: 7 })
  const file = join(directory, 'pairs.json')
  writeFileSync(file, JSON.stringify(pairs))
  const program =
    "require 'json'; puts JSON.parse(File.read(ARGV[0])).map { |a, b| Gem::Version.new(a) <=> Gem::Version.new(b) }.to_json"
  const { stdout } = await mustRun('ruby', ['-e', program, file])
  for (const [at, order] of (JSON.parse(stdout) as number[]).entries()) {
    const [a, b] = pairs[at] ?? ['', '']
    const ours = Math.sign(compareGemVersions(a, b))
    assert.ok(order === 0 ? ours === Math.sign(a < b ? -1 : a > b ? 1 : 0) : ours === order, `${a} and ${b}: ${ours}`)
  }
})

test('the older indexes leave out what the policy denies, and the specification of a denied release says why', {
  ...needs('ruby', 'gem'),
  timeout: 120_000,
}, async (t) => {
  const directory = await scratch(t, 'e2e-gems')
  const server = await serverOf(t, directory, [
    { name: 'left', version: '1.0.0' },
    { name: 'left', version: '1.1.0' },
    { name: 'left', version: '1.1.0', platform: 'java' },
    { name: 'left', version: '2.0.0.rc1' },
    { name: 'right', version: '1.0.0', platform: 'x86_64-linux' },
    { name: 'evil-tool', version: '1.0.0' },
    { name: 'evil', version: '1.0.0' },
  ])
  const policy = join(directory, 'policy.toml')
  const rules = [
    'names = ["left"]\nversions = ["1.1.0"]\naccess = "block"\nreason = "loses data"',
    'names = ["evil-tool"]\naccess = "block"\nreason = "it steals keys"',
    'names = ["evil"]\naccess = "private"',
    'min-age = "7d"\nunknown-age = "allow"',
  ]
  writeFileSync(policy, rules.map((rule) => `[[rule]]\n${rule}\n`).join(''))
  const args = ['--upstream', `rubygems=${server.url}`, '--policy', policy]
  const node = await startNode({ data: join(directory, 'node'), args })
  t.after(() => node.stop())
  const user = await new RubyUser(directory, 'user').setup(node, 'gem')
  const listed = await user.run('gem', 'list', '--remote', '--all', '--prerelease')
  assert.deepEqual(
    listed.stdout.split('\n').filter((line) => /\(/.test(line)),
    ['evil (1.0.0)', 'evil-tool (1.0.0)', 'left (2.0.0.rc1, 1.0.0)', 'right (1.0.0 x86_64-linux)'],
    'what is refused as a whole stays, or gem would say that there is no such thing, and not why',
  )
  const latest = await user.run('gem', 'list', '--remote')
  assert.doesNotMatch(latest.stdout, /left/, 'its latest release is hidden')
  for (const [name, why] of [
    ['left-1.1.0', /left@1\.1\.0 is blocked .*loses data/],
    ['left-1.1.0-java', /left@1\.1\.0 is blocked/],
    ['evil-tool-1.0.0', /evil-tool is blocked .*it steals keys/],
    ['evil-1.0.0', /evil is a private name/],
  ] as const) {
    const spec = await fetch(`${node.endpoints.gem}/quick/Marshal.4.8/${name}.gemspec.rz`)
    assert.equal(spec.status, 403, name)
    assert.match(`${spec.statusText} ${await spec.text()}`, why)
  }
  const shown = await user.run('gem', 'specification', '--remote', 'left', '-v', '1.0.0', 'summary')
  assert.match(shown.stdout, /sample left/)
})
