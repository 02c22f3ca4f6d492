import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { type Answer, contextOf, drive, requestOf, scripted, wantOf } from '../../../test/kit/ecosystem-driver.ts'
import { ecosystemSuite } from '../../../test/kit/ecosystem-suite.ts'
import { blobIdOf, digestBytes, hexOf } from '../../base/digest.ts'
import type { Need } from '../../base/located.ts'
import { parsePurl } from '../../base/purl.ts'
import { parseReleases } from '../../base/releases.ts'
import { versionOfFile } from './names.ts'
import { pypi } from './pypi.ts'
import { RELEASES_VIEW } from './transform.ts'

const FILES = 'https://files.example.com'
const JSON_TYPE = 'application/vnd.pypi.simple.v1+json'
const HTML_TYPE = 'application/vnd.pypi.simple.v1+html'
const JSON_CLIENT = { accept: `${JSON_TYPE}, ${HTML_TYPE}; q=0.1, text/html; q=0.01` }
const bytes = Buffer.from('a distribution')
const sha256 = hexOf(blobIdOf(bytes))
const md5 = hexOf(digestBytes('md5', bytes))
const metadata = hexOf(blobIdOf(Buffer.from('Name: left-pad')))
const FOLDER = `/packages/ab/cd/${'0'.repeat(60)}`

const wheel = {
  'core-metadata': { sha256: metadata },
  'data-dist-info-metadata': { sha256: metadata },
  filename: 'left_pad-1.1-py3-none-any.whl',
  hashes: { sha256 },
  provenance: 'https://registry.example.com/integrity/left-pad/v1.1/provenance',
  'requires-python': '>=3.8 & "<4"',
  size: 14,
  'upload-time': '2024-01-02T03:04:05.678901Z',
  url: `${FILES}${FOLDER}/left_pad-1.1-py3-none-any.whl`,
  yanked: false,
}
const page = {
  'alternate-locations': [],
  files: [
    { filename: 'left-pad-1.0.tar.gz', hashes: { md5 }, url: `../../mirror/left-pad-1.0.tar.gz`, yanked: 'broken' },
    wheel,
    { filename: 'left-pad-1.2.zip', hashes: {}, url: `${FILES}/left-pad-1.2.zip`, 'core-metadata': true },
    {
      filename: 'left_pad-2.0+cpu.tar.gz',
      'gpg-sig': true,
      hashes: { sha256 },
      url: `${FILES}/dl/left_pad-2.0%2Bcpu.tar.gz?token=1`,
    },
  ],
  meta: { 'api-version': '1.4', '_last-serial': 7 },
  name: 'left-pad',
  'project-status': { status: 'archived', reason: 'done' },
  versions: ['1.0', '1.1', '1.2', '2.0+cpu'],
}
const list = { meta: { 'api-version': '1.4' }, projects: [{ name: 'Left.Pad' }, { name: 'six' }] }
const documents = {
  'GET /left-pad/': { body: JSON.stringify(page), headers: { 'content-type': JSON_TYPE } },
  'GET /': { body: JSON.stringify(list), headers: { 'content-type': JSON_TYPE } },
  [`GET ${wheel.provenance}`]: { body: '{"version":1}' },
  [`GET ${FILES}/dl/left_pad-2.0%2Bcpu.tar.gz.asc?token=1`]: { body: 'signature' },
}
const answer = scripted(pypi, documents)
const LOCAL = `/files/left-pad/${sha256}/left_pad-2.0+cpu.tar.gz`
const WHEEL = `${FOLDER}/${wheel.filename}`

function placesOf(text: string): string[] {
  return [...text.matchAll(/"url":"..\/..([^"]+)"/g)].map((match) => match[1] ?? '')
}

function jsonPage(answers: Answer = answer): string {
  return Buffer.from(drive(pypi, requestOf('/simple/left-pad/', JSON_CLIENT), answers).reply?.body ?? '').toString()
}

