/** Whole lockfiles over a read flow of twins: what is fetched, pinned, proved, found missing and let go. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HUB, type ReadFlow, readFlow, someBytes } from '../../../test/kit/read-flow.ts'
import { silentLogger } from '../../base/clock.ts'
import { blobIdOf, type Digest, digestBytes } from '../../base/digest.ts'
import { parsePurl } from '../../base/purl.ts'
import type { Ecosystem, LockedFile } from '../../ecosystems/ecosystem.ts'
import { createSync } from './sync.ts'
import type { Sync, SyncJob } from './types.ts'

const PATH = '/home/me/project/toy.lock'
const never = new AbortController().signal

interface Scene {
  readonly flow: ReadFlow
  readonly sync: Sync
  run(lines: readonly string[], options?: { readonly checkOnly?: boolean; readonly path?: string }): Promise<SyncJob>
}

/** `path [digest …]` in each line; `>` before it: the answer's lines are further paths. */
function readLines(bytes: Uint8Array): LockedFile[] {
  return Buffer.from(bytes)
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [requestPath = '', ...digests] = line.replace(/^>/, '').split(' ')
      const purl = parsePurl(`pkg:generic/${encodeURIComponent(requestPath.slice(1))}@1`)
      return { purl, digests: digests as Digest[], requestPath, ...(line.startsWith('>') ? { leads: true } : {}) }
    })
}

