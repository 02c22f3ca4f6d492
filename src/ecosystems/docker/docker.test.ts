import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { drive, requestOf, scripted } from '../../../test/kit/ecosystem-driver.ts'
import { ecosystemSuite } from '../../../test/kit/ecosystem-suite.ts'
import { blobIdOf } from '../../base/digest.ts'
import { AppError } from '../../base/errors.ts'
import type { Got } from '../../base/located.ts'
import { parsePurl, purlParts } from '../../base/purl.ts'
import { parseReleases } from '../../base/releases.ts'
import { docker } from './docker.ts'

const OCI_IMAGE = 'application/vnd.oci.image.manifest.v1+json'
const OCI_INDEX = 'application/vnd.oci.image.index.v1+json'
const layer = `sha256:${'1'.repeat(64)}`
const config = `sha256:${'2'.repeat(64)}`
const foreign = `sha256:${'3'.repeat(64)}`

const image = JSON.stringify({
  schemaVersion: 2,
  mediaType: OCI_IMAGE,
  config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: config, size: 2 },
  layers: [
    { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: layer, size: 10 },
    { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: layer, size: 10 },
    {
      mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
      digest: foreign,
      size: 9,
      urls: ['https://elsewhere.example.com/'],
    },
  ],
})
const imageDigest = blobIdOf(Buffer.from(image))
const index = JSON.stringify({
  schemaVersion: 2,
  mediaType: OCI_INDEX,
  manifests: [{ mediaType: OCI_IMAGE, digest: imageDigest, size: image.length }],
})
const indexDigest = blobIdOf(Buffer.from(index))
const tags = '{"name":"library/alpine","tags":["3.19","3.20"]}'

const pointer = (digest: string, mediaType: string, size: number) => ({
  headers: { 'docker-content-digest': digest, 'content-type': mediaType, 'content-length': String(size) },
})
const documents = {
  'HEAD /v2/library/alpine/manifests/3.20': pointer(indexDigest, OCI_INDEX, index.length),
  'HEAD /v2/owner/image/manifests/v1': pointer(imageDigest, OCI_IMAGE, image.length),
  'HEAD /v2/library/mute/manifests/1': { headers: { 'content-type': OCI_IMAGE } },
  'GET /v2/library/mute/manifests/1': { body: image, headers: { 'content-type': OCI_IMAGE } },
  'HEAD /v2/library/old/manifests/1': {
    headers: {
      'content-type': 'application/vnd.docker.distribution.manifest.v1+prettyjws',
      'docker-content-digest': layer,
    },
  },
  'GET /v2/library/alpine/tags/list': { body: tags },
  'GET /v2/library/alpine/tags/list?n=2': {
    body: tags,
    headers: { link: '</v2/library/alpine/tags/list?last=3.20&n=2>; rel="next"' },
  },
  [`GET /v2/library/alpine/referrers/${imageDigest}`]: { body: index, headers: { 'content-type': OCI_INDEX } },
}
const answer = scripted(docker, documents, { [imageDigest]: image, [indexDigest]: index })

