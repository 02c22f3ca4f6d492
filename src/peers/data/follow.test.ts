import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { type DataNode, dataNetwork, never } from '../../../test/kit/data-network.ts'
import { blobIdOf } from '../../base/digest.ts'
import { type ByteStream, collect } from '../../base/streams.ts'

const blob = randomBytes(3 * 1_048_576)
const request = { ecosystem: 'e', upstream: 'registry.example.com', id: blobIdOf(blob), requestPath: '/a' }

/** A private network of two, and what the one that follows gets from the one that leads. */
async function followed(
  t: TestContext,
  lead: () => ByteStream,
  sizes: { readonly sizeBytes: number | undefined } = { sizeBytes: blob.byteLength },
) {
  const join = dataNetwork(t)
  const member = { networkKey: randomBytes(32), trust: 'member', followTimeoutMs: 2_000, stallTimeoutMs: 100 } as const
  const nodes = [await join(member), await join(member)]
  for (const { host } of nodes) host.lead = async () => ({ ...sizes, stream: lead() })
  const follow = (node: DataNode) => node.plane.follow(request, { signal: never })
  return (await Promise.all(nodes.map(follow))).find((one) => one !== undefined)
}

test('follow() gives up a leader that falls silent in the middle', async (t) => {
  const stream = async function* () {
    yield blob.subarray(0, 1_048_576)
    await new Promise(() => {})
  }
  const found = await followed(t, stream)
  assert.ok(found)
  const read = (async () => {
    for await (const _ of found.stream);
  })()
  await assert.rejects(read, { code: 'unavailable.timeout' })
})

test('follow() lets go of a stream that nobody reads', async (t) => {
  const left = Promise.withResolvers<void>()
  const stream = async function* () {
    try {
      for (;;) yield blob.subarray(0, 65_536)
    } finally {
      left.resolve()
    }
  }
  const found = await followed(t, stream, { sizeBytes: 1_000_000_000 })
  assert.ok(found)
  await found.stream[Symbol.asyncIterator]().return?.()
  await left.promise
})

test('a leader that does not know the size leaves the stream that it cannot pass on', async (t) => {
  const left = Promise.withResolvers<void>()
  const stream: ByteStream = {
    [Symbol.asyncIterator]: () => ({
      next: async () => ({ done: true, value: undefined }),
      async return() {
        left.resolve()
        return { done: true, value: undefined }
      },
    }),
  }
  assert.equal(await followed(t, () => stream, { sizeBytes: undefined }), undefined)
  await left.promise
})

test('what a leader sends counts as received and keeps to the download limit', async (t) => {
  const join = dataNetwork(t)
  const limit = { downloadBytesPerSecond: 4 * 1_048_576 }
  const member = { networkKey: randomBytes(32), trust: 'member', followTimeoutMs: 2_000, ...limit } as const
  const nodes = [await join(member), await join(member)]
  for (const { host } of nodes) host.upstream = blob
  const found = await Promise.all(nodes.map((node) => node.plane.follow(request, { signal: never })))
  const asker = nodes.find((_, index) => found[index] !== undefined)
  const startedAtMs = performance.now()
  for (const one of found) if (one) assert.equal(blobIdOf(await collect(one.stream, blob.byteLength)), request.id)
  const seconds = (performance.now() - startedAtMs) / 1_000
  assert.equal(asker?.plane.totals().receivedBytes, blob.byteLength)
  // A quarter of a second's worth may come as a burst; a slow machine only makes it slower.
  const ratio = (blob.byteLength - limit.downloadBytesPerSecond / 4) / seconds / limit.downloadBytesPerSecond
  assert.ok(ratio <= 1.1, `${ratio} of the limit`)
})
