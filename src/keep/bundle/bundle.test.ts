/** Bundles between nodes of memory: what travels, whose documents are believed, and what hostile bundles achieve: nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { handClock, sampleBytes, storeBytes } from '../../../test/kit/store-suite.ts'
import { blobIdOf, digestBytes } from '../../base/digest.ts'
import { documentKey, type StoredDocument } from '../../base/document.ts'
import { parsePurl } from '../../base/purl.ts'
import { collect, streamOf } from '../../base/streams.ts'
import { createMemoryStore, type MemoryStore } from '../../store/memory.ts'
import type { BlobInfo } from '../../store/store.ts'
import { createBundles } from './bundle.ts'
import { type BundleManifest, type BundleTrust, writeManifest } from './manifest.ts'
import { tarEnd, tarHeader, tarPadding } from './tar.ts'
import type { Bundles } from './types.ts'

const NOW_MS = 1_700_000_000_000
const PURL = parsePurl('pkg:generic/one@1')
const never = new AbortController().signal

interface Node {
  readonly store: MemoryStore
  readonly bundles: Bundles
}

/** A key is its owner's name, a signature the name before the message. */
function trustOf(peerId: string, trusted: readonly string[]): BundleTrust {
  const signature = (who: string, message: Uint8Array) => Buffer.concat([Buffer.from(who), message])
  return {
    peerId,
    sign: (message) => signature(peerId, message),
    verify: (who, message, found) => signature(who, message).equals(found),
    trusts: (who) => who === peerId || trusted.includes(who),
  }
}

function node(peerId: string, trusted: readonly string[] = [], limitBytes = 10_000_000): Node {
  const clock = handClock(NOW_MS)
  const store = createMemoryStore({ limitBytes }, { clock })
  const keptFor = async (label: string) =>
    label === 'lock' ? { documents: [documentAt('/pointer', undefined).key], files: [] } : undefined
  return { store, bundles: createBundles({ store, clock, trust: trustOf(peerId, trusted), keptFor }) }
}

function documentAt(path: string, body: BlobInfo | undefined, checkedAtMs = NOW_MS - 1000): StoredDocument {
  const request = { upstream: 'hub', method: body === undefined ? 'HEAD' : 'GET', path, headers: {} } as const
  return {
    key: documentKey(request),
    upstream: 'hub',
    status: 'found',
    body: body?.id,
    sizeBytes: body?.sizeBytes ?? 0,
    mediaType: 'text/plain',
    headers: { etag: '"1"' },
    changedAtMs: checkedAtMs,
    checkedAtMs,
    origin: { kind: 'upstream', name: 'hub' },
    share: 'network',
  }
}

/** Node A with two pinned blobs, one of them a document's body, and a third that is not pinned. */
async function filled(): Promise<
  Node & { readonly file: BlobInfo; readonly body: BlobInfo; readonly other: BlobInfo }
> {
  const a = node('A')
  const bytes = sampleBytes(3_000_000, 1)
  const writer = await a.store.begin({ digests: [], aliases: ['sha512'], sizeBytes: undefined, bytesMax: 4_000_000 })
  await writer.write(bytes)
  const origin = { kind: 'upstream', name: 'hub' } as const
  const file = await writer.commit({ mediaType: 'application/x-file', share: 'network', origin })
  const body = await storeBytes(a.store, sampleBytes(700, 2))
  const other = await storeBytes(a.store, sampleBytes(10, 3))
  for (const { id } of [file, body]) a.store.pin(id, 'lock')
  a.store.documents.put(documentAt('/index', body))
  a.store.documents.put(documentAt('/pointer', undefined))
  a.store.documents.put(documentAt('/unrelated', other))
  return { ...a, file, body, other }
}

async function bundleOf({ bundles }: Node, label = 'lock'): Promise<Buffer> {
  return await collect(await bundles.export({ all: false, labels: [label] }, never), 100_000_000)
}

/** A bundle of one's own making, signed as it should be. */
function forged(
  files: readonly (readonly [name: string, bytes: Uint8Array])[],
  manifest: Partial<BundleManifest>,
  peerId = 'A',
): Buffer {
  const whole = { createdAtMs: 0, labels: [], blobs: [], documents: [], served: [], ...manifest }
  const written = writeManifest(whole, trustOf(peerId, []))
  const parts = [
    ['pyrsia-bundle.json', written.manifest] as const,
    ['pyrsia-bundle.sig', written.signature] as const,
    ...files,
  ]
  const blocks = parts.flatMap(([name, bytes]) => [
    tarHeader(name, bytes.byteLength),
    bytes,
    tarPadding(bytes.byteLength),
  ])
  return Buffer.concat([...blocks, tarEnd()])
}

function announced(bytes: Uint8Array, sizeBytes = bytes.byteLength): BundleManifest['blobs'][number] {
  return { id: blobIdOf(bytes), sizeBytes, names: [], share: 'world' }
}