ecosystemSuite(docker, {
  names: [
    ['library/alpine:3.20', 'pkg:docker/alpine@3.20'],
    ['library/alpine', 'pkg:docker/alpine'],
    ['owner/image:v1', 'pkg:docker/owner/image@v1'],
    [`library/alpine@${layer}`, `pkg:docker/alpine@${layer}`],
    ['ghcr.io/owner/deep/image:v1', 'pkg:docker/owner/deep/image@v1?repository_url=ghcr.io'],
    ['localhost:5000/image:v1', 'pkg:docker/image@v1?repository_url=localhost:5000'],
  ],
  notNames: [
    '',
    'Upper/case:1',
    'a:',
    'a@',
    'a@sha256:12',
    `a@md5:${'1'.repeat(32)}`,
    '../a',
    'a//b',
    'a:-tag',
    'ghcr.io/',
  ],
  versions: ['01', '1', '1.9', '1.10', '1.10-alpine', '2', '10', 'edge', 'latest', 'v1', 'v9', 'v10'],
  paths: [
    '/{}/manifests/latest',
    '/library/alpine/manifests/{}',
    `/{}/blobs/${layer}`,
    '/library/alpine/blobs/{}',
    '/{}/tags/list',
    `/{}/referrers/${layer}`,
    '/library/alpine/referrers/{}',
    '/library/alpine/tags/list?n={}&last={}',
    '/library/alpine/manifests/latest?ns={}',
    '/{}',
  ],
  requests: [
    { target: '/library/alpine/manifests/3.20' },
    { target: '/alpine/manifests/3.20' },
    { target: '/docker.io/library/alpine/manifests/3.20' },
    { target: '/owner/image/manifests/v1?ns=ghcr.io' },
    { target: '/ghcr.io/owner/image/manifests/v1' },
    { target: `/library/alpine/manifests/${imageDigest}` },
    { target: `/library/alpine/blobs/${layer}` },
    { target: '/library/alpine/tags/list' },
    { target: `/library/alpine/referrers/${imageDigest}` },
  ],
  unknownPaths: ['/_catalog', '/library/alpine', '/library/alpine/uploads/x', '/x/manifests/', '//'],
  answer,
  golden: [{ target: '/library/alpine/tags/list', page: tags }],
  refusals: [],
})

function locate(target: string, answers: (need: never) => Got = answer as never) {
  const { resolution, needs } = drive(docker, requestOf(target), answers as never)
  assert.ok(resolution?.kind === 'file', JSON.stringify(resolution))
  return { located: resolution.located, needs }
}

test('a tag costs one HEAD, then its manifest is a file found by digest', () => {
  const { located, needs } = locate('/library/alpine/manifests/3.20')
  assert.deepEqual(
    needs.map((need) => (need.kind === 'blob' ? need.located.digests[0] : need.request.method)),
    ['HEAD', indexDigest],
  )
  assert.equal(located.mediaType, OCI_INDEX)
  assert.equal(located.sizeBytes, index.length)
  assert.equal(located.path, `/v2/library/alpine/manifests/${indexDigest}`)
  assert.equal(located.replyHeaders['docker-content-digest'], indexDigest)
  assert.equal(located.purl, 'pkg:docker/alpine@3.20')
  assert.equal(located.evidence[0]?.kind, 'header')
})

test('an image manifest requires its configuration and layers, but not foreign layers', () => {
  const { located } = locate('/owner/image/manifests/v1?ns=ghcr.io')
  assert.deepEqual(
    located.requires.map((reference) => reference.digest),
    [config, layer],
  )
})

test('an index requires nothing, but refers to its children', () => {
  const { located } = locate('/library/alpine/manifests/3.20')
  assert.deepEqual(located.requires, [])
  const children = docker.references({ bytes: Buffer.from(index), mediaType: OCI_INDEX })
  assert.deepEqual(
    children.map((reference) => reference.digest),
    [imageDigest],
  )
  assert.deepEqual(docker.references({ bytes: Buffer.from(index), mediaType: 'application/octet-stream' }), [])
})

test('a registry whose HEAD has no digest is asked for the document', () => {
  const { located, needs } = locate('/mute/manifests/1')
  assert.equal(needs.length, 3)
  assert.deepEqual(located.digests, [imageDigest])
  assert.equal(located.evidence[0]?.kind, 'index')
})

test('pointers without a digest, and what is no manifest or list, prove to be nothing', () => {
  const prove = (key: string, body: string, headers = {}, mediaType = 'text/html') =>
    docker.transform(Buffer.from(body), { mediaType, headers }, key).bytes.byteLength
  for (const [key, body] of [
    ['pointer', ''],
    ['manifest', '<html>'],
    ['tags', '{"tags"'],
    ['referrers', '{"tags":[]}'],
  ]) {
    assert.throws(() => prove(key as string, body as string), { code: 'untrusted.reply' })
  }
  assert.equal(prove('pointer', '', { 'docker-content-digest': imageDigest }), 0)
  assert.equal(prove('manifest', index, {}, OCI_INDEX), 0)
  assert.equal(prove('tags', '{"name":"a","tags":null}') + prove('referrers', '{"manifests":[]}'), 0)
})

