import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { type Answer, drive, requestOf, scripted } from '../../../test/kit/ecosystem-driver.ts'
import { ecosystemSuite } from '../../../test/kit/ecosystem-suite.ts'
import { type Algorithm, digestBytes, hexOf } from '../../base/digest.ts'
import type { Got, Headers, Need } from '../../base/located.ts'
import { parsePurl, purlParts } from '../../base/purl.ts'
import { parseReleases } from '../../base/releases.ts'
import type { ResolveContext } from '../ecosystem.ts'
import { isMavenDefaultUrl, mavenDefaultUrl } from './default-upstream.ts'
import { maven } from './maven.ts'
import { RELEASES_VIEW } from './transform.ts'

const bytes = Buffer.from('a jar')
const [sha512, sha256, sha1, md5] = (['sha512', 'sha256', 'sha1', 'md5'] as const).map((each) =>
  digestBytes(each, bytes),
) as [never, never, never, never]
const LIB = '/org/example/lib'
const JAR = `${LIB}/1.0/lib-1.0.jar`
const SNAPSHOT = `${LIB}/2.0-SNAPSHOT`
const BUILD = `${SNAPSHOT}/lib-2.0-20260101.120000-3.jar`

const metadata = `<?xml version="1.0" encoding="UTF-8"?>
<metadata>
  <groupId>org.example</groupId>
  <artifactId>lib</artifactId>
  <versioning>
    <latest>1.1</latest>
    <release>1.1</release>
    <versions>
      <version>1.0</version>
      <version>1.1</version>
    </versions>
  </versioning>
</metadata>
`
const builds = `<metadata modelVersion="1.1.0"><groupId>org.example</groupId><artifactId>lib</artifactId><version>2.0-SNAPSHOT</version>
<versioning><snapshot><timestamp>20260101.120000</timestamp><buildNumber>3</buildNumber></snapshot></versioning></metadata>`
const plugins =
  '<metadata><plugins><plugin><name>Example</name><prefix>example</prefix><artifactId>example-maven-plugin</artifactId></plugin></plugins></metadata>'
const signature = '-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n'

const documents: Record<string, { readonly body?: string; readonly headers?: Headers }> = {
  [`HEAD ${JAR}`]: { headers: { 'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT' } },
  [`GET ${JAR}.sha256`]: { body: `${hexOf(sha256)}  lib-1.0.jar\n` },
  [`GET ${JAR}.sha1`]: { body: hexOf(sha1).toUpperCase() },
  [`GET ${JAR}.asc`]: { body: signature },
  [`HEAD ${LIB}/0.9/lib-0.9.pom`]: {},
  [`GET ${LIB}/0.9/lib-0.9.pom.sha1`]: { body: hexOf(sha1) },
  [`HEAD ${LIB}/1.1/lib-1.1-sources.jar`]: { headers: { 'x-checksum-sha256': hexOf(sha256), 'x-checksum-md5': 'bad' } },
  [`HEAD ${LIB}/0.1/lib-0.1.jar`]: {},
  [`HEAD ${BUILD}`]: { headers: { 'x-checksum-sha512': hexOf(sha512) } },
  [`HEAD ${SNAPSHOT}/lib-2.0-SNAPSHOT.jar`]: { headers: { 'x-checksum-sha512': hexOf(sha512) } },
  [`GET ${LIB}/maven-metadata.xml`]: { body: metadata },
  [`GET ${SNAPSHOT}/maven-metadata.xml`]: { body: builds },
  'GET /org/example/maven-metadata.xml': { body: plugins },
}
const answer = scripted(maven, documents)

