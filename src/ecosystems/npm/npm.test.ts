import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { type Answer, drive, requestOf, scripted } from '../../../test/kit/ecosystem-driver.ts'
import { ecosystemSuite } from '../../../test/kit/ecosystem-suite.ts'
import { type Digest, digestBytes, sriOf } from '../../base/digest.ts'
import type { Need } from '../../base/located.ts'
import { parsePurl } from '../../base/purl.ts'
import { npm } from './npm.ts'
import { FILES_VIEW } from './transform.ts'

const REGISTRY = 'https://registry.example.com'
const BASE = 'http://127.0.0.1:4873'
const SHORT = 'application/vnd.npm.install-v1+json'
const STOCK = { 'user-agent': 'npm/11.6.0 node/v24.0.0 linux x64 workspaces/false', accept: 'application/json' }
const OTHER = {
  'user-agent': 'pnpm/10.0.0 npm/? node/v24.0.0 linux x64',
  accept: `${SHORT}; q=1.0, application/json; q=0.8, */*`,
}
const bytes = Buffer.from('a tarball')
const sha512 = digestBytes('sha512', bytes)
const sha1 = digestBytes('sha1', bytes)
const shasum = sha1.slice('sha1:'.length)

const packument = {
  name: 'left',
  'dist-tags': { latest: '1.1.0', next: '2.0.0-rc.1' },
  versions: {
    '1.0.0': { name: 'left', version: '1.0.0', dist: { shasum, tarball: `${REGISTRY}/left/-/left-1.0.0.tgz` } },
    '1.1.0': {
      name: 'left',
      version: '1.1.0',
      description: 'not needed to install',
      scripts: { postinstall: 'node hello.js', test: 'x' },
      dependencies: { right: '^1.0.0' },
      dist: {
        integrity: sriOf(sha512),
        shasum,
        tarball: `${REGISTRY}/left/-/left-1.1.0.tgz`,
        signatures: [{ keyid: 'k', sig: 's' }],
      },
      _npmUser: { name: 'someone' },
    },
    '2.0.0-rc.1': {
      name: 'left',
      version: '2.0.0-rc.1',
      deprecated: 'too new',
      dist: { integrity: sriOf(sha512), tarball: 'https://cdn.example.com/files/abc.tgz' },
    },
    '2.0.0-bare': { name: 'left', version: '2.0.0-bare', dist: { tarball: `${REGISTRY}/left/-/left-2.0.0-bare.tgz` } },
  },
  time: {
    created: '2020-01-01T00:00:00.000Z',
    modified: '2021-01-01T00:00:00.000Z',
    '1.0.0': '2020-01-01T00:00:00.000Z',
    '1.1.0': '2020-06-01T00:00:00.000Z',
    '2.0.0-rc.1': '2021-01-01T00:00:00.000Z',
    '2.0.0-bare': '2021-01-01T00:00:00.000Z',
  },
  readme: 'long',
}
const scoped = {
  name: '@scope/name',
  'dist-tags': { latest: '1.0.0+build' },
  versions: {
    '1.0.0+build': {
      name: '@scope/name',
      version: '1.0.0+build',
      dist: { integrity: sriOf(sha512), tarball: `${REGISTRY}/api/@scope/name/-/@scope/name-1.0.0+build.tgz` },
    },
  },
}
const body = JSON.stringify(packument)
const keys = '{"keys":[]}'
const documents = {
  'GET /left': { body },
  'GET /@scope%2fname': { body: JSON.stringify(scoped) },
  'GET /-/npm/v1/keys': { body: keys },
  'GET /-/npm/v1/attestations/@scope%2fname@1.0.0': { body: '{"attestations":[]}' },
}
const answer = scripted(npm, documents)

