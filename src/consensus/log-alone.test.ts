import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createToyNetwork, honest, namesOf, TOY_NETWORK } from '../../test/kit/consensus-network.ts'
import { hexOf, sampleOffer } from '../../test/kit/sample-entries.ts'
import { verifyEd25519 } from '../base/crypto/ed25519.ts'
import { type Entry, parseEntry, type SeatEntry } from '../base/entries/entry.ts'
import { entryName } from '../base/entries/entry-name.ts'
import { nodeOf, type Offer, offerMessage } from '../base/entries/offer.ts'
import { agreedPart, commitmentOf } from '../base/entries/result.ts'
import { isSigned, type RevealBody, type Transaction } from '../base/entries/transaction.ts'
import { hashOf } from './draft/draft.ts'

interface LoggedBytes {
  readonly name: string
  readonly entry: Entry
}

/** A network's log, as bytes that somebody fetched. */
function fetched(): LoggedBytes[] {
  const network = createToyNetwork({ organisations: 6 })
  const { request, selection } = network.draw('a', 'pkg:toy/toy@1.0')
  const names = selection.selected.map(({ organisation }) => organisation)
  network.block(names.map((name) => network.commit(name, request, honest())))
  const reveals = names.map((name) => {
    const { type, salt, result, attempt } = network.reveal(name, request, honest()).body
    const envelope = hexOf(`envelope of ${name}`)
    return network.sign<RevealBody>(`${name}/attestation`, { type, request, attempt, salt, result, envelope })
  })
  network.block(reveals)
  const change = { action: 'admit', offer: sampleOffer('new', { network: TOY_NETWORK, roles: ['builder'] }) } as const
  network.block([network.propose('a', change), ...namesOf(3).map((name) => network.vote(name, change))])
  network.block()
  network.block()
  network.block(['a', 'b'].map((name) => network.revoke(name, 'pkg:toy/other@1.0')))
  return network.entries.map(({ bytes }) => ({ name: entryName(bytes), entry: parseEntry(bytes) }))
}

function offersIn(log: readonly LoggedBytes[]): Offer[] {
  return log.flatMap(({ entry }) => {
    if (entry.kind !== 'member' || entry.step === 'vote') return []
    if (entry.step === 'genesis') return [entry.offer]
    const { change } = entry.votes[0].body
    return change.action === 'admit' ? [change.offer] : []
  })
}

test('from the log alone: every statement is signed by a key that a member offered itself', () => {
  const log = fetched()
  const offers = offersIn(log)
  assert.equal(offers.length, 7)
  const keys = new Set<string>()
  for (const { body, proofs } of offers) {
    for (const { key, signature } of proofs) {
      assert.ok(verifyEd25519(Buffer.from(key, 'hex'), offerMessage(body), Buffer.from(signature, 'hex')))
      keys.add(key)
    }
  }
  const statements: Transaction[] = log.flatMap(({ entry }) => {
    if ('tx' in entry && entry.tx !== null) return [entry.tx]
    return 'votes' in entry && entry.kind === 'member' ? [...entry.votes] : []
  })
  assert.ok(statements.length > 12)
  for (const tx of statements) assert.ok(isSigned(tx) && keys.has(tx.body.key))
})

test('from the log alone: the verdict is what q of the selected committed to and revealed, with their statements', () => {
  const log = fetched()
  const verdict = log.map(({ entry }) => entry).find((entry) => entry.kind === 'verdict')
  assert.ok(verdict?.kind === 'verdict' && verdict.agreed !== null)
  const request = log.find(({ name }) => name === verdict.request)?.entry
  assert.ok(request?.kind === 'request' && request.purl === verdict.purl)
  const selection = log[verdict.selection ?? -1]?.entry
  assert.ok(
    selection?.kind === 'selection' && selection.outcome === 'selected' && selection.request === verdict.request,
  )
  let agreeing = 0
  for (const { node, organisation, reveal, envelope } of verdict.panel) {
    const seat: SeatEntry | undefined = selection.selected.find((each) => each.node === node)
    const member: Entry | undefined = log[seat?.memberIndex ?? -1]?.entry
    assert.ok(member?.kind === 'member' && member.step === 'genesis' && nodeOf(member.offer.body) === node)
    assert.equal(member.offer.body.organisation, organisation)
    const told = log[reveal ?? -1]?.entry
    assert.ok(told?.kind === 'reveal' && told.tx.body.key === node)
    const { salt, result, attempt } = told.tx.body
    const commitment = commitmentOf({
      network: TOY_NETWORK,
      request: verdict.request,
      attempt,
      builder: node,
      result,
      salt,
    })
    const committed = log.findIndex(({ entry }) => entry.kind === 'commit' && entry.tx.body.commitment === commitment)
    assert.ok(committed >= 0 && committed < (reveal ?? -1))
    assert.equal(envelope, hexOf(`envelope of ${organisation}`))
    if (hashOf(agreedPart(result)) === hashOf(verdict.agreed)) agreeing += 1
  }
  assert.ok(agreeing >= verdict.quorum)
})