ecosystemSuite(maven, {
  names: [
    ['org.example:lib:1.0', 'pkg:maven/org.example/lib@1.0'],
    ['org.example:lib', 'pkg:maven/org.example/lib'],
    ['org.example:lib:war:1.0', 'pkg:maven/org.example/lib@1.0?type=war'],
    ['org.example:lib:jar:sources:1.0', 'pkg:maven/org.example/lib@1.0?classifier=sources'],
    [
      'net.sf.jacob-project:jacob:dll:x86:1.14.3',
      'pkg:maven/net.sf.jacob-project/jacob@1.14.3?classifier=x86&type=dll',
    ],
    ['HTTPClient:HTTPClient:0.3-3', 'pkg:maven/HTTPClient/HTTPClient@0.3-3'],
  ],
  notNames: [
    '',
    ':',
    'lib',
    'a:',
    ':b',
    'a:b:',
    'a:b:c:d:e:f',
    'a/b:c',
    '..:x',
    'a..b:c',
    'a:b c',
    'a:../x:1',
    'a:b\n',
  ],
  // `ComparableVersionTest` of Maven 3: VERSIONS_QUALIFIER, then VERSIONS_NUMBER.
  versions: [
    '1-alpha2snapshot',
    '1-alpha2',
    '1-alpha-123',
    '1-beta-2',
    '1-beta123',
    '1-m2',
    '1-m11',
    '1-rc',
    '1-cr2',
    '1-rc123',
    '1-SNAPSHOT',
    '1',
    '1-sp',
    '1-sp2',
    '1-sp123',
    '1-abc',
    '1-def',
    '1-pom-1',
    '1-1-snapshot',
    '1-1',
    '1-2',
    '1-123',
    '2.0',
    '2.0.a',
    '2-1',
    '2.0.2',
    '2.0.123',
    '2.1.0',
    '2.1-a',
    '2.1b',
    '2.1-c',
    '2.1-1',
    '2.1.0.1',
    '2.2',
    '2.123',
    '11.a2',
    '11.a11',
    '11.b2',
    '11.b11',
    '11.m2',
    '11.m11',
    '11',
    '11.a',
    '11b',
    '11c',
    '11m',
  ],
  paths: [
    '/{}',
    '/{}/maven-metadata.xml',
    '/org/example/{}/maven-metadata.xml.sha1',
    '/org/{}/lib/1.0/lib-1.0.jar',
    '/org/example/{}/1.0/lib-1.0.jar',
    '/org/example/lib/{}/lib-1.0.jar',
    '/org/example/lib/1.0/{}',
    '/org/example/lib/1.0/lib-{}',
    '/org/example/lib/1.0/lib-{}.jar.sha1',
    '/org/example/lib/2.0-SNAPSHOT/lib-{}.jar',
  ],
  requests: [
    { target: JAR },
    { target: `${LIB}/0.9/lib-0.9.pom` },
    { target: `${LIB}/1.1/lib-1.1-sources.jar` },
    { target: `${JAR}.asc` },
    { target: `${JAR}.asc.sha1` },
    { target: BUILD },
    { target: `${SNAPSHOT}/lib-2.0-SNAPSHOT.jar` },
    { target: `${LIB}/maven-metadata.xml` },
    { target: `${LIB}/maven-metadata.xml.sha1` },
    { target: `${SNAPSHOT}/maven-metadata.xml` },
    { target: '/org/example/maven-metadata.xml' },
  ],
  unknownPaths: [
    '/.meta/prefixes.txt',
    '/.meta/prefixes.txt.sha1',
    '/.index/nexus-maven-repository-index.properties',
    '/archetype-catalog.xml',
    '/org/example/lib/',
    '/org/example/lib/1.0/',
    '/org/example/lib/1.0/other-1.0.jar',
    '/org.example/lib/1.0/lib-1.0.jar',
    '/maven-metadata.xml',
  ],
  answer,
  golden: [
    { target: `${LIB}/maven-metadata.xml`, page: metadata },
    { target: `${LIB}/maven-metadata.xml.sha1`, page: hexOf(digestBytes('sha1', Buffer.from(metadata))) },
    { target: `${LIB}/maven-metadata.xml.sha512`, page: hexOf(digestBytes('sha512', Buffer.from(metadata))) },
    { target: `${SNAPSHOT}/maven-metadata.xml`, page: builds },
    { target: `${SNAPSHOT}/maven-metadata.xml.md5`, page: hexOf(digestBytes('md5', Buffer.from(builds))) },
    { target: '/org/example/maven-metadata.xml', page: plugins },
    { target: '/org/example/maven-metadata.xml.sha256', page: hexOf(digestBytes('sha256', Buffer.from(plugins))) },
    { target: `${JAR}.asc`, page: signature },
    { target: `${JAR}.asc.sha1`, page: hexOf(digestBytes('sha1', Buffer.from(signature))) },
    { target: `${JAR}.sha256`, page: hexOf(sha256) },
    { target: `${JAR}.sha1`, page: hexOf(sha1) },
  ],
  refusals: [403, 502, 503],
})

