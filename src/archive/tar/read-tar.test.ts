import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deflateRawSync, gzipSync } from 'node:zlib'
import { LAYER, SMALL_LIMITS, TAR } from '../../../test/kit/archive-formats.ts'
import { GNU_MAGIC, longName, pax, paxRecord, type RawTarEntry, rawTar } from '../../../test/kit/raw-tar.ts'
import type { Format } from '../archive.ts'
import { readArchiveNow } from '../reading/read-archive.ts'

const read = (bytes: Uint8Array, format: Format = TAR) => readArchiveNow(bytes, format, { limits: SMALL_LIMITS })
const LONG = `package/${'long/'.repeat(27)}name`

test('readTar() gives entries with types, modes, owners and digests, plain and in gzip', () => {
  const bytes = rawTar([
    { name: 'package/', flag: '5', mode: 0o755 },
    { name: 'package/a.js', content: 'x'.repeat(1000), mode: 0o100755, uid: 1000, user: 'me' },
    { name: 'package/empty', content: '', flag: '\0' },
    { name: 'package/lib/link', flag: '2', target: '../a.js', mode: 0o777 },
  ])
  for (const archive of [read(bytes), read(gzipSync(bytes))]) {
    assert.deepEqual(
      archive.entries.map(({ path, type, mode, sizeBytes, target }) => [
        path,
        type,
        mode.toString(8),
        sizeBytes,
        target,
      ]),
      [
        ['package', 'directory', '755', 0, undefined],
        ['package/a.js', 'file', '755', 1000, undefined],
        ['package/empty', 'file', '644', 0, undefined],
        ['package/lib/link', 'symlink', '777', 0, '../a.js'],
      ],
    )
    assert.deepEqual(archive.entries[1]?.owner, { uid: 1000, gid: 0, user: 'me', group: '' })
    assert.match(archive.entries[2]?.sha256 ?? '', /^e3b0c442/)
  }
  assert.equal(read(bytes).unpacked, read(gzipSync(bytes)).unpacked)
})

test('readTar() reads long names by prefix, by pax and by GNU headers, sizes in base 256, and the old form without magic', () => {
  const named: RawTarEntry[][] = [
    [{ name: 'name', prefix: LONG.slice(0, -5) }],
    [pax({ path: LONG, mtime: '1.5', comment: 'ignored' }), { name: 'package/short' }],
    [longName(LONG), { name: LONG.slice(0, 100), magic: GNU_MAGIC }],
  ]
  for (const entries of named) assert.equal(read(rawTar(entries)).entries[0]?.path, LONG)
  const target = `${'x'.repeat(120)}`
  assert.equal(
    read(rawTar([longName(target, 'K'), { flag: '2', target: 'x', magic: GNU_MAGIC }])).entries[0]?.target,
    target,
  )
  assert.equal(read(rawTar([pax({ linkpath: target }), { flag: '2', target: 'x' }])).entries[0]?.target, target)
  assert.equal(read(rawTar([{ magic: '', content: 'old' }])).entries[0]?.sizeBytes, 3)
  const global = pax({ comment: 'b1946ac92492d2347c6235b4d2611184' }, 'g')
  assert.equal(read(rawTar([global, { content: 'a' }])).entries.length, 1)
})

test('readTar() reads headers that have times at the end of the prefix, as packages of one common writer do', () => {
  const times = { at: 476, bytes: Buffer.from('14627150355\u000014627150355\u0000') }
  assert.equal(read(rawTar([{ name: 'a', prefix: 'pkg', patch: times }])).entries[0]?.path, 'pkg/a')
  const evil = { at: 476, bytes: Buffer.from('evil') }
  assert.throws(() => read(rawTar([{ name: 'a', patch: evil }])), {
    code: 'untrusted.archive',
    message: /octal digits/,
  })
  const hidden = { at: 470, bytes: Buffer.from('evil\0\u000014627150355\u000014627150355\u0000') }
  assert.throws(() => read(rawTar([{ name: 'a', prefix: 'pkg', patch: hidden }])), { message: /NULs after the text/ })
})

test('readTar() tells extended attributes and pax keys that it does not know', () => {
  const [entry] = read(rawTar([pax({ 'SCHILY.xattr.user.a': 'b', 'VENDOR.key': '' }), {}])).entries
  assert.deepEqual(entry?.attributes, { 'SCHILY.xattr.user.a': 'hex:62', 'VENDOR.key': 'hex:' })
})