test('a signed schema 1 manifest is not found, with the reason', () => {
  const { reply } = drive(docker, requestOf('/old/manifests/1'), answer)
  assert.equal(reply?.status, 404)
  assert.match(String(reply?.body), /schema 1/)
})

test('a tag that upstream does not have is named in the error', () => {
  const { reply } = drive(docker, requestOf('/nope/manifests/1'), answer)
  assert.match(String(reply?.body), /library\/nope:1: not in the script/)
})

test('ns names the upstream and is answered with OCI-Namespace', () => {
  const { located } = locate('/owner/image/manifests/v1?ns=ghcr.io')
  assert.equal(located.upstream, 'ghcr.io')
  assert.equal(located.path, `/v2/owner/image/manifests/${imageDigest}`)
  assert.equal(located.replyHeaders['oci-namespace'], 'ghcr.io')
  assert.equal(located.purl, 'pkg:docker/owner/image@v1?repository_url=ghcr.io')
})

test('a registry that is not configured is not found, by ns and by path', () => {
  for (const target of [
    '/x/manifests/1?ns=registry.example.com',
    '/registry.example.com/x/manifests/1',
    '/localhost/x/manifests/1',
  ]) {
    const { needs, reply } = drive(docker, requestOf(target), answer)
    assert.deepEqual(needs, [])
    assert.equal(reply?.status, 404)
    assert.match(String(reply?.body), /is configured/)
  }
})

test('the type of a manifest is the stored one, else its own, else that of its structure', () => {
  const dockerType = 'application/vnd.docker.distribution.manifest.v2+json'
  const manifest = (mediaType: string | undefined, own: object) => {
    const bytes = Buffer.from(JSON.stringify({ config: { digest: config }, layers: [], ...own }))
    const digest = blobIdOf(bytes)
    const origin = { kind: 'local' } as const
    return locate(`/a/manifests/${digest}`, () => ({ kind: 'blob', bytes, mediaType, origin })).located.mediaType
  }
  assert.equal(manifest(`${dockerType}; charset=utf-8`, { mediaType: OCI_IMAGE }), dockerType)
  assert.equal(manifest('application/octet-stream', { mediaType: dockerType }), dockerType)
  assert.equal(manifest(undefined, {}), OCI_IMAGE)
})

test('a document that is both image and index is not served', () => {
  const bytes = Buffer.from(JSON.stringify({ manifests: [], layers: [], config: { digest: config } }))
  const { reply } = drive(docker, requestOf(`/a/manifests/${blobIdOf(bytes)}`), () => ({
    kind: 'blob',
    bytes,
    mediaType: OCI_INDEX,
    origin: { kind: 'local' },
  }))
  assert.equal(reply?.status, 404)
  assert.match(String(reply?.body), /either manifests or layers/)
})

test('the next page of a tag list is a path of this node', () => {
  const { reply } = drive(docker, requestOf('/docker.io/library/alpine/tags/list?n=2'), answer)
  assert.equal(reply?.headers.link, '</v2/docker.io/library/alpine/tags/list?last=3.20&n=2>; rel="next"')
})

test('tags that the policy hides leave the list, and what is left is told as a warning of the registry', () => {
  const facts = { mediaType: 'application/json', headers: {} }
  const bytes = Buffer.from(tags)
  const listed = parseReleases(docker.transform(bytes, facts, docker.releases?.view ?? '').bytes)
  assert.deepEqual(
    listed.map(({ version }) => version),
    ['3.19', '3.20'],
  )
  const hidden = [{ version: '3.20', reason: 'no verdict' }]
  const made = docker.transform(bytes, { ...facts, hidden }, '')
  assert.deepEqual(JSON.parse(Buffer.from(made.bytes).toString()), { name: 'library/alpine', tags: ['3.19'] })
  assert.deepEqual(docker.notice?.('held "back"', requestOf('/library/alpine/tags/list')), {
    warning: `299 - "held 'back'"`,
  })
})

