/** Images witnessed at a registry in memory: by the real generator, registry and reader of layers, without a network. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { rawTar } from '../../../test/kit/raw-tar.ts'
import { sampleEntries, signerOf } from '../../../test/kit/sample-entries.ts'
import { steppedClock } from '../../../test/kit/stepped-clock.ts'
import { statementOf } from '../../base/attestation/statement-of.ts'
import { type BlobId, blobIdOf, hexOf } from '../../base/digest.ts'
import { encodeEntry } from '../../base/entries/entry.ts'
import { indexKeys } from '../../base/entries/index-keys.ts'
import { parsePurl } from '../../base/purl.ts'
import { witness } from '../../build/rebuild/witness.ts'
import { docker } from '../../ecosystems/docker/docker.ts'
import { createMemoryWriter } from '../../log/memory.ts'
import { createMemoryStore } from '../../store/memory.ts'
import { createMemoryUpstream, type MemoryUpstream } from '../../upstream/memory.ts'
import { openAsOfRegistry } from './as-of-registry.ts'
import { examine } from './examine-worker.ts'

const INDEX = 'application/vnd.oci.image.index.v1+json'
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip'
const CONFIG = 'application/vnd.oci.image.config.v1+json'
const ENVIRONMENT = { toolchains: [], sandbox: 'none' }
const life = new AbortController().signal

interface Described {
  readonly digest: BlobId
  readonly size: number
  readonly mediaType: string
}

class Registry {
  readonly upstream: MemoryUpstream
  readonly store = createMemoryStore({ limitBytes: 1_000_000_000 }, { clock: steppedClock() })

  constructor() {
    const upstreams = [{ name: 'docker.io', url: 'https://hub.example', share: 'network', source: 'flag' }] as const
    this.upstream = createMemoryUpstream({ upstreams, offline: false }, { clock: steppedClock() })
  }

  blob(mediaType: string, bytes: Buffer): Described {
    const digest = blobIdOf(bytes)
    this.upstream.route('docker.io', `/v2/library/toy/blobs/${digest}`, { body: bytes })
    return { digest, size: bytes.byteLength, mediaType }
  }

  manifest(mediaType: string, document: object, ...tags: readonly string[]): Described {
    const body = JSON.stringify({ schemaVersion: 2, mediaType, ...document })
    const digest = blobIdOf(Buffer.from(body))
    for (const reference of [digest, ...tags]) {
      const headers = { 'content-type': mediaType, 'docker-content-digest': digest }
      this.upstream.route('docker.io', `/v2/library/toy/manifests/${reference}`, { headers, body })
    }
    return { digest, size: Buffer.byteLength(body), mediaType }
  }

  image(layers: readonly Buffer[], ...tags: readonly string[]): Described {
    const config = this.blob(CONFIG, Buffer.from(`{"layers":${layers.length}}`))
    return this.manifest(MANIFEST, { config, layers: layers.map((layer) => this.blob(LAYER, layer)) }, ...tags)
  }

  async witness(purl: string) {
    const asked = { purl: parsePurl(purl), index: 1_000, requestedAtSeconds: 1_800_000_000 }
    const log = createMemoryWriter({ origin: 'log.example/x', keysOf: indexKeys }, signerOf('log'))
    await log.append(sampleEntries().map(encodeEntry))
    const { store, upstream } = this
    const transform = () => Promise.reject(new Error('nothing is transformed'))
    const context = { upstreams: ['docker.io'], freshSeconds: 60 }
    const registry = openAsOfRegistry(docker, asked, {
      store,
      upstream,
      clock: steppedClock(),
      log,
      transform,
      context,
    })
    const parts = { store, examine: async (job: Parameters<typeof examine>[0]) => examine(job) }
    return await witness({ asked, ecosystem: docker, registry }, ENVIRONMENT, parts, life)
  }

  /** Paths that were asked for with GET, by their last part. */
  gets(): string[] {
    return this.upstream.requests.flatMap(({ method, path }) =>
      method === 'GET' ? [path.split('/').at(-1) ?? ''] : [],
    )
  }
}

const layerOf = (name: string): Buffer => gzipSync(rawTar([{ name, content: `content of ${name}` }]))

test('a tag is witnessed with its index, the manifests of all platforms, configurations and layers, each byte read', async () => {
  const registry = new Registry()
  const amd64 = registry.image([layerOf('bin/a'), layerOf('bin/shared')])
  const arm64 = registry.image([layerOf('bin/b'), layerOf('bin/shared')])
  const platform = (architecture: string) => ({ platform: { os: 'linux', architecture } })
  const manifests = [
    { ...arm64, ...platform('arm64') },
    { ...amd64, ...platform('amd64') },
  ]
  const index = registry.manifest(INDEX, { manifests }, '1.0')
  const found = await registry.witness('pkg:docker/toy@1.0')
  assert.ok(found.outcome === 'witnessed')
  assert.equal(found.tag, true)
  const names = found.files.map(({ name }) => name)
  assert.deepEqual(names, names.toSorted(), 'in the order of their names')
  assert.equal(
    found.files.length,
    1 + 2 + 1 + 3,
    'index, manifests, the configuration and layers that both share, once',
  )
  const top = found.files.find(({ name }) => name === 'library/toy:1.0')
  assert.equal(top?.sha256, hexOf(index.digest))
  assert.ok(found.files.every(({ sha512, sha1 }) => sha512.length === 128 && sha1.length === 40))
  const gets = registry.gets()
  assert.equal(new Set(gets).size, gets.length, 'nothing is asked for twice: registries count')
})

