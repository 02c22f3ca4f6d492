import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type TestAuthority, TileLog, testAuthorities, testSigner } from '../../../test/kit/tile-log.ts'
import { AppError } from '../../base/errors.ts'
import { makeVkey } from '../../base/network/vkey.ts'
import type { CosignerStore, TreeHead } from '../log.ts'
import { formatNote, openNote, parseNote, signNote } from '../note/note.ts'
import { sameHash } from '../tree/hash.ts'
import { formatAddCheckpoint, parseAddCheckpoint } from './request.ts'
import { createWitness, type Witness } from './witness.ts'

const ORIGIN = 'log.example'
const [authority] = testAuthorities(1) as [TestAuthority]
const key = makeVkey('witness.example', 'cosignature', testSigner('witness').publicKey)
const signed = { log: [authority] }

/** As the disk has it: compare and swap, refuses to go back. */
class MemoryCosignerStore implements Pick<CosignerStore, 'last' | 'advance'> {
  readonly heads = new Map<string, TreeHead>()
  /** Called within `advance`, before anything is compared. */
  before: () => Promise<void> = async () => {}

  last(origin: string): TreeHead | undefined {
    return this.heads.get(origin)
  }

  async advance(origin: string, expected: TreeHead | undefined, next: TreeHead): Promise<void> {
    await this.before()
    const found = this.heads.get(origin)
    const same = found === expected || (found && expected && sameHash(found.root, expected.root))
    if (!same) throw new AppError('conflict.changed', 'somebody else was quicker')
    this.heads.set(origin, next)
  }
}

function made(logs = [{ origin: ORIGIN, keys: [makeVkey(ORIGIN, 'ed25519', authority.log.publicKey)] }]): {
  witness: Witness
  store: MemoryCosignerStore
} {
  const store = new MemoryCosignerStore()
  const deps = { store, signer: testSigner('witness'), nowSeconds: () => 1_700_000_123 }
  return { witness: createWitness({ key, logs }, deps), store }
}

function body(log: TileLog, oldSize: number, size: number, options: { proof?: Uint8Array[]; note?: Uint8Array } = {}) {
  const proof = options.proof ?? (oldSize <= size && oldSize > 0 ? log.consistency(oldSize, size) : [])
  return formatAddCheckpoint(oldSize, proof, options.note ?? log.note(size, signed))
}

test('a witness cosigns the first checkpoint of a log and each that is proven to follow', async () => {
  const log = new TileLog(ORIGIN).grow(20)
  const { witness, store } = made()
  let oldSize = 0
  for (const size of [7, 7, 8, 20]) {
    const reply = await witness.addCheckpoint(body(log, oldSize, size))
    assert.equal(reply.status, 200, reply.body)
    const note = parseNote(Buffer.from(`${log.text(size)}\n${reply.body}`))
    assert.deepEqual(openNote(note, [key]), [{ key, timestampSeconds: 1_700_000_123 }])
    assert.equal(store.last(ORIGIN)?.size, size)
    oldSize = size
  }
})

