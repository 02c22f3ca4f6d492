import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connectNode } from './node-api.ts'

function directory(t: TestContext, files: Readonly<Record<string, string>>): string {
  const made = mkdtempSync(join(tmpdir(), 'pyrsia-cli-'))
  t.after(() => rmSync(made, { recursive: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(made, name), text)
  return made
}

async function node(t: TestContext, status: number, body: string): Promise<{ api: string; seen: IncomingMessage[] }> {
  const seen: IncomingMessage[] = []
  const server = createServer((request, response) => {
    seen.push(request)
    response.statusCode = status
    response.end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return { api: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

test('connectNode() says how to start a node where none runs', async (t) => {
  await assert.rejects(connectNode(directory(t, {})), { code: 'unavailable.node', message: /pyrsia start/ })
  const gone = directory(t, { 'node.json': '{"api":"http://127.0.0.1:1"}' })
  await assert.rejects((await connectNode(gone)).get('/api/ping'), { code: 'unavailable.node' })
})

test('connectNode() never takes the token to another machine, whatever node.json says', async (t) => {
  for (const api of ['http://192.0.2.1:7889', 'https://127.0.0.1:1', 'http://localhost.example.com/', 'nonsense', 5]) {
    const found = directory(t, { 'node.json': JSON.stringify({ api }), 'api-token': 'secret' })
    await assert.rejects(connectNode(found), { code: 'unavailable.node' }, String(api))
  }
})

test('connectNode() carries the token only where something changes', async (t) => {
  const { api, seen } = await node(t, 200, '{}')
  const found = await connectNode(directory(t, { 'node.json': JSON.stringify({ api }), 'api-token': 'secret\n' }))
  await found.get('/api/cache', { limit: '5', after: undefined })
  await found.change('DELETE', '/api/cache/pin', { query: { name: 'a b' } })
  assert.deepEqual(
    seen.map(({ method, url, headers }) => [method, url, headers.authorization]),
    [
      ['GET', '/api/cache?limit=5', undefined],
      ['DELETE', '/api/cache/pin?name=a+b', 'Bearer secret'],
    ],
  )
})

test("connectNode() gives the node's own error code, and distrusts a reply that has none", async (t) => {
  const cases = [
    [404, '{"error":{"code":"absent.blob","message":"no blob"}}', 'absent.blob'],
    [500, '{"error":{"code":"made.up","message":"x"}}', 'untrusted.reply'],
    [200, 'not json', 'untrusted.reply'],
  ] as const
  for (const [status, body, code] of cases) {
    const { api } = await node(t, status, body)
    const found = await connectNode(directory(t, { 'node.json': JSON.stringify({ api }) }))
    await assert.rejects(found.get('/api/ping'), { code })
  }
})

test('connectNode() refuses to change a node whose token it cannot read', async (t) => {
  const { api, seen } = await node(t, 200, '{}')
  const found = await connectNode(directory(t, { 'node.json': JSON.stringify({ api }) }))
  await assert.rejects(found.change('POST', '/api/cache/gc'), { code: 'denied.token' })
  assert.equal(seen.length, 0)
})