function fileName(bytes: Uint8Array): string {
  return `blobs/sha256/${blobIdOf(bytes).slice(7)}`
}

test('a bundle carries pinned blobs with their names, documents and pointers to a node that trusts its signer', async () => {
  const a = await filled()
  const b = node('B', ['A'])
  const imported = await b.bundles.import(streamOf(await bundleOf(a)), never)
  assert.deepEqual([imported.signer, imported.trusted, imported.blobCount, imported.documentCount], ['A', true, 2, 2])
  const file = b.store.lookup(digestBytes('sha512', sampleBytes(3_000_000, 1)))
  assert.equal(file?.id, a.file.id)
  assert.deepEqual(file?.pins, [imported.label])
  assert.equal(file?.share, a.file.share)
  assert.deepEqual(file?.origin, { kind: 'peer', peerId: 'A', trusted: true })
  assert.equal(b.store.documents.get(documentAt('/index', a.body).key)?.body, a.body.id)
  assert.equal(b.store.documents.get(documentAt('/pointer', undefined).key)?.status, 'found')
  assert.equal(b.store.lookup(a.other.id), undefined)
  assert.deepEqual(b.bundles.list(), [imported])
})

test('a lockfile that was never synced is no part of a bundle in silence: nothing is written', async () => {
  const a = await filled()
  const wanted = { all: false, labels: ['lock', 'sync:/never.lock'] } as const
  await assert.rejects(a.bundles.export(wanted, never), { code: 'absent.blob', message: /never\.lock/ })
})

test('a stranger cannot have a node parse a huge manifest; who is trusted can', async () => {
  const labels = Array.from({ length: 2_100 }, (_, at) => String(at).padEnd(8_192, 'x'))
  const bundle = forged([], { labels }, 'A')
  await assert.rejects(node('B').bundles.import(streamOf(bundle), never), {
    code: 'exhausted.size',
    message: /trusted/,
  })
  assert.equal((await node('C', ['A']).bundles.import(streamOf(bundle), never)).trusted, true)
})

test('a bundle of a stranger brings its blobs, and no word of it is believed', async () => {
  const a = await filled()
  const b = node('B')
  const imported = await b.bundles.import(streamOf(await bundleOf(a)), never)
  assert.deepEqual(
    [imported.trusted, imported.blobCount, imported.documentCount, imported.ignoredCount],
    [false, 2, 0, 2],
  )
  assert.equal(b.store.documents.get(documentAt('/index', a.body).key), undefined)
  const { share, mediaType } = b.store.lookup(a.file.id) ?? {}
  assert.deepEqual([share, mediaType], ['none', undefined])
})

test('a bundle of everything has everything', async () => {
  const a = await filled()
  const b = node('B', ['A'])
  const bytes = await collect(await a.bundles.export({ all: true }, never), 100_000_000)
  const imported = await b.bundles.import(streamOf(bytes), never)
  assert.deepEqual([imported.blobCount, imported.documentCount], [3, 3])
})

test('an import keeps a newer document of its own, and believes no time of the future', async () => {
  const a = await filled()
  const b = node('B', ['A'])
  const own = await storeBytes(b.store, sampleBytes(5, 9))
  b.store.documents.put(documentAt('/index', own, NOW_MS))
  a.store.documents.put(documentAt('/pointer', undefined, NOW_MS * 2))
  await b.bundles.import(streamOf(await bundleOf(a)), never)
  assert.equal(b.store.documents.get(documentAt('/index', own).key)?.body, own.id)
  assert.equal(b.store.documents.get(documentAt('/pointer', undefined).key)?.checkedAtMs, NOW_MS)
})

test('an import is repeated without harm and let go with its pins', async () => {
  const a = await filled()
  const b = node('B', ['A'])
  const bytes = await bundleOf(a)
  const { label } = await b.bundles.import(streamOf(bytes), never)
  await b.bundles.import(streamOf(bytes), never)
  assert.deepEqual(b.store.lookup(a.file.id)?.pins, [label])
  b.bundles.remove(label)
  assert.deepEqual(b.store.lookup(a.file.id)?.pins, [])
  assert.throws(() => b.bundles.remove(label), { code: 'absent.blob' })
})

test('a bundle that is cut anywhere is refused and leaves neither pins nor documents', async () => {
  const a = await filled()
  const bytes = await bundleOf(a)
  for (const end of [0, 100, 512, 3_000, 1_500_000, bytes.byteLength - 1024, bytes.byteLength - 1]) {
    const b = node('B', ['A'])
    await assert.rejects(
      b.bundles.import(streamOf(bytes.subarray(0, end)), never),
      { code: 'untrusted.bundle' },
      `${end}`,
    )
    assert.deepEqual(
      b.store.list({ limit: 10 }).flatMap(({ pins }) => pins),
      [],
    )
    assert.deepEqual(b.store.documents.list({ limit: 10 }), [])
    assert.deepEqual(b.bundles.list(), [])
  }
})

