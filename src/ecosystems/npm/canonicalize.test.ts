import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { pax, type RawTarEntry, rawTar } from '../../../test/kit/raw-tar.ts'
import type { Tree } from '../../archive/archive.ts'
import { readArchiveNow } from '../../archive/reading/read-archive.ts'
import { canonicalize, formatOf, TARBALL } from './canonicalize.ts'

const HEAD = '0123456789abcdef0123456789abcdef01234567'
const MANIFEST = { name: 'demo', version: '1.0.0', exports: { import: './a.mjs', default: './a.js' } }
const tarball = (manifest: string, more: readonly RawTarEntry[] = [], top = 'package') =>
  gzipSync(rawTar([{ name: `${top}/package.json`, content: manifest }, { name: `${top}/a.js`, content: 'a' }, ...more]))
const compare = (a: Buffer, b: Buffer) => canonicalize.compare('demo-1.0.0.tgz', a, b)
const spaced = JSON.stringify(MANIFEST, null, 2)

test('packages whose manifest has another layout are equal by manifest-layout/1', () => {
  const found = compare(tarball(spaced), tarball(`${JSON.stringify(MANIFEST, null, '\t')}\n`))
  assert.deepEqual([found.level, found.rules], ['metadata', ['manifest-layout/1']])
  assert.match(found.differences[0] ?? '', /white space in \d+ places/)
})

test('a commit that was written into the manifest is told and left out by git-head/1', () => {
  const withHead = [
    JSON.stringify({ ...MANIFEST, gitHead: HEAD }, null, 2),
    JSON.stringify({ gitHead: HEAD, ...MANIFEST }, null, 2),
  ]
  for (const text of withHead) {
    const found = compare(tarball(spaced), tarball(text))
    assert.deepEqual([found.level, found.rules], ['metadata', ['git-head/1']], text)
    assert.deepEqual(found.differences, [
      `git-head/1, upstream: package/package.json: ${JSON.stringify(`"gitHead": "${HEAD}"`)} taken as "left out"`,
    ])
  }
  const both = compare(tarball(spaced), tarball(JSON.stringify({ ...MANIFEST, gitHead: HEAD })))
  assert.deepEqual([both.level, both.rules], ['metadata', ['git-head/1', 'manifest-layout/1']])
})

test('what is not exactly such a commit, and every other change of the manifest, is a difference', () => {
  const others = [
    JSON.stringify({ ...MANIFEST, gitHead: 'rm -rf /' }),
    JSON.stringify({ ...MANIFEST, scripts: { gitHead: HEAD } }),
    `{"gitHead":"${HEAD}","gitHead":"${HEAD}",${JSON.stringify(MANIFEST).slice(1)}`,
    JSON.stringify({ ...MANIFEST, scripts: { postinstall: 'evil' } }),
    JSON.stringify({ ...MANIFEST, exports: { default: './a.js', import: './a.mjs' } }),
    `{"name":"evil",${JSON.stringify(MANIFEST).slice(1)}`,
    JSON.stringify(MANIFEST).replace('1.0.0', '1.0\\u002e0'),
    `${spaced} //`,
  ]
  for (const text of others) assert.equal(compare(tarball(spaced), tarball(text)).level, 'mismatch', text)
})

test('the top folder may be called anything, unless there are several or links', () => {
  const found = compare(tarball(spaced), tarball(spaced, [], 'node'))
  assert.deepEqual([found.level, found.rules], ['metadata', ['top-folder/1']])
  const several = compare(tarball(spaced), tarball(spaced, [{ name: 'other/a.js', content: 'evil' }]))
  assert.deepEqual(
    [several.level, several.differences],
    ['malformed', ['upstream is malformed: wanted one top folder at offset 0, found several']],
  )
  assert.equal(compare(tarball(spaced), tarball(spaced, [{ name: 'file', content: 'x' }])).level, 'malformed')
  const link: RawTarEntry = { name: 'node/l', flag: '2', target: 'a.js' }
  assert.equal(
    compare(tarball(spaced, [{ ...link, name: 'package/l' }]), tarball(spaced, [link], 'node')).level,
    'mismatch',
  )
})

test('F1, F2, F8: a file only in the tarball, an altered one, and one that may be executed are differences', () => {
  const more: RawTarEntry[][] = [
    [{ name: 'package/evil.js', content: 'evil' }],
    [pax({ path: 'package/b.js' }), { name: 'package/c.js' }],
  ]
  for (const entries of more) assert.equal(compare(tarball(spaced), tarball(spaced, entries)).level, 'mismatch')
  const altered = gzipSync(
    rawTar([
      { name: 'package/package.json', content: spaced },
      { name: 'package/a.js', content: 'a', mode: 0o755 },
    ]),
  )
  assert.deepEqual(compare(tarball(spaced), altered).differences, ['package/a.js: mode: built 0644, upstream 0755'])
})

test('each rule applied twice is applied once, and keeps every token that it does not name', () => {
  const text = fc
    .tuple(fc.json({ maxDepth: 3 }), fc.boolean(), fc.constantFrom('', ' ', '\n  '))
    .map(([json, head, blank]) => {
      const member = head ? `"gitHead":${blank}"${HEAD}",${blank}` : ''
      return `{${blank}${member}"value":${blank}${json}${blank}}`
    })
  fc.assert(
    fc.property(text, (manifest) => {
      const { entries, contents } = readArchiveNow(tarball(manifest), TARBALL)
      let tree: Tree = { entries, contents }
      for (const rule of TARBALL.rules) {
        tree = rule.apply(tree).tree
        assert.deepEqual(rule.apply(tree).changes, [])
      }
      const { gitHead: _, ...rest } = JSON.parse(manifest)
      const left = Buffer.from(tree.contents.get('package/package.json') ?? '').toString()
      assert.deepEqual(JSON.parse(left), rest)
      assert.equal(left, JSON.parse(manifest).gitHead === undefined ? left : left.replace('gitHead', ''))
    }),
    { numRuns: 100 },
  )
})

test('packages are known by their names', () => {
  assert.deepEqual([formatOf('a-1.0.0.tgz')?.name, formatOf('a.whl')], ['tarball/1', undefined])
})