/** tlog-witness, "add-checkpoint", check by check. The witness has cosigned size 10 of `log` before. */
const log = new TileLog(ORIGIN).grow(20)
const fork = new TileLog(ORIGIN).grow(20, 'forged')
const stranger = testAuthorities(1, 'stranger') as [TestAuthority]
const brokenSignature = (): Uint8Array => {
  const other = Buffer.from(log.note(11, signed)).toString().split('\n').at(-2)
  return Buffer.from(`${log.text(12)}\n${other}\n`)
}
const CASES: ReadonlyArray<readonly [string, () => Uint8Array, number, string?]> = [
  ['an unknown origin', () => body(new TileLog('other.example').grow(20), 10, 12), 404],
  ['no signature of a known key', () => body(log, 10, 12, { note: log.note(12, { log: stranger }) }), 403],
  ['a known key whose signature fails', () => body(log, 10, 12, { note: brokenSignature() }), 403],
  ['an old size above the new one', () => body(log, 10, 9), 400],
  ['an old size that is not the latest one', () => body(log, 9, 12), 409, '10\n'],
  ['an old size of zero, to learn the latest one', () => body(log, 0, 12), 409, '10\n'],
  ['the same size with another root', () => body(fork, 10, 10), 422],
  ['the same size with a proof', () => body(log, 10, 10, { proof: log.consistency(9, 10) }), 422],
  ['a proof of another log', () => body(fork, 10, 12), 422],
  ['no proof', () => body(log, 10, 12, { proof: [] }), 422],
  ['a proof with a hash too many', () => body(log, 10, 12, { proof: [...log.consistency(10, 12), log.root()] }), 422],
  ['no empty line', () => Buffer.from('old 10\n'), 400],
  [
    'an old size with a leading zero',
    () =>
      Buffer.from(
        Buffer.from(body(log, 10, 12))
          .toString()
          .replace('10', '010'),
      ),
    400,
  ],
  ['more than 63 hashes', () => body(log, 10, 12, { proof: Array.from({ length: 64 }, () => log.root()) }), 400],
  ['a hash that is none', () => Buffer.from(`old 10\nAAAA\n\n${Buffer.from(log.note(12, signed))}`), 400],
  ['a note that is no checkpoint', () => Buffer.from('old 10\n\nhello\n\n\u2014 a AAAAAAAA\n'), 400],
]
for (const [what, request, status, text] of CASES) {
  test(`a witness answers ${status} to ${what}, and signs nothing`, async () => {
    const { witness, store } = made()
    store.heads.set(ORIGIN, { size: 10, root: log.root(10) })
    const reply = await witness.addCheckpoint(request())
    assert.equal(reply.status, status, reply.body)
    assert.ok(!reply.body.startsWith('\u2014'))
    if (text !== undefined) {
      assert.equal(reply.body, text)
      assert.equal(reply.mediaType, 'text/x.tlog.size')
    }
    assert.equal(store.last(ORIGIN)?.size, 10)
  })
}

test('a witness answers 422 to an empty tree with a root of its own, and to a proof from nothing', async () => {
  const { witness } = made()
  const empty = Buffer.from(new TileLog(ORIGIN).note(0, signed)).toString()
  assert.equal((await witness.addCheckpoint(Buffer.from(`old 0\n\n${empty}`))).status, 200)
  const text = log.text(1).replace('\n1\n', '\n0\n')
  const note = formatNote({ text, signatures: [signNote(text, ORIGIN, authority.log)] })
  assert.equal((await made().witness.addCheckpoint(formatAddCheckpoint(0, [], note))).status, 422)
  const proof = [log.root(3)]
  assert.equal((await made().witness.addCheckpoint(body(log, 0, 5, { proof }))).status, 422)
})

test('of two requests at once from the same size one is cosigned, the other learns the new size', async () => {
  const { witness, store } = made()
  store.heads.set(ORIGIN, { size: 10, root: log.root(10) })
  const both = Promise.withResolvers<void>()
  let arrived = 0
  store.before = async () => {
    arrived += 1
    if (arrived === 2) both.resolve()
    await both.promise
  }
  const replies = await Promise.all([12, 20].map((size) => witness.addCheckpoint(body(log, 10, size))))
  assert.deepEqual(
    replies.map(({ status }) => status),
    [200, 409],
  )
  assert.equal(replies[1]?.body, '12\n')
  assert.equal(store.last(ORIGIN)?.size, 12)
})

test('a witness whose store cannot be written signs nothing', async () => {
  const { witness, store } = made()
  for (const code of ['unavailable.storage', 'exhausted.disk'] as const) {
    store.before = async () => {
      throw new AppError(code, 'no')
    }
    assert.equal((await witness.addCheckpoint(body(log, 0, 5))).status, 503)
  }
  store.before = async () => {
    throw new AppError('untrusted.proof', 'another root of that size is there')
  }
  assert.equal((await witness.addCheckpoint(body(log, 0, 5))).status, 422)
  store.before = async () => {
    throw new AppError('damaged.database', 'it is broken')
  }
  await assert.rejects(witness.addCheckpoint(body(log, 0, 5)), { code: 'damaged.database' })
})

test('parseAddCheckpoint() reads what formatAddCheckpoint() wrote', () => {
  const note = log.note(12, signed)
  const proof = log.consistency(10, 12)
  const read = parseAddCheckpoint(formatAddCheckpoint(10, proof, note))
  assert.deepEqual([read.oldSize, read.proof, read.checkpoint.size], [10, proof, 12])
  assert.equal(read.note.text, log.text(12))
})
