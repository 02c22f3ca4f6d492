import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TestSource, TileLog, tampered } from '../../../test/kit/tile-log.ts'
import { AppError } from '../../base/errors.ts'
import { decodeEntries } from '../tree/entry-bundle.ts'
import { checkGrowth } from './growth.ts'
import { createSourcePool } from './source.ts'
import { VerifiedFiles } from './verified-files.ts'

const { signal } = new AbortController()
const log = new TileLog().grow(66_000)
const head = (size: number, of = log) => ({ size, root: of.root(size) })

function filesFrom(size: number, ...sources: TestSource[]): VerifiedFiles {
  return new VerifiedFiles(head(size), createSourcePool(sources))
}

test('fetch() gives every tile and bundle of the tree as it is, whatever the size', async () => {
  for (const size of [1, 255, 256, 257, 512, 65_536, 66_000]) {
    const files = filesFrom(size, new TestSource('one', (path) => log.file(path)))
    const last = Math.floor((size - 1) / 256)
    const width = size - last * 256
    const partial = width === 256 ? '' : `.p/${width}`
    const index = String(last).padStart(3, '0')
    for (const path of [`tile/0/${index}${partial}`, `tile/entries/${index}${partial}`]) {
      assert.deepEqual(
        Buffer.from(await files.fetch(path, signal)),
        Buffer.from(log.file(path) ?? []),
        `${path} of ${size}`,
      )
    }
  }
})

test('fetch() takes the full tile and bundle where a partial one is gone', async () => {
  const gone = new TestSource('grown', (path) => (path.includes('.p/') ? undefined : log.file(path)))
  const files = filesFrom(300, gone)
  assert.equal((await files.tile(0, 1, signal)).byteLength, 44 * 32)
  assert.equal(decodeEntries(await files.bundle(1, 44, signal), 44).length, 44)
})

test('fetch() refuses what the tree does not have', async () => {
  const files = filesFrom(300, new TestSource('one', (path) => log.file(path)))
  for (const path of ['tile/0/002', 'tile/2/000', 'checkpoint', 'tile/0/001.p/45']) {
    await assert.rejects(
      files.fetch(path, signal),
      path.endsWith('45') ? { code: 'untrusted.proof' } : { code: 'usage.log' },
    )
  }
})

test('each kind of lie names its liar, and the file comes from another', async () => {
  for (const lie of ['tile/0/000', 'tile/1/000', 'tile/entries/', 'tile/0/001.p/44']) {
    const liar = new TestSource('liar', (path) => (path.startsWith(lie) ? tampered(log.file(path)) : log.file(path)))
    const good = new TestSource('good', (path) => log.file(path))
    const files = filesFrom(300, liar, good)
    for (const [index, width] of [
      [0, 256],
      [1, 44],
    ] as const) {
      const path = `tile/entries/00${index}${width === 256 ? '' : `.p/${width}`}`
      assert.deepEqual(Buffer.from(await files.bundle(index, width, signal)), Buffer.from(log.file(path) ?? []))
    }
    assert.deepEqual([liar.blamed.length, good.blamed.length], [1, 0], lie)
  }
})

test('a source that sends more than a file can have is left', async () => {
  const flood = new TestSource('flood', () => {
    throw new AppError('exhausted.size', 'wanted at most 8192 bytes')
  })
  const good = new TestSource('good', (path) => log.file(path))
  const files = filesFrom(300, flood, good)
  await files.bundle(0, 256, signal)
  assert.equal(flood.blamed.length, 1)
})

test('a source that fails is passed over and blamed for nothing; with nobody left it is unavailable', async () => {
  const down = new TestSource('down', () => {
    throw new AppError('unavailable.peer', 'gone')
  })
  await filesFrom(300, down, new TestSource('good', (path) => log.file(path))).bundle(0, 256, signal)
  await assert.rejects(filesFrom(300, down).bundle(0, 256, signal), { code: 'unavailable.peer' })
  assert.deepEqual(down.blamed, [])
})

test('checkGrowth() says by the tiles of the newer tree whether it begins with the older one', async () => {
  const source = new TestSource('one', (path) => log.file(path))
  for (const [from, to] of [
    [0, 5],
    [1, 2],
    [255, 256],
    [256, 257],
    [300, 66_000],
    [65_535, 65_536],
    [65_536, 66_000],
  ] as const) {
    assert.deepEqual(await checkGrowth(head(from), filesFrom(to, source), signal), { kind: 'consistent' })
    if (from === 0) continue
    const other = new TileLog().grow(Math.min(from, 300), 'forged')
    const forged = { size: from, root: other.root(Math.min(from, 300)) }
    const found = await checkGrowth(forged, filesFrom(to, source), signal)
    assert.equal(found.kind, 'contradicts')
    if (found.kind === 'contradicts') assert.deepEqual(found.rootThen, log.root(from))
  }
  assert.ok(source.asked.length < 100, `${source.asked.length} files for the edges`)
})