const [PLACE_OLD = '', , PLACE_BARE = ''] = placesOf(jsonPage())
const { meta, name, ...rest } = page
const goldenJson = JSON.stringify({
  meta,
  name,
  'alternate-locations': rest['alternate-locations'],
  'project-status': rest['project-status'],
  versions: rest.versions,
  files: [
    { ...page.files[0], url: `../..${PLACE_OLD}` },
    { ...wheel, url: `../..${WHEEL}`, provenance: `../..${WHEEL}.provenance` },
    { ...page.files[2], url: `../..${PLACE_BARE}`, 'core-metadata': false },
    { ...page.files[3], url: `../..${LOCAL}` },
  ],
})
const goldenHtml = `<!DOCTYPE html>
<html>
<head>
<meta name="pypi:repository-version" content="1.4">
<meta name="pypi:project-status" content="archived">
<meta name="pypi:project-status-reason" content="done">
<title>Links for left-pad</title>
</head>
<body>
<h1>Links for left-pad</h1>
<a href="../..${PLACE_OLD}#md5=${md5}" data-yanked="broken">left-pad-1.0.tar.gz</a><br />
<a href="../..${WHEEL}#sha256=${sha256}" data-requires-python="&gt;=3.8 &amp; &quot;&lt;4&quot;" data-dist-info-metadata="sha256=${metadata}" data-core-metadata="sha256=${metadata}" data-provenance="../..${WHEEL}.provenance">left_pad-1.1-py3-none-any.whl</a><br />
<a href="../..${PLACE_BARE}">left-pad-1.2.zip</a><br />
<a href="../..${LOCAL}#sha256=${sha256}" data-gpg-sig="true">left_pad-2.0+cpu.tar.gz</a><br />
</body>
</html>
`
const goldenList = `<!DOCTYPE html>
<html>
<head>
<meta name="pypi:repository-version" content="1.4">
<title>Simple index</title>
</head>
<body>
<a href="left-pad/">Left.Pad</a><br />
<a href="six/">six</a><br />
</body>
</html>
`

ecosystemSuite(pypi, {
  names: [
    ['left-pad==1.0', 'pkg:pypi/left-pad@1.0'],
    ['left-pad', 'pkg:pypi/left-pad'],
    ['zope-interface==5.0rc1', 'pkg:pypi/zope-interface@5.0rc1'],
  ],
  notNames: ['', '==', '==1', '../x', 'a/b', 'left==', '.hidden', '-a', 'a-', 'a b', 'x'.repeat(201)],
  // PEP 440, "Summary of permitted suffixes and relative ordering", and its examples of epochs and local versions.
  versions: [
    '',
    'french toast',
    '1.dev0',
    '1.0.dev456',
    '1.0a1',
    '1.0a2.dev456',
    '1.0a12.dev456',
    '1.0a12',
    '1.0b1.dev456',
    '1.0b2',
    '1.0b2.post345.dev456',
    '1.0b2.post345',
    '1.0rc1.dev456',
    '1.0rc1',
    '1.0',
    '1.0+abc.5',
    '1.0+abc.7',
    '1.0+5',
    '1.0.post456.dev34',
    '1.0.post456',
    '1.0.15',
    '1.1.dev1',
    '20240101000000000000',
    '1!0.1',
  ],
  paths: [
    '/simple/{}/',
    '/simple/{}',
    `${FOLDER}/{}`,
    `${FOLDER}/{}.whl`,
    `${FOLDER}/left-pad-{}.tar.gz`,
    `${FOLDER}/{}-1.0.tar.gz.metadata`,
    `/files/{}/${sha256}`,
    `/files/{}/${sha256}/left-pad-1.0.tar.gz`,
    `/files/left-pad/${sha256}/{}`,
    `/files/left-pad/{}/left-pad-1.0.tar.gz`,
    '/packages/{}/left-pad-1.0.tar.gz',
  ],
  requests: [
    { target: '/simple/left-pad/', headers: JSON_CLIENT },
    { target: '/simple/left-pad/' },
    { target: '/simple/', headers: JSON_CLIENT },
    { target: '/simple/' },
    { target: WHEEL },
    { target: `${WHEEL}.metadata` },
    { target: `${WHEEL}.provenance` },
    { target: LOCAL },
    { target: LOCAL.replace('+', '%2B') },
    { target: `${LOCAL}.asc` },
    { target: `/files/left-pad/${sha256}` },
    { target: `/files/Left.Pad/${sha256}/left_pad-2.0+cpu.tar.gz` },
  ],
  unknownPaths: [
    '/',
    '/left-pad/json',
    '/simple/left-pad/1.0/',
    '/packages/left-pad-1.0.tar.gz',
    '/files/left-pad/0/x',
    '/XMLRPC',
  ],
  answer,
  golden: [
    { target: '/simple/left-pad/', headers: JSON_CLIENT, page: goldenJson },
    { target: '/simple/left-pad/', headers: { accept: '*/*' }, page: goldenHtml },
    { target: '/simple/left-pad/', headers: { accept: `${HTML_TYPE}, text/html;q=0.5` }, page: goldenHtml },
    { target: '/simple/', headers: JSON_CLIENT, page: JSON.stringify(list) },
    { target: '/simple/', page: goldenList },
    { target: `${WHEEL}.provenance`, page: '{"version":1}' },
    { target: `${LOCAL}.asc`, page: 'signature' },
  ],
  refusals: [400, 403, 424, 503],
})

