import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { isKind } from './errors.ts'
import { formatPurl, packageOf, parsePurl, purlParts } from './purl.ts'

const VECTORS = new URL('../../test/vectors/purl/', import.meta.url)

interface VectorParts {
  readonly type: string
  readonly namespace: string | null
  readonly name: string
  readonly version: string | null
  readonly qualifiers: Record<string, string> | null
  readonly subpath: string | null
}

interface Vector {
  readonly description: string
  readonly test_type: 'parse' | 'build' | 'validate'
  readonly input: string | VectorParts
  readonly expected_output: string | VectorParts | null
  readonly expected_failure: boolean
  readonly expected_message: string | null
}

function run({ test_type, input }: Vector): unknown {
  if (test_type === 'validate') return parsePurl(input as string)
  if (test_type === 'build') {
    const { type, namespace, name, version, qualifiers, subpath } = input as VectorParts
    return formatPurl({
      type,
      namespace: namespace ?? undefined,
      name,
      version: version ?? undefined,
      qualifiers: qualifiers ?? undefined,
      subpath: subpath ?? undefined,
    })
  }
  const parts = purlParts(input as string)
  return {
    type: parts.type,
    namespace: parts.namespace ?? null,
    name: parts.name,
    version: parts.version ?? null,
    qualifiers: Object.keys(parts.qualifiers).length === 0 ? null : parts.qualifiers,
    subpath: parts.subpath ?? null,
  }
}

/**
 * The published cases contradict one another about upper case in qualifier keys: four of them want it mapped to lower case, as the
 * specification's own "how to parse" does (its step "The key is the lowercase left side"), and this one wants it refused.
 */
const CONTRADICTED = 'Should fail due to qualifier key not in lowercase'

for (const file of readdirSync(VECTORS)) {
  test(`purl.ts agrees with the published cases of ${file}`, () => {
    const { tests } = JSON.parse(readFileSync(new URL(file, VECTORS), 'utf8')) as { tests: Vector[] }
    assert.ok(tests.length > 0)
    for (const vector of tests) {
      const about = `${vector.test_type}: ${vector.description} (${JSON.stringify(vector.input)})`
      if (vector.expected_message === CONTRADICTED)
        assert.deepEqual(parsePurl(vector.input as string).match(/[A-Z]/), null)
      else if (vector.expected_failure) assert.throws(() => run(vector), { code: 'usage.purl' }, about)
      else assert.deepEqual(run(vector), vector.expected_output, about)
    }
  })
}

test('parsePurl() throws nothing but usage.purl, and its result is its own canonical form', () => {
  const likely = fc.stringMatching(/^(pkg:)?[a-z]{1,5}[/%@?#=:. a-zA-Z0-9-]{0,40}$/)
  fc.assert(
    fc.property(fc.oneof(fc.string(), likely), (text) => {
      try {
        const purl = parsePurl(text)
        assert.equal(parsePurl(purl), purl)
      } catch (error) {
        assert.ok(isKind(error, 'usage'), String(error))
      }
    }),
    { numRuns: 300 },
  )
})

test('formatPurl() and purlParts() are inverse for names with any character', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), fc.string({ minLength: 1 }), (name, version) => {
      fc.pre(name.trim() !== '' && version.trim() === version && name.trim() === name)
      const parts = purlParts(formatPurl({ type: 'generic', name, version }))
      assert.deepEqual([parts.name, parts.version], [name, version])
    }),
    { numRuns: 200 },
  )
})

test('purlParts() gives the same parts again, which nobody can change', () => {
  const first = purlParts('pkg:toy/of/it@1.0?repository_url=a.example')
  const again = purlParts('pkg:toy/of/it@1.0?repository_url=a.example')
  assert.deepEqual(again, first)
  assert.deepEqual({ ...again.qualifiers }, { repository_url: 'a.example' })
  assert.throws(() => Object.assign(first, { name: 'other' }), TypeError)
  assert.throws(() => Object.assign(first.qualifiers, { repository_url: 'b.example' }), TypeError)
  // A purl that is none is refused each time.
  for (const _ of [1, 2])
    assert.throws(
      () => purlParts('pkg:'),
      (error) => isKind(error, 'usage'),
    )
})

test('packageOf() keeps where a package lies and what it is called, and nothing else', () => {
  assert.equal(packageOf('pkg:toy/%40acme/tool@1.0.0'), 'pkg:toy/%40acme/tool')
  assert.equal(packageOf('pkg:toy/%40acme/tool'), 'pkg:toy/%40acme/tool')
  assert.equal(packageOf('pkg:toy/a@1%2F2'), 'pkg:toy/a')
  assert.equal(packageOf('pkg:toy/a@1?classifier=sources#deep/down'), 'pkg:toy/a')
  const elsewhere = 'pkg:toy/a@sha256%3Aab?repository_url=registry.example.com&tag=1'
  assert.equal(packageOf(elsewhere), 'pkg:toy/a?repository_url=registry.example.com')
  const part = fc.stringMatching(/^[a-z0-9][a-zA-Z0-9@ %?#._~:+-]{0,10}[a-z0-9]$/)
  fc.assert(
    fc.property(fc.option(part, { nil: undefined }), part, part, (namespace, name, version) => {
      const release = formatPurl({ type: 'toy', namespace, name, version })
      assert.equal(packageOf(release), formatPurl({ type: 'toy', namespace, name }))
    }),
  )
})