test('a bundle whose manifest was changed after it was signed is refused', async () => {
  const a = await filled()
  const b = node('B', ['A'])
  const bytes = await bundleOf(a)
  bytes.write('lick', bytes.indexOf('"lock"') + 1)
  await assert.rejects(b.bundles.import(streamOf(bytes), never), { code: 'untrusted.signature' })
  assert.deepEqual(b.store.list({ limit: 10 }), [])
})

test('a blob that is not what its name says never becomes visible', async () => {
  const b = node('B', ['A'])
  const [wanted, given] = [sampleBytes(100, 1), sampleBytes(100, 2)]
  const bundle = forged([[fileName(wanted), given]], { blobs: [announced(wanted)] })
  await assert.rejects(b.bundles.import(streamOf(bundle), never), { code: 'untrusted.digest' })
  assert.deepEqual(b.store.list({ limit: 10 }), [])
  const alias = { ...announced(wanted), names: [digestBytes('sha512', given)] }
  const lying = forged([[fileName(wanted), wanted]], { blobs: [alias] })
  await assert.rejects(b.bundles.import(streamOf(lying), never), { code: 'untrusted.digest' })
  assert.deepEqual(b.store.list({ limit: 10 }), [])
})

test('a bundle with files that it does not announce, or twice, or in other sizes, is refused', async () => {
  const bytes = sampleBytes(100, 1)
  const good = [fileName(bytes), bytes] as const
  for (const [files, blobs] of [
    [[['../../etc/passwd', bytes]], []],
    [[[`./${fileName(bytes)}`, bytes]], [announced(bytes)]],
    [[['/etc/passwd', bytes], good], [announced(bytes)]],
    [[good, good], [announced(bytes)]],
    [[good], []],
    [[good], [announced(bytes, 99)]],
    [[], [announced(bytes)]],
    [[good], [announced(bytes), announced(bytes)]],
  ] as const) {
    const b = node('B', ['A'])
    await assert.rejects(b.bundles.import(streamOf(forged(files, { blobs })), never), { code: 'untrusted.bundle' })
    assert.deepEqual(b.bundles.list(), [])
  }
})

test('a bundle that claims more bytes than it has, or more than the store may hold, ends with a limit', async () => {
  const b = node('B', ['A'], 100_000)
  const bytes = sampleBytes(500_000, 1)
  const bundle = forged([[fileName(bytes), bytes]], { blobs: [announced(bytes)] })
  await assert.rejects(b.bundles.import(streamOf(bundle), never), { code: 'exhausted.disk' })
  const huge = 2 ** 50
  const claims = Buffer.concat([tarHeader('pyrsia-bundle.json', huge), Buffer.alloc(10_000_000)])
  await assert.rejects(b.bundles.import(streamOf(claims), never), { code: 'exhausted.size' })
})

test('an archive with links, folders or broken headers is refused', async () => {
  const b = node('B', ['A'])
  const whole = await bundleOf(await filled())
  const header = (change: (header: Buffer) => void): Buffer => {
    const bytes = Buffer.from(whole)
    change(bytes)
    return bytes
  }
  for (const hostile of [
    header((bytes) => bytes.write('2', 156)),
    header((bytes) => bytes.write('x', 0)),
    header((bytes) => bytes.write('99999999999', 124)),
    Buffer.concat([whole, Buffer.from('more')]),
    Buffer.from('{}'),
  ]) {
    await assert.rejects(b.bundles.import(streamOf(hostile), never), { code: 'untrusted.bundle' })
  }
})

test('an export of nothing is refused', async () => {
  const a = await filled()
  await assert.rejects(bundleOf(a, 'nobody'), { code: 'absent.blob' })
})

test('what was served goes with a bundle, so that why answers on the other node too', async () => {
  const a = node('A')
  const file = await storeBytes(a.store, sampleBytes(10, 1))
  a.store.pin(file.id, 'lock')
  const evidence = [{ kind: 'index', digest: file.id, statedBy: 'the index' }] as const
  a.store.record({ purl: PURL, label: 'one', id: file.id, upstream: 'hub', evidence, origin: file.origin })
  const keptFor = async () => ({ documents: [], files: [{ purl: PURL, id: file.id }] })
  const bundles = createBundles({ store: a.store, clock: handClock(NOW_MS), trust: trustOf('A', []), keptFor })
  const b = node('B', ['A'])
  await b.bundles.import(streamOf(await bundleOf({ store: a.store, bundles })), never)
  assert.deepEqual(
    b.store.served(PURL).map(({ id, evidence }) => [id, evidence]),
    [[file.id, evidence]],
  )
})
