/** Lists as Ruby's own `Marshal.dump` wrote them; that Ruby reads what is written here, test/e2e shows. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deflateSync, gunzipSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { isKind } from '../../base/errors.ts'
import { packagesOf, proveQuick, readSpecs, withoutSpecs } from './specs.ts'

/** Ruby 3.1's dump of five entries, with links to a version and to a platform, a text without encoding and a long one. */
const DUMPED = Buffer.from(
  'H4sIADLDDGsAA2PhiOaK5vBU4sxJTSths2JzDQm1EnRPzbWyCkstKs7Mz4tm81TiMtQz0DNgs2YIASosKk2qBDERuoCcUGs2kEI+I5BCvaJkQ5CgAzdIDVdRZnoGWJEDSEdWYlkiTDtfallmjm5Jfn4ORFpJsMLCLN7MRDcnM6+0AqSCsSlvwAGS/9ig/gIAS3zOLDYBAAA=',
  'base64',
)
const LONG = 'n'.repeat(130)
const SPECS = [
  { name: 'left', version: '1.0.0', platform: 'ruby' },
  { name: 'left', version: '2.0.0.rc1', platform: 'ruby' },
  { name: 'right', version: '1.0.0', platform: 'java' },
  { name: 'evil-tool', version: '1.0.0', platform: 'x86_64-linux' },
  { name: LONG, version: '1', platform: 'ruby' },
]

test('a list that Ruby wrote is read, links included', () => {
  assert.deepEqual(readSpecs(DUMPED), SPECS)
  assert.equal(packagesOf(DUMPED).toString(), `left\t1.0.0\t2.0.0.rc1\nright\t1.0.0\nevil-tool\t1.0.0\n${LONG}\t1\n`)
})

test('hidden releases are left out for every platform, of their package alone, and the rest is read again', () => {
  const hidden = [
    { package: 'left', version: '1.0.0', reason: 'x' },
    { package: 'evil-tool', version: '1.0.0', reason: 'x' },
    { package: LONG, version: '2', reason: 'x' },
  ]
  assert.deepEqual(readSpecs(withoutSpecs(DUMPED, hidden)), [SPECS[1], SPECS[2], SPECS[4]])
  const all = SPECS.map(({ name, version }) => ({ package: name, version, reason: 'x' }))
  assert.equal(gunzipSync(withoutSpecs(DUMPED, all)).toString('latin1'), '\x04\x08[\x00')
})

test('a list of one entry is written as Ruby writes it', () => {
  const bytes = Buffer.from(
    '\x04\b[\x06[\bI"\tleft\x06:\x06ETU:\x11Gem::Version[\x06I"\n1.0.0\x06;\x00TI"\truby\x06;\x00T',
    'latin1',
  )
  assert.deepEqual(gunzipSync(withoutSpecs(gzipSync(bytes), [])), bytes)
})

test('what is anything but such a list is refused, however it is damaged', () => {
  const plain = gunzipSync(DUMPED)
  const others = [
    '',
    'all',
    '\x04\x08{\x00',
    '\x04\x08[\x06[\x07',
    '\x04\x08[\x04\xff\xff\xff\xff',
    '\x04\x08[\x06[\x08@\x00',
  ]
  for (const text of others) {
    assert.throws(() => readSpecs(gzipSync(Buffer.from(text, 'latin1'))), { code: 'untrusted.reply' }, text)
  }
  assert.throws(() => readSpecs(plain), { code: 'untrusted.reply' }, 'no gzip')
  assert.throws(() => readSpecs(gzipSync(Buffer.concat([plain, Buffer.from([0])]))), { code: 'untrusted.reply' })
  fc.assert(
    fc.property(fc.nat(plain.length - 1), fc.nat(255), fc.boolean(), (at, byte, isCut) => {
      const changed = Buffer.from(isCut ? plain.subarray(0, at) : plain)
      if (!isCut) changed[at] = byte
      try {
        readSpecs(gzipSync(changed))
        packagesOf(gzipSync(changed))
        return !isCut
      } catch (error) {
        return isKind(error, 'untrusted')
      }
    }),
  )
})

test('an entry that nobody can ask for is passed on and not looked at', () => {
  const odd = Buffer.from(
    '\x04\b[\x06[\bI"\ta\tb\n\x06:\x06ETU:\x11Gem::Version[\x06I"\n1.0.0\x06;\x00TI"\truby\x06;\x00T',
    'latin1',
  )
  assert.equal(packagesOf(gzipSync(odd)).toString(), '')
  assert.deepEqual(gunzipSync(withoutSpecs(gzipSync(odd), [])), odd)
})

test('a quick specification is proved by its form, so that no error page is kept in its place', () => {
  assert.equal(proveQuick(deflateSync(Buffer.from([4, 8, 0x30]))).length, 0)
  for (const other of [
    Buffer.from('<html>'),
    deflateSync(Buffer.from('<html>')),
    deflateSync(Buffer.alloc(40_000_000)),
  ]) {
    assert.throws(() => proveQuick(other), { code: 'untrusted.reply' })
  }
})