function scene(options: Parameters<typeof readFlow>[0] = {}): Scene {
  const flow = readFlow(options)
  const toy = {
    id: 'toy',
    lockfiles: [{ fileName: /^toy\.lock$/, read: readLines }],
    follow: (_file, { bytes }, platform) =>
      readLines(Buffer.from(Buffer.from(bytes).toString().replace('%p', platform))),
  } satisfies Pick<Ecosystem, 'id' | 'lockfiles' | 'follow'>
  const sync = createSync(
    { ecosystems: [toy as unknown as Ecosystem], platform: 'linux/toy' },
    {
      store: flow.store,
      clock: flow.clock,
      random: { bytes: (count) => crypto.getRandomValues(new Uint8Array(count)), fraction: () => 0 },
      logger: silentLogger,
      ask: ({ path, ecosystem: _, ...how }) => flow.get(path, how),
    },
  )
  return {
    flow,
    sync,
    async run(lines, { checkOnly = false, path = PATH } = {}) {
      const begun = sync.begin({ path, bytes: Buffer.from(lines.join('\n')), platform: undefined, checkOnly })
      for (let job = begun; ; job = await sync.job(begun.id, 0, never)) {
        if (job.state !== 'running') return job
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
  }
}

function pinsOf({ flow }: Scene, bytes: Uint8Array): readonly string[] | undefined {
  return flow.store.lookup(blobIdOf(bytes))?.pins
}

test('sync fetches what a lockfile wants, pins it and says that it is complete', async () => {
  const it = scene()
  const [one, two] = [someBytes(1000, 1), someBytes(2000, 2)]
  it.flow.file('one', one)
  it.flow.file('two', two)
  const job = await it.run([`/file/one ${blobIdOf(one)}`, '/file/two'])
  assert.deepEqual([job.state, job.wantedCount, job.doneCount, job.fetchedBytes], ['complete', 2, 2, 3000])
  assert.deepEqual(pinsOf(it, one), [`sync:${PATH}`])
  assert.deepEqual(pinsOf(it, two), [`sync:${PATH}`])
  assert.deepEqual(
    it.sync.list().map(({ path, complete, fileCount }) => [path, complete, fileCount]),
    [[PATH, true, 2]],
  )
})

test('sync pins the documents that an answer rests on', async () => {
  const it = scene()
  it.flow.upstream.route(HUB, '/doc/index', { body: Buffer.from('index') })
  const job = await it.run(['/doc/index'])
  assert.equal(job.state, 'complete')
  assert.deepEqual(pinsOf(it, Buffer.from('index')), [`sync:${PATH}`])
  assert.equal((await it.sync.kept(`sync:${PATH}`))?.documents.length, 1)
})

test('sync asks upstream nothing for what the lockfile names by digest and the store has', async () => {
  const it = scene()
  const bytes = someBytes(1000)
  it.flow.file('one', bytes)
  const lines = [`/file/one ${blobIdOf(bytes)}`]
  await it.run(lines)
  const asked = it.flow.upstream.requests.length
  assert.equal((await it.run(lines)).state, 'complete')
  assert.equal(it.flow.upstream.requests.length, asked)
})

test('sync with checkOnly fetches nothing and lists what is missing', async () => {
  const it = scene()
  const bytes = someBytes(1000)
  it.flow.file('one', bytes)
  it.flow.file('two', someBytes(10, 2))
  await it.run(['/file/one'])
  const asked = it.flow.upstream.requests.length
  const job = await it.run(['/file/one', '/file/two'], { checkOnly: true })
  assert.equal(job.state, 'incomplete')
  assert.deepEqual(
    job.missing.map(({ requestPath }) => requestPath),
    ['/file/two'],
  )
  assert.match(job.missing[0]?.reason ?? '', /not in the store/)
  assert.equal(it.flow.upstream.requests.length, asked)
})

test('sync takes a file that has another digest than the lockfile says for missing, and pins it not', async () => {
  const it = scene()
  const bytes = someBytes(1000)
  it.flow.file('one', bytes)
  const other = digestBytes('sha512', someBytes(3))
  const job = await it.run([`/file/one ${other}`])
  assert.equal(job.state, 'incomplete')
  assert.match(job.missing[0]?.reason ?? '', /the lockfile wants sha512:/)
  assert.deepEqual(pinsOf(it, bytes), [])
  // One of several alternatives is enough.
  const right = digestBytes('sha512', bytes)
  assert.equal((await it.run([`/file/one ${other} ${right}`])).state, 'complete')
})

test('sync follows what an answer leads to, for the platform, and proves the leading file last', async () => {
  const it = scene()
  const layer = someBytes(500, 3)
  it.flow.file('layer-linux/toy', layer)
  const manifest = Buffer.from('/file/layer-%p')
  const requires = [{ digest: blobIdOf(layer), sizeBytes: 500, mediaType: undefined }]
  it.flow.file('image', manifest, { requires })
  const job = await it.run(['>/file/image'])
  assert.deepEqual([job.state, job.wantedCount], ['complete', 2], JSON.stringify(job.missing))
  assert.deepEqual(pinsOf(it, layer), [`sync:${PATH}`])
  assert.deepEqual(pinsOf(it, manifest), [`sync:${PATH}`])
  assert.equal((await it.run(['>/file/image'], { checkOnly: true })).state, 'complete')
  await it.flow.store.remove(blobIdOf(layer))
  assert.equal((await it.run(['>/file/image'], { checkOnly: true })).state, 'incomplete')
})

test('sync keeps after a run that was not complete also what was kept before', async () => {
  const it = scene()
  const [one, two] = [someBytes(1000, 1), someBytes(2000, 2)]
  it.flow.file('one', one)
  it.flow.file('two', two)
  await it.run(['/file/one'])
  assert.equal((await it.run(['/file/two', '/file/nothing'])).state, 'incomplete')
  assert.deepEqual([pinsOf(it, one), pinsOf(it, two)], [[`sync:${PATH}`], [`sync:${PATH}`]])
  assert.equal((await it.run(['/file/two'])).state, 'complete')
  assert.deepEqual([pinsOf(it, one), pinsOf(it, two)], [[], [`sync:${PATH}`]])
})

test('sync lets a lockfile go with every pin of it, and knows it no more', async () => {
  const it = scene()
  const bytes = someBytes(1000)
  it.flow.file('one', bytes)
  await it.run(['/file/one'])
  await it.sync.remove(PATH)
  assert.deepEqual(pinsOf(it, bytes), [])
  assert.deepEqual(it.sync.list(), [])
  const pinned = it.flow.store.list({ limit: 100 }).filter(({ pins }) => pins.length > 0)
  assert.deepEqual(pinned, [])
  await assert.rejects(it.sync.remove(PATH), { code: 'absent.lockfile' })
})

test('sync joins a run that does the same, and cancels one over an older state of the file', async () => {
  const it = scene()
  const gate = Promise.withResolvers<void>()
  const bytes = someBytes(100_000)
  it.flow.file('one', bytes)
  it.flow.file('two', someBytes(10, 2))
  it.flow.upstream.route(HUB, '/one', { body: bytes, gate: () => gate.promise })
  const request = { path: PATH, bytes: Buffer.from('/file/one'), platform: undefined, checkOnly: false }
  const first = it.sync.begin(request)
  assert.equal(it.sync.begin(request).id, first.id)
  const second = await it.run(['/file/two'])
  assert.equal(second.state, 'complete')
  assert.equal((await it.sync.job(first.id, 0, never)).state, 'cancelled')
  gate.resolve()
})

test('sync refuses a file that nothing reads, a malformed one, and more runs at a time than it holds', async () => {
  const it = scene()
  const request = { path: PATH, bytes: Buffer.from('/file/one'), platform: undefined, checkOnly: false }
  assert.throws(() => it.sync.begin({ ...request, path: '/home/me/Makefile' }), {
    code: 'usage.request',
    message: /there are readers for toy$/,
  })
  const gate = Promise.withResolvers<void>()
  it.flow.file('one', someBytes(100_000))
  it.flow.upstream.route(HUB, '/one', { body: someBytes(100_000), gate: () => gate.promise })
  const begin = (name: string) => it.sync.begin({ ...request, path: `/home/${name}/toy.lock` })
  for (const name of ['a', 'b', 'c', 'd']) begin(name)
  assert.throws(() => begin('e'), { code: 'exhausted.queue' })
  await assert.rejects(it.sync.job('unknown', 0, never), { code: 'absent.lockfile' })
  await it.sync.close()
  gate.resolve()
})

test('sync survives a read flow that breaks, and says so of the file', async () => {
  const it = scene()
  it.flow.file('one', someBytes(1000))
  it.flow.upstream.route(HUB, '/one', { body: someBytes(1000, 9) })
  const job = await it.run(['/file/one'])
  assert.equal(job.state, 'incomplete')
  assert.match(job.missing[0]?.reason ?? '', /sha256:|untrusted|digest/)
})
