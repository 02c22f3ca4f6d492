import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { isKind } from '../../base/errors.ts'
import { EMPTY_ROOT, type Hash, leafHash, nodeHash } from './hash.ts'
import type { ReadNode } from './nodes.ts'
import { consistencyProof, inclusionProof, rootOf, verifyConsistency, verifyInclusion } from './proof.ts'

const VECTORS = new URL('../../../test/vectors/merkle/', import.meta.url)
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'))
const base64 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'base64'))

interface Vector {
  readonly leafIdx: number
  readonly treeSize: number
  readonly root: string
  readonly leafHash: string
  readonly size1: number
  readonly size2: number
  readonly root1: string
  readonly root2: string
  readonly proof: readonly string[] | null
  readonly desc: string
  readonly wantErr: boolean
}

function check(run: () => void, { wantErr, desc }: Vector, name: string): void {
  if (wantErr) assert.throws(run, { code: 'untrusted.proof' }, `${name}: ${desc}`)
  else assert.doesNotThrow(run, `${name}: ${desc}`)
}

test('verifyInclusion() agrees with every published case', () => {
  const names = globSync('inclusion/**/*.json', { cwd: VECTORS })
  assert.equal(names.length, 98)
  for (const name of names) {
    const vector = JSON.parse(readFileSync(new URL(name, VECTORS), 'utf8')) as Vector
    const claim = {
      index: vector.leafIdx,
      size: vector.treeSize,
      leafHash: base64(vector.leafHash),
      root: base64(vector.root),
      proof: (vector.proof ?? []).map(base64),
    }
    check(() => verifyInclusion(claim), vector, name)
  }
})

test('verifyConsistency() agrees with every published case', () => {
  const names = globSync('consistency/**/*.json', { cwd: VECTORS })
  assert.equal(names.length, 98)
  for (const name of names) {
    const vector = JSON.parse(readFileSync(new URL(name, VECTORS), 'utf8')) as Vector
    const { size1, size2 } = vector
    const claim = {
      size1,
      size2,
      root1: base64(vector.root1),
      root2: base64(vector.root2),
      proof: (vector.proof ?? []).map(base64),
    }
    check(() => verifyConsistency(claim), vector, name)
  }
})

/** The eight entries and the roots of their trees that the RFC's authors publish with their implementation. */
const ENTRIES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]

/** Complete subtrees of a tree of these leaves, hashed from the definition in RFC 6962, 2.1. */
function reader(leaves: readonly Hash[]): ReadNode {
  const read: ReadNode = (level, index) => {
    if (level > 0) return nodeHash(read(level - 1, index * 2), read(level - 1, index * 2 + 1))
    const leaf = leaves[index]
    assert.ok(leaf !== undefined, `read beyond the tree: ${index}`)
    return leaf
  }
  return read
}

test('rootOf() has the published roots of the eight entries of RFC 6962 implementations', () => {
  const read = reader(ENTRIES.map((entry) => leafHash(hex(entry))))
  for (const [size, root] of ROOTS.entries()) assert.deepEqual(rootOf(size, read), hex(root), `size ${size}`)
  assert.deepEqual(rootOf(0, read), EMPTY_ROOT)
})

test('inclusionProof() and consistencyProof() have the shape of the examples of RFC 6962, 2.1.3', () => {
  const leaves = Array.from({ length: 7 }, (_, at) => leafHash(Uint8Array.of(at)))
  const read = reader(leaves)
  const [a, b, c, d, e, f, j] = leaves as [Hash, Hash, Hash, Hash, Hash, Hash, Hash]
  const g = nodeHash(a, b)
  const h = nodeHash(c, d)
  const i = nodeHash(e, f)
  const k = nodeHash(g, h)
  const l = nodeHash(i, j)
  assert.deepEqual(inclusionProof(0, 7, read), [b, h, l])
  assert.deepEqual(inclusionProof(3, 7, read), [c, g, l])
  assert.deepEqual(inclusionProof(4, 7, read), [f, j, k])
  assert.deepEqual(inclusionProof(6, 7, read), [i, k])
  assert.deepEqual(consistencyProof(3, 7, read), [c, d, g, l])
  assert.deepEqual(consistencyProof(4, 7, read), [l])
  assert.deepEqual(consistencyProof(6, 7, read), [i, j, k])
})

