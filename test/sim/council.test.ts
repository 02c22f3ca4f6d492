import assert from 'node:assert/strict'
import { test } from 'node:test'
import { COUNCIL_MUTATIONS, playCouncil } from './council.ts'

const SEEDS = Array.from({ length: 12 }, (_, at) => String(at + 1))

test('members, keys and rules change while requests flow, under fixed seeds: the chain of policies follows, and all is explained', async () => {
  const counts = new Map<string, number>()
  for (const seed of SEEDS) {
    const outcome = await playCouncil(seed)
    assert.equal(outcome.broken, undefined, `seed ${seed}: ${outcome.broken?.rule}: ${outcome.broken?.text}`)
    for (const [what, count] of outcome.counts) counts.set(what, (counts.get(what) ?? 0) + count)
  }
  // Seeds in which nothing happens would hold, too.
  for (const what of [
    'active admit',
    'active remove',
    'active rules',
    'revoked',
    'taken reveal',
    'refused key',
    'explained',
  ]) {
    assert.ok((counts.get(what) ?? 0) > 0, `${what}: ${JSON.stringify([...counts])}`)
  }
})

for (const [name, { says, rule }] of Object.entries(COUNCIL_MUTATIONS)) {
  test(`changing members finds a bug on purpose: ${says}`, async () => {
    const found: (string | undefined)[] = []
    for (const seed of SEEDS) {
      found.push((await playCouncil(seed, name)).broken?.rule)
      if (found.includes(rule)) return
    }
    assert.fail(`found only ${found.join()}`)
  })
}
