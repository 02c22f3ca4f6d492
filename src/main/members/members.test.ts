import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  createToyNetwork,
  TOY_NETWORK,
  TOY_START_SECONDS,
  type ToyNetwork,
} from '../../../test/kit/consensus-network.ts'
import { signerOf } from '../../../test/kit/sample-entries.ts'
import { canonicalJson, type Json } from '../../base/crypto/canonical-json.ts'
import { encodeEntry } from '../../base/entries/entry.ts'
import { parseTransaction } from '../../base/entries/transaction.ts'
import type { VoteRequest } from '../../cli/log/members-view.ts'
import { makePart, type PartWish } from '../ceremony/make-part.ts'
import { systemRandom } from '../effects.ts'
import { membersReport, readMembers } from './read-members.ts'
import { type VoteDependencies, vote } from './vote.ts'

const NOW_MS = TOY_START_SECONDS * 1000

async function* logOf(network: ToyNetwork) {
  yield* network.entries
}

const read = (network: ToyNetwork, seconds = TOY_START_SECONDS) => readMembers(logOf(network), TOY_NETWORK, seconds)

/** The API of a node that leads to this network. */
function nodeOf(network: ToyNetwork): VoteDependencies['node'] {
  const change = async (_method: string, path: string, given: { readonly body?: object } = {}) => {
    assert.equal(path, '/api/transactions')
    const { transaction } = given.body as { readonly transaction: Json }
    const before = network.entries.length
    const [refusal] = network.block([parseTransaction(canonicalJson(transaction))])
    return { refusal, entries: network.entries.slice(before).map(({ index, name }) => ({ index, name })) }
  }
  return { change: change as VoteDependencies['node']['change'] }
}

async function voteOf(network: ToyNetwork, organisation: string, request: VoteRequest, nowMs = NOW_MS) {
  const signer = signerOf(`${organisation}/consensus`)
  return vote(request, { network: TOY_NETWORK, now: await read(network), signer, node: nodeOf(network), nowMs })
}

async function offerOf(t: TestContext, wish: Partial<PartWish> = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'pyrsia-members-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const output = join(directory, 'offer.json')
  const known = { network: TOY_NETWORK, typesKnown: ['toy'], types: ['toy'], bootstrap: [], serial: 1 }
  const made = await makePart(
    { organisation: 'new', roles: ['builder'], output, ...known, ...wish },
    join(directory, 'data'),
    systemRandom,
  )
  return { offer: output, peer: made.peer ?? '', node: made.part.offer.body.keys.attestation }
}

test('an offer is proposed, voted for by peer id, decided by the quorum, and in force some blocks later', async (t) => {
  const network = createToyNetwork({ organisations: 4 })
  const { offer, peer, node } = await offerOf(t)
  const first = await voteOf(network, 'a', { action: 'admit', offer, peer })
  assert.deepEqual([first.proposed, first.votes, first.quorum], [true, ['a'], { k: 3, of: 4 }])
  const open = membersReport(TOY_NETWORK, await read(network)).pending
  assert.partialDeepStrictEqual(open, [{ action: 'admit', organisation: 'new', peer, votes: ['a'], decided: false }])
  const second = await voteOf(network, 'b', { action: 'admit', offer: undefined, peer })
  assert.deepEqual([second.proposed, second.votes, second.change], [false, ['a', 'b'], first.change])
  await voteOf(network, 'c', { action: 'admit', offer, peer: undefined })
  assert.equal(membersReport(TOY_NETWORK, await read(network)).pending[0]?.decided, true)
  network.block()
  network.block()
  const { organisations, pending, size } = membersReport(TOY_NETWORK, await read(network))
  assert.deepEqual([pending, size], [[], network.entries.length])
  const admitted = organisations.find(({ organisation }) => organisation === 'new')
  const nodes = [{ node, peer, roles: ['builder'], types: ['toy'], sinceSize: size }]
  assert.deepEqual(admitted, { organisation: 'new', sinceSize: size, nodes })
})

