import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keysOf, type TestAuthority, testAuthorities } from '../../../test/kit/tile-log.ts'
import { AppError } from '../../base/errors.ts'
import { makeVkey } from '../../base/network/vkey.ts'
import type { CosignerStore, TreeHead } from '../log.ts'
import { createMemoryWriter } from '../memory.ts'
import { judgeCheckpoint } from '../reader/judge.ts'
import { cosignOwn } from './cosign-own.ts'

const ORIGIN = 'log.example'
const [own] = testAuthorities(1) as [TestAuthority]
const key = makeVkey(`${own.organisation}.example`, 'cosignature', own.cosigner.publicKey)
const keys = keysOf(ORIGIN, [own], 1)

function made() {
  const log = createMemoryWriter(
    { origin: ORIGIN, keysOf: () => ({ kind: undefined, purls: [], digests: [] }) },
    own.log,
  )
  const heads = new Map<string, TreeHead>()
  const store: Pick<CosignerStore, 'last' | 'advance'> = {
    last: (origin) => heads.get(origin),
    async advance(origin, expected, next) {
      if (heads.get(origin) !== expected) throw new AppError('conflict.changed', 'another one was quicker')
      heads.set(origin, next)
    },
  }
  const time = { seconds: 1_700_000_000 }
  return { log, heads, time, deps: { log, store, key, signer: own.cosigner, nowSeconds: () => time.seconds } }
}

test('cosignOwn() makes each checkpoint of the own log count, and renews the time of one that stands', async () => {
  const { log, deps, time, heads } = made()
  assert.equal((await cosignOwn(deps))?.size, 0)
  assert.equal(
    await cosignOwn({
      ...deps,
      log: {
        ...deps.log,
        origin: ORIGIN,
        newest: () => undefined,
        consistency: () => assert.fail(),
        publish: () => assert.fail(),
      },
    }),
    undefined,
  )
  for (const word of ['one', 'two']) {
    const { size } = await log.append([Buffer.from(word)])
    assert.equal(judgeCheckpoint(Buffer.from(log.newest()?.note ?? ''), keys).counts, false)
    await cosignOwn(deps)
    const judged = judgeCheckpoint(Buffer.from(log.newest()?.note ?? ''), keys)
    assert.deepEqual([judged.counts, judged.timeSeconds], [true, time.seconds])
    assert.equal(heads.get(ORIGIN)?.size, size)
  }
  time.seconds += 900
  await cosignOwn(deps)
  const renewed = judgeCheckpoint(Buffer.from(log.newest()?.note ?? ''), keys)
  assert.deepEqual([renewed.timeSeconds, renewed.cosignatures.length], [time.seconds, 1])
})

test('cosignOwn() signs nothing that does not begin with what it cosigned last, or is smaller', async () => {
  const { log, deps, heads } = made()
  await log.append([Buffer.from('one'), Buffer.from('two')])
  const before = log.newest()?.note
  for (const last of [
    { size: 1, root: new Uint8Array(32) },
    { size: 2, root: new Uint8Array(32) },
    { size: 3, root: new Uint8Array(32) },
  ]) {
    heads.set(ORIGIN, last)
    await assert.rejects(cosignOwn(deps), { code: 'untrusted.proof' })
    assert.equal(heads.get(ORIGIN), last)
    assert.equal(log.newest()?.note, before)
  }
})