const rewritten = structuredClone(packument)
for (const [version, manifest] of Object.entries(rewritten.versions)) {
  manifest.dist.tarball = `${BASE}/left/-/left-${version}.tgz`
}
const { versions } = rewritten
const abbreviated = {
  name: 'left',
  modified: '2021-01-01T00:00:00.000Z',
  'dist-tags': packument['dist-tags'],
  versions: {
    '1.0.0': versions['1.0.0'],
    '1.1.0': {
      name: 'left',
      version: '1.1.0',
      dependencies: { right: '^1.0.0' },
      dist: versions['1.1.0'].dist,
      hasInstallScript: true,
    },
    '2.0.0-rc.1': {
      name: 'left',
      version: '2.0.0-rc.1',
      deprecated: 'too new',
      dist: versions['2.0.0-rc.1'].dist,
    },
    '2.0.0-bare': versions['2.0.0-bare'],
  },
  time: packument.time,
}

ecosystemSuite(npm, {
  names: [
    ['left@1.0.0', 'pkg:npm/left@1.0.0'],
    ['left', 'pkg:npm/left'],
    ['@scope/name@1.0.0-rc.1', 'pkg:npm/%40scope/name@1.0.0-rc.1'],
  ],
  notNames: ['', '@', '@scope', '@scope/', '../x', 'a/b', 'left@', '.hidden', 'a b', 'x'.repeat(215)],
  versions: [
    '',
    'latest',
    '1.0.0-alpha',
    '1.0.0-alpha.1',
    '1.0.0-alpha.beta',
    '1.0.0-beta.2',
    '1.0.0-beta.11',
    '1.0.0-rc.1',
    '1.0.0',
    '1.0.0+a',
    '1.0.0+b',
    '1.9.0',
    '1.10.0',
  ],
  paths: [
    '/{}',
    '/@scope/{}',
    '/@{}/name',
    '/@scope%2f{}',
    '/left/{}',
    '/left/-/{}',
    '/left/-/{}.tgz',
    '/{}/-/left-1.0.0.tgz',
    '/-/package/{}/dist-tags',
    '/-/npm/v1/attestations/{}@1.0.0',
    '/-/npm/v1/attestations/left@{}',
    '/-/v1/search?text={}',
  ],
  requests: [
    { target: '/left', headers: STOCK },
    { target: '/left', headers: OTHER },
    { target: '/@scope%2fname' },
    { target: '/@scope/name' },
    { target: '/left/1.0.0' },
    { target: '/left/latest' },
    { target: '/@scope%2Fname/latest' },
    { target: '/left/-/left-1.1.0.tgz' },
    { target: '/left/-/left-1.1.0.tgz', headers: { 'pacote-integrity': sriOf(sha512) } },
    { target: '/@scope/name/-/name-1.0.0+build.tgz' },
    { target: '/@scope%2fname/-/@scope/name-1.0.0%2Bbuild.tgz' },
    { target: '/-/package/left/dist-tags' },
    { target: '/-/npm/v1/keys' },
    { target: '/-/npm/v1/attestations/@scope%2fname@1.0.0' },
    { target: '/download/@scope/name/1.0.0/abc', headers: { 'pacote-integrity': sriOf(sha512) } },
  ],
  unknownPaths: ['/-/whoami', '/-/v1/login', '/-/user/org.couchdb.user:x', '/a/b/c/d', '/left/-/left.zip'],
  answer,
  golden: [
    { target: '/left', headers: STOCK, page: body },
    { target: '/left', headers: OTHER, page: JSON.stringify(abbreviated) },
    { target: '/left', headers: { 'user-agent': 'yarn/4.0.0 npm/? node/v24' }, page: JSON.stringify(rewritten) },
    { target: '/left', headers: { 'user-agent': 'yarn/1.22.22 npm/? node/v24 linux x64' }, page: body },
    { target: '/left/latest', headers: STOCK, page: JSON.stringify(packument.versions['1.1.0']) },
    { target: '/left/1.0.0', headers: OTHER, page: JSON.stringify(versions['1.0.0']) },
    { target: '/-/package/left/dist-tags', page: JSON.stringify(packument['dist-tags']) },
    { target: '/-/npm/v1/keys', page: keys },
  ],
  refusals: [400, 403, 424, 503],
})

