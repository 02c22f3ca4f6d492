import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Clock, silentLogger } from '../base/clock.ts'
import { type BlobId, blobIdOf } from '../base/digest.ts'
import type { StoredDocument } from '../base/document.ts'
import type { Asker, ShareLevel } from '../base/share.ts'
import { collect } from '../base/streams.ts'
import type { PeerHost } from '../peers/peers.ts'
import type { Serve } from '../serve/serve.ts'
import { createMemoryStore, type MemoryStore } from '../store/memory.ts'
import { createPeerHost, type PeerHostOptions } from './peer-host.ts'

const clock: Clock = { nowMs: () => 0, monotonicMs: () => 0, sleep: async () => {}, after: () => () => {} }
const near: Asker = { peerId: 'near', sameSubnet: true, member: false }
const far: Asker = { peerId: 'far', sameSubnet: false, member: false }
const member: Asker = { peerId: 'member', sameSubnet: false, member: true }
const signal = new AbortController().signal

async function made(
  options: Partial<PeerHostOptions> = {},
): Promise<{ host: PeerHost; store: MemoryStore; id: Map<ShareLevel, BlobId> }> {
  const store = createMemoryStore({ limitBytes: 1_000_000 }, { clock, logger: silentLogger })
  const id = new Map<ShareLevel, BlobId>()
  for (const share of ['none', 'lan', 'network'] as const) {
    const bytes = Buffer.from(share)
    const writer = await store.begin({ digests: [], aliases: ['sha512'], sizeBytes: undefined, bytesMax: 100 })
    await writer.write(bytes)
    await writer.commit({ mediaType: 'text/plain', share, origin: { kind: 'upstream', name: 'u' } })
    id.set(share, blobIdOf(bytes))
  }
  const document = { share: 'lan', upstream: 'u' } as StoredDocument
  const serve: Pick<Serve, 'lead' | 'document'> = {
    lead: () => assert.fail('it was led'),
    document: (key) => (key === 'known' ? document : undefined),
  }
  const host = createPeerHost(
    { privateNetwork: false, serveNobody: false, shareOf: () => 'world', ...options },
    { store, serve, logFile: async ({ path }) => Buffer.from(path) },
  )
  return { host, store, id }
}

function seen(host: PeerHost, id: ReadonlyMap<ShareLevel, BlobId>, asker: Asker): ShareLevel[] {
  return [...id].filter(([, blob]) => host.lookup(blob, asker) !== undefined).map(([share]) => share)
}

test('a peer host shows a blob only to those whom its share level admits', async () => {
  const open = await made()
  assert.deepEqual(seen(open.host, open.id, near), ['lan', 'network'])
  assert.deepEqual(seen(open.host, open.id, far), ['network'])
  const closed = await made({ privateNetwork: true })
  assert.deepEqual(seen(closed.host, closed.id, near), [])
  assert.deepEqual(seen(closed.host, closed.id, member), ['network'])
})

test('a peer host gives neither bytes nor pieces of what it may not show, and says only that it is absent', async () => {
  const { host, id } = await made()
  for (const share of ['none', 'lan'] as const) {
    const blob = id.get(share)
    assert(blob !== undefined)
    await assert.rejects(host.open(blob, { offset: 0, lengthBytes: 1 }, far, signal), { code: 'absent.blob' })
    assert.equal(host.pieces(blob, far), undefined)
  }
})

test('a peer host streams a range of what it may show, and releases a stream that nobody reads', async () => {
  const { host, store, id } = await made()
  const blob = id.get('network')
  assert(blob !== undefined)
  const stream = await host.open(blob, { offset: 1, lengthBytes: 3 }, far, signal)
  assert.equal((await collect(stream, 10)).toString(), 'etw')
  assert(host.pieces(blob, far) !== undefined)
  const unread = await host.open(blob, { offset: 0, lengthBytes: 1 }, far, signal)
  await unread[Symbol.asyncIterator]().return?.()
  await store.close()
})

test('a peer host announces all names of what may be shared, and nothing else', async () => {
  const { host, store, id } = await made()
  const wanted = (['lan', 'network'] as const).flatMap((share) => store.lookup(id.get(share) as BlobId)?.names ?? [])
  assert.deepEqual([...host.shareable()].sort(), [...wanted].sort())
  assert.equal(wanted.length, 4)
})

test('a peer host that serves nobody shows nothing at all', async () => {
  const { host, id } = await made({ serveNobody: true })
  assert.deepEqual(seen(host, id, near), [])
  assert.deepEqual([...host.shareable()], [])
  assert.equal(host.document('known', near), undefined)
  assert.equal(await host.logFile({ originHash: '', path: 'checkpoint' }, near), undefined)
  const request = { ecosystem: 'a', upstream: 'b', id: id.get('network') as BlobId, requestPath: '/' }
  await assert.rejects(async () => host.lead(request, near, signal), { code: 'denied.share' })
})

test('a peer host applies the share level to documents', async () => {
  const { host } = await made()
  assert.equal(host.document('known', near)?.share, 'lan')
  assert.equal(host.document('known', far), undefined)
  assert.equal(host.document('unknown', near), undefined)
})

test('a peer host remembers what is known of peers in the store', async () => {
  const { host } = await made()
  host.remember('p', { a: 1 })
  assert.deepEqual(host.recall(), [['p', { a: 1 }]])
})

test('a peer host shows nothing any more of an upstream that its owner has closed since', async () => {
  const { host, id } = await made({ shareOf: (upstream) => (upstream === 'u' ? 'none' : 'network') })
  assert.deepEqual(seen(host, id, near), [])
  assert.deepEqual([...host.shareable()], [])
  assert.equal(host.document('known', near), undefined)
  const narrowed = await made({ shareOf: () => 'lan' })
  assert.deepEqual(seen(narrowed.host, narrowed.id, near), ['lan', 'network'])
  assert.deepEqual(seen(narrowed.host, narrowed.id, far), [])
})

test('a peer host hands out files of logs as it is given them', async () => {
  const { host } = await made()
  const file = await host.logFile({ originHash: '', path: 'checkpoint' }, near)
  assert.equal(Buffer.from(file ?? []).toString(), 'checkpoint')
})
