/** Nodes that know each other as a test says, and a verdict on which a, b and c agreed. */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { createNotebook } from '../../../../test/kit/build-network.ts'
import { realClock } from '../../../../test/kit/data-network.ts'
import { logVerdict, ProofLog, TEST_ORIGIN } from '../../../../test/kit/proof-log.ts'
import { signerOf } from '../../../../test/kit/sample-entries.ts'
import { silentLogger } from '../../../base/clock.ts'
import { parseCanonicalJson } from '../../../base/crypto/canonical-json.ts'
import { type Envelope, envelopeOfJson } from '../../../base/crypto/dsse.ts'
import { type Entry, parseEntry } from '../../../base/entries/entry.ts'
import { entryName } from '../../../base/entries/entry-name.ts'
import { AppError } from '../../../base/errors.ts'
import type { LogHit } from '../../../log/log.ts'
import { checkSummary } from '../../../verify/attestation/check-summary.ts'
import { createSummaries, type Summaries, type SummaryDependencies } from './summaries.ts'
import { formatSignatures, parseSignatures } from './summary-messages.ts'

const PURL = 'pkg:toy/toy@1.0'
const THREE = ['a', 'b', 'c']
const never = new AbortController().signal

interface Played {
  readonly log: ProofLog
  readonly index: number
  /** Questions that each node was sent. */
  readonly asked: string[]
  readonly nodes: ReadonlyMap<string, Summaries>
  /** Nodes that do not answer. */
  readonly down: Set<string>
  /** What a node answers in the place of the truth. */
  readonly lies: Map<string, () => Uint8Array>
}

/** `links`: who knows whom. A node named like an organisation has its attestation key. */
function play(links: Readonly<Record<string, readonly string[]>>, sizeOf: (name: string) => number = () => 99): Played {
  const log = new ProofLog()
  const { verdict: index } = logVerdict(log, PURL, THREE)
  const nodes = new Map<string, Summaries>()
  const played: Played = { log, index, asked: [], nodes, down: new Set(), lies: new Map() }
  for (const [name, known] of Object.entries(links))
    nodes.set(name, createSummaries(nodeOf(name, known, played, sizeOf(name))))
  return played
}

function nodeOf(
  name: string,
  known: readonly string[],
  { log, asked, nodes, down, lies }: Played,
  size: number,
): SummaryDependencies {
  const kept = new Map<string, Uint8Array>()
  const hits = (): LogHit[] => log.entries.map((entry, index) => ({ entry, index }))
  const peers = known.map((peerId) => ({ peerId, connected: true }))
  return {
    network: TEST_ORIGIN,
    log: {
      newest: () => ({ size: Math.min(size, log.entries.length) }) as never,
      entry: async (index) => log.entries[index] ?? assert.fail(),
      find: async ({ kind }) => hits().filter(({ entry }) => parseEntry(entry).kind === kind),
    },
    signer: name.length === 1 ? signerOf(`${name}/attestation`) : undefined,
    peers: {
      list: () => peers as never,
      async transact(peerId, message, { signal }) {
        asked.push(`${name} -> ${peerId}`)
        if (down.has(peerId)) throw new AppError('unavailable.peer', 'it is down')
        return lies.get(peerId)?.() ?? (await nodes.get(peerId)?.answer(message, name, signal)) ?? assert.fail(peerId)
      },
    },
    statements: {
      async keep(bytes) {
        kept.set(entryHash(bytes), bytes)
      },
      find: async (wanted) => envelopeIn(kept.get(wanted)),
    },
    notebook: createNotebook(),
    clock: realClock,
    logger: silentLogger,
  }
}

function entryHash(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'hex')
}

function envelopeIn(bytes: Uint8Array | undefined): Envelope | undefined {
  return bytes && envelopeOfJson(parseCanonicalJson(bytes))
}

/** Who signed, by the check of proofs. */
function checked({ log, index }: Played, envelope: Envelope | undefined): string[] {
  const bytes = log.entries[index] ?? assert.fail()
  const entry = parseEntry(bytes)
  assert.ok(envelope, 'it was collected')
  assert.ok(entry.kind === 'verdict')
  return checkSummary(envelope, { network: TEST_ORIGIN, index, leaf: entryName(bytes), entry })
}

/** The requester knows a hub alone; the hub knows the builders. */
const HUB = { asker: ['hub'], hub: ['asker', 'a', 'b', 'c'], a: ['hub'], b: ['hub'], c: ['hub'] }

