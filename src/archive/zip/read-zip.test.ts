import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32, deflateRawSync } from 'node:zlib'
import { SMALL_LIMITS, ZIP } from '../../../test/kit/archive-formats.ts'
import { extraField, numbers, type RawZipEntry, type RawZipOptions, rawZip } from '../../../test/kit/raw-zip.ts'
import { readArchiveNow } from '../reading/read-archive.ts'

const GOOD: RawZipEntry[] = [
  { name: 'pkg/a.py', content: 'print(1)\n'.repeat(50) },
  { name: 'pkg/', method: 0, mode: 0o040755 },
  { name: 'pkg/run.sh', content: '#!/bin/sh\n', method: 0, mode: 0o100755 },
]
const read = (bytes: Uint8Array) => readArchiveNow(bytes, ZIP, { limits: SMALL_LIMITS })
const descriptor = (content: string, packed: Buffer) => numbers(crc32(content), packed.byteLength, content.length)

test('readZip() gives entries with types, modes and digests, in the order of the file', () => {
  const { entries, attributes } = read(rawZip(GOOD, { order: [2, 0, 1] }))
  assert.deepEqual(
    entries.map(({ path, type, mode, sizeBytes }) => [path, type, mode.toString(8), sizeBytes]),
    [
      ['pkg/a.py', 'file', '644', 450],
      ['pkg', 'directory', '755', 0],
      ['pkg/run.sh', 'file', '755', 10],
    ],
  )
  assert.match(entries[0]?.sha256 ?? '', /^[0-9a-f]{64}$/)
  assert.equal(entries[1]?.sha256, undefined)
  assert.deepEqual(attributes, {})
})

test('readZip() reads empty archives, zip64 records, data descriptors of all four forms, links within and comments', () => {
  assert.deepEqual(read(rawZip([])).entries, [])
  assert.equal(read(rawZip(GOOD, { wide: true })).entries.length, 3)
  const content = 'x'.repeat(100)
  const packed = deflateRawSync(content)
  const [crc, sizes] = [numbers(crc32(content)), numbers(BigInt(packed.byteLength), BigInt(content.length))]
  const mark = numbers(0x08074b50)
  for (const after of [
    descriptor(content, packed),
    Buffer.concat([mark, descriptor(content, packed)]),
    Buffer.concat([crc, sizes]),
    Buffer.concat([mark, crc, sizes]),
  ]) {
    const entry = { name: 'a', content, flags: 8, localCrc: 0, localSizeBytes: 0, localPackedBytes: 0, after }
    assert.equal(read(rawZip([entry, { name: 'b', content }])).entries[0]?.sizeBytes, 100)
  }
  const link = { name: 'a/b/link', content: '../../c', mode: 0o120777 }
  assert.equal(read(rawZip([link])).entries[0]?.target, '../../c')
  const told = read(rawZip([{ name: 'a', comment: 'told' }], { comment: 'all' }))
  assert.deepEqual(told.attributes, { comment: 'hex:616c6c' })
  assert.deepEqual(told.entries[0]?.attributes, { comment: 'hex:746f6c64' })
  const wideSizes = extraField(1, numbers(9n, 9n))
  const wide = { name: 'a', content: 'wide file', method: 0, localExtra: wideSizes, localSizeBytes: 0xffffffff }
  assert.equal(read(rawZip([{ ...wide, localPackedBytes: 0xffffffff }])).entries[0]?.sizeBytes, 9)
})

test('readZip() tells unknown extra fields and leaves times, users and the mark of jars out', () => {
  const extra = Buffer.concat([extraField(0x5455, Buffer.from([1, 0, 0, 0, 0])), extraField(0xcafe, Buffer.alloc(0))])
  const [entry] = read(rawZip([{ name: 'a', extra, localExtra: extraField(0x4242, Buffer.from('hi')) }])).entries
  assert.deepEqual(entry?.attributes, { 'local extra 0x4242': 'hex:6869' })
})

