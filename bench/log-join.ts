/**
 * Joining a log of many entries as a node does it: a checkpoint with cosignatures, its files over HTTP from another process, each
 * checked, in full (stored and indexed) and light. Beside it the same files fetched and thrown away.
 * Usage: node bench/log-join.ts [ENTRIES] (default 100,000)
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { silentLogger } from '../src/base/clock.ts'
import { indexKeys } from '../src/base/entries/index-keys.ts'
import { listen } from '../src/http/listen.ts'
import { createLogPortHandler } from '../src/http/log/log-port.ts'
import { openDiskMirror, openDiskWriter } from '../src/log/disk.ts'
import { createHttpSource } from '../src/log/files/http-source.ts'
import { bytesMaxOf } from '../src/log/files/source.ts'
import { cosign } from '../src/log/note/cosignature.ts'
import { formatNote, parseNote } from '../src/log/note/note.ts'
import { createFollower, type FollowedLog } from '../src/log/reader/follow.ts'
import { createLightLog } from '../src/log/reader/light.ts'
import { followedMirror } from '../src/log/reader/mirror.ts'
import { answerSearch } from '../src/log/reader/search.ts'
import { entriesPath, grownBundles } from '../src/log/tree/tiles.ts'
import { systemClock } from '../src/main/effects.ts'
import { keysOf, testAuthorities } from '../test/kit/tile-log.ts'

const COUNT = Math.max(10_000, Number(process.argv[2] ?? 100_000))
const ORIGIN = 'bench.example/log'
const PER_APPEND = 1_000
const authorities = testAuthorities(4)
const keys = keysOf(ORIGIN, authorities, 3)
const { signal } = new AbortController()
const say = (line: string) => process.stdout.write(`${line}\n`)

/** A verdict of about 1 KiB, as far as the index looks at it. */
function entryOf(number: number): Uint8Array {
  const hex = number.toString(16).padStart(64, '7')
  const file = { name: 'a.bin', sha1: hex.slice(0, 40), sha256: hex, sha512: hex.repeat(2) }
  const agreed = { files: [file], source: 's'.repeat(420 + (number % 97)) }
  const purl = `pkg:toy/package-${number}@1.2.3`
  return Buffer.from(JSON.stringify({ agreed, kind: 'verdict', purl, tx: 'b'.repeat(120), v: 1 }))
}

/** The other process: writes the log, then serves it until its parent leaves. */
async function serve(directory: string): Promise<void> {
  const [first, second, third] = authorities
  if (first === undefined || second === undefined || third === undefined) throw new Error('there are four')
  const options = { origin: ORIGIN, directory, keysOf: indexKeys, create: true }
  const log = await openDiskWriter(options, first.log, { logger: silentLogger })
  for (let at = 0; at < COUNT; at += PER_APPEND) {
    await log.append(Array.from({ length: Math.min(PER_APPEND, COUNT - at) }, (_, offset) => entryOf(at + offset)))
  }
  const { text, signatures } = parseNote(Buffer.from(log.newest()?.note ?? ''))
  const cosignatures = [first, second, third].map(({ organisation, cosigner }) =>
    cosign(text, `${organisation}.example`, cosigner, Math.floor(Date.now() / 1000)),
  )
  const note = Buffer.from(formatNote({ text, signatures: [...signatures, ...cosignatures] })).toString()
  const newest = log.newest()
  if (newest === undefined) throw new Error('nothing was signed')
  const server = await listen({ host: '127.0.0.1', port: 0, setting: '--log-listen' })
  const served = {
    newest: () => ({ ...newest, note }),
    tile: (path: string) => log.tile(path),
    search: (path: string) => answerSearch(log, path),
  }
  const limits = { requestsPerSecond: 1e6, burstCount: 1e6 }
  const parts = { log: () => served, witness: undefined, limits }
  server.serve(createLogPortHandler(parts, { clock: systemClock, logger: silentLogger, observe: () => {} }))
  process.on('disconnect', () => process.exit(0))
  process.send?.(server.url)
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now()
  await work()
  return performance.now() - startMs
}

async function main(): Promise<void> {
  const directory = await mkdtemp(join(process.env.PYRSIA_BENCH_DIRECTORY ?? tmpdir(), 'pyrsia-bench-join-'))
  for (const name of ['a', 'b']) await mkdir(join(directory, name))
  const child = fork(fileURLToPath(import.meta.url), [String(COUNT), join(directory, 'a')])
  const [url] = (await once(child, 'message')) as [string]
  const source = createHttpSource(`${url}/log`, { clock: systemClock, logger: silentLogger })
  const sources = () => [source]
  const get = async (path: string) => await source.fetch(path, { bytesMax: bytesMaxOf(path), signal })
  const join1 = async (log: FollowedLog): Promise<void> => {
    const evidence = { all: () => [], add: async () => {} }
    const follower = createFollower({ log, keys, sources, evidence, logger: silentLogger })
    const outcome = await follower.offer((await get('checkpoint')) ?? new Uint8Array(0), signal)
    if (outcome !== 'accepted') throw new Error(`the checkpoint was ${outcome}`)
  }
  const store = {
    read: () => undefined,
    write: async () => {},
    readRevocations: () => [],
    writeRevocations: async () => {},
  }
  const light = createLightLog({ origin: ORIGIN, store, sources, keysOf: indexKeys, logger: silentLogger })
  const lightMs = await timed(() => join1(light))
  const entryMs = await timed(() => light.entry(COUNT - 1))
  say(`light: ready after ${lightMs.toFixed(0)} ms; one entry with its proof after ${entryMs.toFixed(0)} ms more`)

  const bundles = grownBundles(0, COUNT).values()
  const fetchAll = async () => {
    for (const bundle of bundles)
      if ((await get(entriesPath(bundle))) === undefined) throw new Error('a bundle is missing')
  }
  const plainMs = await timed(() => Promise.all(Array.from({ length: 6 }, fetchAll)))
  const mirror = await openDiskMirror(
    { origin: ORIGIN, directory: join(directory, 'b'), keysOf: indexKeys },
    { logger: silentLogger },
  )
  const fullMs = await timed(() => join1(followedMirror(mirror)))
  const seconds = (ms: number) => (ms / 1000).toFixed(1)
  say(
    `full: ${COUNT} entries checked, stored and indexed in ${seconds(fullMs)} s; the same bundles fetched and thrown away: ${seconds(plainMs)} s; ratio ${(fullMs / plainMs).toFixed(1)}`,
  )
  await mirror.close()
  await source.close()
  child.disconnect()
  await once(child, 'exit')
  await rm(directory, { recursive: true })
}

const [, , , serveDirectory] = process.argv
if (serveDirectory !== undefined) await serve(serveDirectory)
else await main()
