import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { LAYER, TAR, ZIP } from '../../test/kit/archive-formats.ts'
import { pax, type RawTarEntry, rawTar } from '../../test/kit/raw-tar.ts'
import { type RawZipEntry, rawZip } from '../../test/kit/raw-zip.ts'
import type { Format, Rule, Tree } from './archive.ts'
import { canonicalDigestOfBytes, compareBytes } from './compare.ts'

const A: RawZipEntry = { name: 'pkg/a.py', content: 'a = 1\n'.repeat(20) }
const B: RawZipEntry = { name: 'pkg/b.py', content: 'b = 2\n', mode: 0o100644 }
const zipLevel = (a: readonly RawZipEntry[], b: readonly RawZipEntry[]) => compareBytes(rawZip(a), rawZip(b), ZIP)
const tarLevel = (a: readonly RawTarEntry[], b: readonly RawTarEntry[], format: Format = TAR) =>
  compareBytes(rawTar(a), gzipSync(rawTar(b)), format)

test('compareBytes() calls the same bytes exact, unless they are malformed', () => {
  assert.equal(zipLevel([A, B], [A, B]).level, 'exact')
  const bad = Buffer.concat([rawZip([A]), Buffer.from('more')])
  const found = compareBytes(bad, bad, ZIP)
  assert.equal(found.level, 'malformed')
  assert.match(found.malformed.a ?? '', /end of the file/)
})

test('compareBytes() calls what differs by compression alone container', () => {
  assert.equal(zipLevel([A, B], [{ ...A, method: 0 }, B]).level, 'container')
  assert.equal(tarLevel([{ content: 'a' }], [{ content: 'a' }]).level, 'container')
  const [fast, best] = [
    gzipSync(rawTar([{ content: 'abc' }]), { level: 1 }),
    gzipSync(rawTar([{ content: 'abc' }]), { level: 9 }),
  ]
  best[9] = 11
  const found = compareBytes(fast, best, TAR)
  assert.equal(found.level, 'container')
  assert.ok(found.remarks.includes('gzip system 3 against gzip system 11'), String(found.remarks))
})

test('compareBytes() calls what differs by order, times and owners canonical, and by the mode only where nobody may execute more', () => {
  const found = zipLevel([A, B], [B, { ...A, time: 0x55 }])
  assert.equal(found.level, 'canonical')
  assert.deepEqual(found.remarks, ['the entries stand in another order'])
  assert.equal(zipLevel([B], [{ ...B, mode: 0o100600 }]).level, 'canonical')
  assert.equal(tarLevel([{ uid: 1, time: 5, user: 'me', mode: 0o755 }], [{ mode: 0o700 }]).level, 'canonical')
})

test('compareBytes() sees content, names, modes, types and link targets: F1, F2, F8', () => {
  const link = { name: 'pkg/l', content: 'a.py', mode: 0o120777 }
  const changes: [RawZipEntry[], RawZipEntry[], string][] = [
    [[A], [{ ...A, content: 'b' }], 'content'],
    [[A], [A, B], 'entry'],
    [[A, B], [A], 'entry'],
    [[A], [{ ...A, name: 'pkg/c.py' }], 'entry'],
    [[B], [{ ...B, mode: 0o100755 }], 'mode'],
    [[B], [{ ...B, mode: 0o104644 }], 'mode'],
    [[link], [{ ...link, content: 'b.py' }], 'target'],
    [[link], [{ ...link, mode: 0o100777 }], 'type'],
    [[A], [{ ...A, comment: 'c' }], 'attributes'],
  ]
  for (const [a, b, what] of changes) {
    const found = zipLevel(a, b)
    assert.equal(found.level, 'mismatch', what)
    assert.equal(found.differences[0]?.what, what)
    assert.notEqual(canonicalDigestOfBytes(rawZip(a), ZIP), canonicalDigestOfBytes(rawZip(b), ZIP))
  }
  const whole = compareBytes(rawZip([A], { comment: 'evil' }), rawZip([A]), ZIP)
  assert.deepEqual([whole.level, whole.differences[0]?.what, whole.differenceCount], ['mismatch', 'attributes', 1])
})

test('compareBytes() sees in layers owner, full mode, setuid, devices, extended attributes and whiteouts as well', () => {
  const changes: [RawTarEntry[], RawTarEntry[], string][] = [
    [[{ mode: 0o755 }], [{ mode: 0o4755 }], 'mode'],
    [[{ mode: 0o644 }], [{ mode: 0o600 }], 'mode'],
    [[{ uid: 0 }], [{ uid: 1000 }], 'owner'],
    [[{ flag: '3', device: [1, 3] }], [{ flag: '3', device: [1, 5] }], 'device'],
    [[pax({ 'SCHILY.xattr.security.capability': 'x' }), {}], [{}], 'attributes'],
    [[{ name: 'a' }, { name: 'b' }], [{ name: 'a' }, { name: 'b', flag: '1', target: 'a' }], 'type'],
    [[{ name: 'a/.wh.b' }], [{ name: 'a/.wh.c' }], 'entry'],
  ]
  for (const [a, b, what] of changes) {
    const found = tarLevel(a, b, LAYER)
    assert.equal(found.level, 'mismatch', what)
    assert.equal(found.differences[0]?.what, what)
  }
  assert.equal(
    tarLevel([{ name: 'a' }, { name: 'b', time: 9 }], [{ name: 'b' }, { name: 'a' }], LAYER).level,
    'canonical',
  )
})