test('readTar() allows in layers what is not allowed elsewhere: devices, hard links to earlier files, absolute links, odd names', () => {
  const bytes = rawTar([
    { name: './', flag: '5' },
    { name: './a', content: 'a', mode: 0o4755 },
    { name: './A', content: 'b' },
    { name: './b', flag: '1', target: './a' },
    { name: './dev/null', flag: '3', device: [1, 3] },
    { name: './etc/link', flag: '2', target: '/etc/../../x' },
    { name: './etc/.wh.gone' },
    { name: './etc/.wh..wh..opq' },
    { name: './systemd\\x2dunit' },
  ])
  assert.throws(() => read(bytes), { code: 'untrusted.archive' })
  assert.deepEqual(
    read(bytes, LAYER).entries.map(({ path, type, device, target }) => [path, type, device ?? target]),
    [
      ['.', 'directory', undefined],
      ['./a', 'file', undefined],
      ['./A', 'file', undefined],
      ['./b', 'hardlink', './a'],
      ['./dev/null', 'character', '1:3'],
      ['./etc/link', 'symlink', '/etc/../../x'],
      ['./etc/.wh.gone', 'whiteout', undefined],
      ['./etc/.wh..wh..opq', 'whiteout', undefined],
      ['./systemd\\x2dunit', 'file', undefined],
    ],
  )
})

const octal = (digits: string) => Buffer.from(digits)
const base256 = (...bytes: readonly number[]) =>
  Buffer.concat([Buffer.from(bytes.slice(0, 1)), Buffer.alloc(12 - bytes.length), Buffer.from(bytes.slice(1))])

