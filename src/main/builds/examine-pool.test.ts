import assert from 'node:assert/strict'
import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import { rawTar } from '../../../test/kit/raw-tar.ts'
import { steppedClock } from '../../../test/kit/stepped-clock.ts'
import { AppError } from '../../base/errors.ts'
import { createExaminePool, type ExaminePoolOptions } from './examine-pool.ts'

const PACKED = gzipSync(rawTar([{ name: 'package/index.js', content: 'module.exports = 1\n' }]))
const life = new AbortController().signal

function examine(built: Uint8Array, upstream: Uint8Array | undefined, options: Partial<ExaminePoolOptions> = {}) {
  const clock = steppedClock()
  const pool = createExaminePool({ workers: 1, ...options }, { clock })
  return { clock, found: pool({ ecosystem: 'npm', name: 'a-1.0.0.tgz', built, upstream }, life) }
}

async function moduleOf(folder: string, text: string): Promise<URL> {
  const file = join(folder, 'worker.mjs')
  await writeFile(file, text)
  return pathToFileURL(file)
}

test('a file is compared with upstream in a worker: the level, the canonical digest, and what differs', async () => {
  const same = await examine(PACKED, PACKED).found
  assert.equal(same.kind === 'read' && same.comparison?.level, 'exact')
  const other = gzipSync(rawTar([{ name: 'package/index.js', content: 'module.exports = 2\n' }]))
  const differs = await examine(PACKED, other).found
  assert.ok(differs.kind === 'read' && same.kind === 'read')
  assert.equal(differs.comparison?.level, 'mismatch')
  assert.match(differs.comparison?.differences.join('\n') ?? '', /index\.js/)
  assert.equal(differs.canonical, same.canonical)
  const alone = await examine(PACKED, undefined).found
  assert.equal(alone.kind === 'read' && alone.comparison, undefined)
})

test('a built file that no strict reader takes is malformed, with the reason', async () => {
  const found = await examine(Buffer.from('no archive'), PACKED).found
  assert.equal(found.kind, 'malformed')
  const twice = rawTar([{ name: 'package/a' }, { name: 'package/a' }])
  assert.equal((await examine(gzipSync(twice), PACKED).found).kind, 'malformed')
})

test('a comparison that never ends, or takes more memory than there is for it, makes the file malformed', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'examine-'))
  const never = await moduleOf(folder.path, 'setInterval(() => {}, 1000)\n')
  const { clock, found } = examine(PACKED, PACKED, { module: never, jobMs: 1_000 })
  await new Promise(setImmediate)
  clock.advance(1_000)
  assert.match(JSON.stringify(await found), /malformed.*takes too long/)
  const greedy = await moduleOf(folder.path, 'const all = []; for (;;) all.push(new Array(100_000).fill({}))\n')
  assert.match(JSON.stringify(await examine(PACKED, PACKED, { module: greedy, heapMiB: 32 }).found), /more memory/)
})

test('a worker that fails is an error of this machine, and who leaves waits no longer', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'examine-'))
  const failing = await moduleOf(folder.path, 'throw new Error("no")\n')
  const isBug = (error: unknown): boolean => error instanceof AppError && error.code === 'bug.assertion'
  await assert.rejects(examine(PACKED, PACKED, { module: failing }).found, isBug)
  const unknown = createExaminePool({ workers: 1 }, { clock: steppedClock() })
  await assert.rejects(unknown({ ecosystem: 'toy', name: 'a', built: PACKED, upstream: undefined }, life), isBug)
  const leaving = new AbortController()
  const asked = unknown({ ecosystem: 'npm', name: 'a.tgz', built: PACKED, upstream: PACKED }, leaving.signal)
  leaving.abort()
  await assert.rejects(asked, (error) => error instanceof AppError && error.code === 'aborted.caller')
})
