/** A log travels between real nodes on loopback: over the data plane, by gossip and by HTTP, in full and light. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { LogView, StatusView } from '../../src/http/http.ts'
import { appendTestEntries, joinTestNetwork, makeTestNetwork } from '../kit/network-log.ts'
import { scratch, startNode, type TestNode } from '../kit/node-process.ts'
import { until } from '../kit/process.ts'

const ORIGIN = 'log.acme.example'

async function node(t: TestContext, data: string, ...args: string[]): Promise<TestNode> {
  const started = await startNode({ data, args })
  t.after(() => started.stop())
  return started
}

async function logOf(of: TestNode): Promise<LogView> {
  return ((await of.json('status')) as StatusView).log
}

/** The view of a node's log as soon as it has so many entries. */
function hasEntries(of: TestNode, size: number): Promise<LogView> {
  return until(`${of.data} to have ${size} entries of the log`, async () => {
    const log = await logOf(of)
    return log.checkpoint?.size === size ? log : undefined
  })
}

async function file(base: string, path: string): Promise<Buffer> {
  const reply = await fetch(`${base}/log/${path}`)
  assert.equal(reply.status, 200, path)
  return Buffer.from(await reply.arrayBuffer())
}

test('a log reaches nodes over the data plane and by HTTP, in full and light, and grows there', {
  timeout: 180_000,
}, async (t) => {
  const directory = await scratch(t, 'e2e-log')
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => join(directory, name)) as [string, string, string, string]
  await makeTestNetwork(a, ORIGIN)
  for (const other of [b, c, d]) await joinTestNetwork(other, a)
  await appendTestEntries(a, 700)
  const author = await node(t, a, '--log-listen', '127.0.0.1:0', '--witness')
  const peer = author.listen[0] as string
  const http = author.endpoints.log as string
  await until('the author to have asked for what it cosigned before, and to cosign', async () => {
    return (await logOf(author)).checkpoint?.cosigners.length === 1 || undefined
  })

  const full = await node(t, b, '--peer', peer)
  const byHttp = await node(t, c, '--log-source', `${http}/log`)
  const light = await node(t, d, '--peer', peer, '--log', 'light')
  for (const reader of [full, byHttp, light]) {
    const view = await hasEntries(reader, 700)
    assert.deepEqual([view.origin, view.writes, view.solo, view.notes], [ORIGIN, false, false, []])
  }
  const paths = ['checkpoint', 'tile/0/000', 'tile/0/002.p/188', 'tile/1/000.p/2', 'tile/entries/002.p/188']
  for (const path of paths) {
    const wanted = await file(http, path)
    for (const reader of [full, byHttp]) {
      assert.ok((await file(reader.endpoints.api as string, path)).equals(wanted), path)
    }
  }
  // A light copy has the checkpoint and no files, and proves entries out of what others give it.
  assert.ok((await file(light.endpoints.api as string, 'checkpoint')).equals(await file(http, 'checkpoint')))
  assert.equal((await fetch(`${light.endpoints.api}/log/tile/0/000`)).status, 404)
  const proof = join(directory, 'proof.json')
  const proved = await light.cli('proof', '5', '-o', proof)
  assert.match(proved.stdout, /Proved entry 5 of 700/, proved.stderr)
  const verified = await author.cli('verify', '--proof', proof)
  assert.match(verified.stdout, /^Yes: the log holds these entries/, verified.stderr)

  assert.equal((await fetch(`${http}/api/status`)).status, 404, 'the port for outsiders has nothing but the log')

  // The witness has cosigned its own log already, and says where it is.
  const request = Buffer.concat([Buffer.from('old 0\n\n'), await file(http, 'checkpoint')])
  const answer = await fetch(`${http}/add-checkpoint`, { method: 'POST', body: request })
  assert.deepEqual([answer.status, await answer.text()], [409, '700\n'])
  assert.equal(answer.headers.get('content-type'), 'text/x.tlog.size')

  // The log grows while its readers are away: what they have is built on, and nothing is taken back.
  for (const one of [full, byHttp, light, author]) await one.stop()
  await appendTestEntries(a, 300)
  const again = await node(t, a, '--log-listen', '127.0.0.1:0')
  const grown = await node(t, b, '--peer', again.listen[0] as string)
  const second = await node(t, d, '--peer', again.listen[0] as string, '--log', 'light')
  await hasEntries(grown, 1_000)
  await hasEntries(second, 1_000)
  assert.equal((await fetch(`${again.endpoints.log}/add-checkpoint`, { method: 'POST', body: request })).status, 404)
})

test('the log of a node that is on its own is served on this machine alone', { timeout: 60_000 }, async (t) => {
  const directory = await scratch(t, 'e2e-solo-log')
  const solo = await node(t, join(directory, 'solo'))
  const view = await logOf(solo)
  assert.deepEqual([view.solo, view.writes, view.checkpoint?.size, view.notes], [true, true, 0, []])
  assert.match((await file(solo.endpoints.api as string, 'checkpoint')).toString(), /^local\//)
  assert.equal(solo.endpoints.log, undefined)
  const status = await solo.cli('status')
  assert.match(
    status.stdout,
    /Log +local\/[0-9a-f]{32}, written here, a network of this node alone\n +0 entries, cosigned by 1/,
  )
})