function locate(target: string, answers: Answer = answer) {
  const { resolution, needs } = drive(pypi, requestOf(target), answers)
  assert.ok(resolution?.kind === 'file', JSON.stringify(resolution))
  return { located: resolution.located, needs }
}

const asked = (need: Need) =>
  need.kind === 'document' ? `${need.keptOnly ? 'kept ' : ''}${need.request.path} ${need.view}` : 'a blob'

test('a file is found by the table of the page that its name tells, with digest, size and upload time', () => {
  const { located, needs } = locate(WHEEL)
  assert.deepEqual(needs.map(asked), ['/left-pad/ files-1|left-pad'])
  assert.deepEqual(located.digests, [`sha256:${sha256}`])
  assert.deepEqual([located.path, located.purl, located.sizeBytes], [wheel.url, 'pkg:pypi/left-pad@1.1', 14])
  assert.equal(located.releasedAtMs, Date.parse('2024-01-02T03:04:05.678Z'))
  assert.equal(located.mutable, undefined)
})

test('metadata has the digest that the index states for it, and without one it is not served', () => {
  const { located } = locate(`${WHEEL}.metadata`)
  assert.deepEqual([located.digests[0], located.path], [`sha256:${metadata}`, `${wheel.url}.metadata`])
  assert.equal(drive(pypi, requestOf(`${LOCAL}.metadata`), answer).reply?.status, 404)
})

test('a file elsewhere keeps its whole URL, which only the index can name', () => {
  assert.equal(locate(LOCAL).located.path, `${FILES}/dl/left_pad-2.0%2Bcpu.tar.gz?token=1`)
  const forged = LOCAL.replace(sha256, '1'.repeat(64))
  assert.equal(drive(pypi, requestOf(forged), answer).reply?.status, 404)
})

test('a URL relative to the page is read below the upstream that is configured', () => {
  const request = requestOf(PLACE_OLD)
  const context = { ...contextOf(pypi), baseUrl: () => 'https://registry.example.com/root/simple/' }
  const asking = pypi.resolve(wantOf(pypi, request) as never, request, context)
  const need = asking.next().value as Need
  const end = asking.next(answer(need))
  assert.ok(end.done && end.value.kind === 'file')
  assert.equal(end.value.located.path, 'https://registry.example.com/root/mirror/left-pad-1.0.tar.gz')
  assert.deepEqual(end.value.located.digests, [`md5:${md5}`])
  assert.equal(drive(pypi, request, answer).reply?.status, 404, 'without a base it cannot be known')
})

test('a file without any digest cannot be checked and is not served', () => {
  const { reply } = drive(pypi, requestOf(PLACE_BARE), answer)
  assert.equal(reply?.status, 424)
  assert.match(String(reply?.body), /no digest/)
})

test('a name that is read in several ways is looked for in what is kept, then in each project', () => {
  const file = 'left-2-pad-1.0.tar.gz'
  const place = `${FOLDER}/${file}`
  const project = { name: 'left-2-pad', files: [{ filename: file, hashes: { sha256 }, url: `${FILES}${place}` }] }
  const answers = scripted(pypi, { 'GET /left-2-pad/': { body: JSON.stringify(project) } })
  assert.deepEqual(locate(place, answers).needs.map(asked), [
    'kept /left/ files-1|left',
    'kept /left-2-pad/ files-1|left-2-pad',
    '/left-2-pad/ files-1|left-2-pad',
  ])
  const unkept: Answer = (need) =>
    need.kind === 'document' && need.keptOnly
      ? { kind: 'unavailable', reason: { code: 'unavailable', message: 'not kept' } }
      : answers(need)
  assert.equal(locate(place, unkept).located.purl, 'pkg:pypi/left-2-pad@1.0')
})

test('names that are not normalised are redirected, for pages only', () => {
  for (const target of ['/simple/Left_Pad/', '/simple/left.pad', '/simple/left-pad', '/simple/LEFT--PAD/']) {
    const { reply } = drive(pypi, requestOf(target), answer)
    assert.deepEqual([reply?.status, reply?.headers.location], [301, '/pypi/simple/left-pad/'], target)
  }
  assert.equal(drive(pypi, requestOf('/simple'), answer).reply?.headers.location, '/pypi/simple/')
})

