import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { deflateRawSync, gzipSync } from 'node:zlib'
import { SMALL_LIMITS, TAR, ZIP } from '../../../test/kit/archive-formats.ts'
import { rawTar } from '../../../test/kit/raw-tar.ts'
import { rawZip } from '../../../test/kit/raw-zip.ts'
import { ARCHIVE_LIMITS } from '../archive.ts'
import { readable } from '../compare.ts'
import type { InflateNeed } from './inflate-need.ts'
import { inflateNow } from './inflate-now.ts'
import { inflateStream, readStreaming } from './inflate-stream.ts'
import { readArchive, readArchiveNow, sourceOf } from './read-archive.ts'

// Half of it compresses, and it is more than a few chunks.
const CONTENT = Buffer.concat([randomBytes(3_000_000), Buffer.alloc(2_500_000, 'text '), randomBytes(1_000_000)])

function need(
  packed: Buffer,
  changes: Partial<InflateNeed> = {},
): { readonly need: InflateNeed; readonly out: Buffer[] } {
  const out: Buffer[] = []
  const sink = (chunk: Uint8Array) => void out.push(Buffer.from(chunk))
  const whole = {
    source: sourceOf(packed),
    offsetBytes: 0,
    packedBytesMax: packed.byteLength,
    sizeBytesMax: 1e8,
    expectedBytes: 100,
    sink,
  }
  return { need: { ...whole, ...changes }, out }
}

for (const [name, inflate] of Object.entries({ inflateNow, inflateStream })) {
  test(`${name}() gives what comes out, and how many bytes went in`, async () => {
    const packed = deflateRawSync(CONTENT)
    for (const rest of [Buffer.alloc(0), Buffer.from('x'), randomBytes(2_000_000)]) {
      const { need: asked, out } = need(Buffer.concat([packed, rest]))
      assert.deepEqual(await inflate(asked), { kind: 'end', packedBytes: packed.byteLength })
      assert.ok(Buffer.concat(out).equals(CONTENT))
    }
  })

  test(`${name}() ends streams that are too long, break off or are none`, async () => {
    const packed = deflateRawSync(CONTENT)
    assert.deepEqual(await inflate(need(packed, { sizeBytesMax: CONTENT.byteLength - 1 }).need), { kind: 'long' })
    assert.equal((await inflate(need(packed, { sizeBytesMax: CONTENT.byteLength }).need)).kind, 'end')
    assert.equal((await inflate(need(packed.subarray(0, -1)).need)).kind, 'broken')
    assert.equal((await inflate(need(packed.subarray(0, 2_500_000)).need)).kind, 'broken')
    assert.equal((await inflate(need(Buffer.alloc(2_500_000, 0xff)).need)).kind, 'broken')
  })

  test(`${name}() throws what its sink throws`, async () => {
    const sink = () => {
      throw new Error('enough')
    }
    const { need: asked } = need(deflateRawSync(CONTENT), { sink })
    await assert.rejects(async () => inflate(asked), /enough/)
  })
}

test('readStreaming() and readNow() read the same', async () => {
  const zip = rawZip([
    { name: 'big', content: CONTENT },
    { name: 'small', content: 'a' },
    { name: 'stored', content: CONTENT, method: 0 },
  ])
  const tgz = gzipSync(
    rawTar([
      { name: 'big', content: CONTENT },
      { name: 'small', content: 'a' },
    ]),
  )
  for (const [bytes, format] of [
    [zip, ZIP],
    [tgz, TAR],
  ] as const) {
    const streamed = await readStreaming(readArchive(sourceOf(bytes), format))
    assert.deepEqual(streamed, readArchiveNow(bytes, format))
  }
})

test('readStreaming() makes a value of what a reader finds wrong in the middle of a stream', async () => {
  const bytes = gzipSync(
    rawTar([
      { name: 'big', content: CONTENT },
      { name: '../evil', content: 'a' },
    ]),
  )
  const found = await readStreaming(readable(sourceOf(bytes), TAR, ARCHIVE_LIMITS))
  assert.ok(found.kind === 'malformed' && /"\.\."/.test(found.reason), JSON.stringify(found).slice(0, 200))
  const bomb = gzipSync(rawTar([{ content: Buffer.alloc(40_000_000) }]))
  const stopped = await readStreaming(readable(sourceOf(bomb), TAR, SMALL_LIMITS))
  assert.equal(stopped.kind, 'malformed')
})

test('readStreaming() stops between streams when its caller leaves', async () => {
  const signal = AbortSignal.abort(new Error('gone'))
  await assert.rejects(readStreaming(readArchive(sourceOf(rawZip([{ name: 'a', content: 'a' }])), ZIP), signal), {
    code: 'aborted.caller',
  })
})
