/** What a node's disk does to it: flipped bits, a size limit, no room at all. Stock HTTP is client enough. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { appendFileSync, mkdirSync, openSync, readFileSync, readSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { StoreUsage } from '../../src/store/store.ts'
import { needs } from '../kit/needs.ts'
import { connected, scratch, startNode, type TestNode } from '../kit/node-process.ts'
import { type NpmRegistry, startNpmRegistry } from '../kit/npm-registry.ts'
import { mustRun, run, until } from '../kit/process.ts'

const MIB = 1_048_576

/** A registry with packages `p0`, `p1`, … of `sizeBytes` each. */
async function packages(t: TestContext, count: number, sizeBytes: number): Promise<NpmRegistry> {
  const registry = await startNpmRegistry(
    Array.from({ length: count }, (_, index) => ({
      name: `p${index}`,
      version: '1.0.0',
      files: { 'data.bin': randomBytes(sizeBytes) },
    })),
  )
  t.after(() => registry.close())
  return registry
}

async function node(t: TestContext, data: string, ...args: string[]): Promise<TestNode> {
  const started = await startNode({ data, args })
  t.after(() => started.stop())
  return started
}

function pathOf(index: number): string {
  return `/p${index}/-/p${index}-1.0.0.tgz`
}

interface Pulled {
  readonly status: number
  readonly source: string | null
  readonly body: Buffer
}

/** A tarball from a node; undefined: the transfer broke. */
async function pull(from: TestNode, index: number): Promise<Pulled | undefined> {
  try {
    const reply = await fetch(new URL(pathOf(index), from.endpoints.npm))
    const body = Buffer.from(await reply.arrayBuffer())
    return { status: reply.status, source: reply.headers.get('x-pyrsia-source'), body }
  } catch {
    return undefined
  }
}

