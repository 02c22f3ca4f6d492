import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { isKind } from '../errors.ts'
import { canonicalJson, DEPTH_MAX, ENTRY_BYTES_MAX, type Json, parseCanonicalJson } from './canonical-json.ts'

const VECTORS = new URL('../../../test/vectors/canonical-json/', import.meta.url)
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (value: Json): string => Buffer.from(canonicalJson(value)).toString('utf8')

test('canonicalJson() writes the published cases of RFC 8785 byte for byte', () => {
  const names = readdirSync(new URL('input/', VECTORS))
  assert.equal(names.length, 6)
  for (const name of names) {
    const input = JSON.parse(readFileSync(new URL(`input/${name}`, VECTORS), 'utf8')) as Json
    const output = readFileSync(new URL(`output/${name}`, VECTORS))
    assert.deepEqual(Buffer.from(canonicalJson(input)), output, name)
    assert.deepEqual(parseCanonicalJson(output), input, name)
  }
})

test('canonicalJson() writes the numbers of RFC 8785, appendix B, and refuses those that JSON cannot say', () => {
  const cases: ReadonlyArray<readonly [string, string | undefined]> = [
    ['0000000000000000', '0'],
    ['8000000000000000', '0'],
    ['0000000000000001', '5e-324'],
    ['8000000000000001', '-5e-324'],
    ['7fefffffffffffff', '1.7976931348623157e+308'],
    ['ffefffffffffffff', '-1.7976931348623157e+308'],
    ['4340000000000000', '9007199254740992'],
    ['c340000000000000', '-9007199254740992'],
    ['4430000000000000', '295147905179352830000'],
    ['7fffffffffffffff', undefined],
    ['7ff0000000000000', undefined],
    ['44b52d02c7e14af5', '9.999999999999997e+22'],
    ['44b52d02c7e14af6', '1e+23'],
    ['44b52d02c7e14af7', '1.0000000000000001e+23'],
    ['444b1ae4d6e2ef4e', '999999999999999700000'],
    ['444b1ae4d6e2ef4f', '999999999999999900000'],
    ['444b1ae4d6e2ef50', '1e+21'],
    ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
    ['3eb0c6f7a0b5ed8d', '0.000001'],
    ['41b3de4355555553', '333333333.3333332'],
    ['41b3de4355555554', '333333333.33333325'],
    ['41b3de4355555555', '333333333.3333333'],
    ['41b3de4355555556', '333333333.3333334'],
    ['41b3de4355555557', '333333333.33333343'],
    ['becbf647612f3696', '-0.0000033333333333333333'],
    ['43143ff3c1cb0959', '1424953923781206.2'],
  ]
  for (const [ieee, wanted] of cases) {
    const value = Buffer.from(ieee, 'hex').readDoubleBE()
    if (wanted === undefined) assert.throws(() => canonicalJson(value), { code: 'usage.json' }, ieee)
    else assert.equal(text(value), wanted, ieee)
  }
})

test('parseCanonicalJson() gives back what canonicalJson() wrote, and there is one spelling of each value', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5, noUnicodeString: false }), (value) => {
      const written = canonicalJson(value as Json)
      fc.pre(!Buffer.from(written).includes('__proto__'))
      const read = parseCanonicalJson(written)
      assert.deepEqual(canonicalJson(read), written)
      assert.deepEqual(JSON.parse(JSON.stringify(read)), JSON.parse(JSON.stringify(value)))
    }),
  )
})

test('parseCanonicalJson() refuses other spellings, duplicates, other encodings and what is no JSON', () => {
  const bad = [
    '{"b":1,"a":2}',
    '{"a":1,"a":1}',
    '{"a":1,"a":2}',
    '{ "a":1}',
    '[1,2]\n',
    '1.0',
    '1e2',
    '-0',
    '1e999',
    '"\\u0061"',
    '"\\/"',
    '"\\ud800"',
    '\ufeff1',
    '',
    'undefined',
    '{"a":1',
    "{'a':1}",
  ]
  for (const each of bad) assert.throws(() => parseCanonicalJson(bytes(each)), { code: 'usage.json' }, each)
  assert.throws(() => parseCanonicalJson(Uint8Array.of(0x22, 0xff, 0x22)), { code: 'usage.json' })
})

test('parseCanonicalJson() refuses a member called __proto__, which schemas pass over, and no text that says so', () => {
  for (const each of ['{"__proto__":1}', '[{"a":{"__proto__":{"b":2}}}]', '{"A":1,"__proto__":[]}']) {
    assert.throws(() => parseCanonicalJson(bytes(each)), { code: 'usage.json' }, each)
  }
  for (const each of ['{"a":"__proto__"}', '"__proto__"', '["__proto__"]', '{"x":"\\"__proto__\\":1"}']) {
    assert.equal(text(parseCanonicalJson(bytes(each))), each)
  }
})

test('parseCanonicalJson() keeps to its bounds of size and depth', () => {
  assert.equal(parseCanonicalJson(bytes(`"${'a'.repeat(ENTRY_BYTES_MAX - 2)}"`)), 'a'.repeat(ENTRY_BYTES_MAX - 2))
  const long = bytes(`"${'a'.repeat(ENTRY_BYTES_MAX - 1)}"`)
  assert.throws(() => parseCanonicalJson(long), { code: 'usage.json' })
  assert.equal(typeof parseCanonicalJson(long, { bytesMax: 100_000 }), 'string')
  const deep = (levels: number): Uint8Array => bytes('['.repeat(levels) + ']'.repeat(levels))
  parseCanonicalJson(deep(DEPTH_MAX))
  assert.throws(() => parseCanonicalJson(deep(DEPTH_MAX + 2)), { code: 'usage.json' })
  assert.throws(() => parseCanonicalJson(deep(30_000)), { code: 'usage.json' })
})

test('parseCanonicalJson() throws nothing but usage.json, whatever it is given', () => {
  const canonical = canonicalJson({ a: [1, 'x', null], b: { c: true } })
  fc.assert(
    fc.property(fc.nat(canonical.byteLength - 1), fc.nat(255), fc.uint8Array(), (at, byte, garbage) => {
      const changed = Uint8Array.from(canonical)
      changed[at] = byte
      for (const each of [changed, garbage]) {
        try {
          assert.deepEqual(canonicalJson(parseCanonicalJson(each)), each)
        } catch (error) {
          assert.ok(isKind(error, 'usage') && error.code === 'usage.json', String(error))
        }
      }
    }),
  )
})

test('canonicalJson() refuses what is no JSON value', () => {
  for (const value of [undefined, [undefined], { a: undefined }, 1n, () => 1, Symbol('x'), '\udc00', { '\ud800': 1 }]) {
    assert.throws(() => canonicalJson(value as Json), { code: 'usage.json' })
  }
})