function locate(target: string, headers: Record<string, string> = {}, answers: Answer = answer) {
  const { resolution, needs } = drive(npm, requestOf(target, headers), answers)
  assert.ok(resolution?.kind === 'file', JSON.stringify(resolution))
  return { located: resolution.located, needs }
}

test('a manifest is asked for as the version that its number or its tag means, so that the policy can refuse that one', () => {
  const purlOf = (target: string) => {
    const { resolution } = drive(npm, requestOf(target, STOCK), answer)
    return resolution?.kind === 'document' ? resolution.purl : resolution?.kind
  }
  assert.equal(purlOf('/left/1.0.0'), 'pkg:npm/left@1.0.0')
  assert.equal(purlOf('/left/next'), 'pkg:npm/left@2.0.0-rc.1')
  assert.equal(purlOf('/left/latest'), 'pkg:npm/left', 'that tag moves to what is left')
  assert.equal(purlOf('/left/nothing'), 'absent')
})

test('a tarball is found by the table of files, with its digests from the packument', () => {
  const { located, needs } = locate('/left/-/left-1.1.0.tgz')
  assert.deepEqual(needs.map(viewOf), [FILES_VIEW])
  assert.deepEqual(located.digests, [sha512, sha1])
  assert.equal(located.path, '/left/-/left-1.1.0.tgz')
  assert.equal(located.purl, 'pkg:npm/left@1.1.0')
})

test('a tarball of which the lock data names the digest asks for nothing but what is kept', () => {
  const { located, needs } = locate('/left/-/left-9.9.9.tgz', { 'pacote-integrity': sriOf(sha512) }, () => ({
    kind: 'unavailable',
    reason: { code: 'unavailable', message: 'offline' },
  }))
  assert.equal(needs.length, 1)
  assert.ok(needs[0]?.kind === 'document' && needs[0].keptOnly)
  assert.deepEqual(located.digests, [sha512])
  assert.deepEqual(
    located.evidence.map((evidence) => evidence.kind),
    ['client'],
  )
  assert.equal(located.purl, 'pkg:npm/left@9.9.9')
})

test('lock data that contradicts the kept packument is refused, naming both digests', () => {
  const other = digestBytes('sha512', Buffer.from('another tarball'))
  const { reply } = drive(npm, requestOf('/left/-/left-1.1.0.tgz', { 'pacote-integrity': sriOf(other) }), answer)
  assert.equal(reply?.status, 424)
  assert.ok(String(reply?.body).includes(other) && String(reply?.body).includes(sha512))
})

test('lock data with an alternative digest that the packument states is accepted', () => {
  const other = digestBytes('sha512', Buffer.from('another tarball'))
  const integrity = `${sriOf(other)} ${sriOf(sha512)}`
  assert.deepEqual(locate('/left/-/left-1.1.0.tgz', { 'pacote-integrity': integrity }).located.digests, [sha512, sha1])
})

test('lock data with a weak digest only is not believed: the packument is asked', () => {
  const { needs, located } = locate('/left/-/left-1.0.0.tgz', { 'pacote-integrity': sriOf(sha1) })
  assert.ok(needs[0]?.kind === 'document' && needs[0].keptOnly === undefined)
  assert.deepEqual(located.digests, [sha1])
  assert.equal(located.evidence[0]?.kind, 'index')
})

test('a tarball at an unusual place is fetched from the URL that the packument states', () => {
  assert.equal(locate('/left/-/left-2.0.0-rc.1.tgz').located.path, 'https://cdn.example.com/files/abc.tgz')
})

test("a registry's own file names are known beside the usual ones", () => {
  for (const target of ['/@scope/name/-/name-1.0.0+build.tgz', '/@scope/name/-/@scope/name-1.0.0+build.tgz']) {
    assert.equal(locate(target).located.path, '/@scope/name/-/@scope/name-1.0.0+build.tgz')
  }
})

test('a version without any digest cannot be checked and is not served', () => {
  const { reply } = drive(npm, requestOf('/left/-/left-2.0.0-bare.tgz'), answer)
  assert.equal(reply?.status, 424)
  assert.match(String(reply?.body), /no digest/)
})

