import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testHead, testRevocation, testVerdict } from '../../../test/kit/log-entries.ts'
import { sampleNetwork } from '../../../test/kit/sample-network.ts'
import { cosignedLog, testLog } from '../../../test/kit/test-log.ts'
import type { Entry } from '../../base/entries/entry.ts'
import { parsePurl } from '../../base/purl.ts'
import { createLogDoor } from './log-door.ts'

const PURL = 'pkg:npm/cool@1.0.0'
const VERDICT = testVerdict({ purl: PURL, files: [{ name: 'cool-1.0.0.tgz', bytes: Buffer.from('cool') }] })
const SIGNAL = new AbortController().signal
const AT = 1_750_000_000

async function doorTo(...entries: readonly Entry[]) {
  const network = sampleNetwork({ authorities: 4 })
  const log = await cosignedLog({ network, cosigners: 3, timeSeconds: AT, entries })
  return createLogDoor({ trusted: log, network: { notes: ['a note'] } }, { nowMs: () => (AT + 60) * 1000 })
}

test('the door shows the newest checkpoint, who cosigned it, and whether it counts as the latest', async () => {
  const { timeSeconds, stale, cosignatures, size, solo, note, notes } = (await doorTo(testHead())).checkpoint()
  assert.deepEqual(
    [timeSeconds, stale, cosignatures.length, size, solo, notes],
    [AT, undefined, 3, 1, false, ['a note']],
  )
  assert.match(note ?? '', /^log\.example\/test\n1\n/)
})

test('the door shows an empty log for what it is', async () => {
  const log = testLog({ cosignedSeconds: [] })
  const door = createLogDoor({ trusted: log, network: { notes: [] } }, { nowMs: () => 0 })
  assert.equal(door.checkpoint().size, 0)
  assert.match(door.checkpoint().stale ?? '', /no cosigned checkpoint/)
  assert.deepEqual((await door.about(parsePurl(PURL), SIGNAL)).entries, [])
  await assert.rejects(door.proof({ purl: PURL }, SIGNAL), { code: 'absent.entry', message: /no entries yet/ })
})

test('the door finds a package by purl and by the coordinates of its users, newest first', async () => {
  const door = await doorTo(VERDICT, testHead(), testRevocation(PURL))
  const indexes = async (question: Parameters<typeof door.find>[0]) =>
    (await door.find(question, SIGNAL)).entries.map(({ index }) => index)
  assert.deepEqual(await indexes({ purl: PURL }), [2, 0])
  assert.deepEqual(await indexes({ ecosystem: 'npm', coordinates: 'cool@1.0.0' }), [2, 0])
  assert.deepEqual(await indexes({ ecosystem: 'npm', coordinates: PURL, latest: true }), [2])
  await assert.rejects(door.find({ ecosystem: 'cobol', coordinates: 'a' }, SIGNAL), { code: 'usage.request' })
  await assert.rejects(door.find({ ecosystem: 'npm', coordinates: '' }, SIGNAL), { code: 'usage.purl' })
})

test('the door lists entries up to the end of the log, and its network', async () => {
  const door = await doorTo(VERDICT, testHead())
  const { entries, size } = await door.entries(1, 99, SIGNAL)
  assert.deepEqual([entries.map(({ index }) => index), size], [[1], 2])
  assert.match(door.network().digest, /^sha256:/)
})

test('the door proves a package with what speaks against it, or any entry, and says what it has not', async () => {
  const door = await doorTo(VERDICT, testHead(), testRevocation(PURL))
  assert.deepEqual(
    (await door.proof({ purl: PURL }, SIGNAL)).indexes,
    [0, 1, 2],
    'with the head for its revocation list',
  )
  const { indexes, size, proof } = await door.proof({ index: 1 }, SIGNAL)
  assert.deepEqual([indexes, size], [[1], 3])
  assert.match(proof, /"format":"pyrsia\.proof\/1"/)
  await assert.rejects(door.proof({ index: 3 }, SIGNAL), { code: 'absent.entry' })
  await assert.rejects(door.proof({ purl: 'pkg:npm/other@1' }, SIGNAL), { code: 'absent.entry' })
})