test('the form follows the q-values of Accept, and HTML is for those who name none', () => {
  const type = (accept: string) =>
    drive(pypi, requestOf('/simple/left-pad/', { accept }), answer).reply?.headers['content-type']
  assert.equal(type(`${JSON_TYPE};q=0.1, text/html;q=0.2`), 'text/html; charset=utf-8')
  assert.equal(type(`text/html, ${JSON_TYPE}`), JSON_TYPE)
  assert.equal(type(`${JSON_TYPE};q=0, ${HTML_TYPE};q=0.01`), HTML_TYPE)
  assert.equal(type('application/vnd.pypi.simple.latest+json'), JSON_TYPE)
  assert.equal(type(''), 'text/html; charset=utf-8')
  assert.equal(type('application/vnd.pypi.simple.v9+json'), 'text/html; charset=utf-8')
})

test('a page is gzipped for those who can read that', () => {
  const headers = { ...JSON_CLIENT, 'accept-encoding': 'gzip, deflate, br' }
  const { reply } = drive(pypi, requestOf('/simple/left-pad/', headers), answer)
  assert.equal(reply?.headers['content-encoding'], 'gzip')
  assert.equal(gunzipSync(reply?.body as Uint8Array).toString(), goldenJson)
})

test('a page that upstream has in HTML only becomes the same JSON, as far as HTML can say it', () => {
  const html = goldenHtml
    .replaceAll(`../..${WHEEL}`, `${FILES}${WHEEL}`)
    .replaceAll(`${FILES}${WHEEL}.provenance`, wheel.provenance)
  const answers = scripted(pypi, { 'GET /left-pad/': { body: html, headers: { 'content-type': 'text/html' } } })
  const found = JSON.parse(jsonPage(answers))
  assert.deepEqual(found.meta, { 'api-version': '1.4' })
  assert.equal(found.name, 'left-pad')
  const [old, made] = found.files
  assert.deepEqual([old.yanked, old.hashes], ['broken', { md5 }])
  const { url, hashes, provenance, 'requires-python': python, 'core-metadata': core } = made
  assert.deepEqual([url, hashes, provenance], [`../..${WHEEL}`, { sha256 }, `../..${WHEEL}.provenance`])
  assert.deepEqual([python, core], [wheel['requires-python'], { sha256: metadata }])
  assert.equal(locate(WHEEL, answers).located.path, wheel.url)
})

test('an HTML page that is cut off, or of something else, is refused; an empty index is not', () => {
  const facts = { mediaType: 'text/html', headers: {} }
  const read = (html: string) => pypi.transform(Buffer.from(html), facts, 'files-1|left-pad')
  const link = `<a href="left-pad-1.0.zip#sha256=${sha256}">left-pad-1.0.zip</a>`
  assert.throws(() => read(`<html><body>${link}<a href="left`), { code: 'untrusted.reply', message: /whole page/ })
  assert.throws(() => read('<html><h1>Log in</h1></html>'), { code: 'untrusted.reply', message: /something else/ })
  assert.match(String(read(link).bytes), /left-pad-1\.0\.zip/)
  assert.equal(String(read('<html><title>Links for left-pad</title></html>').bytes).trim(), '')
})

test('an HTML page is read with its base, entities, comments and odd quotes', () => {
  const html = `<BASE href='${FILES}/deep/'><!-- <a href="gone-1.0.zip">gone</a> --><A data-yanked
    HREF=left-pad-3.0.zip#sha256=${sha256} data-requires-python='>&#61;3'>left-pad&#x2d;3.0.zip</A><a>no link</a>`
  const answers = scripted(pypi, { 'GET /left-pad/': { body: html, headers: { 'content-type': 'text/html' } } })
  const { files } = JSON.parse(jsonPage(answers))
  assert.equal(files.length, 1)
  assert.deepEqual([files[0].yanked, files[0]['requires-python']], [true, '>=3'])
  assert.equal(locate(`/files/left-pad/${sha256}`, answers).located.path, `${FILES}/deep/left-pad-3.0.zip`)
})

