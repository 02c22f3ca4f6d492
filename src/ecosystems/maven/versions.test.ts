/** The cases of Maven's own `ComparableVersionTest` (Apache License 2.0) that its two lists, which are in the suite, do not hold. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compareMavenVersions, sameMavenVersion } from './versions.ts'

const SAME = [
  '1 1.0',
  '1 1.0.0',
  '1.0 1.0.0',
  '1 1-0',
  '1 1.0-0',
  '1.0 1.0-0',
  '1a 1-a',
  '1a 1.0-a',
  '1a 1.0.0-a',
  '1.0a 1-a',
  '1.0.0a 1-a',
  '1x 1-x',
  '1x 1.0-x',
  '1x 1.0.0-x',
  '1.0x 1-x',
  '1.0.0x 1-x',
  '1ga 1',
  '1release 1',
  '1final 1',
  '1cr 1rc',
  '1a1 1-alpha-1',
  '1b2 1-beta-2',
  '1m3 1-milestone-3',
  '1X 1x',
  '1A 1a',
  '1B 1b',
  '1M 1m',
  '1Ga 1',
  '1GA 1',
  '1RELEASE 1',
  '1Final 1',
  '1FINAL 1',
  '1Cr 1Rc',
  '1cR 1rC',
  '1m3 1Milestone3',
  '1m3 1MileStone3',
  '2-abc 2.0.abc',
  '2-rc 2.0.0.rc',
  '0.7-0 0.7',
  '00001.0 1',
]

const ASCENDING = [
  ['1', '2'],
  ['1.5', '2'],
  ['1', '2.5'],
  ['1.0', '1.1'],
  ['1.1', '1.2'],
  ['1.0.0', '1.1'],
  ['1.0.1', '1.1'],
  ['1.1', '1.2.0'],
  ['1.0-alpha-1', '1.0'],
  ['1.0-alpha-1', '1.0-alpha-2'],
  ['1.0-alpha-1', '1.0-beta-1'],
  ['1.0-beta-1', '1.0-SNAPSHOT'],
  ['1.0-SNAPSHOT', '1.0'],
  ['1.0-alpha-1-SNAPSHOT', '1.0-alpha-1'],
  ['1.0', '1.0-1'],
  ['1.0-1', '1.0-2'],
  ['1.0.0', '1.0-1'],
  ['2.0-1', '2.0.1'],
  ['2.0.1-klm', '2.0.1-lmn'],
  ['2.0.1', '2.0.1-xyz'],
  ['2.0.1', '2.0.1-123'],
  ['2.0.1-xyz', '2.0.1-123'],
  // MNG-5568, MNG-6572, MNG-6964, MNG-7644, MNG-7714
  ['6.1.0rc3', '6.1.0', '6.1H.5-beta'],
  ['20190126.230843', '1234567890.12345', '123456789012345.1H.5-beta', '12345678901234567890.1H.5-beta'],
  ['1-0.alpha', '1-0.beta', '1'],
  ['1.0.0.RC1', '1.0.0-RC2'],
  ['4.0.0.Beta3', '4.0.0-RC1', '4.0.0.RC2'],
  ['1.0.final-redhat', '1.0-sp1-redhat'],
  ['1.0.final-redhat', '1.0-sp-1-redhat'],
  ['1.0.final-redhat', '1.0-sp.1-redhat'],
]

test('versions that are the same to Maven compare as the same, and still have one order', () => {
  for (const pair of SAME) {
    const [a = '', b = ''] = pair.split(' ')
    assert.ok(sameMavenVersion(a, b), pair)
    assert.equal(compareMavenVersions(a, b) === 0, a === b, pair)
  }
})

test("versions are in the order of Maven's published cases", () => {
  for (const row of ASCENDING) {
    for (const [index, lower] of row.entries()) {
      for (const higher of row.slice(index + 1)) {
        assert.ok(compareMavenVersions(lower, higher) < 0, `${lower} < ${higher}`)
        assert.ok(compareMavenVersions(higher, lower) > 0, `${higher} > ${lower}`)
        assert.ok(!sameMavenVersion(lower, higher), `${lower} is not ${higher}`)
      }
    }
  }
})

test('the order of versions is total, whatever they are made of', () => {
  const part = fc.constantFrom('0', '1', '10', '01', 'a', 'rc', 'final', 'sp', 'x', 'SNAPSHOT', '.', '-', '_', '')
  const version = fc.array(part, { maxLength: 6 }).map((parts) => parts.join(''))
  fc.assert(
    fc.property(version, version, version, (a, b, c) => {
      const compare = compareMavenVersions
      assert.equal(Math.sign(compare(a, b)) + Math.sign(compare(b, a)), 0)
      if (compare(a, b) <= 0 && compare(b, c) <= 0) assert.ok(compare(a, c) <= 0, `${a} ${b} ${c}`)
      if (sameMavenVersion(a, b) && sameMavenVersion(b, c)) assert.ok(sameMavenVersion(a, c), `${a} ${b} ${c}`)
    }),
    { numRuns: 1000 },
  )
})
