/**
 * The conformance suite of `log/log.ts`: run on the memory twin and on the disk, so that what holds for one holds for the other.
 * Roots are compared with RFC 6962's own definition, written down here once more.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { type Signer, signerOfSeed } from '../../src/base/crypto/ed25519.ts'
import { makeVkey } from '../../src/base/network/vkey.ts'
import type {
  AcceptedCheckpoint,
  EntryKeys,
  KeysOf,
  LogHit,
  LogMirror,
  LogReader,
  LogWriter,
  TileSource,
} from '../../src/log/log.ts'
import { parseCheckpoint } from '../../src/log/note/checkpoint.ts'
import { openNote, parseNote } from '../../src/log/note/note.ts'
import { leafHash } from '../../src/log/tree/hash.ts'
import { verifyConsistency, verifyInclusion } from '../../src/log/tree/proof.ts'
import { entriesPath, grownBundles, grownTiles, tilePath } from '../../src/log/tree/tiles.ts'

/** Makes empty logs of one kind. */
export interface LogHarness {
  writer(origin: string, options?: { readonly signAtOnce?: boolean }): Promise<LogWriter>
  mirror(origin: string): Promise<LogMirror>
}

/** The origin of the suite's logs, and the signer of all of them. */
export const ORIGIN = 'log.example/one'
/** Signs the logs of tests. */
export const LOG_SIGNER: Signer = signerOfSeed(new Uint8Array(32).fill(7))
const LOG_KEY = makeVkey(ORIGIN, 'ed25519', LOG_SIGNER.publicKey)

/** An entry as tests write it: JSON of a kind, a purl, a digest, and some filling. */
export function sampleEntry(number: number, facts: Partial<SampleFacts> = {}, fillBytes = 0): Uint8Array {
  const whole: SampleFacts = { kind: 'verdict', purl: `pkg:toy/p${number}@1`, digest: sampleDigest(number), ...facts }
  return Buffer.from(JSON.stringify({ ...whole, number, fill: 'x'.repeat(fillBytes) }))
}

/** A digest that differs with `number`. */
export function sampleDigest(number: number): string {
  return `sha256:${createHash('sha256').update(String(number)).digest('hex')}`
}

/** What a sample entry is about. */
export interface SampleFacts {
  readonly kind: string
  readonly purl: string
  readonly digest: string
}

/** The keys of a sample entry; none for other bytes. */
export const sampleKeysOf: KeysOf = (entry): EntryKeys => {
  try {
    const { kind, purl, digest } = JSON.parse(Buffer.from(entry).toString()) as SampleFacts
    return { kind, purls: [purl], digests: [digest], packages: [purl.slice(0, purl.lastIndexOf('@'))] }
  } catch {
    return { kind: undefined, purls: [], digests: [] }
  }
}

/** `count` sample entries from number `from` on. */
export function sampleEntries(count: number, from = 0): Uint8Array[] {
  return Array.from({ length: count }, (_, at) => sampleEntry(from + at))
}