test('compareBytes() knows of files that are no archives only whether they are the same', () => {
  const BYTES: Format = { ...ZIP, name: 'bytes/1', container: 'bytes' }
  assert.equal(compareBytes(Buffer.from('a'), Buffer.from('a'), BYTES).level, 'exact')
  assert.equal(compareBytes(Buffer.from('a'), Buffer.from('b'), BYTES).level, 'mismatch')
  assert.match(canonicalDigestOfBytes(Buffer.from(''), BYTES), /^e3b0c442/)
})

const blank = (name: string, level: Rule['level'], path: string): Rule => ({
  name,
  level,
  wants: (found) => found === path,
  apply(tree: Tree) {
    const before = tree.contents.get(path)
    if (before === undefined || before.byteLength === 0) return { tree, changes: [] }
    const entries = tree.entries.map((entry) =>
      entry.path === path ? { ...entry, sha256: 'none', sizeBytes: 0 } : entry,
    )
    const contents = new Map(tree.contents).set(path, new Uint8Array())
    return { tree: { entries, contents }, changes: [{ path, before: Buffer.from(before).toString(), after: '' }] }
  },
})
const RULED: Format = {
  ...ZIP,
  rules: [blank('a/1', 'metadata', 'a'), blank('b/1', 'metadata', 'b'), blank('sig/1', 'excluded', 's')],
}
const three = (a: string, b: string, s: string) =>
  rawZip([
    { name: 'a', content: a },
    { name: 'b', content: b },
    { name: 's', content: s },
  ])

test('compareBytes() applies no more rules than are needed, and tells what each changed on which side', () => {
  const found = compareBytes(three('1', 'same', 's'), three('2', 'same', 's'), RULED)
  assert.equal(found.level, 'metadata')
  assert.deepEqual(found.rules, [
    { name: 'a/1', a: [{ path: 'a', before: '1', after: '' }], b: [{ path: 'a', before: '2', after: '' }] },
  ])
})

test('compareBytes() calls it excluded, never equal, where something had to be left out', () => {
  const found = compareBytes(three('1', 'same', 's'), three('2', 'same', 't'), RULED)
  assert.equal(found.level, 'excluded')
  assert.deepEqual(
    found.rules.map(({ name }) => name),
    ['a/1', 'sig/1'],
  )
})

test('compareBytes() lists what is left after the rules', () => {
  const more = rawZip([
    { name: 'a', content: '2' },
    { name: 'b', content: 'same' },
    { name: 'c', content: 'evil' },
    { name: 's', content: 's' },
  ])
  const found = compareBytes(three('1', 'same', 's'), more, RULED)
  assert.equal(found.level, 'mismatch')
  assert.deepEqual(
    found.differences.map(({ path, what }) => [path, what]),
    [['c', 'entry']],
  )
})

test('canonicalDigestOfBytes() is the same for all that is equal at the level canonical, and is pinned', () => {
  const digest = canonicalDigestOfBytes(rawZip([A, B]), ZIP)
  assert.equal(canonicalDigestOfBytes(rawZip([B, { ...A, method: 0, time: 0x77 }]), ZIP), digest)
  assert.equal(digest, 'f2cb1f8f7f0594aa9d576cdf11e540f5604dd1b39fce6eb5cb11dad32d1772f6')
  assert.throws(() => canonicalDigestOfBytes(Buffer.from('no zip'), ZIP), { code: 'untrusted.archive' })
})

test('F7: an archive with a smuggled entry is malformed and never equal to the one without', () => {
  const smuggled = rawZip([A, { name: 'pkg/evil.py', content: 'evil', hidden: true }, B])
  const appended = Buffer.concat([rawTar([{ content: 'a' }]), rawTar([{ name: 'package/evil.js' }])])
  const second = Buffer.concat([gzipSync(rawTar([{ content: 'a' }])), gzipSync(rawTar([{ name: 'package/evil.js' }]))])
  assert.equal(compareBytes(rawZip([A, B]), smuggled, ZIP).level, 'malformed')
  for (const bad of [appended, second])
    assert.equal(compareBytes(rawTar([{ content: 'a' }]), bad, TAR).level, 'malformed')
})

test('G9: a decompression bomb is malformed, and is given up before it has unpacked', () => {
  const bomb = gzipSync(rawTar([{ content: Buffer.alloc(200_000_000) }]))
  const found = compareBytes(bomb, rawTar([{ content: 'a' }]), TAR)
  assert.equal(found.level, 'malformed')
  assert.match(found.malformed.a ?? '', /at most \d+ bytes from \d+, found more/)
  const shared = rawZip([
    A,
    ...Array.from({ length: 50 }, (_, at) => ({ ...A, name: `b${at}`, offset: 0, only: true as const })),
  ])
  assert.match(compareBytes(shared, shared, ZIP).malformed.a ?? '', /an overlap/)
})
