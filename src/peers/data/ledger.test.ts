import assert from 'node:assert/strict'
import { test } from 'node:test'
import { realClock } from '../../../test/kit/data-network.ts'
import { MemoryHost } from '../../../test/kit/peer-host.ts'
import { createLedger } from './ledger.ts'

test('createLedger() still drops and remembers who lies when strangers filled it', () => {
  const host = new MemoryHost()
  const ledger = createLedger(host, { clock: realClock })
  ledger.blame('first liar', { kind: 'bad-digest', about: 'a' })
  for (let count = 0; count < 10_100; count++) ledger.blame(`stranger ${count}`, { kind: 'bad-message', about: 'b' })
  ledger.received('friend', 1_000_000, 10)
  assert.equal(ledger.blame('last liar', { kind: 'bad-digest', about: 'c' }), true)
  const standings = ['first liar', 'last liar'].map((peerId) => ledger.facts(peerId).standing)
  assert.deepEqual(standings, ['dropped', 'dropped'])
  assert.equal(ledger.facts('friend').receivedBytes, 1_000_000)
  assert.ok(ledger.peers().length <= 10_000)
  assert.ok(host.facts.size <= 10_000, 'nor is more written down')
  const again = createLedger(host, { clock: realClock })
  assert.equal(again.facts('last liar').standing, 'dropped')
})