/** MTH of RFC 6962, 2.1, word by word. */
export function rootByDefinition(entries: readonly Uint8Array[]): Uint8Array {
  const sha256 = (...parts: Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest()
  if (entries.length === 0) return sha256()
  if (entries.length === 1) return sha256(Uint8Array.of(0), entries[0] as Uint8Array)
  let k = 1
  while (k * 2 < entries.length) k *= 2
  return sha256(Uint8Array.of(1), rootByDefinition(entries.slice(0, k)), rootByDefinition(entries.slice(k)))
}

/** True if an error has this code. */
export function withCode(wanted: string): (error: unknown) => boolean {
  return (error) => {
    assert.equal((error as { code?: string }).code, wanted, String(error))
    return true
  }
}

/** A source of what another log serves, and what was rejected of it. */
export function sourceOf(
  log: LogReader,
  change: (path: string, bytes: Uint8Array) => Uint8Array = (_, bytes) => bytes,
): TileSource & { readonly rejected: string[]; readonly fetched: string[] } {
  const rejected: string[] = []
  const fetched: string[] = []
  return {
    rejected,
    fetched,
    async fetch(path) {
      const bytes = await log.tile(path)
      if (bytes === undefined) throw new Error(`${path} is not there`)
      fetched.push(path)
      return change(path, bytes)
    },
    reject: (path) => rejected.push(path),
  }
}

/** The newest checkpoint of a log that has one. */
export function newestOf(log: LogReader): AcceptedCheckpoint {
  const newest = log.newest()
  assert.ok(newest !== undefined, 'the log has a checkpoint')
  return newest
}

async function all(hits: AsyncIterable<LogHit>): Promise<LogHit[]> {
  const found: LogHit[] = []
  for await (const hit of hits) found.push(hit)
  return found
}

const never = new AbortController().signal
const indexes = (hits: readonly LogHit[]) => hits.map(({ index }) => index)
const same = (a: Uint8Array, b: Uint8Array) => assert.ok(Buffer.compare(a, b) === 0, 'the bytes are the same')

/** Runs the suite. */
export function logSuite(name: string, harness: LogHarness): void {
  appendCases(name, harness)
  readCases(name, harness)
  checkpointCases(name, harness)
  mirrorCases(name, harness)
}

function appendCases(name: string, harness: LogHarness): void {
  test(`${name}: an empty log has a signed checkpoint of size 0`, async () => {
    const log = await harness.writer(ORIGIN)
    assert.equal(newestOf(log).size, 0)
    same(newestOf(log).root, rootByDefinition([]))
    await log.close()
  })

  test(`${name}: append() gives the root of RFC 6962, which pureRoot() foretold, for every way to split the entries`, async () => {
    const log = await harness.writer(ORIGIN)
    const entries: Uint8Array[] = []
    for (const count of [1, 1, 2, 0, 3, 247, 1, 1, 255, 256, 257, 100]) {
      const next = sampleEntries(count, entries.length)
      const foretold = log.pureRoot(next)
      const { firstIndex, size, root } = await log.append(next)
      assert.equal(firstIndex, entries.length)
      entries.push(...next)
      assert.equal(size, entries.length)
      same(root, rootByDefinition(entries))
      same(foretold.root, root)
      assert.equal(foretold.size, size)
      assert.equal(log.head().size, size)
      same(log.head().root, root)
      same(newestOf(log).root, root)
    }
    await log.close()
  })

  test(`${name}: pureRoot() has no effect`, async () => {
    const log = await harness.writer(ORIGIN)
    await log.append(sampleEntries(3))
    log.pureRoot(sampleEntries(300, 50))
    assert.equal(log.head().size, 3)
    assert.equal((await log.append([])).size, 3)
    await log.close()
  })

  test(`${name}: appends at the same time all get their own place, in one piece`, async () => {
    const log = await harness.writer(ORIGIN)
    const appended = await Promise.all(
      Array.from({ length: 40 }, (_, at) => log.append(sampleEntries(1 + (at % 7), at * 10))),
    )
    let next = 0
    for (const [at, { firstIndex }] of appended.entries()) {
      assert.equal(firstIndex, next)
      for (const [offset, entry] of sampleEntries(1 + (at % 7), at * 10).entries()) {
        same(await log.entry(firstIndex + offset), entry)
      }
      next += 1 + (at % 7)
    }
    assert.equal(newestOf(log).size, next)
    await log.close()
  })

  test(`${name}: a caller that changes its bytes after append() does not change the log`, async () => {
    const log = await harness.writer(ORIGIN)
    const entry = sampleEntry(1)
    const done = log.append([entry])
    entry.fill(0)
    await done
    const kept = await log.entry(0)
    same(kept, sampleEntry(1))
    kept.fill(0)
    await log.append([sampleEntry(2)])
    same(newestOf(log).root, rootByDefinition([sampleEntry(1), sampleEntry(2)]))
    await log.close()
  })

  test(`${name}: an entry may be empty or of 65,535 bytes, and no longer`, async () => {
    const log = await harness.writer(ORIGIN)
    await log.append([new Uint8Array(0), new Uint8Array(65_535)])
    same(await log.entry(0), new Uint8Array(0))
    same(await log.entry(1), new Uint8Array(65_535))
    await assert.rejects(log.append([new Uint8Array(1), new Uint8Array(65_536)]), withCode('usage.log'))
    await assert.rejects(log.append(new Array(16_385).fill(new Uint8Array(1))), withCode('usage.log'))
    await assert.rejects(log.append(new Array(1025).fill(new Uint8Array(65_535))), withCode('usage.log'))
    assert.equal(log.head().size, 2)
    await log.close()
  })

  test(`${name}: append() at another size than the caller expects changes nothing`, async () => {
    const log = await harness.writer(ORIGIN)
    await log.append([sampleEntry(1)], { at: 0 })
    await assert.rejects(log.append([sampleEntry(1)], { at: 0 }), withCode('conflict.changed'))
    assert.equal((await log.append([sampleEntry(2)], { at: 1 })).size, 2)
    await log.close()
  })
}

function readCases(name: string, harness: LogHarness): void {
  test(`${name}: every inclusion and consistency proof between sizes around full tiles verifies`, async () => {
    const log = await harness.writer(ORIGIN)
    const entries = sampleEntries(700)
    await log.append(entries)
    const sizes = [1, 2, 3, 7, 8, 255, 256, 257, 300, 512, 513, 700]
    for (const size of sizes) {
      const root = rootByDefinition(entries.slice(0, size))
      same(await log.rootAt(size), root)
      for (const index of [0, 1, size >> 1, 255, 256, size - 1].filter((at) => at < size)) {
        const proof = await log.inclusion(index, size)
        verifyInclusion({ index, size, leafHash: leafHash(entries[index] as Uint8Array), proof, root })
      }
      for (const size1 of sizes.filter((at) => at <= size)) {
        const root1 = rootByDefinition(entries.slice(0, size1))
        const proof = await log.consistency(size1, size)
        verifyConsistency({ size1, size2: size, root1, root2: root, proof })
      }
    }
    await log.close()
  })

  test(`${name}: what is beyond the newest checkpoint is absent`, async () => {
    const log = await harness.writer(ORIGIN)
    await log.append(sampleEntries(3))
    await assert.rejects(log.entry(3), withCode('absent.entry'))
    await assert.rejects(log.rootAt(4), withCode('absent.entry'))
    await assert.rejects(log.inclusion(3, 3), withCode('absent.entry'))
    await assert.rejects(log.inclusion(0, 4), withCode('absent.entry'))
    await assert.rejects(log.consistency(1, 4), withCode('absent.entry'))
    assert.deepEqual(indexes(await all(log.entries(1, 9))), [1, 2])
    await assert.rejects(all(log.entries(0, 3, AbortSignal.abort())), withCode('aborted.caller'))
    await log.close()
  })

  test(`${name}: entries() gives the bytes that were appended, across bundles`, async () => {
    const log = await harness.writer(ORIGIN)
    const entries = sampleEntries(600)
    await log.append(entries)
    const found = await all(log.entries(250, 520))
    assert.equal(found.length, 270)
    for (const { index, entry } of found) same(entry, entries[index] as Uint8Array)
    await log.close()
  })

  test(`${name}: tile() serves every tile and bundle of the tree, narrower forms too, and nothing else`, async () => {
    const log = await harness.writer(ORIGIN)
    await log.append(sampleEntries(250))
    await log.append(sampleEntries(270, 250))
    for (const tile of grownTiles(0, 520)) {
      assert.equal((await log.tile(tilePath(tile)))?.byteLength, tile.width * 32)
    }
    for (const bundle of grownBundles(0, 520)) assert.ok(await log.tile(entriesPath(bundle)))
    const first = (await log.tile('tile/0/000')) as Uint8Array
    same((await log.tile('tile/0/000.p/250')) as Uint8Array, first.subarray(0, 250 * 32))
    const bundle = (await log.tile('tile/entries/000')) as Uint8Array
    const narrow = (await log.tile('tile/entries/000.p/250')) as Uint8Array
    same(narrow, bundle.subarray(0, narrow.byteLength))
    for (const path of [
      'tile/0/002.p/9',
      'tile/0/003',
      'tile/1/000',
      'tile/2/000',
      'tile/x/000',
      '../checkpoint',
      '',
    ]) {
      assert.equal(await log.tile(path), undefined, path)
    }
    await log.close()
  })

  test(`${name}: find() gives what has a purl, a digest or a kind, newest first, in pages`, async () => {
    const log = await harness.writer(ORIGIN)
    const purl = 'pkg:toy/wanted@1'
    const entries = sampleEntries(300).map((entry, at) => (at % 100 === 5 ? sampleEntry(at, { purl }) : entry))
    entries[7] = sampleEntry(7, { purl, kind: 'revocation' })
    await log.append(entries.slice(0, 100))
    await log.append(entries.slice(100))
    assert.deepEqual(indexes(await log.find({ purl })), [205, 105, 7, 5])
    assert.deepEqual(indexes(await log.find({ purl, limit: 2 })), [205, 105])
    assert.deepEqual(indexes(await log.find({ purl, before: 105 })), [7, 5])
    assert.deepEqual(indexes(await log.find({ purl, kind: 'revocation' })), [7])
    assert.deepEqual(indexes(await log.find({ purl, kind: 'verdict', limit: 1, before: 8 })), [5])
    assert.deepEqual(indexes(await log.find({ digest: sampleDigest(33) })), [33])
    assert.deepEqual(indexes(await log.find({ digest: sampleDigest(33), purl })), [])
    assert.deepEqual(indexes(await log.find({ purl: 'pkg:toy/none@1' })), [])
    assert.deepEqual(indexes(await log.find({ kind: 'verdict', limit: 3 })), [299, 298, 297])
    assert.deepEqual(indexes(await log.revocations()), [7])
    same((await log.find({ purl }))[3]?.entry as Uint8Array, entries[5] as Uint8Array)
    await assert.rejects(log.find({}), withCode('usage.request'))
    await log.close()
  })

  test(`${name}: find() gives what was decided on any release of a package, all of it or what is new`, async () => {
    const log = await harness.writer(ORIGIN)
    const entries = sampleEntries(300).map((entry, at) =>
      at % 50 === 3 ? sampleEntry(at, { purl: `pkg:toy/wanted@${at}` }) : entry,
    )
    await log.append(entries)
    const named = { package: 'pkg:toy/wanted' }
    assert.deepEqual(indexes(await log.find(named)), [253, 203, 153, 103, 53, 3])
    assert.deepEqual(indexes(await log.find({ ...named, limit: 2 })), [253, 203])
    assert.deepEqual(indexes(await log.find({ ...named, from: 153 })), [253, 203, 153])
    assert.deepEqual(indexes(await log.find({ ...named, from: 54, before: 203 })), [153, 103])
    assert.deepEqual(indexes(await log.find({ ...named, from: 254 })), [])
    assert.deepEqual(indexes(await log.find({ ...named, kind: 'revocation' })), [])
    assert.deepEqual(indexes(await log.find({ package: 'pkg:toy/want' })), [])
    await log.close()
  })

  test(`${name}: bytes that are no entry are logged, and found by their index alone`, async () => {
    const log = await harness.writer(ORIGIN)
    await log.append([Buffer.from('no JSON'), sampleEntry(1)])
    same(await log.entry(0), Buffer.from('no JSON'))
    assert.deepEqual(indexes(await log.find({ kind: 'verdict' })), [1])
    await log.close()
  })
}

function checkpointCases(name: string, harness: LogHarness): void {
  test(`${name}: the checkpoint is a signed note of the log's key over origin, size and root`, async () => {
    const log = await harness.writer(ORIGIN)
    const { size, root } = await log.append(sampleEntries(5))
    const note = parseNote(Buffer.from(newestOf(log).note))
    assert.equal(openNote(note, [LOG_KEY]).length, 1)
    const checkpoint = parseCheckpoint(note.text)
    assert.deepEqual([checkpoint.origin, checkpoint.size, checkpoint.extensions], [ORIGIN, size, []])
    same(checkpoint.root, root)
    await log.close()
  })

  test(`${name}: a log that does not sign at once signs the sizes that it is told, forward only, and reads no further`, async () => {
    const log = await harness.writer(ORIGIN, { signAtOnce: false })
    await log.append(sampleEntries(300))
    await log.append(sampleEntries(10, 300))
    assert.equal(log.newest(), undefined)
    await assert.rejects(log.entry(0), withCode('absent.entry'))
    const signed = await log.sign(300)
    same(signed.root, rootByDefinition(sampleEntries(300)))
    assert.equal(newestOf(log).note, signed.note)
    assert.equal((await log.sign(300)).note, signed.note)
    await assert.rejects(log.entry(300), withCode('absent.entry'))
    assert.equal(await log.tile('tile/0/001.p/54'), undefined)
    assert.deepEqual(indexes(await log.find({ kind: 'verdict', limit: 1 })), [299])
    await assert.rejects(log.sign(299), withCode('conflict.changed'))
    await assert.rejects(log.sign(311), withCode('absent.entry'))
    assert.equal((await log.sign(310)).size, 310)
    await log.close()
  })

  test(`${name}: publish() takes cosignatures of the same checkpoint, and neither older ones nor other roots`, async () => {
    const log = await harness.writer(ORIGIN)
    await log.append(sampleEntries(5))
    const old = newestOf(log)
    await log.append(sampleEntries(5, 5))
    const newest = newestOf(log)
    const cosigned = { ...newest, cosignatures: [{ name: 'witness.example', timeSeconds: 1_700_000_000 }] }
    await log.publish(cosigned)
    assert.deepEqual(newestOf(log).cosignatures, cosigned.cosignatures)
    await assert.rejects(log.publish(old), withCode('conflict.changed'))
    await assert.rejects(log.publish({ ...newest, size: 11 }), withCode('conflict.changed'))
    await assert.rejects(log.publish({ ...newest, root: old.root }), withCode('untrusted.proof'))
    await assert.rejects(log.publish({ ...newest, origin: 'log.example/two' }), withCode('conflict.changed'))
    assert.deepEqual(newestOf(log).cosignatures, cosigned.cosignatures)
    await log.close()
  })

  test(`${name}: watch() tells of every newer checkpoint, and a listener that fails harms nobody`, async () => {
    const log = await harness.writer(ORIGIN)
    const sizes: number[] = []
    log.watch(() => assert.fail('a listener'))
    const stop = log.watch(({ size }) => sizes.push(size))
    await log.append(sampleEntries(2))
    await log.publish(newestOf(log))
    stop()
    await log.append(sampleEntries(2))
    assert.deepEqual(sizes, [2, 2])
    await log.close()
  })
}

function mirrorCases(name: string, harness: LogHarness): void {
  test(`${name}: a mirror that ingests step by step becomes the same log`, async () => {
    const log = await harness.writer(ORIGIN)
    const mirror = await harness.mirror(ORIGIN)
    assert.equal(mirror.newest(), undefined)
    for (const count of [3, 250, 300, 1]) {
      await log.append(sampleEntries(count, log.head().size))
      await mirror.ingest(newestOf(log), sourceOf(log), never)
      assert.equal(newestOf(mirror).note, newestOf(log).note)
      same(mirror.head().root, log.head().root)
    }
    same(await mirror.entry(300), await log.entry(300))
    assert.deepEqual(
      indexes(await mirror.find({ digest: sampleDigest(299) })),
      indexes(await log.find({ digest: sampleDigest(299) })),
    )
    for (const tile of grownTiles(0, 554)) {
      same((await mirror.tile(tilePath(tile))) as Uint8Array, (await log.tile(tilePath(tile))) as Uint8Array)
    }
    await Promise.all([log.close(), mirror.close()])
  })

  test(`${name}: a mirror refuses entries that the checkpoint does not say (G1, G4), and takes them once they are right`, async () => {
    const log = await harness.writer(ORIGIN)
    const mirror = await harness.mirror(ORIGIN)
    await log.append(sampleEntries(300))
    const flipped = sourceOf(log, (path, bytes) => (path === 'tile/entries/001.p/44' ? flip(bytes, 9) : bytes))
    await assert.rejects(mirror.ingest(newestOf(log), flipped, never), withCode('untrusted.proof'))
    assert.ok(flipped.rejected.includes('tile/entries/001.p/44'))
    assert.equal(mirror.newest(), undefined)
    assert.equal(mirror.head().size, 0)
    await mirror.ingest(newestOf(log), sourceOf(log), never)
    assert.equal(newestOf(mirror).size, 300)
    await Promise.all([log.close(), mirror.close()])
  })

  test(`${name}: a mirror does not go back (G2) and does not follow a fork (G3)`, async () => {
    const log = await harness.writer(ORIGIN)
    const fork = await harness.writer(ORIGIN)
    const mirror = await harness.mirror(ORIGIN)
    await log.append(sampleEntries(300))
    await fork.append(sampleEntries(301, 1000))
    const old = newestOf(log)
    await log.append(sampleEntries(10, 300))
    await mirror.ingest(newestOf(log), sourceOf(log), never)
    await assert.rejects(mirror.ingest(old, sourceOf(log), never), withCode('conflict.changed'))
    await fork.append(sampleEntries(30, 2000))
    await assert.rejects(mirror.ingest(newestOf(fork), sourceOf(fork), never), withCode('untrusted.proof'))
    const forged = { ...newestOf(log), root: newestOf(fork).root }
    await assert.rejects(mirror.ingest(forged, sourceOf(log), never), withCode('untrusted.proof'))
    assert.equal(newestOf(mirror).note, newestOf(log).note)
    await Promise.all([log.close(), fork.close(), mirror.close()])
  })

  test(`${name}: a mirror that is told to stop stops, and can go on later`, async () => {
    const log = await harness.writer(ORIGIN)
    const mirror = await harness.mirror(ORIGIN)
    await log.append(sampleEntries(600))
    const stopping = new AbortController()
    const source = sourceOf(log, (path, bytes) => {
      if (path.startsWith('tile/entries')) stopping.abort()
      return bytes
    })
    await assert.rejects(mirror.ingest(newestOf(log), source, stopping.signal), withCode('aborted.caller'))
    assert.equal(mirror.head().size, 0)
    await mirror.ingest(newestOf(log), sourceOf(log), never)
    same(mirror.head().root, log.head().root)
    await Promise.all([log.close(), mirror.close()])
  })
}

function flip(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes)
  copy[at] = (copy[at] ?? 0) ^ 1
  return copy
}
