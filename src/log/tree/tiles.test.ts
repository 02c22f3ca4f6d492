import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { isKind } from '../../base/errors.ts'
import { parseCheckpoint } from '../note/checkpoint.ts'
import { parseNote } from '../note/note.ts'
import { decodeEntries, encodeEntries } from './entry-bundle.ts'
import { type Hash, leafHash, nodeHash } from './hash.ts'
import type { ReadNode } from './nodes.ts'
import { inclusionProof, rootOf, verifyInclusion } from './proof.ts'
import {
  checkTile,
  encodeTile,
  entriesPath,
  grownBundles,
  grownTiles,
  hashOfTile,
  nodeOfTile,
  parseTilePath,
  placeOfNode,
  TILE_WIDTH,
  tileOfSize,
  tilePath,
} from './tiles.ts'

const VECTORS = new URL('../../../test/vectors/tlog-tiles/', import.meta.url)
const file = (path: string): Uint8Array => Uint8Array.from(readFileSync(new URL(path, VECTORS)))

test('the published tile log is read at each of its sizes: entries hash to the tile, the tile to the checkpoint', () => {
  for (let size = 0; size <= 15; size += 1) {
    const checkpoint = parseCheckpoint(parseNote(file(`checkpoint.${size}`)).text)
    assert.equal(checkpoint.size, size)
    const tile = size === 0 ? new Uint8Array(0) : file(tilePath({ level: 0, index: 0, width: size }))
    const entries = size === 0 ? [] : decodeEntries(file(entriesPath({ index: 0, width: size })), size)
    assert.deepEqual(encodeTile(entries.map(leafHash)), tile)
    const read: ReadNode = (level, index) => nodeOfTile(tile, { level, index })
    assert.deepEqual(rootOf(size, read), checkpoint.root, `size ${size}`)
    for (const [index, entry] of entries.entries()) {
      const proof = inclusionProof(index, size, read)
      verifyInclusion({ index, size, leafHash: leafHash(entry), proof, root: checkpoint.root })
    }
    if (size > 0) assert.deepEqual(encodeEntries(entries), file(entriesPath({ index: 0, width: size })))
  }
})

test('tilePath() and entriesPath() write the examples of tlog-tiles', () => {
  assert.equal(tilePath({ level: 0, index: 1_234_067, width: 256 }), 'tile/0/x001/x234/067')
  assert.equal(tilePath({ level: 1, index: 0, width: 17 }), 'tile/1/000.p/17')
  assert.equal(tilePath({ level: 63, index: 999, width: 1 }), 'tile/63/999.p/1')
  assert.equal(entriesPath({ index: 1000, width: 256 }), 'tile/entries/x001/000')
  for (const [level, index, width] of [
    [64, 0, 1],
    [-1, 0, 1],
    [0, -1, 1],
    [0, 0.5, 1],
    [0, 0, 0],
    [0, 0, 257],
  ] as const) {
    assert.throws(() => tilePath({ level, index, width }), { code: 'usage.log' })
  }
})

test('parseTilePath() gives back what was written, and takes one spelling alone', () => {
  const number = fc.integer({ min: 0, max: 2 ** 50 })
  fc.assert(
    fc.property(fc.nat(63), number, fc.integer({ min: 1, max: 256 }), (level, index, width) => {
      assert.deepEqual(parseTilePath(tilePath({ level, index, width })), {
        kind: 'tile',
        tile: { level, index, width },
      })
      assert.deepEqual(parseTilePath(entriesPath({ index, width })), { kind: 'entries', index, width })
    }),
  )
  for (const path of [
    '',
    'checkpoint',
    '/tile/0/000',
    'tile/0/000/',
    'tile/00/000',
    'tile/64/000',
    'tile/0/0',
    'tile/0/x000/001',
    'tile/0/001/002',
    'tile/0/x001/x002',
    'tile/0/000.p/0',
    'tile/0/000.p/256',
    'tile/0/000.p/257',
    'tile/0/000.p/01',
    'tile/0/000.p',
    'tile/entries/../000',
    'tile/0/x999/x999/x999/x999/x999/x999',
    `tile/0/${'x999/'.repeat(9)}999`,
    'tile/0/000\n',
  ]) {
    assert.equal(parseTilePath(path), undefined, path)
  }
  fc.assert(fc.property(fc.string(), (text) => assert.equal(parseTilePath(text), undefined)))
})

test('tileOfSize() has the tiles that tlog-tiles counts for a tree of 70,000 entries, and of 256', () => {
  assert.deepEqual(tileOfSize(70_000, 0, 272), { level: 0, index: 272, width: 256 })
  assert.deepEqual(tileOfSize(70_000, 0, 273), { level: 0, index: 273, width: 112 })
  assert.equal(tileOfSize(70_000, 0, 274), undefined)
  assert.deepEqual(tileOfSize(70_000, 1, 0), { level: 1, index: 0, width: 256 })
  assert.deepEqual(tileOfSize(70_000, 1, 1), { level: 1, index: 1, width: 17 })
  assert.deepEqual(tileOfSize(70_000, 2, 0), { level: 2, index: 0, width: 1 })
  assert.equal(tileOfSize(70_000, 3, 0), undefined)
  assert.deepEqual(grownTiles(0, 256), [
    { level: 0, index: 0, width: 256 },
    { level: 1, index: 0, width: 1 },
  ])
})