async function wanted(registry: NpmRegistry, index: number): Promise<Buffer> {
  return Buffer.from(await (await fetch(`${registry.url}${pathOf(index)}`)).arrayBuffer())
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function fileOf(from: TestNode, bytes: Uint8Array): string {
  const hex = sha256(bytes)
  return join(from.data, 'store', 'blobs', 'sha256', hex.slice(0, 2), hex)
}

function flip(path: string, at: number): void {
  const fd = openSync(path, 'r+')
  const byte = Buffer.alloc(1)
  readSync(fd, byte, 0, 1, at)
  writeSync(fd, Buffer.from([(byte[0] as number) ^ 1]), 0, 1, at)
}

async function usage(of: TestNode): Promise<StoreUsage> {
  return ((await of.json('cache', 'ls', '--limit', '1')) as { usage: StoreUsage }).usage
}

/** Waits until the file has these bytes again and nothing is counted as damaged. */
async function repaired(of: TestNode, bytes: Buffer): Promise<void> {
  await until('the blob to be repaired', async () => {
    const same = ((): boolean => {
      try {
        return readFileSync(fileOf(of, bytes)).equals(bytes)
      } catch {
        return false
      }
    })()
    return same && (await usage(of)).damaged === 0
  })
}

test('a flipped bit reaches no client: it is found by who reads it and by a scrub, and repaired from upstream', {
  timeout: 120_000,
}, async (t) => {
  const directory = await scratch(t, 'e2e-flip')
  const registry = await packages(t, 1, 3 * MIB)
  const bytes = await wanted(registry, 0)
  const a = await node(t, join(directory, 'a'), '--upstream', `npm=${registry.url}`)
  assert.equal((await pull(a, 0))?.body.equals(bytes), true)

  flip(fileOf(a, bytes), 2 * MIB + 5)
  const reply = await pull(a, 0)
  assert.ok(reply === undefined || reply.body.equals(bytes), 'the right bytes or a broken transfer, never wrong ones')
  await repaired(a, bytes)
  assert.equal((await pull(a, 0))?.source, 'store')

  flip(fileOf(a, bytes), 17)
  const scrubbed = (await a.json('cache', 'scrub')) as { damaged: string[] }
  assert.deepEqual(scrubbed.damaged, [`sha256:${sha256(bytes)}`])
  await repaired(a, bytes)
  assert.deepEqual(((await a.json('cache', 'scrub')) as { damaged: string[] }).damaged, [])
})

test('a flipped bit is repaired from a peer when upstream is down', { timeout: 120_000 }, async (t) => {
  const directory = await scratch(t, 'e2e-flip-peer')
  const registry = await packages(t, 1, 2 * MIB)
  const bytes = await wanted(registry, 0)
  const a = await node(t, join(directory, 'a'), '--upstream', `npm=${registry.url}`)
  const b = await node(t, join(directory, 'b'), '--upstream', `npm=${registry.url}`, '--peer', a.listen[0] as string)
  await connected(b, a.peerId)
  for (const each of [a, b]) assert.equal((await pull(each, 0))?.body.equals(bytes), true)
  await registry.down()
  flip(fileOf(b, bytes), 1_000)
  const reply = await pull(b, 0)
  assert.ok(reply === undefined || reply.status >= 400 || reply.body.equals(bytes))
  await repaired(b, bytes)
  assert.equal((await pull(b, 0))?.body.equals(bytes), true)
})

test('a size limit is kept under pulls of more than the limit, and every client gets its file', {
  timeout: 120_000,
}, async (t) => {
  const directory = await scratch(t, 'e2e-limit')
  const limitBytes = 6_000_000
  const registry = await packages(t, 24, MIB)
  const a = await node(t, join(directory, 'a'), '--upstream', `npm=${registry.url}`, '--disk', '6MB')
  for (let first = 0; first < 24; first += 3) {
    const three = [first, first + 1, first + 2]
    const replies = await Promise.all(three.map((index) => pull(a, index)))
    for (const [at, reply] of replies.entries()) {
      assert.equal(reply?.status, 200)
      assert.equal(reply?.body.equals(await wanted(registry, three[at] as number)), true)
    }
    const found = await usage(a)
    assert.equal(found.limitBytes, limitBytes)
    assert.ok(found.bytes + found.writingBytes <= limitBytes, `${found.bytes} bytes are kept`)
  }
  const onDisk = Number((await mustRun('du', ['-sb', join(a.data, 'store', 'blobs')])).stdout.split('\t')[0])
  assert.ok(onDisk <= limitBytes + 256 * 4_096, `${onDisk} bytes are on the disk`)
  assert.equal((await pull(a, 23))?.source, 'store', 'what was used last is kept')
})

test('a full disk ends nothing: what is stored is served, room is made, and the node starts again', {
  ...needs('root'),
  timeout: 120_000,
}, async (t) => {
  const directory = await scratch(t, 'e2e-full')
  const disk = join(directory, 'disk')
  mkdirSync(disk)
  if ((await run('mount', ['-t', 'tmpfs', '-o', 'size=40m', 'tmpfs', disk])).code !== 0) {
    t.skip('this root may not mount')
    return
  }
  const registry = await packages(t, 24, MIB)
  const bytes = await Promise.all(Array.from({ length: 24 }, (_, index) => wanted(registry, index)))
  const fill = (): void => {
    for (const step of [MIB, 4_096]) {
      try {
        for (;;) appendFileSync(join(disk, 'filler'), Buffer.alloc(step))
      } catch {}
    }
  }
  const data = join(disk, 'node')
  const args = ['--upstream', `npm=${registry.url}`]
  const running: TestNode[] = []
  try {
    await onFullDisk()
  } finally {
    // Before `scratch` removes what is mounted.
    for (const each of running) await each.stop()
    await mustRun('umount', ['-l', disk])
  }

  async function onFullDisk(): Promise<void> {
    const first = await startNode({ data, args })
    running.push(first)
    for (let index = 0; index < 16; index++) assert.equal((await pull(first, index))?.status, 200)
    fill()
    const stored = await pull(first, 15)
    assert.ok(stored?.source === 'store' && stored.body.equals(bytes[15] as Buffer), 'what is there is served')
    for (let index = 16; index < 20; index++) {
      const reply = await pull(first, index)
      assert.ok(
        reply?.body.equals(bytes[index] as Buffer),
        `p${index}: ${reply?.status} ${reply?.body.subarray(0, 200)}`,
      )
    }
    fill()
    assert.equal(await first.stop(), 0)
    fill()
    const second = await startNode({ data, args })
    running.push(second)
    const again = await pull(second, 20)
    assert.ok(again?.body.equals(bytes[20] as Buffer), `${again?.status} ${again?.body.subarray(0, 200)}`)
    rmSync(join(disk, 'filler'))
    assert.ok(statSync(data).isDirectory())
    assert.deepEqual(((await second.json('cache', 'scrub')) as { damaged: string[] }).damaged, [])
  }
})