test('an organisation is taken out by votes that come together, whoever proposed it', async () => {
  const network = createToyNetwork({ organisations: 5 })
  const request = { action: 'remove', organisation: 'e', node: undefined } as const
  const votes = []
  for (const [at, name] of ['a', 'b', 'c'].entries())
    votes.push(await voteOf(network, name, request, NOW_MS + at * 5000))
  assert.deepEqual(
    votes.map(({ proposed }) => proposed),
    [true, false, false],
  )
  network.block()
  network.block()
  const { organisations } = membersReport(TOY_NETWORK, await read(network))
  assert.deepEqual(
    organisations.map(({ organisation }) => organisation),
    ['a', 'b', 'c', 'd'],
  )
})

test('a vote that cannot count is refused with the reason', async (t) => {
  const network = createToyNetwork({ organisations: 4 })
  const { offer, peer } = await offerOf(t)
  const strange = { action: 'admit', offer, peer: 'another' } as const
  await assert.rejects(voteOf(network, 'a', strange), { code: 'usage.part', message: /of the peer another/ })
  const elsewhere = await offerOf(t, { network: 'example.org/other' })
  const lost = { action: 'admit', offer: elsewhere.offer, peer: undefined } as const
  await assert.rejects(voteOf(network, 'a', lost), { code: 'usage.part', message: /found one to example.org\/other/ })
  const unknown = { action: 'admit', offer: undefined, peer } as const
  await assert.rejects(voteOf(network, 'a', unknown), { code: 'absent.entry', message: /--offer FILE/ })
  const nobody = { action: 'admit', offer: undefined, peer: undefined } as const
  await assert.rejects(voteOf(network, 'a', nobody), { code: 'usage.config' })
  const gone = { action: 'remove', organisation: 'z', node: undefined } as const
  await assert.rejects(voteOf(network, 'a', gone), { code: 'absent.entry' })
  const nodeless = { action: 'remove', organisation: 'b', node: 'z' } as const
  await assert.rejects(voteOf(network, 'a', nodeless), { code: 'absent.entry', message: /b has no node z/ })
  const good = { action: 'admit', offer, peer } as const
  await assert.rejects(voteOf(network, 'zz', good), { code: 'denied.network', message: /no key of an authority/ })
  await voteOf(network, 'a', good)
  const again = voteOf(network, 'a', good, NOW_MS + 9)
  await assert.rejects(again, { code: 'denied.network', message: /voted for it already/ })
  const another = { action: 'remove', organisation: 'd', node: undefined } as const
  await assert.rejects(voteOf(network, 'a', another, NOW_MS + 20), { message: /one at a time/ })
})

test('a key whose sequence was used up ahead of time jumps over it', async (t) => {
  const network = createToyNetwork({ organisations: 4 })
  const { offer, peer } = await offerOf(t)
  await voteOf(network, 'a', { action: 'admit', offer, peer }, NOW_MS + 60_000)
  const { votes } = await voteOf(network, 'b', { action: 'admit', offer, peer })
  assert.deepEqual(votes, ['a', 'b'])
  const removal = { action: 'remove', organisation: 'd', node: undefined } as const
  assert.equal((await voteOf(network, 'b', removal)).proposed, true)
})

test('votes that nobody counts any more are not shown, and a log without or with forged members is refused', async (t) => {
  const network = createToyNetwork({ organisations: 4 })
  const { offer, peer } = await offerOf(t)
  await voteOf(network, 'a', { action: 'admit', offer, peer })
  assert.equal((await read(network)).pending.length, 1)
  assert.equal((await read(network, TOY_START_SECONDS + 3_000_000)).pending.length, 0)
  await assert.rejects(readMembers(logOf({ ...network, entries: [] }), TOY_NETWORK, 0), { code: 'absent.entry' })
  const forged = network.entries.map((each) => {
    const { entry } = each
    if (entry.kind !== 'member' || entry.step !== 'genesis') return each
    const body = { ...entry.offer.body, organisation: `${entry.offer.body.organisation}x` }
    return { ...each, bytes: encodeEntry({ ...entry, offer: { ...entry.offer, body } }) }
  })
  const reading = readMembers(logOf({ ...network, entries: forged }), TOY_NETWORK, 0)
  await assert.rejects(reading, { code: 'untrusted.entry', message: /entry 1 of the log/ })
})