/** Every archive here is read differently by some reader, or contradicts itself. */
const HOSTILE: Record<string, [RegExp, readonly RawTarEntry[], (Buffer | undefined)?, Format?]> = {
  'an archive without an end': [/two blocks of zeros/, [{ content: 'a' }], Buffer.alloc(0)],
  'an archive with half an end': [/two blocks of zeros/, [{ content: 'a' }], Buffer.alloc(512)],
  'an entry after one block of zeros': [
    /a second block of zeros/,
    [{}],
    Buffer.concat([Buffer.alloc(512), rawTar([{ name: 'evil' }])]),
  ],
  'an archive after the end': [
    /nothing but zeros/,
    [{}],
    Buffer.concat([Buffer.alloc(1024), rawTar([{ name: 'evil' }])]),
  ],
  'a byte after the end': [/nothing but zeros/, [{}], Buffer.concat([Buffer.alloc(1024), Buffer.from('x')])],
  'half a block after the end': [/whole blocks/, [{}], Buffer.alloc(1030)],
  'bytes in the padding': [/zeros up to the end of the block/, [{ content: 'a', padding: 0x41 }]],
  'another checksum': [/checksum/, [{ checksum: 1 }]],
  'an unknown magic': [/the magic/, [{ magic: 'ustar\0zz' }]],
  'bytes where the header has none': [/NULs up to the end/, [{ patch: { at: 505, bytes: Buffer.from('evil') } }]],
  'a prefix in a GNU header': [/NULs up to the end/, [{ magic: GNU_MAGIC, prefix: 'evil' }]],
  'bytes after the NUL of a name': [/NULs after the text/, [{ patch: { at: 20, bytes: Buffer.from('evil') } }]],
  'a size that is no number': [/octal digits/, [{ size: octal('12x\0') }]],
  'a negative size in octal': [/octal digits/, [{ size: octal('-0000000001\0') }]],
  'a negative size in base 256': [/from 0 to 2\^53/, [{ size: Buffer.alloc(12, 0xff) }]],
  'a size above 2^53': [/from 0 to 2\^53/, [{ size: base256(0x80, 0x40, 0, 0, 0, 0, 0, 0, 0) }]],
  'a size in base 256 that fits octal': [
    /octal digits for a number that fits/,
    [{ size: base256(0x80, 1), content: 'a' }],
  ],
  'a size beyond the end': [/two blocks of zeros/, [{ size: 100_000 }]],
  'a folder with content': [/no content of a directory/, [{ flag: '5', content: 'evil' }]],
  'a link with content': [/no content of a symlink/, [{ flag: '2', target: 'a', content: 'evil' }]],
  'a file with a target': [/no target of a file/, [{ target: 'evil' }]],
  'a file with a slash at its end': [/without a slash/, [{ name: 'package/a/' }]],
  'a mode of another type': [/the mode of a file/, [{ mode: 0o040755 }]],
  'an unknown type': [/a type that is read/, [{ flag: 'Z' }]],
  'a contiguous file': [/a type that is read/, [{ flag: '7' }]],
  'a sparse file': [/a type that is read/, [{ flag: 'S', magic: GNU_MAGIC }]],
  'a device': [/a type that is read/, [{ flag: '3', device: [1, 3] }]],
  'a pipe': [/a type that is read/, [{ flag: '6' }]],
  'a hard link': [/a type that is read/, [{ name: 'a' }, { name: 'b', flag: '1', target: 'a' }]],
  'a hard link to nothing in a layer': [/stands before it/, [{ name: 'b', flag: '1', target: 'a' }], undefined, LAYER],
  'a hard link to a link in a layer': [
    /stands before it/,
    [
      { name: 'a', flag: '2', target: '/etc/passwd' },
      { name: 'b', flag: '1', target: 'a' },
    ],
    undefined,
    LAYER,
  ],
  'a hard link that climbs in a layer': [/"\.\."/, [{ name: 'b', flag: '1', target: '../a' }], undefined, LAYER],
  'a file beneath a link in a layer': [
    /nothing beneath the symlink/,
    [{ name: 'a', flag: '2', target: '/etc' }, { name: 'a/passwd' }],
    undefined,
    LAYER,
  ],
  'a whiteout of the folder above': [/a whiteout/, [{ name: 'a/.wh...' }], undefined, LAYER],
  'a whiteout with content': [/a whiteout/, [{ name: 'a/.wh.b', content: 'evil' }], undefined, LAYER],
  'a path that climbs in a layer': [/"\.\."/, [{ name: 'a/../../b' }], undefined, LAYER],
  'an absolute path in a layer': [/relative/, [{ name: '/etc/passwd' }], undefined, LAYER],
  'one file under two spellings in a layer': [/take for one/, [{ name: './a' }, { name: 'a' }], undefined, LAYER],
  'a path that climbs': [/"\.\."/, [{ name: 'package/../../b' }]],
  'an absolute path': [/relative/, [{ name: '/etc/passwd' }]],
  'a path that a pax header makes climb': [/"\.\."/, [pax({ path: '../../evil' }), { name: 'package/good.js' }]],
  'a path that a GNU header makes absolute': [/relative/, [longName('/etc/passwd'), { magic: GNU_MAGIC }]],
  'a symlink that climbs out': [/within the archive/, [{ name: 'package/a', flag: '2', target: '../../b' }]],
  'a symlink that a pax header makes climb out': [
    /within the archive/,
    [pax({ linkpath: '../../b' }), { name: 'package/a', flag: '2', target: 'b' }],
  ],
  'an absolute symlink': [/relative/, [{ flag: '2', target: '/etc/passwd' }]],
  'a file beneath a link': [
    /nothing beneath the symlink/,
    [{ name: 'package/a', flag: '2', target: 'b' }, { name: 'package/a/x' }],
  ],
  'a path twice': [/each path once/, [{ content: '1' }, { content: '2' }]],
  'a path twice, once by pax': [
    /each path once/,
    [{ content: '1' }, pax({ path: 'package/file' }), { name: 'other', content: '2' }],
  ],
  'paths that differ in case': [/take for one/, [{ name: 'package/a' }, { name: 'package/A' }]],
  'a pax size that differs': [/the size of the pax header/, [pax({ size: '600' }), { content: 'a' }]],
  'a pax size that is no number': [/a whole number/, [pax({ size: '-1' }), {}]],
  'a pax record that is too long': [/a pax record/, [{ flag: 'x', content: '99 path=a\n' }, {}]],
  'a pax record without a newline': [/a pax record/, [{ flag: 'x', content: '10 path=ab' }, {}]],
  'a pax record without a length': [/the length of a pax record/, [{ flag: 'x', content: 'path=a\n' }, {}]],
  'a pax length with a zero before it': [/the length of a pax record/, [{ flag: 'x', content: '010 path=a\n' }, {}]],
  'bytes after the pax records': [
    /the length of a pax record/,
    [{ flag: 'x', content: `${paxRecord('path', 'a')}\0\0` }, {}],
  ],
  'a pax record twice': [
    /each pax record once/,
    [{ flag: 'x', content: paxRecord('path', 'a') + paxRecord('path', 'b') }, {}],
  ],
  'a pax path with a NUL': [/without NUL/, [pax({ path: 'package/a\0.js' }), {}]],
  'an empty pax path': [/a value of path/, [pax({ path: '' }), {}]],
  'sparse files by pax': [/all readers know/, [pax({ 'GNU.sparse.major': '1' }), {}]],
  'another character set by pax': [/all readers know/, [pax({ hdrcharset: 'BINARY' }), {}]],
  'a path for all entries': [/says nothing of the entries/, [pax({ path: 'evil' }, 'g'), {}]],
  'two pax headers for one entry': [/one extended header/, [pax({ path: 'a' }), pax({ path: 'b' }), {}]],
  'two GNU names for one entry': [/one extended header/, [longName('a'), longName('b'), {}]],
  'a long name by pax and by GNU': [/by pax or by GNU/, [pax({ path: 'a' }), longName('b'), {}]],
  'an extended header at the end': [/to which the headers before it belong/, [pax({ path: 'a' })]],
  'an empty extended header': [/an extended header of 1 to/, [{ flag: 'x' }, {}]],
  'an extended header of a gigabyte': [
    /an extended header of 1 to/,
    [{ flag: 'L', size: 2 ** 30, magic: GNU_MAGIC }, {}],
  ],
  'bytes after the NUL of a GNU name': [
    /ends with NULs alone/,
    [{ flag: 'L', content: 'good\0evil', magic: GNU_MAGIC }, {}],
  ],
  'a GNU name without a NUL': [/ends with NULs alone/, [{ flag: 'L', content: 'good', magic: GNU_MAGIC }, {}]],
  'a name that is no UTF-8': [/UTF-8/, [{ patch: { at: 0, bytes: Buffer.from([0xff]) } }]],
}

