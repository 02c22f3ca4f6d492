import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { sha256Of, type TreeEntry, treeDigest } from './source-tree.ts'

const entry = (path: string, type: TreeEntry['type'], content: string): TreeEntry => ({
  path: Buffer.from(path),
  type,
  sizeBytes: Buffer.byteLength(content),
  sha256: sha256Of(content),
})

test('treeDigest() hashes the lines of docs/spec/source-tree.md, sorted by the bytes of the paths', () => {
  const entries = [
    entry('é', 'empty', ''),
    entry('bin/run', 'executable', '#!/bin/sh\n'),
    entry('README', 'file', 'hello\n'),
    entry('bin.txt', 'link', 'README'),
  ]
  const text = [
    'pyrsia-source-tree-v1\n',
    `f 6:README 6 ${sha256Of('hello\n')}\n`,
    `l 7:bin.txt 6 ${sha256Of('README')}\n`,
    `x 7:bin/run 10 ${sha256Of('#!/bin/sh\n')}\n`,
    `d 2:é 0 ${sha256Of('')}\n`,
  ].join('')
  assert.equal(treeDigest(entries), createHash('sha256').update(text).digest('hex'))
  assert.equal(treeDigest(entries.toReversed()), treeDigest(entries))
})

test('treeDigest() tells trees apart whose lines could be read in two ways', () => {
  const one = treeDigest([entry('a 1 x\nf 1:b', 'file', '')])
  const two = treeDigest([entry('a', 'file', ''), entry('b', 'file', '')])
  assert.notEqual(one, two)
})
