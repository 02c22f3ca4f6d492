import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Answer, drive, requestOf, scripted } from '../../../test/kit/ecosystem-driver.ts'
import { ecosystemSuite } from '../../../test/kit/ecosystem-suite.ts'
import { digestBytes, digestOf } from '../../base/digest.ts'
import { parsePurl } from '../../base/purl.ts'
import { parseReleases } from '../../base/releases.ts'
import { FILES_VIEW, RELEASES_VIEW } from './compact-index.ts'
import { gemDefaultUrl, isGemDefaultUrl } from './default-upstream.ts'
import { readingsOf } from './names.ts'
import { rubygems } from './rubygems.ts'

const sha = (seed: string): string => digestBytes('sha256', Buffer.from(seed)).slice('sha256:'.length)

const INFO = `---
1.0.0 |checksum:${sha('a')}
1.1.0 rack:>= 1.0&< 4,rake:~> 13.0|checksum:${sha('b')},ruby:>= 2.7&< 4.0,rubygems:>= 3.3.3,created_at:2026-01-02T03:04:05Z
1.1.0-java rack:>= 1.0|checksum:${sha('c')},ruby:>= 2.7,created_at:2026-03-01T00:00:00Z
1.1.0-x86_64-linux-musl |checksum:${sha('d')}
2.0.0.pre.rc1 |checksum:${sha('e')}
3.0.0 rack:>= 0|ruby:>= 3.0
`
const VERSIONS = `created_at: 2026-11-01T00:00:05Z
---
left 1.0.0,1.1.0,1.1.0-java,1.1.0-x86_64-linux-musl,2.0.0.pre.rc1,3.0.0 0123456789abcdef0123456789abcdef
left-2 1.0.0 fedcba9876543210fedcba9876543210
`
const NAMES = '---\nleft\nleft-2\n'
const QUICK = Buffer.from([120, 156, 1, 0, 0])

const documents = {
  'GET /versions': { body: VERSIONS },
  'GET /names': { body: NAMES },
  'GET /info/left': { body: INFO },
  'GET /info/left-2': { body: `---\n1.0.0 |checksum:${sha('f')}\n` },
  'GET /info/Odd_Name.rb': { body: `---\n0.1 |checksum:${sha('g')}\n` },
  'GET /quick/Marshal.4.8/left-1.0.0.gemspec.rz': { body: QUICK },
  'GET /specs.4.8.gz': { body: 'all' },
  'GET /latest_specs.4.8.gz': { body: 'latest' },
  'GET /prerelease_specs.4.8.gz': { body: 'prerelease' },
}
const answer: Answer = scripted(rubygems, documents)

