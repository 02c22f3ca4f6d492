import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bodyOf, HUB, readFlow, settled, someBytes } from '../../test/kit/read-flow.ts'
import { blobIdOf, digestOf } from '../base/digest.ts'
import { collect } from '../base/streams.ts'
import { ExpectedSizes } from './transfer/expected-sizes.ts'

const MIB = 1_048_576
const never = new AbortController().signal

test('handle() follows a neighbour for a blob whose size only the file that refers to it tells', async () => {
  const flow = readFlow({ limits: { followBytesMin: MIB } })
  flow.peers.privateNetwork = true
  const bytes = someBytes(2 * MIB)
  const id = blobIdOf(bytes)
  const parts = [{ digest: id, sizeBytes: bytes.byteLength, mediaType: undefined }]
  flow.file('list', Buffer.from('refers to the blob'), { requires: parts })
  flow.file('blob', bytes, { sizeBytes: undefined })
  flow.peers.leader = () => ({ peerId: 'leader', bytes })
  await bodyOf(await flow.get('/file/list'))
  assert.deepEqual(await bodyOf(await flow.get('/file/blob')), Buffer.from(bytes))
  assert.equal(flow.upstream.requests.filter(({ path }) => path === '/blob').length, 0)
})

test('a size that a referring file states wrongly keeps nobody from the blob', async () => {
  const flow = readFlow({ limits: { followBytesMin: MIB } })
  const bytes = someBytes(1_000)
  const parts = [{ digest: blobIdOf(bytes), sizeBytes: 9 * MIB, mediaType: undefined }]
  flow.file('list', Buffer.from('lies about the size'), { requires: parts })
  flow.file('blob', bytes, { sizeBytes: undefined })
  await bodyOf(await flow.get('/file/list'))
  assert.deepEqual(await bodyOf(await flow.get('/file/blob')), Buffer.from(bytes))
})

test('lead() joins a transfer of its own clients that has no source yet', async () => {
  const flow = readFlow()
  const bytes = someBytes(200_000)
  const located = flow.file('a', bytes)
  const found = Promise.withResolvers<void>()
  flow.peers.lookupGate = found.promise
  const own = flow.get('/file/a')
  await settled()
  const request = { ecosystem: 'bare', upstream: HUB, id: blobIdOf(bytes), requestPath: '/file/a' }
  const led = flow.serve.lead(request, { peerId: 'b', member: true, sameSubnet: true }, never)
  await settled()
  found.resolve()
  const { stream } = await led
  assert.deepEqual(await collect(stream, bytes.byteLength), Buffer.from(bytes))
  assert.deepEqual(await bodyOf(await own), Buffer.from(bytes))
  assert.equal(flow.upstream.requests.filter(({ path }) => path === located.path).length, 1)
})

test('ExpectedSizes forgets what was noted longest ago beyond its bound', () => {
  const sizes = new ExpectedSizes()
  const digest = (count: number) => digestOf('sha256', count.toString(16).padStart(64, '0'))
  for (let count = 0; count <= 4_096; count++) {
    sizes.note([{ digest: digest(count), sizeBytes: count, mediaType: undefined }])
  }
  assert.equal(sizes.sizeOf([digest(0)]), undefined)
  assert.equal(sizes.sizeOf([digest(0), digest(1)]), 1)
})
