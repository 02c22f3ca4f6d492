/** What leaves a node towards its peers, and what a peer's lie or a crash does not do to a client. Stock HTTP is client enough. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { connected, scratch, startNode, type TestNode } from '../kit/node-process.ts'
import { type NpmRegistry, startNpmRegistry } from '../kit/npm-registry.ts'
import { until } from '../kit/process.ts'

const PATH = '/big/-/big-1.0.0.tgz'

/** A registry with one package whose tarball has some `megabytes` that do not compress. */
async function bigPackage(t: { after(fn: () => Promise<unknown>): void }, megabytes: number): Promise<NpmRegistry> {
  const registry = await startNpmRegistry([
    { name: 'big', version: '1.0.0', files: { 'data.bin': randomBytes(megabytes * 1_048_576) } },
  ])
  t.after(() => registry.close())
  return registry
}

async function integrity(registry: NpmRegistry): Promise<string> {
  const packument = (await (await fetch(`${registry.url}/big`)).json()) as {
    versions: Record<string, { dist: { integrity: string } }>
  }
  return packument.versions['1.0.0']?.dist.integrity ?? ''
}

/** The tarball as npm asks for it: with the integrity of its lockfile. */
async function ask(node: TestNode, sri: string): Promise<{ status: number; sri: string }> {
  const reply = await fetch(`${node.endpoints.npm}${PATH}`.replace(/([^:])\/\//, '$1/'), {
    headers: { 'pacote-integrity': sri, 'user-agent': 'npm/11.0.0 node/v24.0.0 linux x64' },
  })
  const body = Buffer.from(await reply.arrayBuffer())
  return { status: reply.status, sri: `sha512-${createHash('sha512').update(body).digest('base64')}` }
}

test('blobs of an upstream with share = none are neither announced nor served to a peer that asks for the digest', {
  timeout: 120_000,
}, async (t) => {
  const directory = await scratch(t, 'e2e-share')
  const registry = await bigPackage(t, 2)
  const sri = await integrity(registry)
  const node = async (name: string, share: string, ...args: string[]): Promise<TestNode> => {
    const config = join(directory, `${name}.toml`)
    writeFileSync(config, `[upstream.npm]\nurl = "${registry.url}"\nshare = "${share}"\n`)
    const started = await startNode({ data: join(directory, name), args: ['--config', config, ...args] })
    t.after(() => started.stop())
    return started
  }
  const a = await node('a', 'none')
  const b = await node('b', 'none', '--peer', a.listen[0] as string)
  const open = await node('open', 'network', '--peer', a.listen[0] as string)
  for (const holder of [a, b]) assert.deepEqual(await ask(holder, sri), { status: 200, sri })
  const bystander = await node('bystander', 'network', '--peer', a.listen[0] as string)
  for (const other of [a, b, open]) await connected(bystander, other.peerId)
  await registry.down()
  assert.notEqual((await ask(bystander, sri)).status, 200, 'two holders that do not share are no source')
  await registry.up()
  assert.deepEqual(await ask(open, sri), { status: 200, sri })
  await registry.down()
  await until('the bystander to find the one that shares', async () => (await ask(bystander, sri)).sri === sri)
})

test('kill -9 in the middle of a pull, restart, pull again: whole and right', { timeout: 120_000 }, async (t) => {
  const directory = await scratch(t, 'e2e-kill')
  const registry = await bigPackage(t, 12)
  const sri = await integrity(registry)
  const options = { data: join(directory, 'node'), args: ['--upstream', `npm=${registry.url}`] }
  const first = await startNode(options)
  t.after(() => first.stop('SIGKILL'))
  registry.throttle(8_000_000)
  const broken = ask(first, sri)
  broken.catch(() => undefined)
  await until('the transfer to be under way', async () => {
    const { traffic } = (await first.json('status')) as { traffic: { transfers: Array<{ bytes: number }> } }
    return traffic.transfers.some((each) => each.bytes > 1_000_000)
  })
  await first.stop('SIGKILL')
  await assert.rejects(broken, 'the client sees a broken transfer, never a short file')
  registry.throttle(undefined)
  const second = await startNode(options)
  t.after(() => second.stop())
  assert.deepEqual(await ask(second, sri), { status: 200, sri })
  await registry.down()
  assert.deepEqual(await ask(second, sri), { status: 200, sri }, 'it is in the store now')
})