function locate(target: string, answers: Answer = answer) {
  const { resolution, needs } = drive(maven, requestOf(target), answers)
  assert.ok(resolution?.kind === 'file', JSON.stringify(resolution))
  return { located: resolution.located, needs }
}

/** Answers for several repositories: `upstream METHOD path` to a document; 'down' or 'refused' in the place of one. */
function repositories(table: Readonly<Record<string, Got>>): Answer {
  return (need) => {
    if (need.kind === 'blob') return unavailable('not kept')
    if (need.keptOnly) return unavailable('not kept')
    const { upstream, method, path } = need.request
    return (
      table[`${upstream} ${method} ${path}`] ?? table[upstream] ?? { kind: 'absent', reason: reason('no such thing') }
    )
  }
}

function reason(message: string) {
  return { code: 'absent', message } as const
}

function unavailable(message: string): Got {
  return { kind: 'unavailable', reason: { code: 'unavailable', message } }
}

function documentAt(name: string, body: string, headers: Headers = {}): Extract<Got, { kind: 'document' }> {
  const origin = { kind: 'upstream', name } as const
  return {
    kind: 'document',
    bytes: Buffer.from(body),
    mediaType: 'text/plain',
    headers,
    ageSeconds: 0,
    stale: false,
    origin,
  }
}

function resolveAt(target: string, upstreams: readonly string[], answers: Answer) {
  const request = requestOf(target)
  const context: ResolveContext = { upstreams, freshSeconds: 300 }
  const want = maven.routes
    .find(({ pattern, methods }) => methods.includes('GET') && pattern.test(target))
    ?.want({}, request)
  assert.ok(want !== undefined)
  const needs: Need[] = []
  const asking = maven.resolve(want, request, context)
  let step = asking.next()
  while (!step.done) {
    needs.push(step.value)
    assert.ok(needs.length <= 16, 'the core answers 16 needs at most')
    step = asking.next(answers(step.value))
  }
  return { resolution: step.value, needs }
}

test('a file is located by the strongest checksum beside it, and the repository says when it was published', () => {
  const { located } = locate(JAR)
  assert.deepEqual(located.digests, [sha256])
  assert.equal(located.evidence[0]?.statedBy, 'lib-1.0.jar.sha256 at maven')
  assert.equal(located.purl, 'pkg:maven/org.example/lib@1.0')
  assert.equal(located.releasedAtMs, Date.UTC(2026, 0, 1))
  assert.equal(located.unshared, undefined)
})

test('a file with nothing but a sha1 beside it is located by that, as weak evidence', () => {
  const { located } = locate(`${LIB}/0.9/lib-0.9.pom`)
  assert.deepEqual(located.digests, [sha1])
  assert.equal(located.purl, 'pkg:maven/org.example/lib@0.9?type=pom')
})

test('a strong checksum that cannot be asked for is not made up for by a weak one', () => {
  const path = `${LIB}/0.9/lib-0.9.pom`
  const answers = repositories({
    [`maven HEAD ${path}`]: documentAt('maven', ''),
    [`maven GET ${path}.sha512`]: unavailable('it answers 503'),
    [`maven GET ${path}.sha1`]: documentAt('maven', hexOf(sha1)),
  })
  const { resolution } = resolveAt(path, ['maven'], answers)
  assert.deepEqual(
    [resolution.kind, 'reason' in resolution && resolution.reason.message],
    ['unavailable', 'it answers 503'],
  )
})