test('an unknown file or version is not found', () => {
  for (const target of ['/left/-/left-3.0.0.tgz', '/left/3.0.0', '/left/nope', '/right']) {
    assert.equal(drive(npm, requestOf(target), answer).reply?.status, 404, target)
  }
})

test('the stock client gets the body of upstream, gzipped if it can read that, and others never do', () => {
  const padded = JSON.stringify({ ...packument, readme: 'x'.repeat(4096) })
  const answers = scripted(npm, { 'GET /left': { body: padded } })
  const zipped = drive(npm, requestOf('/left', { ...STOCK, 'accept-encoding': 'gzip, br' }), answers).reply
  assert.equal(zipped?.headers['content-encoding'], 'gzip')
  assert.equal(gunzipSync(zipped?.body as Uint8Array).toString(), padded)
  const refused = drive(npm, requestOf('/left', { ...STOCK, 'accept-encoding': 'br, gzip;q=0' }), answers).reply
  assert.equal(refused?.headers['content-encoding'], undefined)
  const other = drive(npm, requestOf('/left', { ...OTHER, 'accept-encoding': 'gzip' }), answers).reply
  assert.equal(other?.headers['content-type'], SHORT)
  assert.ok(!gunzipSync(other?.body as Uint8Array).includes(REGISTRY))
})

test('an abbreviated document has a complete time map or none', () => {
  const { '1.0.0': _dropped, ...time } = packument.time
  const answers = scripted(npm, { 'GET /left': { body: JSON.stringify({ ...packument, time }) } })
  const { reply } = drive(npm, requestOf('/left', OTHER), answers)
  const short = JSON.parse(Buffer.from(reply?.body as Uint8Array).toString())
  assert.equal('time' in short, false)
  assert.equal(short.modified, time.modified)
})

test('signatures and integrity survive every form', () => {
  for (const headers of [OTHER, { accept: 'application/json' }]) {
    const { reply } = drive(npm, requestOf('/left', headers), answer)
    const { dist } = JSON.parse(Buffer.from(reply?.body as Uint8Array).toString()).versions['1.1.0']
    assert.deepEqual({ ...dist, tarball: '' }, { ...packument.versions['1.1.0'].dist, tarball: '' })
  }
})

test('a denial is told in the status line and in npm-notice', () => {
  const reason = { code: 'denied', message: 'left is malware (rule 3)' } as const
  const toStock = npm.refuse(reason, requestOf('/left', STOCK))
  assert.deepEqual([toStock.status, toStock.headers['npm-notice']], [403, reason.message])
  assert.equal(JSON.parse(String(toStock.body)).error, reason.message)
  assert.match(npm.refuse(reason, requestOf('/left', OTHER)).statusText ?? '', /malware/)
})

test('what cannot be had right now is not a status that clients repeat for minutes', () => {
  const { reply } = drive(npm, requestOf('/left'), () => ({
    kind: 'unavailable',
    reason: { code: 'unavailable', message: 'offline' },
  }))
  assert.equal(reply?.status, 424)
})