test('every proof of every tree of up to 70 entries verifies', () => {
  const leaves = Array.from({ length: 70 }, (_, at) => leafHash(Uint8Array.of(at)))
  const nodes = new Map<string, Hash>()
  const fresh = reader(leaves)
  const read: ReadNode = (level, index) => {
    const key = `${level}/${index}`
    const hash = nodes.get(key) ?? fresh(level, index)
    nodes.set(key, hash)
    return hash
  }
  for (let size = 1; size <= leaves.length; size += 1) {
    const root = rootOf(size, read)
    for (const [index, hash] of leaves.slice(0, size).entries()) {
      verifyInclusion({ index, size, leafHash: hash, root, proof: inclusionProof(index, size, read) })
    }
    for (let size1 = 1; size1 <= size; size1 += 1) {
      const proof = consistencyProof(size1, size, read)
      verifyConsistency({ size1, size2: size, root1: rootOf(size1, read), root2: root, proof })
    }
  }
})

const tree = fc.integer({ min: 1, max: 2 ** 40 }).chain((size) => fc.tuple(fc.constant(size), fc.nat(size - 1)))
/** Any tree at all: the hash of each complete subtree of one that no machine could hold. */
const distant: ReadNode = (level, index) =>
  level === 0 ? leafHash(Buffer.from(`${index}`)) : nodeHash(EMPTY_ROOT, leafHash(Buffer.from(`${level}/${index}`)))

test('a mutated inclusion proof never verifies: a bit of leaf, root or a hash, another index or size, a hash more or less', () => {
  fc.assert(
    fc.property(tree, fc.nat(), fc.nat(255), ([size, index], pick, bit) => {
      // The siblings are made up: a proof only has to lead from its leaf to its root.
      const proof = inclusionProof(index, size, distant)
      const leaf = leafHash(Buffer.from('entry'))
      const root = climb(index, size, leaf, proof)
      verifyInclusion({ index, size, leafHash: leaf, proof, root })
      const claim = { index, size, leafHash: leaf, proof, root }
      const at = pick % (proof.length + 1)
      const mutants = [
        { ...claim, leafHash: flip(leaf, bit) },
        { ...claim, root: flip(root, bit) },
        { ...claim, proof: [...proof.slice(0, at), flip(proof[at] ?? leaf, bit), ...proof.slice(at + 1)] },
        { ...claim, proof: [...proof, leaf] },
        { ...claim, proof: [leaf, ...proof] },
        { ...claim, proof: proof.slice(0, -1).concat(leaf.subarray(1)) },
        { ...claim, index: index + size },
        { ...claim, index: -1 },
        { ...claim, index: index + 0.5 },
        { ...claim, size: 0 },
        { ...claim, size: 2 ** 53 },
      ]
      // Another index is another path, unless the tree has this entry alone.
      if (size > 1) mutants.push({ ...claim, index: (index + 1) % size })
      for (const mutant of mutants) {
        assert.throws(() => verifyInclusion(mutant), { code: 'untrusted.proof' })
      }
    }),
  )
})

test('a mutated consistency proof never verifies', () => {
  const leaves = Array.from({ length: 64 }, (_, at) => leafHash(Uint8Array.of(at)))
  const read = reader(leaves)
  const sizes = fc
    .integer({ min: 2, max: 64 })
    .chain((size2) => fc.tuple(fc.integer({ min: 1, max: size2 - 1 }), fc.constant(size2)))
  fc.assert(
    fc.property(sizes, fc.nat(), fc.nat(255), ([size1, size2], pick, bit) => {
      const proof = consistencyProof(size1, size2, read)
      const claim = { size1, size2, root1: rootOf(size1, read), root2: rootOf(size2, read), proof }
      verifyConsistency(claim)
      const at = pick % proof.length
      for (const mutant of [
        { ...claim, root1: flip(claim.root1, bit) },
        { ...claim, root2: flip(claim.root2, bit) },
        { ...claim, proof: proof.map((hash, each) => (each === at ? flip(hash, bit) : hash)) },
        { ...claim, proof: [...proof, claim.root1] },
        { ...claim, proof: proof.slice(1) },
        { ...claim, proof: proof.slice(0, -1) },
        { ...claim, size1: size2, size2: size1 },
        { ...claim, size1: 0 },
        { ...claim, size2: size1 },
        { ...claim, root1: claim.root2, root2: claim.root1 },
      ]) {
        assert.throws(() => verifyConsistency(mutant), { code: 'untrusted.proof' })
      }
    }),
  )
})