ecosystemSuite(rubygems, {
  names: [
    ['rails@7.1.0', 'pkg:gem/rails@7.1.0'],
    ['rails', 'pkg:gem/rails'],
    ['jruby-launcher@1.1.2-java', 'pkg:gem/jruby-launcher@1.1.2?platform=java'],
    ['nokogiri@1.16.0-x86_64-linux', 'pkg:gem/nokogiri@1.16.0?platform=x86_64-linux'],
    ['RedCloth@4.3.2.rc.1', 'pkg:gem/RedCloth@4.3.2.rc.1'],
  ],
  notNames: ['', '@', '@1.0', 'a/b', '../x', '.hidden', 'a b', 'left@', 'left@x', 'left@1.0-', 'x'.repeat(201)],
  // Of `Gem::Version`'s own tests (`test_spaceship`, `test_semver`), and equal ones in the order of their texts.
  versions: [
    'no version',
    '0.0.beta',
    '0.beta',
    '0.beta.1',
    '',
    '0',
    '0.0.1',
    '1.0.0.alpha',
    '1.0.0-alpha',
    '1.0.0-alpha.1',
    '1.0.0-beta.2',
    '1.0.0-beta.11',
    '1.0.0-rc.1',
    '1',
    '1.0.0',
    '1.8.2.a',
    '1.8.2.b',
    '1.8.2',
    '1.9.3.alpha.5',
    '1.9.3',
    '1.9.3.1',
    '1.10.0',
    '5.2.4.a10',
    '5.2.4',
    '10.0.0.pre1',
    '10',
  ],
  paths: [
    '/info/{}',
    '/gems/{}',
    '/gems/{}.gem',
    '/gems/left-{}.gem',
    '/gems/{}-1.0.0.gem',
    '/quick/Marshal.4.8/{}.gemspec.rz',
    '/quick/{}/left-1.0.0.gemspec.rz',
    '/{}',
  ],
  requests: [
    { target: '/versions' },
    { target: '/names' },
    { target: '/info/left' },
    { target: '/info/Odd_Name.rb' },
    { target: '/gems/left-1.0.0.gem' },
    { target: '/gems/left-1.1.0-java.gem' },
    { target: '/gems/left-1.1.0-x86_64-linux-musl.gem' },
    { target: '/gems/left-2-1.0.0.gem' },
    { target: '/gems/Odd_Name.rb-0.1.gem' },
    { target: '/quick/Marshal.4.8/left-1.0.0.gemspec.rz' },
    { target: '/specs.4.8.gz' },
    { target: '/latest_specs.4.8.gz' },
    { target: '/prerelease_specs.4.8.gz' },
  ],
  unknownPaths: [
    '/api/v1/dependencies',
    '/api/v1/dependencies?gems=left',
    '/api/v1/gems/left.json',
    '/specs.4.8',
    '/Marshal.4.8.Z',
    '/quick/Marshal.4.8/left.gemspec.rz/x',
    '/gems/left-1.0.0.gem/x',
    '/yaml',
  ],
  answer,
  golden: [
    { target: '/versions', page: VERSIONS },
    { target: '/names', page: NAMES },
    { target: '/info/left', page: INFO },
    { target: '/latest_specs.4.8.gz', page: 'latest' },
  ],
  refusals: [400, 403, 502, 503],
})

function locate(target: string, answers: Answer = answer) {
  const { resolution, needs } = drive(rubygems, requestOf(target), answers)
  assert.ok(resolution?.kind === 'file', JSON.stringify(resolution))
  return { located: resolution.located, needs }
}

test('a gem is found by the view of its info document, with the sha256 and the time that this states', () => {
  const { located, needs } = locate('/gems/left-1.1.0.gem')
  assert.deepEqual(
    needs.map((need) => need.kind === 'document' && [need.request.path, need.view]),
    [['/info/left', FILES_VIEW]],
  )
  assert.deepEqual(located.digests, [digestOf('sha256', sha('b'))])
  assert.equal(located.path, '/gems/left-1.1.0.gem')
  assert.equal(located.purl, 'pkg:gem/left@1.1.0')
  assert.equal(located.releasedAtMs, Date.UTC(2026, 0, 2, 3, 4, 5))
})

test('a gem for a platform has the platform in its purl', () => {
  assert.equal(locate('/gems/left-1.1.0-java.gem').located.purl, 'pkg:gem/left@1.1.0?platform=java')
  const musl = locate('/gems/left-1.1.0-x86_64-linux-musl.gem').located
  assert.deepEqual(musl.digests, [digestOf('sha256', sha('d'))])
})

test('a name with a number in it is told from a version by the index that lists the file', () => {
  assert.equal(locate('/gems/left-2-1.0.0.gem').located.purl, 'pkg:gem/left-2@1.0.0')
  const other = scripted(rubygems, {
    'GET /info/left': { body: `---\n2-1.0.0 |checksum:${sha('h')}\n` },
  })
  assert.equal(locate('/gems/left-2-1.0.0.gem', other).located.purl, 'pkg:gem/left@2?platform=1.0.0')
})

