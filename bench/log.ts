/**
 * The log on disk: sustained appends with every byte synced, joining a log of many entries, and look-ups; beside plain synced writes of
 * the same bytes, in the same run. Entries are verdicts of some 1 KiB. Usage: node bench/log.ts [ENTRIES] (default 100,000; figures
 * in RESULTS.md are of 1,000,000)
 */
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger } from '../src/base/clock.ts'
import { signerOfSeed } from '../src/base/crypto/ed25519.ts'
import { indexKeys } from '../src/base/entries/index-keys.ts'
import { checkLog } from '../src/log/disk/check-log.ts'
import { logLayout } from '../src/log/disk/layout.ts'
import { openDiskMirror, openDiskWriter } from '../src/log/disk.ts'
import type { AcceptedCheckpoint, LogReader, TileSource } from '../src/log/log.ts'
import { leafHash } from '../src/log/tree/hash.ts'
import { verifyInclusion } from '../src/log/tree/proof.ts'

const COUNT = Math.max(10_000, Number(process.argv[2] ?? 100_000))
/** Entries of one append, and appends that wait for their acknowledgement at the same time. */
const PER_APPEND = 64
const WAITING = 32
const LOOKUPS = 5000
const directory = await mkdtemp(join(process.env.PYRSIA_BENCH_DIRECTORY ?? tmpdir(), 'pyrsia-bench-log-'))
const origin = 'bench.example/log'
const say = (line: string) => process.stdout.write(`${line}\n`)

const hexOf = (number: number, salt: number) => `${number.toString(16).padStart(16, '0')}${salt}`.padEnd(64, '7')
const purlOf = (number: number) => `pkg:toy/package-${number}@1.2.3`
const digestOf = (number: number) => `sha256:${hexOf(number, 1)}`

/** A verdict of about 1 KiB, as far as the index looks at it. */
function entryOf(number: number): Uint8Array {
  const file = {
    name: 'a.bin',
    sha1: hexOf(number, 2).slice(0, 40),
    sha256: hexOf(number, 1),
    sha512: hexOf(number, 3).repeat(2),
  }
  const agreed = { files: [file], source: 's'.repeat(420 + (number % 97)) }
  return Buffer.from(JSON.stringify({ agreed, kind: 'verdict', purl: purlOf(number), tx: 'b'.repeat(120), v: 1 }))
}

function percentile(times: number[], part: number): number {
  const sorted = [...times].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
}

/** Seconds of processor time, all threads, since `from`: what holds on a busy machine too. */
function cpuSeconds(from: NodeJS.CpuUsage): string {
  const { user, system } = process.cpuUsage(from)
  return ((user + system) / 1_000_000).toFixed(1)
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now()
  await work()
  return performance.now() - startMs
}

/** The same bytes into one file, synced as often as the log was. */
async function plainWrites(batches: number): Promise<number> {
  const file = await open(join(directory, 'plain'), 'w')
  const perBatch = Math.ceil(COUNT / batches)
  const ms = await timed(async () => {
    for (let at = 0; at < COUNT; at += perBatch) {
      const count = Math.min(perBatch, COUNT - at)
      await file.write(Buffer.concat(Array.from({ length: count }, (_, offset) => entryOf(at + offset))))
      await file.sync()
    }
  })
  await file.close()
  await rm(join(directory, 'plain'))
  return ms
}

await mkdir(join(directory, 'a'))
await mkdir(join(directory, 'b'))
const options = { origin, keysOf: indexKeys }
const log = await openDiskWriter(
  { ...options, directory: join(directory, 'a'), create: true },
  signerOfSeed(new Uint8Array(32).fill(3)),
  { logger: silentLogger },
)