/** Every archive here is read differently by some reader, or contradicts itself. */
const HOSTILE: Record<string, [RegExp, readonly RawZipEntry[], RawZipOptions?]> = {
  'an entry that only readers of local headers see': [
    /a gap/,
    [
      { name: 'a', content: 'a' },
      { name: 'evil.py', content: 'evil', hidden: true },
      { name: 'z', content: 'z' },
    ],
  ],
  'an entry before the first': [
    /a gap/,
    [
      { name: 'evil', content: 'evil', hidden: true },
      { name: 'a', content: 'a' },
    ],
  ],
  'an entry behind the last': [
    /a gap/,
    [
      { name: 'a', content: 'a' },
      { name: 'evil', content: 'evil', hidden: true },
    ],
  ],
  'only an entry that the directory does not know': [/a gap/, [{ name: 'evil', content: 'evil', hidden: true }]],
  'bytes before the first entry': [/a gap/, GOOD, { prefix: Buffer.from('#!/bin/sh\n') }],
  'bytes before the first entry, offsets as if there were none': [
    /the directory to end here/,
    [{ name: 'a', content: 'a', offset: 0 }],
    { prefix: Buffer.from('MZ'), directoryOffset: 33 },
  ],
  'bytes between entries': [/a gap/, [{ name: 'a', content: 'a', after: Buffer.from('gap') }, { name: 'b' }]],
  'bytes between the last entry and the directory': [/a gap/, GOOD, { beforeDirectory: Buffer.from('gap') }],
  'bytes between the directory and its end': [
    /the directory to end here/,
    GOOD,
    { afterDirectory: Buffer.from('gap') },
  ],
  'bytes after the end': [/reaches to the end of the file/, GOOD, { suffix: Buffer.from('more') }],
  'a second archive after the first': [
    /the directory to end here/,
    GOOD,
    { suffix: rawZip([{ name: 'b', content: 'b' }]) },
  ],
  'an archive in the comment': [/the directory to end here/, GOOD, { comment: rawZip([{ name: 'b' }]) }],
  'a second end record in the comment': [
    /reaches to the end/,
    GOOD,
    { comment: 'PK\x05\x06 and more of the same, at least 22 bytes' },
  ],
  'entries that share one content (an overlap bomb)': [
    /overlap/,
    [
      { name: 'a', content: 'a'.repeat(99) },
      { name: 'b', content: 'a'.repeat(99), offset: 0, only: true, localName: 'a' },
    ],
  ],
  'entries nested in the content of another (quoted headers)': [
    /overlap/,
    [
      { name: 'a', method: 0, content: rawZip([{ name: 'b', content: 'b' }]) },
      { name: 'b', content: 'b', offset: 31, only: true },
    ],
  ],
  'fewer entries than are counted': [/an entry of the directory|a directory of 4/, GOOD, { count: 4 }],
  'more entries than are counted': [/the end of 2 entries/, GOOD, { count: 2 }],
  'a zip64 record with another count': [/the end of 2 entries/, GOOD, { wide: true, wideCount: 2 }],
  'a huge zip64 count': [/entries/, GOOD, { wide: true, wideCount: 2 ** 40 }],
  'a directory elsewhere': [/the directory to end here/, GOOD, { directoryOffset: 0 }],
  'another name in the local header': [/the name/, [{ name: 'good.py', localName: 'evil.py' }]],
  'another method in the local header': [/the method/, [{ name: 'a', localMethod: 0 }]],
  'other flags in the local header': [/the flags/, [{ name: 'a', localFlags: 2 }]],
  'another size in the local header': [/the size/, [{ name: 'a', content: 'abc', localSizeBytes: 2 }]],
  'another packed size in the local header': [/the packed size/, [{ name: 'a', content: 'abc', localPackedBytes: 2 }]],
  'another checksum in the local header': [/the CRC-32/, [{ name: 'a', content: 'abc', localCrc: 1 }]],
  'sizes of zero without a descriptor': [
    /the size|the packed size/,
    [{ name: 'a', content: 'abc', localSizeBytes: 0, localPackedBytes: 0 }],
  ],
  'another checksum of the content': [/CRC-32/, [{ name: 'a', content: 'abc', crc: 7 }]],
  'a size that is too small': [/unpack to 2/, [{ name: 'a', content: 'abc', sizeBytes: 2 }]],
  'a size that is too large': [/unpack to 4/, [{ name: 'a', content: 'abc', sizeBytes: 4 }]],
  'a size that cannot come out': [/can unpack to/, [{ name: 'a', content: 'abc', sizeBytes: 2 ** 31 }]],
  'more packed bytes than the stream has': [
    /unpack to/,
    [{ name: 'a', content: 'abc', packed: Buffer.concat([deflateRawSync('abc'), Buffer.from('rest')]) }],
  ],
  'a stream that breaks off': [
    /unexpected end/,
    [{ name: 'a', content: 'a'.repeat(99), packed: deflateRawSync('a'.repeat(99)).subarray(0, 3) }],
  ],
  'a stream that is none': [/invalid/, [{ name: 'a', content: 'abc', packed: Buffer.from([0xff, 0xff, 0xff]) }]],
  'stored sizes that differ': [
    /stored bytes/,
    [{ name: 'a', content: 'abc', method: 0, sizeBytes: 2, localSizeBytes: 3 }],
  ],
  'an unknown method': [/method 0/, [{ name: 'a', method: 12 }]],
  'an encrypted entry': [/without encryption/, [{ name: 'a', content: 'a', flags: 1 }]],
  'an entry with a masked header': [/without encryption/, [{ name: 'a', content: 'a', flags: 0x2000 }]],
  AES: [/readers agree/, [{ name: 'a', extra: extraField(0x9901, Buffer.alloc(7)) }]],
  'the same name twice': [
    /each path once/,
    [
      { name: 'a', content: '1' },
      { name: 'a', content: '2' },
    ],
  ],
  'the same folder twice': [
    /each path once/,
    [
      { name: 'a/', method: 0, mode: 0o040755 },
      { name: 'a/', method: 0, mode: 0o040755 },
    ],
  ],
  'names that differ in case': [/take for one/, [{ name: 'Pkg/A.py' }, { name: 'pkg/a.PY' }]],
  'names that differ in composition': [/take for one/, [{ name: 'caf\u00e9' }, { name: 'cafe\u0301' }]],
  'names that fold alike': [/take for one/, [{ name: 'stra\u00dfe' }, { name: 'STRASSE' }]],
  'a file and a folder of one name': [/each path once/, [{ name: 'a' }, { name: 'a/', method: 0, mode: 0o040755 }]],
  'a file beneath a file': [/nothing beneath the file/, [{ name: 'a' }, { name: 'a/b' }]],
  'a file beneath a link': [
    /nothing beneath the symlink/,
    [{ name: 'a/b' }, { name: 'a', content: 'c', mode: 0o120777 }],
  ],
  'a file beneath a link in other case': [
    /nothing beneath the symlink/,
    [{ name: 'A', content: 'c', mode: 0o120777 }, { name: 'a/b' }],
  ],
  'a path that climbs': [/"\.\."/, [{ name: 'a/../../b' }]],
  'an absolute path': [/relative/, [{ name: '/etc/passwd' }]],
  'a path with a drive': [/relative/, [{ name: 'C:/windows' }]],
  'a path with backslashes': [/backslashes/, [{ name: '..\\evil' }]],
  'a path with a NUL': [/no NUL/, [{ name: 'a.py\0.txt' }]],
  'a path with a control character': [/control characters/, [{ name: 'a\u001b[2J' }]],
  'an empty path': [/not empty/, [{ name: '' }]],
  'a path with empty parts': [/empty/, [{ name: 'a//b' }]],
  'a path that is too long': [/at most 300 bytes/, [{ name: `${'a/'.repeat(150)}b` }]],
  'a part of a path that is too long': [/at most 255 bytes/, [{ name: 'a'.repeat(256) }]],
  'a name that is no UTF-8': [/UTF-8/, [{ name: Buffer.from([0x61, 0xff]), flags: 0x800 }]],
  'a name in another alphabet without the flag': [/UTF-8 flag/, [{ name: 'caf\u00e9', flags: 0 }]],
  'a second name in an extra field': [
    /readers agree/,
    [{ name: 'a', extra: extraField(0x7075, Buffer.from('\x01....evil')) }],
  ],
  'half an extra field': [/a whole extra field/, [{ name: 'a', extra: Buffer.from([1, 2, 3]) }]],
  'an extra field twice': [
    /each extra field once/,
    [{ name: 'a', extra: Buffer.concat([extraField(0x5455, Buffer.alloc(1)), extraField(0x5455, Buffer.alloc(1))]) }],
  ],
  'a zip64 field that nothing refers to': [
    /zip64 field of 0 bytes/,
    [{ name: 'a', content: 'a', extra: extraField(1, numbers(5n)) }],
  ],
  'a local zip64 field with other sizes': [
    /agree with the zip64 field|the packed size/,
    [{ name: 'a', content: 'a', localExtra: extraField(1, numbers(7n, 7n)) }],
  ],
  'a local zip64 field with one size': [
    /both sizes/,
    [{ name: 'a', content: 'a', localExtra: extraField(1, numbers(7n)) }],
  ],
  'a zip64 size above 2^53': [
    /below 2\^53/,
    [{ name: 'a', content: 'a', sizeBytes: 0xffffffff, extra: extraField(1, numbers(2n ** 63n)) }],
  ],
  'a symlink that climbs out': [/within the archive/, [{ name: 'a', content: '../etc/passwd', mode: 0o120777 }]],
  'an absolute symlink': [/relative/, [{ name: 'a', content: '/etc/passwd', mode: 0o120777 }]],
  'a symlink that climbs out of another one': [
    /at its beginning only/,
    [{ name: 'a/b', content: 'c/../../..', mode: 0o120777 }],
  ],
  'a symlink without a target': [/a link's target/, [{ name: 'a', method: 0, mode: 0o120777 }]],
  'a device': [/attributes of a file/, [{ name: 'a', mode: 0o060644 }]],
  'a file that says it is a folder': [/attributes of a file/, [{ name: 'a', mode: 0o040755 }]],
  'a folder that says it is a link': [/attributes of a directory/, [{ name: 'a/', method: 0, mode: 0o120777 }]],
  'a folder with content': [/no content of the folder/, [{ name: 'a/', content: 'evil', mode: 0o040755 }]],
  'a folder without its slash': [/a slash at the end/, [{ name: 'a', attributes: 0x10 }]],
  'a data descriptor after stored content': [
    /no data descriptor/,
    [{ name: 'a', content: 'abc', method: 0, flags: 8, after: descriptor('abc', Buffer.from('abc')) }],
  ],
  'a data descriptor that lies': [
    /as the directory has it/,
    [{ name: 'a', content: 'abc', flags: 8, after: numbers(1, 2, 3) }],
  ],
  'a data descriptor of a strange length': [
    /12, 16, 20 or 24/,
    [{ name: 'a', content: 'abc', flags: 8, after: Buffer.alloc(13) }],
  ],
  'a data descriptor that was not announced': [
    /a gap/,
    [{ name: 'a', content: 'abc', after: descriptor('abc', deflateRawSync('abc')) }],
  ],
}

for (const [what, [reason, entries, options]] of Object.entries(HOSTILE)) {
  test(`F7, smuggled entries: readZip() refuses ${what}`, () => {
    assert.throws(() => read(rawZip(entries, options)), { code: 'untrusted.archive', message: reason })
  })
}

test('readZip() takes a folder that says it is a file, as one jar of thirty has, for what its name says', () => {
  for (const mode of [0o100644, 0o177777]) {
    assert.equal(read(rawZip([{ name: 'META-INF/x/', method: 0, mode }])).entries[0]?.type, 'directory')
  }
})

test('G9: readZip() keeps to its limits before it unpacks anything', () => {
  const many = Array.from({ length: 101 }, (_, at) => ({ name: `f${at}` }))
  assert.throws(() => read(rawZip(many)), { code: 'exhausted.size', message: /at most 100 entries/ })
  const zeros = Buffer.alloc(2_000_000)
  assert.throws(() => read(rawZip([{ name: 'a', content: zeros }])), {
    code: 'exhausted.size',
    message: /1000000 bytes/,
  })
  assert.throws(() => read(rawZip([{ name: 'a', content: zeros.subarray(0, 50_000) }])), {
    code: 'exhausted.size',
    message: /from each/,
  })
  const keep = () => true
  const one = rawZip([{ name: 'a', content: zeros.subarray(0, 10_001), method: 0 }])
  assert.throws(() => readArchiveNow(one, ZIP, { limits: SMALL_LIMITS, keep }), { code: 'exhausted.size' })
})

test('readZip() keeps the contents that were asked for', () => {
  const { contents } = readArchiveNow(rawZip(GOOD), ZIP, { keep: (path) => path.endsWith('.sh') })
  assert.deepEqual(
    [...contents].map(([path, bytes]) => [path, Buffer.from(bytes).toString()]),
    [['pkg/run.sh', '#!/bin/sh\n']],
  )
})
