import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { LAYER, SMALL_LIMITS, TAR, ZIP } from '../../test/kit/archive-formats.ts'
import { longName, pax, type RawTarEntry, rawTar } from '../../test/kit/raw-tar.ts'
import { type RawZipEntry, rawZip } from '../../test/kit/raw-zip.ts'
import { AppError } from '../base/errors.ts'
import type { Archive, Format } from './archive.ts'
import { compareBytes } from './compare.ts'
import { readArchiveNow } from './reading/read-archive.ts'

const GOOD_ZIP = rawZip([
  { name: 'pkg/', method: 0, mode: 0o040755 },
  { name: 'pkg/a.py', content: 'a = 1\n'.repeat(9) },
  { name: 'pkg/link', content: 'a.py', mode: 0o120777 },
  { name: 'pkg/run', content: 'run', method: 0, mode: 0o100755 },
])
const GOOD_TAR = rawTar([
  pax({ path: 'package/a.js', mtime: '1.5' }),
  { content: 'a = 1\n' },
  longName('package/b.js'),
  { content: 'b', mode: 0o755 },
  { name: 'package/link', flag: '2', target: 'a.js' },
])
const SAMPLES: readonly (readonly [string, Buffer, Format])[] = [
  ['zip', GOOD_ZIP, ZIP],
  ['tar', GOOD_TAR, TAR],
  ['layer', GOOD_TAR, LAYER],
  ['gzip', gzipSync(GOOD_TAR), TAR],
]

function tryRead(bytes: Uint8Array, format: Format): Archive | undefined {
  try {
    return readArchiveNow(bytes, format, { limits: SMALL_LIMITS })
  } catch (error) {
    assert.ok(error instanceof AppError && ['untrusted.archive', 'exhausted.size'].includes(error.code), String(error))
    return undefined
  }
}

/** What a user gets: written without the code that is under test. */
function installed(archive: Archive): string {
  const lines = archive.entries.map(({ path, type, mode, sha256, target }) => {
    return [path, type, type === 'file' && (mode & 0o111) !== 0, mode >> 9, sha256, target].join('|')
  })
  return lines.sort().join('\n')
}

for (const [name, good, format] of SAMPLES) {
  test(`whichever byte of a ${name} is changed, it is malformed, differs, or installs the same`, () => {
    const before = installed(readArchiveNow(good, format))
    for (let at = 0; at < good.byteLength; at++) {
      const flip = [0x01, 0x80, 0xff][at % 3] ?? 0
      const bad = Buffer.from(good)
      bad[at] = (bad[at] ?? 0) ^ flip
      const archive = tryRead(bad, format)
      if (archive === undefined && at % 16 !== 0) continue
      const { level } = compareBytes(good, bad, format, SMALL_LIMITS)
      if (archive === undefined) assert.equal(level, 'malformed', `byte ${at} ^ ${flip}`)
      else if (level !== 'mismatch') assert.equal(installed(archive), before, `byte ${at} ^ ${flip} is ${level}`)
    }
  })

  test(`wherever a ${name} is cut off or bytes are put in, it is malformed`, () => {
    for (let at = 0; at < good.byteLength; at += good.byteLength > 1000 ? 5 : 1) {
      assert.equal(tryRead(good.subarray(0, at), format), undefined, `cut at ${at}`)
      const more = Buffer.concat([good.subarray(0, at), Buffer.from([0x41]), good.subarray(at)])
      assert.equal(tryRead(more, format), undefined, `a byte at ${at}`)
    }
  })

  test(`readers of a ${name} throw nothing but typed errors, whatever is done to it`, () => {
    const piece = fc.record({ at: fc.nat(good.byteLength), cut: fc.nat(40), bytes: fc.uint8Array({ maxLength: 40 }) })
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 4 }), (pieces) => {
        let bad = Buffer.from(good)
        for (const { at, cut, bytes } of pieces)
          bad = Buffer.concat([bad.subarray(0, at), bytes, bad.subarray(at + cut)])
        const archive = tryRead(bad, format)
        const { level } = compareBytes(good, bad, format, SMALL_LIMITS)
        if (archive !== undefined && !['mismatch', 'malformed'].includes(level)) {
          assert.equal(installed(archive), installed(readArchiveNow(good, format)))
        }
      }),
      { numRuns: 300 },
    )
  })

  test(`readers of a ${name} throw nothing but typed errors on any bytes`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => void tryRead(bytes, format)),
      { numRuns: 200 },
    )
  })
}

const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd', 'é', '1'), minLength: 1, maxLength: 6 })
const file = fc.record({
  name: fc.array(word, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/')),
  content: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  executable: fc.boolean(),
})
// No name is a folder of another: each ends with the number of its parts, which none has inside.
const files = fc
  .uniqueArray(file, { selector: ({ name }) => name, maxLength: 8 })
  .map((all) => all.map((one) => ({ ...one, name: `${one.name}.${one.name.split('/').length}` })))
type Files = readonly { readonly name: string; readonly content: Buffer; readonly executable: boolean }[]
const asZip = (all: Files, method: number): RawZipEntry[] =>
  all.map(({ name, content, executable }) => ({ name, content, method, mode: executable ? 0o100755 : 0o100644 }))
const asTar = (all: Files): RawTarEntry[] =>
  all.map(({ name, content, executable }) => ({ name, content, mode: executable ? 0o755 : 0o644 }))

test('the canonical form does not depend on order, compression and times', () => {
  fc.assert(
    fc.property(files, (all) => {
      const other = [...all].reverse()
      const zips = compareBytes(
        rawZip(asZip(all, 0)),
        rawZip(asZip(other, 8).map((one) => ({ ...one, time: 0x99 }))),
        ZIP,
      )
      const tars = compareBytes(
        rawTar(asTar(all)),
        gzipSync(rawTar(asTar(other).map((one) => ({ ...one, time: 9 })))),
        TAR,
      )
      for (const { level, malformed } of [zips, tars]) {
        assert.ok(['exact', 'container', 'canonical'].includes(level), `${level} ${malformed.a} ${malformed.b}`)
      }
    }),
    { numRuns: 100 },
  )
})

test('any change of content, mode or name is seen', () => {
  const change = fc.constantFrom('content', 'mode', 'name', 'more', 'fewer')
  fc.assert(
    fc.property(
      files.filter((all) => all.length > 0),
      fc.nat(),
      change,
      (all, index, what) => {
        const at = index % all.length
        const changed = all.flatMap((one, position) => {
          if (position !== at) return [one]
          if (what === 'content') return [{ ...one, content: Buffer.concat([one.content, Buffer.from('x')]) }]
          if (what === 'mode') return [{ ...one, executable: !one.executable }]
          if (what === 'name') return [{ ...one, name: `${one.name}x` }]
          return what === 'more' ? [one, { ...one, name: `${one.name}x` }] : []
        })
        assert.equal(compareBytes(rawZip(asZip(all, 8)), rawZip(asZip(changed, 8)), ZIP).level, 'mismatch')
        assert.equal(compareBytes(rawTar(asTar(all)), rawTar(asTar(changed)), TAR).level, 'mismatch')
      },
    ),
    { numRuns: 100 },
  )
})