let checkpoints = 0
log.watch(() => {
  checkpoints += 1
})
const acknowledgedMs: number[] = []
let next = 0
let bytes = 0
async function appendAll(): Promise<void> {
  while (next < COUNT) {
    const from = next
    next = Math.min(COUNT, next + PER_APPEND)
    const entries = Array.from({ length: next - from }, (_, at) => entryOf(from + at))
    for (const { byteLength } of entries) bytes += byteLength
    acknowledgedMs.push(await timed(() => log.append(entries)))
  }
}
const appendCpu = process.cpuUsage()
const appendMs = await timed(() => Promise.all(Array.from({ length: WAITING }, appendAll)))
say(
  `append: ${Math.round((COUNT / appendMs) * 1000)} entries/s of ${Math.round(bytes / COUNT)} bytes over ${(appendMs / 1000).toFixed(1)} s (${cpuSeconds(appendCpu)} s of processor time), ${checkpoints} checkpoints; acknowledged after ${percentile(acknowledgedMs, 0.5).toFixed(0)} ms (median), ${percentile(acknowledgedMs, 0.99).toFixed(0)} ms (p99), ${percentile(acknowledgedMs, 1).toFixed(0)} ms (longest)`,
)
const plainMs = await plainWrites(checkpoints)
say(
  `plain synced writes of the same: ${Math.round((COUNT / plainMs) * 1000)} entries/s; ratio ${(plainMs / appendMs).toFixed(2)}`,
)
const loneMs: number[] = []
for (let at = 0; at < 50; at += 1) loneMs.push(await timed(() => log.append([entryOf(COUNT + at)])))
say(`one entry alone: acknowledged after ${percentile(loneMs, 0.5).toFixed(1)} ms (median)`)

const newest = log.newest() as AcceptedCheckpoint
const source: TileSource = {
  async fetch(path) {
    const found = await log.tile(path)
    if (found === undefined) throw new Error(`${path} is missing`)
    return found
  },
  reject: (path) => say(`rejected ${path}`),
}
const mirror = await openDiskMirror({ ...options, directory: join(directory, 'b') }, { logger: silentLogger })
let longestTurnMs = 0
let lastTurn = performance.now()
const turns = setInterval(() => {
  longestTurnMs = Math.max(longestTurnMs, performance.now() - lastTurn)
  lastTurn = performance.now()
}, 1)
const joinCpu = process.cpuUsage()
const joinMs = await timed(() => mirror.ingest(newest, source, new AbortController().signal))
clearInterval(turns)
say(
  `join: ${newest.size} entries fetched from the local log, checked, stored, indexed in ${(joinMs / 1000).toFixed(1)} s (${cpuSeconds(joinCpu)} s of processor time, ${Math.round((newest.size / joinMs) * 1000)}/s); nothing else had its turn for at most ${longestTurnMs.toFixed(0)} ms`,
)

async function lookUps(name: string, reader: LogReader, query: (number: number) => object): Promise<void> {
  const times: number[] = []
  for (let at = 0; at < LOOKUPS; at += 1) {
    const number = (at * 7919) % COUNT
    times.push(
      await timed(async () => {
        const [hit] = await reader.find(query(number))
        if (hit?.index === undefined) throw new Error(`entry ${number} was not found`)
      }),
    )
  }
  say(
    `${name}: ${(percentile(times, 0.5) * 1000).toFixed(0)} us (median), ${(percentile(times, 0.99) * 1000).toFixed(0)} us (p99)`,
  )
}
await lookUps('look-up by purl', mirror, (number) => ({ purl: purlOf(number) }))
await lookUps('look-up by digest', mirror, (number) => ({ digest: digestOf(number) }))
const proofMs: number[] = []
for (let at = 0; at < 1000; at += 1) {
  const index = (at * 7919) % COUNT
  let proof: Uint8Array[] = []
  proofMs.push(
    await timed(async () => {
      proof = await mirror.inclusion(index, newest.size)
    }),
  )
  const leaf = leafHash(await mirror.entry(index))
  verifyInclusion({ index, size: newest.size, leafHash: leaf, proof, root: newest.root })
}
say(
  `inclusion proof: ${(percentile(proofMs, 0.5) * 1000).toFixed(0)} us (median), ${(percentile(proofMs, 0.99) * 1000).toFixed(0)} us (p99)`,
)
await mirror.close()
await log.close()

const reopenMs = await timed(async () =>
  (await openDiskMirror({ ...options, directory: join(directory, 'b') }, { logger: silentLogger })).close(),
)
say(`opened again in ${reopenMs.toFixed(0)} ms`)
const checkMs = await timed(async () => {
  const { problems, entries } = await checkLog(logLayout(join(directory, 'b'), origin).served)
  if (problems.length > 0 || entries !== newest.size) throw new Error('the copy does not check')
})
say(`checkLog(): ${(checkMs / 1000).toFixed(1)} s`)
await rm(directory, { recursive: true, force: true })