test('a ping is 200 with the API version and asks nobody', () => {
  for (const target of ['', '/']) {
    const { reply } = drive(docker, requestOf(target), answer)
    assert.equal(reply?.status, 200)
    assert.equal(reply?.headers['docker-distribution-api-version'], 'registry/2.0')
  }
})

test('errors carry the code of the OCI specification', () => {
  const codeOf = (target: string, method = 'GET') => {
    const { reply } = drive(docker, requestOf(target, {}, method), answer)
    return JSON.parse(String(reply?.body)).errors[0].code
  }
  assert.equal(codeOf('/a/manifests/absent'), 'MANIFEST_UNKNOWN')
  assert.equal(codeOf('/a/tags/list'), 'NAME_UNKNOWN')
  assert.equal(codeOf('/A/tags/list'), 'NAME_INVALID')
  assert.equal(codeOf('/a/blobs/uploads/', 'POST'), 'UNSUPPORTED')
  const blob = docker.refuse({ code: 'absent', message: '' }, requestOf(`/a/blobs/${layer}`))
  assert.match(String(blob.body), /BLOB_UNKNOWN/)
})

test('every image reference comes back from its purl', () => {
  const part = fc.stringMatching(/^[a-z0-9]{1,5}([._-][a-z0-9]{1,5})?$/)
  const path = fc.array(part, { minLength: 2, maxLength: 4 }).map((parts) => ['a', ...parts].join('/'))
  const host = fc.constantFrom('', 'ghcr.io/', 'localhost:5000/', 'registry.example.com/')
  const version = fc.oneof(fc.stringMatching(/^:[A-Za-z0-9_][A-Za-z0-9._-]{0,9}$/), fc.constantFrom('', `@${layer}`))
  fc.assert(
    fc.property(host, path, version, (registry, name, suffix) => {
      const text = `${registry}${name}${suffix}`
      assert.equal(docker.coordinates.fromPurl(docker.coordinates.toPurl(text)), text)
    }),
    { numRuns: 100 },
  )
})

test('published purls of images are read, and written in the canonical form', () => {
  const full = `sha256:${'a'.repeat(64)}`
  const native = new Map([
    ['pkg:docker/cassandra@latest', 'library/cassandra:latest'],
    ['pkg:docker/smartentry/debian@dc437cc87d10', 'smartentry/debian:dc437cc87d10'],
    [`pkg:oci/debian@${full}?repository_url=docker.io/library/debian&tag=latest`, `library/debian@${full}`],
    [`pkg:oci/static@${full}?repository_url=gcr.io/distroless/static&tag=latest`, `gcr.io/distroless/static@${full}`],
    ['pkg:oci/debian?repository_url=ghcr.io/debian&tag=bullseye', 'ghcr.io/debian:bullseye'],
  ])
  for (const [purl, name] of native) assert.equal(docker.coordinates.fromPurl(parsePurl(purl)), name)
})

test('the published vectors of docker and oci end as a name or as usage.purl', () => {
  for (const type of ['docker', 'oci']) {
    const file = new URL(`../../../test/vectors/purl/${type}-test.json`, import.meta.url)
    const vectors = JSON.parse(readFileSync(file, 'utf8')) as { tests: { test_type: string; input: unknown }[] }
    for (const { input } of vectors.tests.filter((vector) => vector.test_type === 'parse')) {
      const purl = parsePurl(String(input))
      try {
        const again = docker.coordinates.toPurl(docker.coordinates.fromPurl(purl))
        assert.equal(purlParts(again).version, purlParts(purl).version)
      } catch (error) {
        // Their image ids are cut short, which no registry accepts.
        assert.ok(error instanceof AppError && error.code === 'usage.purl' && /sha256/.test(String(input)))
      }
    }
  }
})