test('readingsOf() puts usual platforms first, then versions without one, and gives a few at most', () => {
  const readings = (text: string) => readingsOf(text).map(({ name, version, platform }) => [name, version, platform])
  assert.deepEqual(readings('a-1.0-x86_64-darwin-19'), [
    ['a', '1.0', 'x86_64-darwin-19'],
    ['a-1.0-x86_64-darwin', '19', undefined],
  ])
  assert.deepEqual(readings('net-http2-0.18.0')[0], ['net-http2', '0.18.0', undefined])
  assert.deepEqual(readings('a-2-java-1.0'), [
    ['a-2-java', '1.0', undefined],
    ['a', '2', 'java-1.0'],
  ])
  assert.equal(readingsOf('a-1-2-3-4-5-6-7-8').length, 4)
})

test('every file name is read back as what it was made of', () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9_]{0,5}(-[a-z0-9]{1,4}){0,2}$/)
  const version = fc.stringMatching(/^[0-9]{1,2}(\.[0-9a-z]{1,3}){0,3}$/)
  const platform = fc.constantFrom(
    '',
    '-java',
    '-x86_64-linux',
    '-x86_64-darwin-19',
    '-arm64-darwin',
    '-x64-mingw-ucrt',
  )
  fc.assert(
    fc.property(name, version, platform, (left, middle, right) => {
      const release = { name: left, version: middle, platform: right.slice(1) || undefined }
      const info = { [`GET /info/${left}`]: { body: `---\n${middle}${right} |checksum:${sha('x')}\n` } }
      const { reply, resolution } = drive(
        rubygems,
        requestOf(`/gems/${left}-${middle}${right}.gem`),
        scripted(rubygems, info),
      )
      assert.ok(resolution?.kind === 'file', `${JSON.stringify(release)}: ${reply?.body}`)
    }),
    { numRuns: 200 },
  )
})

test('a file whose checksum the index does not state cannot be checked and is not served', () => {
  const { reply } = drive(rubygems, requestOf('/gems/left-3.0.0.gem'), answer)
  assert.equal(reply?.status, 502)
  assert.match(String(reply?.body), /no checksum/)
})

test('a file that no index lists is absent, or unavailable where an index could not be asked', () => {
  assert.equal(drive(rubygems, requestOf('/gems/left-9.9.9.gem'), answer).reply?.status, 404)
  const partly: Answer = (need) =>
    need.kind === 'document' && need.request.path === '/info/left'
      ? { kind: 'unavailable', reason: { code: 'unavailable', message: 'nobody answers' } }
      : answer(need)
  assert.equal(drive(rubygems, requestOf('/gems/left-2-7.gem'), partly).reply?.status, 503)
  assert.equal(locate('/gems/left-2-1.0.0.gem', partly).located.purl, 'pkg:gem/left-2@1.0.0')
})

test('the compact index has the entity tag that Bundler computes, and a digest of its bytes', () => {
  const made = rubygems.transform(Buffer.from(VERSIONS), { mediaType: 'text/html', headers: {} }, 'compact-1')
  assert.equal(made.headers?.etag, `"${digestBytes('md5', Buffer.from(VERSIONS)).slice('md5:'.length)}"`)
  const sha256 = Buffer.from(sha(VERSIONS), 'hex').toString('base64')
  assert.equal(made.headers?.['repr-digest'], `sha-256=:${sha256}:`)
  assert.equal(made.mediaType, 'text/plain; charset=utf-8')
})

test('releases that the policy hides are left out of the info document, for every platform, and out of its entity tag', () => {
  const hidden = [{ version: '1.1.0', reason: 'too young' }]
  const made = rubygems.transform(Buffer.from(INFO), { mediaType: 'text/plain', headers: {}, hidden }, 'compact-1')
  const text = Buffer.from(made.bytes).toString()
  const wanted = INFO.split('\n').filter((line) => !line.startsWith('1.1.0'))
  assert.equal(text, wanted.join('\n'))
  assert.equal(made.headers?.etag, `"${digestBytes('md5', made.bytes).slice('md5:'.length)}"`)
})