test('in an outage a weak checksum of a trusted peer counts, but never a fresh one beside a strong one that was broken off', () => {
  const path = `${LIB}/0.9/lib-0.9.pom`
  const outage = (sha1IsFresh: boolean) =>
    repositories({
      [`maven HEAD ${path}`]: { ...documentAt('maven', ''), stale: true },
      [`maven GET ${path}.sha512`]: unavailable('nobody answers'),
      [`maven GET ${path}.sha256`]: unavailable('nobody answers'),
      [`maven GET ${path}.sha1`]: { ...documentAt('maven', hexOf(sha1)), stale: !sha1IsFresh },
    })
  assert.deepEqual(locate(path, outage(false)).located.digests, [sha1])
  assert.equal(resolveAt(path, ['maven'], outage(true)).resolution.kind, 'unavailable')
})

test('a file whose name says nothing more is of its release all the same', () => {
  for (const name of ['lib-1.0.jar.pack.gz', 'lib-1.0.jar.sigstore.json', 'lib-9.jar']) {
    const path = `${LIB}/1.0/${name}`
    const { located } = locate(
      path,
      repositories({
        [`maven HEAD ${path}`]: documentAt('maven', '', { 'x-checksum-sha256': hexOf(sha256) }),
      }),
    )
    assert.equal(located.purl, 'pkg:maven/org.example/lib@1.0', name)
  }
})

test('a strong checksum in the headers spares the requests for files beside it', () => {
  const { located, needs } = locate(`${LIB}/1.1/lib-1.1-sources.jar`)
  assert.deepEqual(located.digests, [sha256])
  assert.equal(
    needs.filter((need) => need.kind === 'document' && !need.keptOnly && need.request.method === 'GET').length,
    0,
  )
})

test('a file of which the repository states no checksum is not given', () => {
  const { resolution } = drive(maven, requestOf(`${LIB}/0.1/lib-0.1.jar`), answer)
  assert.ok(resolution?.kind === 'unavailable')
  assert.equal(resolution.reason.code, 'untrusted')
})

test('an error page in the place of a checksum, of metadata or of a signature is not believed', () => {
  const page = '<html><body>0123456789012345678901234567890123456789</body></html>'
  const answers = scripted(maven, {
    [`HEAD ${JAR}`]: {},
    [`GET ${JAR}.sha1`]: { body: page },
    [`GET ${JAR}.asc`]: { body: page },
    [`GET ${LIB}/maven-metadata.xml`]: { body: page },
  })
  const { resolution } = drive(maven, requestOf(JAR), answers)
  assert.equal(resolution?.kind, 'unavailable')
  for (const target of [`${JAR}.asc`, `${LIB}/maven-metadata.xml`, `${LIB}/maven-metadata.xml.sha1`]) {
    assert.throws(() => drive(maven, requestOf(target), answers), { code: 'untrusted.reply' }, target)
  }
})

test('a kept file is located, and its checksums answered, without asking anybody', () => {
  const names = [sha512, sha256, sha1, md5]
  const keptOnly: Answer = (need) => {
    if (need.kind === 'blob') {
      assert.equal(need.namesOnly, true)
      const origin = { kind: 'upstream', name: 'maven' } as const
      return { kind: 'blob', bytes: new Uint8Array(0), mediaType: undefined, origin, names }
    }
    assert.equal(need.keptOnly, true, `asked for ${need.request.path}`)
    return answer(need)
  }
  const { located } = locate(JAR, keptOnly)
  assert.equal(located.replyHeaders['x-checksum-sha1'], hexOf(sha1))
  assert.equal(located.replyHeaders['x-checksum-md5'], hexOf(md5))
  const asked: readonly (readonly [Algorithm, string])[] = [
    ['sha1', hexOf(sha1)],
    ['md5', hexOf(md5)],
    ['sha512', hexOf(sha512)],
  ]
  for (const [algorithm, hex] of asked) {
    assert.equal(drive(maven, requestOf(`${JAR}.${algorithm}`), keptOnly).reply?.body, hex)
  }
})

