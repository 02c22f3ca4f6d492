import assert from 'node:assert/strict'
import { test } from 'node:test'
import { panelSize } from './panel-size.ts'

const size = (organisations: number, eligible = organisations): string => {
  const { builders, quorum, rebuilt } = panelSize(organisations, eligible)
  return `${quorum} of ${builders}${rebuilt ? '' : ', never rebuilt'}`
}

test('panelSize() follows the number of builder organisations', () => {
  for (const organisations of [4, 5, 6]) assert.equal(size(organisations), '3 of 4')
  for (const organisations of [7, 12]) assert.equal(size(organisations), '4 of 5')
  for (const organisations of [13, 30, 1000]) assert.equal(size(organisations), '6 of 7')
})

test('panelSize() lets all build and all agree below four organisations, for no verdict of rebuilt', () => {
  assert.equal(size(1), '1 of 1, never rebuilt')
  assert.equal(size(2), '2 of 2, never rebuilt')
  assert.equal(size(3), '3 of 3, never rebuilt')
  assert.equal(size(4, 3), '3 of 3, never rebuilt')
})

test('panelSize() lets nobody lower the quorum by declaring less', () => {
  assert.equal(size(13, 9), '6 of 7')
  assert.equal(size(7, 5), '4 of 5')
  assert.equal(size(5, 4), '3 of 4')
})

test('panelSize() finds a full panel among two thirds of the organisations, four of them excepted', () => {
  for (let organisations = 5; organisations < 200; organisations += 1) {
    assert.ok(panelSize(organisations, Math.ceil((organisations * 2) / 3)).rebuilt, `${organisations}`)
  }
})

test('panelSize() never asks for a quorum that leaves more than one silent, and always more than two thirds', () => {
  for (let organisations = 1; organisations < 200; organisations += 1) {
    const { builders, quorum } = panelSize(organisations, organisations)
    assert.ok(builders - quorum <= 1 && quorum * 3 > builders * 2, `${organisations}`)
  }
})