test('while the policy may hide releases, the versions name other checksums, which grow with them', () => {
  const want = { kind: 'document', upstream: 'rubygems', params: { what: 'versions' } } as const
  const key = rubygems.variant({ ...requestOf('/versions'), hides: true }, want)
  const facts = { mediaType: 'text/plain', headers: {} }
  const text = (document: string) => Buffer.from(rubygems.transform(Buffer.from(document), facts, key).bytes).toString()
  const [left, right] = ['0123456789abcdef0123456789abcdef', 'fedcba9876543210fedcba9876543210']
  assert.equal(text(VERSIONS), VERSIONS.replace(left, `8${left.slice(1)}`).replace(right, `7${right.slice(1)}`))
  assert.ok(text(`${VERSIONS}new 1.0 ${left}\n`).startsWith(text(VERSIONS)))
  assert.equal(rubygems.variant({ ...requestOf('/versions'), hides: false }, want), 'compact-1')
})

test('the list of releases has each version once, with the time of its first file and the digests of all', () => {
  const made = rubygems.transform(Buffer.from(INFO), { mediaType: 'text/plain', headers: {} }, RELEASES_VIEW)
  const listed = parseReleases(made.bytes)
  assert.deepEqual(
    listed.map(({ files }) => files?.length),
    [1, 3, 1, undefined],
  )
  const dated = listed.map(({ version, releasedAtMs }) => ({ version, releasedAtMs }))
  assert.deepEqual(dated, [
    { version: '1.0.0', releasedAtMs: undefined },
    { version: '1.1.0', releasedAtMs: Date.UTC(2026, 0, 2, 3, 4, 5) },
    { version: '2.0.0.pre.rc1', releasedAtMs: undefined },
    { version: '3.0.0', releasedAtMs: undefined },
  ])
})

test('a compact index that is cut off within a line is refused, one without the last line feed is not', () => {
  const read = (text: string) =>
    rubygems.transform(Buffer.from(text), { mediaType: '', headers: {} }, 'compact-1').bytes
  for (const cut of [INFO.slice(0, 30), INFO.slice(0, -10), VERSIONS.slice(0, -5), NAMES.slice(0, -2)]) {
    assert.throws(() => read(cut), { code: 'untrusted.reply', message: /cut off/ })
  }
  assert.equal(String(read(VERSIONS.trimEnd())), VERSIONS.trimEnd())
})

test('what is no compact index is refused as such', () => {
  for (const key of ['compact-1', FILES_VIEW, RELEASES_VIEW]) {
    const page = Buffer.from('<html>log in</html>')
    assert.throws(() => rubygems.transform(page, { mediaType: 'text/html', headers: {} }, key), {
      code: 'untrusted.reply',
    })
  }
})

test('a refusal is told in the status line, which gem prints, and in the body, which Bundler prints', () => {
  const reply = rubygems.refuse(
    { code: 'denied', message: 'left is malware (rule 3)' },
    requestOf('/gems/left-1.0.0.gem'),
  )
  assert.equal(reply.status, 403)
  assert.match(reply.statusText ?? '', /malware \(rule 3\)/)
  assert.match(String(reply.body), /malware \(rule 3\)/)
})

test('pushing is refused as a method, not as an absence', () => {
  const { reply } = drive(rubygems, requestOf('/api/v1/gems', {}, 'POST'), answer)
  assert.deepEqual([reply?.status, reply?.headers.allow], [405, 'GET, HEAD'])
})

test('gem finds at the root that there is a compact index', () => {
  assert.equal(drive(rubygems, requestOf('/', {}, 'HEAD'), answer).reply?.status, 200)
})

test('the subject of a request is the package, or of a file the likeliest release', () => {
  const subject = (target: string) => {
    const { want } = drive(rubygems, requestOf(target), answer)
    return want === undefined ? undefined : rubygems.subject?.(want)
  }
  assert.equal(subject('/info/left'), 'pkg:gem/left')
  assert.equal(subject('/gems/left-1.1.0-java.gem'), 'pkg:gem/left@1.1.0?platform=java')
  assert.equal(subject('/quick/Marshal.4.8/left-2-1.0.0.gemspec.rz'), 'pkg:gem/left-2@1.0.0')
  assert.equal(subject('/versions'), undefined)
})