test('builds of a snapshot are shared with nobody, and only their timestamped files are fixed', () => {
  const build = locate(BUILD).located
  assert.deepEqual([build.unshared, build.mutable], [true, undefined])
  assert.equal(build.purl, 'pkg:maven/org.example/lib@2.0-SNAPSHOT')
  const { located: latest, needs } = locate(`${SNAPSHOT}/lib-2.0-SNAPSHOT.jar`)
  assert.deepEqual([latest.unshared, latest.mutable], [true, true])
  for (const need of needs)
    if (need.kind === 'document') assert.deepEqual([need.request.unshared, need.keptOnly], [true, undefined])
  const { resolution } = drive(maven, requestOf(`${SNAPSHOT}/maven-metadata.xml`), answer)
  assert.ok(resolution?.kind === 'document' && resolution.request.unshared === true)
})

test('several repositories are asked in the order of their names, and what does not exist leads to the next', () => {
  const upstreams = ['npm', 'maven-10', 'maven-2', 'maven']
  const answers = repositories({
    [`maven-2 HEAD ${JAR}`]: documentAt('maven-2', ''),
    [`maven-2 GET ${JAR}.sha1`]: documentAt('maven-2', hexOf(sha1)),
  })
  const { resolution, needs } = resolveAt(JAR, upstreams, answers)
  assert.ok(resolution.kind === 'file')
  assert.equal(resolution.located.upstream, 'maven-2')
  const heads = needs.flatMap((need) =>
    need.kind === 'document' && need.request.method === 'HEAD' ? [need.request.upstream] : [],
  )
  assert.deepEqual(heads, ['maven', 'maven-2', 'maven-10', 'maven', 'maven-2'])
})

test('a repository that fails or refuses is no leave to ask the next', () => {
  for (const failing of [unavailable('down'), { kind: 'absent', reason: reason('status 401'), refused: true } as Got]) {
    for (const target of [JAR, `${LIB}/maven-metadata.xml`, `${JAR}.asc`, `${JAR}.sha1`]) {
      const answers = repositories({ maven: failing, 'maven-2': documentAt('maven-2', hexOf(sha1)) })
      const { resolution, needs } = resolveAt(target, ['maven', 'maven-2'], answers)
      assert.equal(resolution.kind, 'unavailable', target)
      for (const need of needs) {
        assert.ok(need.kind === 'document' && (need.keptOnly || need.request.upstream === 'maven'), target)
      }
    }
  }
})

test('metadata comes from the first repository that has it, so that a stranger cannot add versions', () => {
  const answers = repositories({
    [`maven GET ${LIB}/maven-metadata.xml`]: documentAt('maven', metadata),
    [`maven-2 GET ${LIB}/maven-metadata.xml`]: documentAt('maven-2', metadata.replaceAll('1.1', '99')),
  })
  const { resolution } = resolveAt(`${LIB}/maven-metadata.xml`, ['maven', 'maven-2'], answers)
  assert.ok(resolution.kind === 'document')
  assert.equal(resolution.request.upstream, 'maven')
  const elsewhere = resolveAt('/org/example/maven-metadata.xml', ['maven', 'maven-2'], answers).resolution
  assert.ok(elsewhere.kind === 'document' && elsewhere.request.upstream === 'maven-2')
})

test('five repositories that do not have a file are asked within what the core answers, a sixth is not', () => {
  const upstreams = ['maven', 'maven-2', 'maven-3', 'maven-4', 'maven-5', 'maven-6']
  const last = repositories({
    [`maven-5 HEAD ${JAR}`]: documentAt('maven-5', ''),
    [`maven-5 GET ${JAR}.md5`]: documentAt('maven-5', hexOf(md5)),
  })
  const { resolution } = resolveAt(JAR, upstreams, last)
  assert.ok(resolution.kind === 'file' && resolution.located.upstream === 'maven-5')
  assert.equal(resolveAt(JAR, upstreams, repositories({})).resolution.kind, 'absent')
})

