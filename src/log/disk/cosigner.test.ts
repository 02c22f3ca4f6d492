import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { withCode } from '../../../test/kit/log-suite.ts'
import type { TreeHead } from '../log.ts'
import { openCosignerStore } from './cosigner.ts'
import { seal } from './sealed.ts'

const root = mkdtempSync(join(tmpdir(), 'pyrsia-cosigner-'))
after(() => rmSync(root, { recursive: true, force: true }))
const fresh = () => join(mkdtempSync(join(root, 'c-')), 'cosigner')
const open = (directory: string, create = false, confirmFirst = false) =>
  openCosignerStore({ directory, create, confirmFirst })
const head = (size: number, filling = size): TreeHead => ({ size, root: new Uint8Array(32).fill(filling) })
const A = 'log.example/a'
const B = 'log.example/b'

test('advance() goes forward from what was last signed, for each origin on its own, and remembers it', async () => {
  const directory = fresh()
  const store = await open(directory, true)
  assert.equal(store.last(A), undefined)
  await store.advance(A, undefined, head(3))
  await store.advance(A, head(3), head(5))
  await store.advance(B, undefined, head(2))
  await store.advance(A, head(5), head(5))
  store.close()
  const again = await open(directory)
  assert.deepEqual([again.last(A), again.last(B)], [head(5), head(2)])
  again.close()
})

test('advance() changes nothing from anything else than the last, backwards, or to another root of the same size', async () => {
  const store = await open(fresh(), true)
  await store.advance(A, undefined, head(5))
  await assert.rejects(store.advance(A, undefined, head(6)), withCode('conflict.changed'))
  await assert.rejects(store.advance(A, head(4), head(6)), withCode('conflict.changed'))
  await assert.rejects(store.advance(A, head(5, 9), head(6)), withCode('conflict.changed'))
  await assert.rejects(store.advance(A, head(5), head(4)), withCode('conflict.changed'))
  await assert.rejects(store.advance(A, head(5), head(5, 9)), withCode('untrusted.proof'))
  assert.deepEqual(store.last(A), head(5))
  store.close()
})

test('of two that advance from the same point at the same time one wins', async () => {
  const store = await open(fresh(), true)
  const results = await Promise.allSettled([
    store.advance(A, undefined, head(7)),
    store.advance(A, undefined, head(8)),
    store.advance(A, undefined, head(9)),
  ])
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'rejected'],
  )
  assert.deepEqual(store.last(A), head(7))
  store.close()
})

test('a store that is missing is not begun again under an old key: it refuses to sign and says why', async () => {
  const directory = fresh()
  ;(await open(directory, true)).close()
  rmSync(join(directory, 'signed'))
  await assert.rejects(open(directory), withCode('damaged.cosigner'))
  await assert.rejects(open(directory), /second histories/)
})

test('a store that was changed by hand is refused', async () => {
  const directory = fresh()
  const store = await open(directory, true)
  await store.advance(A, undefined, head(5))
  store.close()
  const path = join(directory, 'signed')
  writeFileSync(path, readFileSync(path, 'utf8').replace('"size":5', '"size":4'))
  await assert.rejects(open(directory), withCode('damaged.cosigner'))
  writeFileSync(path, '')
  await assert.rejects(open(directory), withCode('damaged.cosigner'))
})

test('a restored older copy is found when others show what was signed, and from then on nothing is signed (rolled-back state)', async () => {
  const directory = fresh()
  const path = join(directory, 'signed')
  const store = await open(directory, true)
  await store.advance(A, undefined, head(5))
  await store.advance(B, undefined, head(2))
  const copy = readFileSync(path)
  await store.advance(A, head(5), head(8))
  store.close()
  writeFileSync(path, copy)
  const restored = await open(directory)
  await assert.rejects(restored.confirm(A, head(8)), withCode('damaged.cosigner'))
  await assert.rejects(restored.advance(A, head(8), head(9)), /old copy/)
  assert.throws(() => restored.last(A), withCode('damaged.cosigner'))
  await restored.advance(B, head(2), head(3))
  restored.close()
  const again = await open(directory)
  assert.throws(() => again.last(A), withCode('damaged.cosigner'))
  again.close()
})

test('another root of the size that was last signed, shown by others, stops the cosigner', async () => {
  const store = await open(fresh(), true)
  await store.advance(A, undefined, head(5))
  await store.confirm(A, head(4))
  await store.confirm(A, head(5))
  await assert.rejects(store.confirm(A, head(5, 9)), withCode('damaged.cosigner'))
  store.close()
})

test('where others must be asked first, nothing is signed before they were', async () => {
  const store = await open(fresh(), true, true)
  await assert.rejects(store.advance(A, undefined, head(5)), withCode('unavailable.unconfirmed'))
  await store.confirm(A, undefined)
  await store.advance(A, undefined, head(5))
  await assert.rejects(store.advance(B, undefined, head(5)), withCode('unavailable.unconfirmed'))
  store.close()
})

test('one process at a time has a cosigner’s store', async () => {
  const directory = fresh()
  const store = await open(directory, true)
  await assert.rejects(open(directory), withCode('conflict.running'))
  store.close()
  ;(await open(directory)).close()
})

test('no more than a thousand logs are cosigned', async () => {
  const directory = fresh()
  const store = await open(directory, true)
  store.close()
  const logs = Object.fromEntries(
    Array.from({ length: 1000 }, (_, at) => [
      `log.example/${at}`,
      { last: { root: '00'.repeat(32), size: 1 }, refused: false },
    ]),
  )
  writeFileSync(join(directory, 'signed'), seal({ format: 'pyrsia.cosigner/1', logs }))
  const full = await open(directory)
  await assert.rejects(full.advance(A, undefined, head(1)), withCode('exhausted.queue'))
  await full.advance('log.example/7', { size: 1, root: new Uint8Array(32) }, head(2))
  full.close()
})