test('the published vectors of gem purls are read and written', () => {
  const file = new URL('../../../test/vectors/purl/gem-test.json', import.meta.url)
  const vectors = JSON.parse(readFileSync(file, 'utf8')) as {
    tests: { test_type: string; input: unknown; expected_failure: boolean }[]
  }
  const parsed = vectors.tests.filter((vector) => vector.test_type === 'parse' && !vector.expected_failure)
  assert.ok(parsed.length > 0)
  for (const { input } of parsed) {
    const purl = parsePurl(String(input))
    assert.equal(rubygems.coordinates.toPurl(rubygems.coordinates.fromPurl(purl)), purl)
  }
})

test('gemDefaultUrl() is an https origin without path, known in other spellings', () => {
  const url = new URL(gemDefaultUrl())
  assert.deepEqual([url.protocol, url.pathname], ['https:', '/'])
  assert.ok(!gemDefaultUrl().endsWith('/'))
  assert.ok(isGemDefaultUrl(`${gemDefaultUrl().toUpperCase()}/`))
  assert.ok(!isGemDefaultUrl('https://registry.example.com/'))
  assert.ok(!isGemDefaultUrl(`${gemDefaultUrl()}/team/`))
})

const LOCK = `GIT
  remote: https://git.example.com/x.git
  revision: abc
  specs:
    x (0.1)

PATH
  remote: .
  specs:
    own (1.0)
      left

GEM
  remote: https://registry.example.com/
  specs:
    left (1.1.0)
      rack (>= 1.0, < 4)
    left (1.1.0-java)
    left-2 (1.0.0)

PLATFORMS
  java
  ruby

DEPENDENCIES
  left (~> 1.1)!
  own!
  x!

CHECKSUMS
  left (1.1.0) sha256=${sha('b')}
  left (1.1.0-java) sha512=abc,sha256=${sha('c')}
  own (1.0)

BUNDLED WITH
   2.5.6
`

function readLock(text: string) {
  const reader = rubygems.lockfiles.find((candidate) => candidate.fileName.test('Gemfile.lock'))
  assert.ok(reader)
  return reader.read(Buffer.from(text))
}

test('a lockfile yields the indexes that Bundler reads, then the gems of the registry, with the digests of its CHECKSUMS where it has them', () => {
  const wanted = [
    ['pkg:gem/left@1.1.0', '/versions', []],
    ['pkg:gem/left', '/info/left', []],
    ['pkg:gem/left-2', '/info/left-2', []],
    ['pkg:gem/left@1.1.0', '/gems/left-1.1.0.gem', [digestOf('sha256', sha('b'))]],
    ['pkg:gem/left@1.1.0?platform=java', '/gems/left-1.1.0-java.gem', [digestOf('sha256', sha('c'))]],
    ['pkg:gem/left-2@1.0.0', '/gems/left-2-1.0.0.gem', []],
  ]
  for (const text of [LOCK, LOCK.replaceAll('\n', '\r\n')]) {
    assert.deepEqual(
      readLock(text).map((file) => [file.purl, file.requestPath, file.digests]),
      wanted,
    )
  }
})

test('a lockfile that names the default registry beside another yields none of the other', () => {
  const other = `GEM\n  remote: ${gemDefaultUrl()}/\n  specs:\n    right (1.0)\n\n`
  assert.deepEqual(
    readLock(`${other}${LOCK}`).map((file) => file.requestPath),
    ['/versions', '/info/right', '/gems/right-1.0.gem'],
  )
})

test('what is no lockfile, or one in the middle of a merge, is refused', () => {
  for (const text of ['', '{}', `<<<<<<< HEAD\n${LOCK}`]) assert.throws(() => readLock(text), { code: 'usage.request' })
})
