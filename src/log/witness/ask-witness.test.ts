import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type TestAuthority, testAuthorities, testSigner } from '../../../test/kit/tile-log.ts'
import { makeVkey } from '../../base/network/vkey.ts'
import type { LogWriter, TreeHead } from '../log.ts'
import { createMemoryWriter } from '../memory.ts'
import { cosign } from '../note/cosignature.ts'
import { openNote, parseNote } from '../note/note.ts'
import { formatSignatureLine } from '../note/signature-line.ts'
import { Turns } from '../turns.ts'
import { createWitnessAsker, type PostToWitness, type WitnessAsker } from './ask-witness.ts'
import { cosignOwn } from './cosign-own.ts'
import { createWitness } from './witness.ts'

const ORIGIN = 'log.example'
const [own] = testAuthorities(1) as [TestAuthority]
const ownKey = makeVkey('a0.example', 'cosignature', own.cosigner.publicKey)
const witnessSigner = testSigner('witness')
const key = makeVkey('w.example', 'cosignature', witnessSigner.publicKey)
const { signal } = new AbortController()

/** What was last cosigned, in memory. */
function headsIn(heads: Map<string, TreeHead>) {
  return {
    last: (origin: string) => heads.get(origin),
    advance: async (origin: string, _: TreeHead | undefined, next: TreeHead) => void heads.set(origin, next),
  }
}

function logOf(): LogWriter {
  return createMemoryWriter({ origin: ORIGIN, keysOf: () => ({ kind: undefined, purls: [], digests: [] }) }, own.log)
}

function made() {
  const log = logOf()
  const heads = new Map<string, TreeHead>()
  const logs = [{ origin: ORIGIN, keys: [makeVkey(ORIGIN, 'ed25519', own.log.publicKey)] }]
  const time = { seconds: 1_700_000_000 }
  const nowSeconds = (): number => time.seconds
  const witness = createWitness({ key, logs }, { store: headsIn(heads), signer: witnessSigner, nowSeconds })
  const statuses: number[] = []
  const post: PostToWitness = async (body) => {
    const reply = await witness.addCheckpoint(body)
    statuses.push(reply.status)
    return { status: reply.status, body: Buffer.from(reply.body) }
  }
  const turns = new Turns()
  const asker = createWitnessAsker(key, { log, post, turns })
  const cosignNow = () =>
    turns.take(() => cosignOwn({ log, store: headsIn(new Map()), key: ownKey, signer: own.cosigner, nowSeconds }))
  return { log, heads, asker, statuses, time, turns, post, cosignNow }
}

function cosigners(log: LogWriter): string[] {
  const newest = log.newest()
  const good = openNote(parseNote(Buffer.from(newest?.note ?? '')), [ownKey, key]).map((one) => [
    one.key.name,
    one.timestampSeconds,
  ])
  assert.deepEqual(
    new Map(good as [string, number][]),
    new Map(newest?.cosignatures.map((one) => [one.name, one.timeSeconds])),
  )
  return good.map(([name]) => String(name)).sort()
}

async function askedWith(answer: { status: number; body: string }, size = 1): Promise<WitnessAsker> {
  const log = logOf()
  await log.append(Array.from({ length: size }, (_, at) => Buffer.from(`${at}`)))
  const post = async () => ({ status: answer.status, body: Buffer.from(answer.body) })
  return createWitnessAsker(key, { log, post, turns: new Turns() })
}

test('a witness cosigns a log as it grows, and again later, beside its own cosigner', async () => {
  const { log, heads, asker, statuses, time, cosignNow } = made()
  await asker.ask(signal)
  assert.deepEqual(statuses, [], 'an empty log is shown to nobody')
  for (const count of [3, 300]) {
    await log.append(Array.from({ length: count }, (_, at) => Buffer.from(`entry ${at}`)))
    await Promise.all([cosignNow(), asker.ask(signal)])
    assert.deepEqual(cosigners(log), ['a0.example', 'w.example'])
    assert.equal(heads.get(ORIGIN)?.size, log.newest()?.size)
  }
  time.seconds += 500
  await asker.ask(signal)
  assert.equal(log.newest()?.cosignatures.find(({ name }) => name === key.name)?.timeSeconds, time.seconds)
  assert.deepEqual(cosigners(log), ['a0.example', 'w.example'])
  assert.deepEqual(statuses, [200, 200, 200])
})

test('after a restart a witness is asked from the size that it states', async () => {
  const { log, asker, statuses, post, turns } = made()
  await log.append([Buffer.from('one'), Buffer.from('two')])
  await asker.ask(signal)
  await log.append([Buffer.from('three')])
  await createWitnessAsker(key, { log, post, turns }).ask(signal)
  assert.deepEqual(cosigners(log), ['w.example'])
  assert.deepEqual(statuses, [200, 409, 200])
})

test('a witness that has cosigned more than the log has shows that an old copy was restored', async () => {
  const { log, heads, asker } = made()
  await log.append([Buffer.from('one')])
  heads.set(ORIGIN, { size: 7, root: new Uint8Array(32) })
  await assert.rejects(asker.ask(signal), { code: 'untrusted.proof', message: /restored/ })
  assert.deepEqual(log.newest()?.cosignatures, [])
})

test('a cosignature of a checkpoint that is not the newest any more is not published', async () => {
  const { log, asker, post, turns } = made()
  await log.append([Buffer.from('one')])
  const late = createWitnessAsker(key, {
    log,
    turns,
    post: async (body) => {
      const answer = await post(body, signal)
      await log.append([Buffer.from('two')])
      return answer
    },
  })
  await late.ask(signal)
  assert.deepEqual(log.newest()?.cosignatures, [])
  await asker.ask(signal)
  assert.deepEqual(cosigners(log), ['w.example'])
})

test('what a witness answers is believed if it verifies, and refused with its words if not', async () => {
  const strangers = testSigner('stranger')
  const forged = formatSignatureLine({ ...cosign('other\n', key.name, witnessSigner, 1), name: key.name })
  const another = formatSignatureLine(cosign('text\n', 'x.example', strangers, 1))
  for (const [answer, expected] of [
    [{ status: 200, body: forged }, { code: 'untrusted.signature' }],
    [{ status: 200, body: another }, { code: 'untrusted.signature' }],
    [{ status: 200, body: 'yes\n' }, { code: 'usage.log' }],
    [
      { status: 404, body: 'no such log' },
      { code: 'unavailable.peer', message: /404: no such log/ },
    ],
    [{ status: 409, body: 'seven' }, { code: 'unavailable.peer' }],
    [
      { status: 409, body: '0\n' },
      { code: 'unavailable.peer', message: /never has the size/ },
    ],
    [{ status: 409, body: '9999999999999999\n' }, { code: 'unavailable.peer' }],
  ] as const) {
    const asker = await askedWith(answer)
    await assert.rejects(asker.ask(signal), expected, JSON.stringify(answer))
  }
})