test('hidden releases are yanked with the reason of the policy, in every form', () => {
  const facts = { mediaType: JSON_TYPE, headers: {}, hidden: [{ version: '1.1', reason: 'younger than 7 days' }] }
  for (const form of ['json', 'html']) {
    const made = pypi.transform(Buffer.from(JSON.stringify(page)), facts, `page|1|${form}||left-pad`)
    const text = Buffer.from(made.bytes).toString()
    assert.equal(text.split('younger than 7 days').length, 2, text)
  }
})

test('of a release of which one file is hidden the others stay as they are', () => {
  const sdist = { ...wheel, filename: 'left-pad-1.1.tar.gz', hashes: { sha256: 'c'.repeat(64) } }
  const document = { ...page, files: [wheel, sdist] }
  const hidden = [{ version: '1.1', reason: 'no verdict', files: [`sha256:${sdist.hashes.sha256}` as const] }] as never
  const facts = { mediaType: JSON_TYPE, headers: {}, hidden }
  const made = pypi.transform(Buffer.from(JSON.stringify(document)), facts, 'page|1|json||left-pad')
  const { files } = JSON.parse(Buffer.from(made.bytes).toString())
  assert.deepEqual([files.length, files[0].yanked, files[1].yanked], [2, false, 'no verdict'])
})

test('a page of which everything is hidden says why by a version that nobody can mean, since pip prints nothing else of it', () => {
  const hidden = [{ version: '1.1', reason: 'left-pad==1.1 has no verdict' }]
  const facts = { mediaType: JSON_TYPE, headers: {}, hidden }
  const document = { ...page, files: [wheel] }
  const made = pypi.transform(Buffer.from(JSON.stringify(document)), facts, 'page|1|json||left-pad')
  const { files } = JSON.parse(Buffer.from(made.bytes).toString())
  assert.equal(files[0].yanked, 'left-pad==1.1 has no verdict')
  assert.equal(versionOfFile('left-pad', files[1].filename), '0+denied.left.pad.1.1.has.no.verdict')
})

test('the view of releases has every version once, with the time of its first file and the digests of all', () => {
  const early = { ...wheel, filename: 'left-pad-1.1.tar.gz', 'upload-time': '2023-01-01T00:00:00Z' }
  const body = Buffer.from(JSON.stringify({ ...page, files: [...page.files, early] }))
  const made = pypi.transform(body, { mediaType: JSON_TYPE, headers: {} }, RELEASES_VIEW)
  const listed = parseReleases(made.bytes)
  assert.deepEqual(listed[1]?.files, [`sha256:${wheel.hashes.sha256}`, `sha256:${wheel.hashes.sha256}`])
  assert.deepEqual(
    listed.map(({ files }) => files?.length),
    [1, 2, undefined, 1],
  )
  const dated = listed.map(({ version, releasedAtMs }) => ({ version, releasedAtMs }))
  assert.deepEqual(dated, [
    { version: '1.0', releasedAtMs: undefined },
    { version: '1.1', releasedAtMs: Date.parse('2023-01-01') },
    { version: '1.2', releasedAtMs: undefined },
    { version: '2.0+cpu', releasedAtMs: undefined },
  ])
})

test('a want tells its package before anything is asked', () => {
  const subject = (target: string) => pypi.subject?.(wantOf(pypi, requestOf(target)) as never)
  assert.equal(subject('/simple/left-pad/'), 'pkg:pypi/left-pad')
  assert.equal(subject(WHEEL), 'pkg:pypi/left-pad@1.1')
  assert.equal(subject(`${WHEEL}.provenance`), 'pkg:pypi/left-pad@1.1')
  assert.equal(subject(`/files/Left_Pad/${sha256}`), 'pkg:pypi/left-pad')
  assert.equal(subject('/simple/'), undefined)
})

test('a denial is told in the status line and in a problem document', () => {
  const reply = pypi.refuse({ code: 'denied', message: 'left-pad is malware (rule 3)' }, requestOf(WHEEL))
  assert.deepEqual([reply.status, reply.statusText], [403, 'Forbidden by policy: left-pad is malware (rule 3)'])
  assert.equal(JSON.parse(String(reply.body)).detail, 'left-pad is malware (rule 3)')
})

