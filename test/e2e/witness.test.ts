/** Images witnessed by real builders at Debian's docker-registry behind Docker Hub's ways: tokens, redirects of blobs, rate limits. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { digestBytes } from '../../src/base/digest.ts'
import { agreedPart } from '../../src/base/entries/result.ts'
import { type Hub, startHub } from '../kit/hub.ts'
import { needs } from '../kit/needs.ts'
import { scratch } from '../kit/node-process.ts'
import { rawTar } from '../kit/raw-tar.ts'
import { openRealRebuild } from '../kit/real-rebuild.ts'

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
const INDEX = 'application/vnd.oci.image.index.v1+json'
const CONFIG = 'application/vnd.oci.image.config.v1+json'
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip'
const ASKED = { purl: 'pkg:docker/app@1', requestedAtSeconds: 1_800_000_000 }

interface Described {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

/** Puts things into `library/app` of the registry behind the stand-in, without a daemon. */
function pusher({ registry }: Hub) {
  const base = `http://${registry}/v2/library/app`
  const blob = async (mediaType: string, bytes: Buffer): Promise<Described> => {
    const digest = digestBytes('sha256', bytes)
    const begun = await fetch(`${base}/blobs/uploads/`, { method: 'POST' })
    const place = new URL(begun.headers.get('location') ?? '', base)
    place.searchParams.set('digest', digest)
    const headers = { 'content-type': 'application/octet-stream' }
    const put = await fetch(place, { method: 'PUT', body: Uint8Array.from(bytes), headers })
    assert.equal(put.status, 201)
    return { mediaType, digest, size: bytes.byteLength }
  }
  const manifest = async (mediaType: string, document: object, tag?: string): Promise<Described> => {
    const body = JSON.stringify({ schemaVersion: 2, mediaType, ...document })
    const digest = digestBytes('sha256', Buffer.from(body))
    const headers = { 'content-type': mediaType }
    const put = await fetch(`${base}/manifests/${tag ?? digest}`, { method: 'PUT', body, headers })
    assert.equal(put.status, 201, await put.text())
    return { mediaType, digest, size: Buffer.byteLength(body) }
  }
  const image = async (layers: readonly Buffer[], tag?: string): Promise<Described> => {
    const config = await blob(CONFIG, Buffer.from(JSON.stringify({ layers: layers.length })))
    const described = await Promise.all(layers.map((layer) => blob(LAYER, layer)))
    return await manifest(MANIFEST, { config, layers: described }, tag)
  }
  return { manifest, image }
}

const layerOf = (name: string): Buffer => gzipSync(rawTar([{ name, content: `content of ${name}` }]))

test(
  'builders witness a tag at the registry, each for itself, and agree on every digest until the tag moves; a malformed layer is told',
  needs('docker-registry', 'openssl', 'bubblewrap'),
  async (t) => {
    const directory = await scratch(t, 'e2e-witness')
    const hub = await startHub(join(directory, 'hub'))
    t.after(() => hub.close())
    const { image, manifest } = pusher(hub)
    const open = async (name: string) => {
      const builder = await openRealRebuild({ folder: join(directory, name), upstreams: { 'docker.io': hub.url } })
      t.after(() => builder[Symbol.asyncDispose]())
      return async () => (await builder.run(ASKED)).built
    }
    const builders = await Promise.all(['a', 'b', 'c'].map(open))
    const amd64 = {
      ...(await image([layerOf('bin/a'), layerOf('bin/b')])),
      platform: { os: 'linux', architecture: 'amd64' },
    }
    const index = await manifest(INDEX, { manifests: [amd64] }, '1')

    const first = await Promise.all(builders.map((run) => run()))
    const parts = first.map(({ result }) => JSON.stringify(agreedPart(result)))
    assert.equal(new Set(parts).size, 1, 'they agree')
    const { result, record } = first[0] ?? assert.fail()
    assert.ok(result.outcome === 'witnessed')
    assert.deepEqual([result.tag, result.files.length, record.dependencies.length], [true, 5, 0])
    const named = result.files.find(({ name }) => name === 'library/app:1')
    assert.equal(`sha256:${named?.sha256}`, index.digest)
    const gets = hub.requests.filter(({ method, path }) => method === 'GET' && path.includes('/blobs/'))
    assert.ok(gets.length >= 9, 'each asked for configuration and layers itself')
    assert.ok(
      hub.requests.some(({ path, authorization }) => path.includes('/manifests/') && authorization),
      'with a token',
    )

    await image([layerOf('bin/a'), Buffer.concat([layerOf('bin/b'), layerOf('bin/evil')])], '1')
    const [moved] = await Promise.all(builders.map((run) => run()))
    assert.equal(moved?.result.outcome, 'malformed')
    assert.match(JSON.stringify(moved?.result), /sha256:[0-9a-f]{64}: /)
  },
)
