import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AppError } from '../../base/errors.ts'
import { dumpTree, loadTree, readerOf } from './snapshot.ts'
import {
  BUCKET_MAX,
  countOf,
  deleteValue,
  EMPTY_TREE_ROOT,
  entriesOf,
  getValue,
  rootOf,
  setValue,
  type Tree,
} from './tree.ts'

const bytes = (text: string) => Buffer.from(text)
const hex = (tree: Tree) => Buffer.from(rootOf(tree)).toString('hex')

function treeOf(entries: Iterable<readonly [string, string]>): Tree {
  let tree: Tree
  for (const [key, value] of entries) tree = setValue(tree, bytes(key), bytes(value))
  return tree
}

const operations = fc.array(
  fc.record({ key: fc.nat(120).map(String), value: fc.option(fc.string({ maxLength: 40 }), { nil: undefined }) }),
  { maxLength: 300 },
)

test('a state tree holds what a Map holds, and its root is that of the same entries in any other order', () => {
  fc.assert(
    fc.property(operations, fc.infiniteStream(fc.nat()), (steps, order) => {
      const map = new Map<string, string>()
      let tree: Tree
      for (const { key, value } of steps) {
        if (value === undefined) map.delete(key)
        else map.set(key, value)
        tree = value === undefined ? deleteValue(tree, bytes(key)) : setValue(tree, bytes(key), bytes(value))
      }
      assert.equal(countOf(tree), map.size)
      for (const [key, value] of map) assert.equal(String(Buffer.from(getValue(tree, bytes(key)) ?? [])), value)
      assert.equal([...entriesOf(tree)].length, map.size)
      const shuffled = [...map]
        .map((entry) => ({ entry, rank: order.next().value ?? 0 }))
        .sort((a, b) => a.rank - b.rank)
      assert.equal(hex(treeOf(shuffled.map(({ entry }) => entry))), hex(tree))
    }),
  )
})

test('a state tree is not changed by what is made from it', () => {
  const before = treeOf(Array.from({ length: 100 }, (_, at) => [`key ${at}`, 'old'] as const))
  const root = hex(before)
  const after = deleteValue(setValue(before, bytes('key 7'), bytes('new')), bytes('key 8'))
  assert.equal(String(getValue(before, bytes('key 7'))), 'old')
  assert.equal(String(getValue(after, bytes('key 7'))), 'new')
  assert.equal(getValue(after, bytes('key 8')), undefined)
  assert.equal(hex(before), root)
  assert.notEqual(hex(after), root)
  assert.equal(deleteValue(before, bytes('nowhere')), before)
})

test('two state trees with one different value, key or border between them have different roots', () => {
  const roots = [
    treeOf([]),
    treeOf([['a', '']]),
    treeOf([['', 'a']]),
    treeOf([['ab', 'c']]),
    treeOf([['a', 'bc']]),
    treeOf(Array.from({ length: BUCKET_MAX }, (_, at) => [String(at), 'x'] as const)),
    treeOf(Array.from({ length: BUCKET_MAX + 1 }, (_, at) => [String(at), 'x'] as const)),
  ].map(hex)
  assert.equal(new Set(roots).size, roots.length)
  assert.equal(roots[0], Buffer.from(EMPTY_TREE_ROOT).toString('hex'))
})

test('loadTree() gives back what dumpTree() wrote, cut into pieces anyhow', () => {
  fc.assert(
    fc.property(fc.nat(200), fc.integer({ min: 1, max: 50 }), (count, length) => {
      const tree = treeOf(Array.from({ length: count }, (_, at) => [`key ${at}`, `value ${at}`] as const))
      const whole = Buffer.concat([...dumpTree(tree)])
      const pieces = Array.from({ length: Math.ceil(whole.length / length) }, (_, at) =>
        whole.subarray(at * length, (at + 1) * length),
      )
      const reader = readerOf(pieces)
      assert.equal(hex(loadTree(reader)), hex(tree))
      assert.ok(reader.atEnd())
    }),
  )
})

test('loadTree() refuses a snapshot that is cut short, or is none', () => {
  const refused = (error: unknown) => error instanceof AppError && error.code === 'damaged.snapshot'
  const whole = Buffer.concat([...dumpTree(treeOf(Array.from({ length: 40 }, (_, at) => [String(at), 'x'] as const)))])
  assert.throws(() => loadTree(readerOf([whole.subarray(0, -1)])), refused)
  assert.throws(() => loadTree(readerOf([Buffer.of(9)])), refused)
  assert.throws(() => loadTree(readerOf([Buffer.of(0, 1, 255, 255, 255, 255)])), refused)
  assert.throws(() => loadTree(readerOf([Buffer.alloc(300, Buffer.of(1, 1))])), refused)
})