test('grownTiles() names all tiles and bundles that a growth writes, and none that it leaves alone', () => {
  assert.deepEqual(grownTiles(5, 5), [])
  assert.deepEqual(grownTiles(250, 600), [
    { level: 0, index: 0, width: 256 },
    { level: 0, index: 1, width: 256 },
    { level: 0, index: 2, width: 88 },
    { level: 1, index: 0, width: 2 },
  ])
  assert.deepEqual(grownTiles(512, 600), [{ level: 0, index: 2, width: 88 }])
  assert.deepEqual(grownBundles(250, 600), [
    { index: 0, width: 256 },
    { index: 1, width: 256 },
    { index: 2, width: 88 },
  ])
  assert.throws(() => grownTiles(2, 1), { code: 'usage.log' })
  fc.assert(
    fc.property(fc.nat(200_000), fc.nat(5_000), (size1, more) => {
      const grown = new Set(grownTiles(size1, size1 + more).map(tilePath))
      for (let level = 0; level < 4; level += 1) {
        const last = Math.floor((size1 + more) / 256 ** (level + 1))
        for (let index = Math.max(0, last - 25); index <= last; index += 1) {
          const before = tileOfSize(size1, level, index)
          const after = tileOfSize(size1 + more, level, index)
          if (after === undefined) continue
          assert.equal(grown.has(tilePath(after)), before?.width !== after.width, tilePath(after))
        }
      }
    }),
  )
})

test('a tree of 70,000 entries is proven out of its tiles alone', () => {
  const size = 70_000
  const levels: Hash[][] = [Array.from({ length: size }, (_, at) => leafHash(Buffer.from(String(at))))]
  for (let level = 1; level <= 16; level += 1) {
    const below = levels[level - 1] as Hash[]
    levels.push(
      Array.from({ length: below.length >> 1 }, (_, at) => nodeHash(below[2 * at] as Hash, below[2 * at + 1] as Hash)),
    )
  }
  const tiles = new Map<string, Uint8Array>()
  for (const tile of grownTiles(0, size)) {
    const hashes = (levels[tile.level * 8] as Hash[]).slice(
      tile.index * TILE_WIDTH,
      tile.index * TILE_WIDTH + tile.width,
    )
    tiles.set(`${tile.level}/${tile.index}`, checkTile(encodeTile(hashes), tile.width))
  }
  const read: ReadNode = (level, index) => {
    const place = placeOfNode({ level, index })
    return nodeOfTile(tiles.get(`${place.level}/${place.index}`) as Uint8Array, { level, index })
  }
  const root = rootOf(size, read)
  for (const index of [0, 255, 256, 65_535, 65_536, 69_887, 69_888, 69_999]) {
    const leaf = (levels[0] as Hash[])[index] as Hash
    assert.deepEqual(read(0, index), leaf)
    verifyInclusion({ index, size, leafHash: leaf, proof: inclusionProof(index, size, read), root })
  }
})

test('tiles that are too short or too long are refused', () => {
  assert.throws(() => checkTile(new Uint8Array(64), 1), { code: 'usage.log' })
  assert.throws(() => checkTile(new Uint8Array(33), 2), { code: 'usage.log' })
  assert.throws(() => hashOfTile(new Uint8Array(63), 1), { code: 'usage.log' })
  assert.throws(() => nodeOfTile(new Uint8Array(64), { level: 2, index: 0 }), { code: 'usage.log' })
})

test('decodeEntries() gives back what encodeEntries() wrote, empty entries too, and nothing else', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 256 }), fc.nat(), (entries, pick) => {
      const bytes = encodeEntries(entries)
      assert.deepEqual(
        decodeEntries(bytes, entries.length).map((entry) => Uint8Array.from(entry)),
        entries,
      )
      assert.throws(() => decodeEntries(bytes, entries.length + 1), { code: 'usage.log' })
      assert.throws(() => decodeEntries(Buffer.concat([bytes, Uint8Array.of(0)]), entries.length), {
        code: 'usage.log',
      })
      if (entries.length === 0) return
      assert.throws(() => decodeEntries(bytes, entries.length - 1), { code: 'usage.log' })
      assert.throws(() => decodeEntries(bytes.subarray(0, pick % bytes.byteLength), entries.length), {
        code: 'usage.log',
      })
    }),
  )
  const largest = new Uint8Array(65_535).fill(7)
  assert.deepEqual(Uint8Array.from(decodeEntries(encodeEntries([largest]), 1)[0] ?? []), largest)
  assert.throws(() => encodeEntries([new Uint8Array(65_536)]), { code: 'usage.log' })
  assert.throws(() => encodeEntries(Array.from({ length: 257 }, () => new Uint8Array(1))), { code: 'usage.log' })
})

test('decodeEntries() throws nothing but usage.log', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 50 }), fc.nat(5), (bytes, width) => {
      try {
        assert.deepEqual(encodeEntries(decodeEntries(bytes, width)), bytes)
      } catch (error) {
        assert.ok(isKind(error, 'usage') && error.code === 'usage.log', String(error))
      }
    }),
  )
})
