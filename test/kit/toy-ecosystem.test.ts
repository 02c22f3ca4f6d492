import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blobIdOf } from '../../src/base/digest.ts'
import { drive, requestOf, scripted } from './ecosystem-driver.ts'
import { ecosystemSuite } from './ecosystem-suite.ts'
import { toyEcosystem, toyRegistry } from './toy-ecosystem.ts'

const bytes = Buffer.from('a wooden block\n')
const documents = Object.fromEntries(
  Object.entries(toyRegistry('blocks', '7', bytes)).map(([path, body]) => [`GET ${path}`, { body }]),
)
const answer = scripted(toyEcosystem, documents)

ecosystemSuite(toyEcosystem, {
  names: [
    ['blocks@7', 'pkg:toy/blocks@7'],
    ['blocks', 'pkg:toy/blocks'],
  ],
  notNames: ['', 'Blocks', 'blocks@', '../x', 'a@1@2'],
  versions: ['', '1', '7', '10', '100'],
  paths: ['/shelves/{}', '/shelves/{}/1', '/shelves/blocks/{}'],
  requests: [{ target: '/shelves/blocks' }, { target: '/shelves/blocks/7' }],
  unknownPaths: ['/', '/shelves', '/other'],
  answer,
  golden: [
    { target: '/shelves/blocks', page: '7 blocks-7.toy\n' },
    { target: '/shelves/blocks', headers: { 'x-loud': '1' }, page: '7 BLOCKS-7.TOY\n' },
  ],
  refusals: [403],
})

test('the toy finds a file by its list and its sidecar', () => {
  const { resolution, needs } = drive(toyEcosystem, requestOf('/shelves/blocks/7'), answer)
  assert.equal(needs.length, 2)
  assert.ok(resolution?.kind === 'file')
  assert.deepEqual(resolution.located.digests, [blobIdOf(bytes)])
})

test('the toy refuses one shelf and says why', () => {
  const { reply } = drive(toyEcosystem, requestOf('/shelves/forbidden'), answer)
  assert.equal(reply?.status, 403)
  assert.equal(reply?.body, 'denied: this shelf is not for children\n')
})
