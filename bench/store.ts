/**
 * The store against plain copying: write and commit, and read, of one big blob and of many small ones. Rounds are interleaved
 * and ratios kept, because absolute figures do not hold. Usage: node bench/store.ts [MIB] (default 256; under 30 seconds)
 */

import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { silentLogger } from '../src/base/clock.ts'
import { createDiskStore } from '../src/store/disk.ts'
import type { BlobFacts } from '../src/store/store.ts'

const MIB = 1_048_576
const CHUNK_BYTES = 65_536
const ROUNDS = 4
const SMALL_COUNT = 2000
const sizeMib = Math.min(1024, Number(process.argv[2] ?? 256))
const facts: BlobFacts = { mediaType: undefined, share: 'none', origin: { kind: 'local' } }
const directory = await mkdtemp(join(tmpdir(), 'pyrsia-bench-'))
const clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: () => Promise.resolve(),
  after: () => () => {},
}
const store = await createDiskStore(
  { directory: join(directory, 'store'), limitBytes: 8 * 1024 * MIB },
  { clock, random: { bytes: (count) => randomBytes(count), fraction: () => 0 }, logger: silentLogger },
)
const sample = randomBytes(4 * MIB)

function* chunks(round: number): Generator<Buffer> {
  for (let at = 0; at < sizeMib * MIB; at += CHUNK_BYTES) {
    const chunk = sample.subarray(at % sample.length, (at % sample.length) + CHUNK_BYTES)
    if (at === 0) chunk.writeUInt32LE(round)
    yield chunk
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startMs = performance.now()
  await work()
  return performance.now() - startMs
}

const times: Record<string, number[]> = { 'plain write': [], 'store write': [], 'plain read': [], 'store read': [] }
for (let round = 0; round < ROUNDS; round += 1) {
  const plain = join(directory, 'plain')
  times['plain write']?.push(await timed(() => pipeline(chunks(round), createWriteStream(plain))))
  const writer = await store.begin({ digests: [], aliases: [], sizeBytes: sizeMib * MIB, bytesMax: sizeMib * MIB })
  let id: Awaited<ReturnType<typeof writer.commit>>['id'] | undefined
  times['store write']?.push(
    await timed(async () => {
      for (const chunk of chunks(round)) await writer.write(chunk)
      id = (await writer.commit(facts)).id
    }),
  )
  const file = await open(plain)
  const sink = () => new Writable({ write: (_chunk, _encoding, done) => done() })
  times['plain read']?.push(await timed(() => pipeline(file.createReadStream({ highWaterMark: MIB }), sink())))
  if (id === undefined) throw new Error('the blob was not stored')
  const reader = await store.open(id)
  times['store read']?.push(
    await timed(async () => {
      for await (const _ of reader.stream());
    }),
  )
  await reader.close()
  await store.remove(id)
}

const median = (name: string) => [...(times[name] ?? [])].sort((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? Number.NaN
const say = (line: string) => process.stdout.write(`${line}\n`)
for (const name of Object.keys(times)) {
  say(`${name}: ${median(name).toFixed(0)} ms, ${((sizeMib / median(name)) * 1000).toFixed(0)} MiB/s`)
}
say(
  `write ratio ${(median('plain write') / median('store write')).toFixed(2)}, read ratio ${(median('plain read') / median('store read')).toFixed(2)}`,
)

const smallBytes = 10_000
const plainMs = await timed(async () => {
  for (let at = 0; at < SMALL_COUNT; at += 32) {
    const batch = Array.from({ length: 32 }, (_, index) =>
      writeFile(join(directory, `small-${at + index}`), sample.subarray(0, smallBytes)),
    )
    await Promise.all(batch)
  }
})
const ids: NonNullable<Awaited<ReturnType<typeof store.lookup>>>['id'][] = []
const storeMs = await timed(async () => {
  for (let at = 0; at < SMALL_COUNT; at += 32) {
    const batch = Array.from({ length: 32 }, async (_, index) => {
      const writer = await store.begin({ digests: [], aliases: [], sizeBytes: smallBytes, bytesMax: smallBytes })
      await writer.write(sample.subarray(at + index, at + index + smallBytes))
      ids.push((await writer.commit(facts)).id)
    })
    await Promise.all(batch)
  }
})
const readMs = await timed(async () => {
  for (let at = 0; at < ids.length; at += 32) {
    await Promise.all(
      ids.slice(at, at + 32).map(async (id) => {
        const reader = await store.open(id)
        for await (const _ of reader.stream());
        await reader.close()
      }),
    )
  }
})
const rate = (ms: number) => ((ids.length / ms) * 1000).toFixed(0)
say(
  `10 KB blobs, 32 at a time: plain write ${rate(plainMs)}/s, store write ${rate(storeMs)}/s, store read ${rate(readMs)}/s`,
)
await store.close()
await rm(directory, { recursive: true, force: true })
