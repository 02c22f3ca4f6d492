import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createToyNetwork, honest } from '../../../test/kit/consensus-network.ts'
import { hexOf } from '../../../test/kit/sample-entries.ts'
import { revocationHash } from '../../base/entries/revocation-list.ts'
import { purlIn } from '../query.ts'

const PURL = 'pkg:toy/toy@1.0'

test('f + 1 authorities withdraw a package; the head carries the hash of the complete list', () => {
  const network = createToyNetwork({ organisations: 6 })
  network.build('a', PURL, honest)
  assert.deepEqual(
    network.logged('head').map(({ revocations }) => revocations.count),
    [0],
  )
  assert.deepEqual(network.block([network.revoke('a', PURL), network.revoke('a', PURL)]), [undefined, 'repeated'])
  assert.ok(purlIn(network.state(), PURL)?.live, 'one of four may lie')
  assert.deepEqual(network.block([network.revoke('b', PURL)]), [undefined])
  assert.equal(purlIn(network.state(), PURL)?.live, null)
  const effective = network.logged('revocation').at(-1)
  assert.ok(effective?.step === 'effective')
  const voted = effective.votes.map((index) => network.entries[index]?.entry)
  assert.deepEqual(
    voted.map((entry) => entry?.kind === 'revocation' && entry.step),
    ['vote', 'vote'],
  )
  assert.deepEqual(network.block([network.revoke('c', PURL), network.request('a', PURL)]), ['revoked', 'revoked'])
  const digests = [`sha256:${hexOf('x')}`]
  network.block([network.revoke('a', 'pkg:toy/x@1', digests), network.revoke('d', 'pkg:toy/x@1', digests)])
  const list = network.logged('revocation').flatMap((entry) => (entry.step === 'effective' ? [entry] : []))
  assert.deepEqual(
    list.map(({ place }) => place),
    [0, 1],
  )
  assert.deepEqual(network.logged('head').at(-1)?.revocations, { count: 2, hash: revocationHash(list) })
})

test('votes for different files of a package are different revocations, and files leave the package itself alone', () => {
  const network = createToyNetwork({ organisations: 6 })
  const one = [`sha256:${hexOf('one')}`]
  network.block([network.revoke('a', PURL, one), network.revoke('b', PURL, [`sha256:${hexOf('two')}`])])
  assert.equal(network.logged('head').length, 1)
  network.block([network.revoke('c', PURL, one)])
  assert.equal(network.logged('head').length, 2)
  assert.deepEqual(network.block([network.request('a', PURL)]), [undefined])
  assert.deepEqual(network.block([network.revoke('a', 'pkg:toy/a%7Eb@1')]), ['purl'])
})