test('an image by its digest is witnessed as such, and is no tag', async () => {
  const registry = new Registry()
  const image = registry.image([layerOf('bin/a')])
  const found = await registry.witness(`pkg:docker/toy@${image.digest}`)
  assert.ok(found.outcome === 'witnessed')
  assert.deepEqual([found.tag, found.files.length], [false, 3])
})

test('what is kept here counts for nothing: each witness asks the registry itself for every file', async () => {
  const registry = new Registry()
  registry.image([layerOf('bin/a')], '1.0')
  await registry.witness('pkg:docker/toy@1.0')
  const first = registry.gets().length
  registry.upstream.requests.length = 0
  await registry.witness('pkg:docker/toy@1.0')
  assert.equal(registry.gets().length, first)
})

test('F7: a layer with bytes after its end, or a second member, is malformed, and so is the image', async () => {
  const sound = layerOf('bin/a')
  const hidden = gzipSync(
    Buffer.concat([rawTar([{ name: 'bin/a', content: 'x' }]), rawTar([{ name: 'bin/evil', content: 'y' }])]),
  )
  for (const layer of [
    Buffer.concat([sound, layerOf('bin/evil')]),
    Buffer.concat([sound, Buffer.from('tail')]),
    hidden,
  ]) {
    const registry = new Registry()
    registry.image([layerOf('bin/b'), layer], '1.0')
    const found = await registry.witness('pkg:docker/toy@1.0')
    assert.equal(found.outcome, 'malformed')
  }
})

test('a manifest that is none, or names one that the registry does not give, is malformed', async () => {
  const registry = new Registry()
  registry.manifest(MANIFEST, { config: 'none', layers: [] }, '1.0')
  assert.equal((await registry.witness('pkg:docker/toy@1.0')).outcome, 'malformed')
  const missing = blobIdOf(Buffer.from('nobody has it'))
  registry.manifest(INDEX, { manifests: [{ digest: missing, size: 1, mediaType: MANIFEST }] }, '2.0')
  assert.equal((await registry.witness('pkg:docker/toy@2.0')).outcome, 'malformed')
})

test('an image that the registry does not have is unbuildable; a registry that lies or is away is asked again later', async () => {
  const registry = new Registry()
  registry.upstream.serve('https://hub.example', () => ({ status: 404 }))
  const found = await registry.witness('pkg:docker/toy@1.0')
  assert.equal(found.outcome, 'unbuildable')
  const foreign = await registry.witness('pkg:docker/toy@1.0?repository_url=ghcr.io')
  assert.match(JSON.stringify(foreign), /unbuildable.*no registry ghcr.io is configured/)
  registry.image([layerOf('bin/a')], '1.0')
  const layer = blobIdOf(layerOf('bin/a'))
  registry.upstream.route('docker.io', `/v2/library/toy/blobs/${layer}`, { body: 'other bytes' })
  await assert.rejects(registry.witness('pkg:docker/toy@1.0'), { code: /^(?:untrusted|unavailable)\./ })
  registry.upstream.fault('docker.io', 'refused')
  await assert.rejects(registry.witness('pkg:docker/toy@1.0'), { code: 'unavailable.upstream' })
})

test('of an image with more files than a verdict holds, all manifests and as many whole platforms are named', async () => {
  const registry = new Registry()
  const architectures = ['s390x', 'ppc64le', 'arm64', 'riscv64', 'amd64']
  const manifests = architectures.map((architecture) => {
    const layers = Array.from({ length: 14 }, (_, at) => layerOf(`${architecture}/${at}`))
    return { ...registry.image(layers), platform: { os: 'linux', architecture } }
  })
  registry.manifest(INDEX, { manifests }, '1.0')
  const found = await registry.witness('pkg:docker/toy@1.0')
  assert.ok(found.outcome === 'witnessed')
  assert.ok(found.files.length <= 60 && found.files.length > 40)
  const files = Array.from({ length: 60 }, (_, at) => ({
    ...(found.files[0] ?? assert.fail()),
    name: `${at}`.padStart(71, 'x'),
  }))
  const facts = {
    network: 'log.example/x',
    purl: 'pkg:docker/toy@1.0',
    request: 'ab'.repeat(32),
    attempt: 1,
    node: 'cd'.repeat(32),
  }
  const record = { dependencies: [], startedSeconds: 0, finishedSeconds: 0 }
  statementOf({ ...facts, pyrsia: '0.1.0', result: { ...found, files }, record })
  const named = new Set(found.files.map(({ sha256 }) => sha256))
  assert.ok(manifests.every(({ digest }) => named.has(hexOf(digest))))
  for (const [architecture, is] of [
    ['amd64', true],
    ['arm64', true],
    ['riscv64', false],
  ] as const) {
    assert.equal(named.has(hexOf(blobIdOf(layerOf(`${architecture}/0`)))), is, architecture)
  }
})