test('audits and searches are relayed with their encoding and bounds', () => {
  const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip', cookie: 'secret' }
  const path = '/-/npm/v1/security/advisories/bulk'
  const { want } = drive(npm, requestOf(path, headers, 'POST'), answer)
  assert.ok(want?.kind === 'relay')
  assert.deepEqual([want.method, want.path], ['POST', path])
  assert.deepEqual(want.headers, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
  const search = drive(npm, requestOf('/-/v1/search?text=a%20b&size=5'), answer).want
  assert.ok(search?.kind === 'relay')
  assert.equal(search.path, '/-/v1/search?text=a+b&size=5')
})

test('publishing is refused as a method, not as an absence', () => {
  const { reply } = drive(npm, requestOf('/left', {}, 'PUT'), answer)
  assert.deepEqual([reply?.status, reply?.headers.allow], [405, 'GET, HEAD'])
})

test('every name and version reaches the table of files and comes back', () => {
  const name = fc.stringMatching(/^(@[a-z0-9-]{1,8}\/)?[a-z0-9][a-z0-9._-]{0,8}$/)
  const version = fc.stringMatching(/^[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{1,2}(-[a-z0-9]{1,4})?(\+[a-z0-9]{1,4})?$/)
  fc.assert(
    fc.property(name, fc.uniqueArray(version, { minLength: 1, maxLength: 5 }), (name, all) => {
      const dist = { integrity: sriOf(sha512) }
      const entries = all.map((version) => [
        version,
        { name, version, dist: { ...dist, tarball: `${REGISTRY}/x/${version}` } },
      ])
      const one = {
        [`GET /${name.replace('/', '%2f')}`]: { body: JSON.stringify({ name, versions: Object.fromEntries(entries) }) },
      }
      const answers = scripted(npm, one)
      const page = drive(npm, requestOf(`/${name}`, OTHER), answers).reply?.body
      for (const version of all) {
        const url = JSON.parse(Buffer.from(page as Uint8Array).toString()).versions[version].dist.tarball
        assert.equal(url, `${BASE}/${name}/-/${name.slice(name.indexOf('/') + 1)}-${version}.tgz`)
        assert.equal(locate(url.slice(BASE.length), {}, answers).located.path, `${REGISTRY}/x/${version}`)
      }
    }),
    { numRuns: 50 },
  )
})

test('the published vectors of npm purls are read and written', () => {
  const file = new URL('../../../test/vectors/purl/npm-test.json', import.meta.url)
  const vectors = JSON.parse(readFileSync(file, 'utf8')) as { tests: { test_type: string; input: unknown }[] }
  for (const { input } of vectors.tests.filter((vector) => vector.test_type === 'parse')) {
    const purl = parsePurl(String(input))
    const bare = purl.replace(/[?#].*$/, '')
    assert.equal(npm.coordinates.toPurl(npm.coordinates.fromPurl(purl)), bare)
  }
})

test('a lockfile yields every registry tarball once, by the path that clients ask', () => {
  const lock = {
    lockfileVersion: 3,
    packages: {
      '': { name: 'root', version: '1.0.0' },
      'node_modules/left': {
        version: '1.1.0',
        resolved: `${REGISTRY}/left/-/left-1.1.0.tgz`,
        integrity: sriOf(sha512),
      },
      'node_modules/a/node_modules/left': { version: '1.1.0', integrity: sriOf(sha512) },
      'node_modules/alias': { name: '@scope/name', version: '1.0.0', integrity: sriOf(sha512) },
      'node_modules/linked': { resolved: 'packages/linked', link: true },
      'node_modules/bundled': { version: '1.0.0', inBundle: true },
      'node_modules/git': { version: '1.0.0', resolved: 'git+ssh://git@git.example.com/a/b.git#abc' },
      'node_modules/remote': { version: '1.0.0', resolved: 'https://files.example.com/remote.tgz' },
      'packages/linked': { version: '1.0.0' },
    },
  }
  const reader = npm.lockfiles.find((candidate) => candidate.fileName.test('package-lock.json'))
  const files = reader?.read(Buffer.from(JSON.stringify(lock)))
  const expected: [string, string, Digest[]][] = [
    ['pkg:npm/left@1.1.0', '/left/-/left-1.1.0.tgz', [sha512]],
    ['pkg:npm/%40scope/name@1.0.0', '/@scope/name/-/name-1.0.0.tgz', [sha512]],
  ]
  assert.deepEqual(
    files?.map((file) => [file.purl, file.requestPath, file.digests]),
    expected,
  )
  for (const text of ['', '[]', '{"lockfileVersion": 1, "dependencies": {}}']) {
    assert.throws(() => reader?.read(Buffer.from(text)), { code: 'usage.request' })
  }
})

function viewOf(need: Need): string | undefined {
  return need.kind === 'document' ? need.view : undefined
}