test('the requester collects the builders’ signatures through a node that knows them, in one envelope that a proof may carry', async () => {
  const played = play(HUB)
  const envelope = await played.nodes.get('asker')?.collect(played.index, never)
  assert.deepEqual(checked(played, envelope), THREE)
  assert.deepEqual(played.asked, ['asker -> hub', 'hub -> a', 'hub -> b', 'hub -> c'])
})

test('what was collected is kept: it is there when the builders are gone, for others too', async () => {
  const played = play(HUB)
  const first = await played.nodes.get('hub')?.collect(played.index, never)
  for (const name of THREE) played.down.add(name)
  const second = await played.nodes.get('asker')?.collect(played.index, never)
  assert.deepEqual(second, first)
  played.down.add('hub')
  assert.deepEqual(await played.nodes.get('asker')?.collect(played.index, never), first)
})

test('too few signatures make no summary, and the next time it is tried anew', async () => {
  const played = play(HUB)
  played.down.add('c')
  assert.equal(await played.nodes.get('asker')?.collect(played.index, never), undefined)
  played.down.delete('c')
  assert.deepEqual(checked(played, await played.nodes.get('asker')?.collect(played.index, never)), THREE)
})

test('signatures of others, of other bytes, and the same one twice count for nothing', async () => {
  const played = play(HUB)
  const own = async (name: string) => {
    const bytes = await played.nodes.get(name)?.answer(Buffer.from(question(played.index)), 'x', never)
    return parseSignatures(bytes ?? assert.fail())
  }
  const [a] = await own('a')
  assert.ok(a)
  const forged = { node: Buffer.from(signerOf('b/attestation').publicKey).toString('hex'), signature: a.signature }
  played.lies.set('b', () => formatSignatures([a, forged]))
  assert.equal(await played.nodes.get('hub')?.collect(played.index, never), undefined)
  played.lies.set('b', () => Buffer.from('no answer'))
  assert.equal(await played.nodes.get('hub')?.collect(played.index, never), undefined)
})

function question(summaryOf: number): string {
  return `{"hops":0,"network":"${TEST_ORIGIN}","summaryOf":${summaryOf}}`
}

test('a builder signs only what its own copy of the log holds, and only as one of those who agreed', async () => {
  const ahead = play(HUB, (name) => (name === 'a' ? 1 : 99))
  assert.equal(await ahead.nodes.get('asker')?.collect(ahead.index, never), undefined, 'a has not seen the verdict yet')
  const played = play({ ...HUB, d: [] })
  const answer = await played.nodes.get('d')?.answer(Buffer.from(question(played.index)), 'x', never)
  assert.deepEqual(parseSignatures(answer ?? assert.fail()), [])
  const request = await played.nodes.get('a')?.answer(Buffer.from(question(0)), 'x', never)
  assert.deepEqual(parseSignatures(request ?? assert.fail()), [], 'no verdict')
})

test('a verdict that was withdrawn or overturned has no summary any more', async () => {
  const at = { heightBlock: 9, timeSeconds: 1_800_000_100 }
  const about = { v: 1, at, purl: PURL } as const
  const played = play(HUB)
  const verdict = parseEntry(played.log.entries[played.index] ?? assert.fail())
  assert.ok(verdict.kind === 'verdict')
  const against: Entry[] = [
    { kind: 'revocation', ...about, step: 'effective', digests: [], reason: 'evil', votes: [], place: 0 },
    { kind: 'dispute', ...about, step: 'upheld', verdictOf: verdict.request, request: 'ab'.repeat(32) },
  ]
  for (const entry of against) {
    const again = play(HUB)
    again.log.append(entry)
    assert.equal(await again.nodes.get('asker')?.collect(again.index, never), undefined, entry.kind)
  }
})

test('a message of another kind is left to others, and one of another network refused', async () => {
  const { nodes, index } = play(HUB)
  assert.equal(nodes.get('a')?.answer(Buffer.from('{"purl":"pkg:toy/x"}'), 'x', never), undefined)
  const foreign = Buffer.from(question(index).replace(TEST_ORIGIN, 'log.example/else'))
  await assert.rejects(nodes.get('a')?.answer(foreign, 'x', never) ?? assert.fail(), { code: 'unavailable.peer' })
  assert.throws(() => parseSignatures(Buffer.from('{}')), { code: 'usage.message' })
})

test('collectSoon() collects without anybody waiting, once at a time, and ends with the node', async () => {
  const played = play(HUB)
  const asker = played.nodes.get('asker') ?? assert.fail()
  asker.collectSoon(played.index)
  while (played.asked.length < 4) await turn()
  await asker.close()
  asker.collectSoon(played.index)
  await turn()
  assert.deepEqual(played.asked, ['asker -> hub', 'hub -> a', 'hub -> b', 'hub -> c'])
})