test('metadata lists its versions for the policy, and leaves out what it hides in every place', () => {
  const facts = { mediaType: 'text/xml', headers: {} }
  const view = maven.transform(Buffer.from(metadata), facts, RELEASES_VIEW)
  assert.deepEqual(
    parseReleases(view.bytes).map(({ version }) => version),
    ['1.0', '1.1'],
  )
  const hidden = [{ version: '1.1', reason: 'blocked' }]
  const made = maven.transform(Buffer.from(metadata), { ...facts, hidden }, 'metadata-1')
  const expected = metadata
    .replace('      <version>1.1</version>\n', '')
    .replace('<latest>1.1', '<latest>1.0')
    .replace('<release>1.1', '<release>1.0')
  assert.equal(Buffer.from(made.bytes).toString(), expected)
  const checksum = maven.transform(Buffer.from(metadata), { ...facts, hidden }, 'metadata-1|sha1')
  assert.equal(Buffer.from(checksum.bytes).toString(), hexOf(digestBytes('sha1', made.bytes)))
})

test('metadata may be of an artifact, of a group, and of the folder of a version: a private name is told to nobody in any reading', () => {
  const readings = (path: string) => {
    const request = requestOf(path)
    const route = maven.routes.find(({ pattern }) => pattern.test(path))
    const want = route?.want({}, request)
    return want === undefined ? [] : [maven.subject?.(want), ...(maven.readings?.(want) ?? [])]
  }
  assert.deepEqual(readings('/com/acme/lib/1.0/maven-metadata.xml.sha1'), [
    'pkg:maven/com.acme.lib/1.0',
    'pkg:maven/com.acme.lib.1.0/maven-metadata.xml',
    'pkg:maven/com.acme/lib@1.0',
  ])
  assert.deepEqual(readings('/acme/maven-metadata.xml'), [undefined, 'pkg:maven/acme/maven-metadata.xml'])
})

test('the default upstream is the repository of the purl library, and is known however it is spelled', () => {
  const url = mavenDefaultUrl()
  assert.match(url, /^https:\/\/[^/]+\/maven2$/)
  for (const same of [url, `${url}/`, url.replace('https', 'http'), url.toUpperCase().replace('/MAVEN2', '/maven2')]) {
    assert.ok(isMavenDefaultUrl(same), same)
  }
  for (const other of ['https://registry.example.com/maven2', `${url}/sub`, 'nonsense', '']) {
    assert.ok(!isMavenDefaultUrl(other), other)
  }
})

test('the published vectors of maven purls are read and written', () => {
  const file = new URL('../../../test/vectors/purl/maven-test.json', import.meta.url)
  const vectors = JSON.parse(readFileSync(file, 'utf8')) as { tests: { test_type: string; input: unknown }[] }
  for (const { input } of vectors.tests.filter((vector) => vector.test_type === 'parse')) {
    const purl = parsePurl(String(input))
    const { version, qualifiers } = purlParts(purl)
    const native = maven.coordinates.fromPurl(purl)
    // Coordinates have no place for other qualifiers, nor a path for a version with a space.
    if (version?.includes(' ') || Object.keys(qualifiers).some((name) => name !== 'type' && name !== 'classifier'))
      continue
    assert.equal(maven.coordinates.toPurl(native), purl)
  }
})

test('a repository that answers GET only is served, and what is kept of it asks nobody', () => {
  const table: Record<string, Got> = {
    [`maven HEAD ${JAR}`]: { kind: 'absent', reason: reason('status 405'), refused: true },
    [`maven GET ${JAR}.sha256`]: documentAt('maven', hexOf(sha256)),
  }
  const { resolution } = resolveAt(JAR, ['maven'], repositories(table))
  assert.ok(resolution.kind === 'file')
  assert.deepEqual(resolution.located.digests, [sha256])
  const kept = resolveAt(JAR, ['maven'], (need) => {
    if (need.kind === 'blob') return unavailable('not kept')
    assert.equal(need.keptOnly, true)
    return table[`maven ${need.request.method} ${need.request.path}`] ?? unavailable('not kept')
  })
  assert.equal(kept.resolution.kind, 'file')
})