for (const [what, [reason, entries, end, format]] of Object.entries(HOSTILE)) {
  test(`F7, smuggled entries: readTar() refuses ${what}`, () => {
    const bytes = rawTar(entries, end)
    assert.throws(() => read(bytes, format), { code: 'untrusted.archive', message: reason })
    assert.throws(() => read(gzipSync(bytes), format), { code: 'untrusted.archive', message: reason })
  })
}

test('readTar() keeps to its limits', () => {
  const many = Array.from({ length: 101 }, (_, at) => ({ name: `f${at}` }))
  assert.throws(() => read(rawTar(many)), { code: 'exhausted.size', message: /at most 100 entries/ })
  assert.throws(() => read(rawTar([{ size: 2_000_000 }])), { code: 'exhausted.size', message: /unpacked/ })
})

const packed = gzipSync(rawTar([{ content: 'a'.repeat(3000) }]))
const withHeader = (flags: number, rest: Buffer) =>
  Buffer.concat([packed.subarray(0, 3), Buffer.from([flags]), packed.subarray(4, 10), rest, packed.subarray(10)])

/** Every file here holds something else for some reader, or contradicts itself. */
const HOSTILE_GZIP: Record<string, [RegExp, Buffer]> = {
  'a second member': [/one member that ends with the file/, Buffer.concat([packed, gzipSync('evil')])],
  'bytes after the member': [/one member that ends with the file/, Buffer.concat([packed, Buffer.from('evil')])],
  'zeros after the member': [/one member that ends with the file/, Buffer.concat([packed, Buffer.alloc(100)])],
  'a stream that breaks off': [/unexpected end|CRC-32|deflate/, packed.subarray(0, -12)],
  'another checksum': [/the CRC-32/, Buffer.concat([packed.subarray(0, -8), Buffer.alloc(4), packed.subarray(-4)])],
  'another length': [/the length/, Buffer.concat([packed.subarray(0, -4), Buffer.alloc(4)])],
  'another method': [/a gzip header/, Buffer.concat([packed.subarray(0, 2), Buffer.from([7]), packed.subarray(3)])],
  'reserved flags': [/reserved flags/, withHeader(0x80, Buffer.alloc(0))],
  'a name without an end': [
    /the end of the name/,
    Buffer.concat([packed.subarray(0, 3), Buffer.from([8]), packed.subarray(4, 10), Buffer.alloc(40, 0x41)]),
  ],
  'extra fields beyond the end': [/extra fields/, withHeader(4, Buffer.from([0xff, 0xff]))],
  'a header with another checksum': [/the header's checksum/, withHeader(2, Buffer.from([1, 2]))],
  'nothing but a header': [/compressed content/, packed.subarray(0, 12)],
  'half a header': [/a gzip header/, packed.subarray(0, 6)],
  'a stream that is none': [/a deflate stream/, Buffer.concat([packed.subarray(0, 10), Buffer.alloc(30, 0xff)])],
}
for (const [what, [reason, bytes]] of Object.entries(HOSTILE_GZIP)) {
  test(`readGzip() refuses ${what}`, () => {
    assert.throws(() => read(bytes), { code: 'untrusted.archive', message: reason })
  })
}

test('readGzip() tells comments and extra fields, and remarks on the rest of the header', () => {
  const { attributes, remarks } = read(withHeader(0x1c, Buffer.from('\x02\0hiname\0told\0', 'latin1')))
  assert.deepEqual(attributes, { 'gzip extra': 'hex:6869', 'gzip comment': 'told' })
  assert.deepEqual(remarks.slice(-1), ['gzip name "name"'])
  assert.equal(remarks.length, 4)
})

test('G9: readGzip() ends bombs at the ratio and at the size that are allowed', () => {
  const bomb = gzipSync(rawTar([{ content: Buffer.alloc(200_000) }]))
  assert.throws(() => read(bomb), { code: 'exhausted.size' })
  const lying = Buffer.concat([
    bomb.subarray(0, 10),
    deflateRawSync(Buffer.alloc(5_000_000)),
    Buffer.alloc(4),
    Buffer.from([1, 0, 0, 0]),
  ])
  assert.throws(() => read(lying), { code: 'exhausted.size' })
})