test('pip and uv are told of a refused project by a yanked release, which is all of a page that they print', () => {
  const reason = { code: 'denied', message: 'left-pad is blocked (policy: "typo" <squatting>)' } as const
  const page = (agent: string, accept: string) =>
    pypi.refuse(reason, requestOf('/simple/left-pad/', { 'user-agent': agent, accept }))
  const json = page('pip/26.2 {}', JSON_CLIENT.accept)
  assert.equal(json.status, 200)
  const { versions, files } = JSON.parse(String(json.body))
  assert.deepEqual(versions, ['0+denied.left.pad.is.blocked.policy.typo.squatting'])
  assert.equal(files[0].yanked, reason.message)
  assert.equal(versionOfFile('left-pad', files[0].filename), versions[0])
  assert.match(String(page('uv/0.13', 'text/html').body), /data-yanked="left-pad is blocked \(policy: &quot;typo&quot;/)
  assert.equal(page('curl/8', '*/*').status, 403)
  const down = { code: 'unavailable', message: 'nobody answers' } as const
  const told = (agent: string) => pypi.refuse(down, requestOf('/simple/left-pad/', { 'user-agent': agent }))
  assert.match(String(told('pip/26.2').body), /left_pad-0\+unavailable\.nobody\.answers-py3/)
  assert.equal(told('uv/0.13').status, 424)
  assert.equal(pypi.refuse(reason, requestOf(WHEEL, { 'user-agent': 'pip/26.2' })).status, 403)
})

test('uploading is refused as a method, not as an absence', () => {
  const { reply } = drive(pypi, requestOf('/simple/left-pad/', {}, 'PUT'), answer)
  assert.deepEqual([reply?.status, reply?.headers.allow], [405, 'GET, HEAD'])
})

test('every file of every page is found again under the URL that the page has for it', () => {
  const name = fc.stringMatching(/^[a-z0-9]{1,6}(-[a-z0-9]{1,4}){0,2}$/)
  const version = fc.stringMatching(/^[0-9]{1,2}\.[0-9]{1,2}(rc[0-9])?(\.post[0-9])?(\+[a-z0-9]{1,3})?$/)
  const host = fc.constantFrom(FILES, `${FILES}/packages/aa/bb/${'f'.repeat(60)}`, `${FILES}/a/packages/aa/bb`)
  fc.assert(
    fc.property(name, fc.uniqueArray(version, { minLength: 1, maxLength: 5 }), host, (project, versions, folder) => {
      const files = versions.map((version) => {
        const filename = `${project}-${version}.tar.gz`
        const hashes = { sha256: hexOf(blobIdOf(Buffer.from(filename))) }
        return { filename, hashes, url: `${folder}/${filename}` }
      })
      const body = JSON.stringify({ name: project, files })
      const answers = scripted(pypi, { [`GET /${project}/`]: { body } })
      const { reply } = drive(pypi, requestOf(`/simple/${project}/`, JSON_CLIENT), answers)
      const places = placesOf(Buffer.from(reply?.body ?? '').toString())
      for (const [index, file] of files.entries()) {
        const { located } = locate(places[index] ?? '', answers)
        assert.deepEqual([located.path, located.digests], [file.url, [`sha256:${file.hashes.sha256}`]])
      }
    }),
    { numRuns: 50 },
  )
})

test('the published vectors of pypi purls are read and written', () => {
  const file = new URL('../../../test/vectors/purl/pypi-test.json', import.meta.url)
  const vectors = JSON.parse(readFileSync(file, 'utf8')) as { tests: { test_type: string; input: unknown }[] }
  for (const { input } of vectors.tests.filter((vector) => vector.test_type === 'parse')) {
    const purl = parsePurl(String(input))
    const bare = purl.replace(/[?#].*$/, '')
    assert.equal(pypi.coordinates.toPurl(pypi.coordinates.fromPurl(purl)), bare)
  }
})

test('a page of nothing but beginnings is refused in one reading', { timeout: 20_000 }, () => {
  for (const part of ['<a"', '<a "', '<a <', "<meta '", '<script>', '<a href="x">', '<!--', '<title>']) {
    const page = Buffer.from(part.repeat(300_000))
    const facts = { mediaType: 'text/html', headers: {} }
    assert.throws(() => pypi.transform(page, facts, RELEASES_VIEW), { code: 'untrusted.reply' }, part)
  }
})

test('a page with a script and quotes in its text is read', () => {
  const link = "<A HREF='../../packages/x-1.0.tar.gz#sha256=00' data-yanked=\"it's > bad\">x-1.0.tar.gz</A>"
  const page = `<html><script>if (a <b) "</script><body>don't 1 < 2 ${link}</body></html>`
  const facts = { mediaType: 'text/html', headers: {} }
  const made = Buffer.from(pypi.transform(Buffer.from(page), facts, RELEASES_VIEW).bytes).toString()
  assert.match(made, /^1\.0\t/)
})
