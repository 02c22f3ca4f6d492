import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { rawTar } from '../../../test/kit/raw-tar.ts'
import { rawZip } from '../../../test/kit/raw-zip.ts'
import { readRecord } from './canonical/record.ts'
import { canonicalize, formatOf } from './canonicalize.ts'

const INFO = 'demo-1.0.dist-info'
const NAME = 'demo-1.0-py3-none-any.whl'

interface Changes {
  readonly generator?: string
  readonly code?: string
  readonly more?: Readonly<Record<string, string>>
  readonly record?: (lines: string[]) => string[]
  readonly signature?: string
}

function wheel({
  generator = 'setuptools (70.0.0)',
  code = 'x = 1\n',
  more = {},
  record = (lines) => lines,
  signature,
}: Changes = {}) {
  const files: Record<string, string> = {
    'demo/__init__.py': code,
    [`${INFO}/METADATA`]: 'Name: demo\n',
    [`${INFO}/WHEEL`]: `Wheel-Version: 1.0\nGenerator: ${generator}\nTag: py3-none-any\n`,
    ...more,
  }
  const lines = Object.entries(files).map(([path, content]) => {
    return `${path},sha256=${hash('sha256', content, 'base64url')},${Buffer.byteLength(content)}`
  })
  const signed: Record<string, string> = signature === undefined ? {} : { [`${INFO}/RECORD.jws`]: signature }
  const rows = record([...lines, ...Object.keys(signed).map((path) => `${path},,`), `${INFO}/RECORD,,`])
  const all = { ...files, ...signed, [`${INFO}/RECORD`]: `${rows.join('\n')}\n` }
  return rawZip(Object.entries(all).map(([name, content]) => ({ name, content })))
}
const compare = (a: Changes, b: Changes) => canonicalize.compare(NAME, wheel(a), wheel(b))

test('wheels whose RECORD lists the same in another order are equal by record/1 alone', () => {
  const found = compare({}, { record: (lines) => lines.reverse() })
  assert.deepEqual([found.level, found.rules], ['metadata', ['record/1']])
  assert.deepEqual(found.differences, [
    `record/1, built: ${INFO}/RECORD: "4 rows" taken as "what the wheel holds"`,
    `record/1, upstream: ${INFO}/RECORD: "4 rows" taken as "what the wheel holds"`,
  ])
})

test('wheels of two versions of a tool are equal by record/1 and generator/1, both lines told', () => {
  const found = compare({}, { generator: 'bdist_wheel (0.43.0)' })
  assert.deepEqual([found.level, found.rules], ['metadata', ['record/1', 'generator/1']])
  assert.ok(found.differences.some((line) => line.includes('"Generator: setuptools (70.0.0)"')))
  assert.ok(found.differences.some((line) => line.includes('"Generator: bdist_wheel (0.43.0)"')))
})

test('a Generator that says more than tool and version is not taken for another', () => {
  for (const generator of ['import os; os.system(1)', 'a 1\nTag: cp311-cp311-linux', `x ${'1'.repeat(60)}`, 'tool']) {
    const found = compare({}, { generator })
    assert.equal(found.level, 'mismatch', generator)
    assert.ok(found.differences.some((line) => line.startsWith(`${INFO}/WHEEL: content`)))
  }
})

test('a changed or added file is a difference, and RECORD, which repeats it, is none of its own', () => {
  const changed = compare({}, { code: 'x = 2\n' })
  assert.equal(changed.level, 'mismatch')
  assert.deepEqual(
    changed.differences.filter((line) => !line.startsWith('record/1')).map((line) => line.split(':')[0]),
    ['demo/__init__.py'],
  )
  const added = compare({}, { more: { 'demo.pth': 'import evil' } })
  assert.deepEqual(
    [added.level, added.differences.at(-1)?.startsWith('demo.pth: only in upstream')],
    ['mismatch', true],
  )
})

test('a RECORD that does not say what the wheel holds is compared as it is', () => {
  const lies: ((lines: string[]) => string[])[] = [
    (lines) => lines.slice(1),
    (lines) => [...lines, lines[0] ?? ''],
    (lines) => [...lines, 'nothing.py,,'],
    (lines) => lines.map((line) => line.replace(/,sha256=[^,]*/, ',sha256=AAAA')),
    (lines) => lines.map((line) => line.replace(/,sha256=[^,]*,\d+/, ',,')),
    (lines) => lines.map((line) => line.replace(/,(\d+)$/, ',1$1')),
    (lines) => ['# a comment with, "content', ...lines],
  ]
  for (const [at, record] of lies.entries()) {
    const found = compare({}, { record })
    assert.equal(found.level, 'mismatch', String(at))
    assert.ok(
      found.differences.some((line) => line.startsWith(`${INFO}/RECORD: content`)),
      String(at),
    )
  }
})

test('a signature over RECORD has to be left out, so that wheels with and without it are never equal', () => {
  const found = compare({}, { signature: '{}' })
  assert.deepEqual([found.level, found.rules], ['excluded', ['record/1', 'signature/1']])
})

test('source archives are compared entry by entry, times and compression left aside', () => {
  const sdist = (content: string, time: number, level: number) =>
    gzipSync(rawTar([{ name: 'demo-1.0/PKG-INFO', content, time }]), { level })
  assert.equal(canonicalize.compare('demo-1.0.tar.gz', sdist('a', 1, 1), sdist('a', 1, 9)).level, 'container')
  assert.equal(canonicalize.compare('demo-1.0.tar.gz', sdist('a', 1, 1), sdist('a', 2, 1)).level, 'canonical')
  assert.equal(canonicalize.compare('demo-1.0.tar.gz', sdist('a', 1, 1), sdist('b', 1, 1)).level, 'mismatch')
})

test('files are known by their names; what is no archive is only the same or not', () => {
  assert.deepEqual(
    ['a.whl', 'a.tar.gz', 'a.zip', 'a.asc'].map((name) => formatOf(name)?.name),
    ['wheel/1', 'sdist/1', 'sdist-zip/1', undefined],
  )
  assert.equal(canonicalize.compare('a.asc', Buffer.from('a'), Buffer.from('b')).level, 'mismatch')
})

test('canonicalDigest of a wheel is without any rule, and refuses what is malformed', () => {
  assert.notEqual(
    canonicalize.canonicalDigest(NAME, wheel()),
    canonicalize.canonicalDigest(NAME, wheel({ generator: 'a 1' })),
  )
  assert.throws(() => canonicalize.canonicalDigest(NAME, Buffer.concat([wheel(), Buffer.from('x')])), {
    code: 'untrusted.archive',
  })
})

test('readRecord() reads quoted paths and either line end', () => {
  assert.deepEqual(readRecord('"a,""b"".py",sha256=x,1\r\nc,,\r\n'), [
    { path: 'a,"b".py', digest: 'sha256=x', sizeBytes: '1' },
    { path: 'c', digest: '', sizeBytes: '' },
  ])
  assert.equal(readRecord('a,b'), undefined)
})