test('attack G4, an entry rewritten or deleted, leaves no consistency proof and no inclusion proof of the old entry', () => {
  const leaves = Array.from({ length: 40 }, (_, at) => leafHash(Uint8Array.of(at)))
  const honest = reader(leaves)
  const root1 = rootOf(30, honest)
  const rewritten = reader(leaves.map((leaf, at) => (at === 11 ? leafHash(Buffer.from('another past')) : leaf)))
  const deleted = reader(leaves.filter((_, at) => at !== 11))
  for (const [name, read, size2] of [
    ['rewritten', rewritten, 40],
    ['deleted', deleted, 39],
  ] as const) {
    const root2 = rootOf(size2, read)
    const proof = consistencyProof(30, size2, read)
    assert.throws(() => verifyConsistency({ size1: 30, size2, root1, root2, proof }), { code: 'untrusted.proof' }, name)
    const inclusion = inclusionProof(11, size2, read)
    assert.throws(
      () => verifyInclusion({ index: 11, size: size2, leafHash: leaves[11] as Hash, proof: inclusion, root: root2 }),
      { code: 'untrusted.proof' },
      name,
    )
  }
})

test('inclusionProof(), consistencyProof() and rootOf() throw usage.log for what no tree has', () => {
  for (const [index, size] of [
    [0, 0],
    [5, 5],
    [-1, 5],
    [0.5, 5],
    [0, 2 ** 53],
    [Number.NaN, 5],
  ] as const) {
    assert.throws(() => inclusionProof(index, size, distant), { code: 'usage.log' })
  }
  for (const [size1, size2] of [
    [0, 5],
    [6, 5],
    [-1, 5],
    [1, 2 ** 53],
  ] as const) {
    assert.throws(() => consistencyProof(size1, size2, distant), { code: 'usage.log' })
  }
  assert.throws(() => rootOf(-1, distant), { code: 'usage.log' })
})

test('verifyInclusion() and verifyConsistency() throw nothing but untrusted.proof', () => {
  const hashes = fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 70 })
  fc.assert(
    fc.property(fc.double(), fc.double(), fc.nat(), fc.nat(), hashes, (x, y, i, j, proof) => {
      for (const [a, b] of [
        [x, y],
        [i, j],
      ] as const) {
        for (const run of [
          () => verifyInclusion({ index: a, size: b, leafHash: EMPTY_ROOT, proof, root: EMPTY_ROOT }),
          () => verifyConsistency({ size1: a, size2: b, root1: EMPTY_ROOT, root2: leafHash(EMPTY_ROOT), proof }),
        ]) {
          assert.throws(run, (error) => isKind(error, 'untrusted') && error.code === 'untrusted.proof')
        }
      }
    }),
  )
})

/** The root that a proof leads to, by the recursive definition of RFC 6962, 2.1.1. */
function climb(index: number, size: number, leaf: Hash, proof: readonly Hash[]): Hash {
  if (size === 1) return leaf
  let half = 1
  while (half * 2 < size) half *= 2
  const sibling = proof.at(-1) as Hash
  const rest = proof.slice(0, -1)
  if (index < half) return nodeHash(climb(index, half, leaf, rest), sibling)
  return nodeHash(sibling, climb(index - half, size - half, leaf, rest))
}

function flip(hash: Hash, bit: number): Hash {
  const changed = Uint8Array.from(hash)
  changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  return changed
}
