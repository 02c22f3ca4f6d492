import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Advisory, type AdvisoryEvent, affectedVersions, fixedAfter } from './advisory.ts'

const compare = (a: string, b: string): number => Number(a) - Number(b)
const VERSIONS = ['5', '1', '2', '3', '10', '4']

function advisory(events: ReadonlyArray<readonly [AdvisoryEvent['kind'], string]>, versions: string[] = []): Advisory {
  const ranges = events.length === 0 ? [] : [events.map(([kind, version]) => ({ kind, version }))]
  return { id: 'A-1', summary: 'bad', severity: 'high', aliases: [], modified: '', versions, ranges }
}

function affected(...given: Parameters<typeof advisory>): string[] {
  return [...affectedVersions(VERSIONS, [advisory(...given)], compare).keys()].sort(compare)
}

test('affectedVersions() follows the evaluation of the OSV schema', () => {
  assert.deepEqual(affected([['introduced', '0']]), ['1', '2', '3', '4', '5', '10'])
  assert.deepEqual(
    affected([
      ['introduced', '2'],
      ['fixed', '4'],
    ]),
    ['2', '3'],
  )
  assert.deepEqual(
    affected([
      ['introduced', '2'],
      ['lastAffected', '4'],
    ]),
    ['2', '3', '4'],
  )
  assert.deepEqual(
    affected([
      ['fixed', '4'],
      ['introduced', '0'],
    ]),
    ['1', '2', '3'],
    'events in any order',
  )
  assert.deepEqual(
    affected([
      ['introduced', '0'],
      ['fixed', '2'],
      ['introduced', '5'],
      ['fixed', '7'],
    ]),
    ['1', '5'],
  )
  assert.deepEqual(
    affected([
      ['introduced', '2'],
      ['limit', '4'],
    ]),
    ['2', '3'],
  )
  assert.deepEqual(
    affected([
      ['introduced', '2.5'],
      ['lastAffected', '3.5'],
    ]),
    ['3'],
    'ends that nobody published',
  )
  assert.deepEqual(affected([], ['10', '7']), ['10'])
})

test('affectedVersions() takes a range that begins where another ends', () => {
  assert.deepEqual(
    affected([
      ['introduced', '1'],
      ['fixed', '3'],
      ['introduced', '3'],
      ['fixed', '4'],
    ]),
    ['1', '2', '3'],
  )
})

test('fixedAfter() names the next fix', () => {
  const two = advisory([
    ['introduced', '0'],
    ['fixed', '2'],
    ['introduced', '3'],
    ['fixed', '5'],
  ])
  assert.equal(fixedAfter(two, '3', compare), '5')
  assert.equal(fixedAfter(two, '6', compare), undefined)
})

test('affectedVersions() takes versions that mean the same for the same, whatever their texts', () => {
  const one = ['1', '1.0', '1.00']
  const of = (...given: Parameters<typeof advisory>) => [...affectedVersions(one, [advisory(...given)], compare).keys()]
  assert.deepEqual(of([['introduced', '1.000']]), one)
  assert.deepEqual(
    of([
      ['introduced', '0'],
      ['lastAffected', '1.000'],
    ]),
    one,
  )
  assert.deepEqual(
    of([
      ['introduced', '0'],
      ['fixed', '1.000'],
    ]),
    [],
  )
  assert.deepEqual(of([], ['1.000']), one)
})
