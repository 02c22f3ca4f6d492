/** Two strangers who agree are one attacker: they cannot tell a node what an index or a tag says, whoever cannot be asked. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connected, scratch, startNode, type TestNode } from '../kit/node-process.ts'
import { type NpmRegistry, startNpmRegistry } from '../kit/npm-registry.ts'

const MANIFEST_TYPE = 'application/vnd.oci.image.index.v1+json'

interface ImageRegistry {
  readonly url: string
  readonly digest: string
  close(): Promise<void>
}

/** A registry that has `library/app:1`, an index without images, so that nothing else is needed. */
async function startImageRegistry(note: string): Promise<ImageRegistry> {
  const manifest = JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST_TYPE, manifests: [], annotations: { note } })
  const digest = `sha256:${createHash('sha256').update(manifest).digest('hex')}`
  const server: Server = createServer((req, res) => {
    if (!/^\/v2\/library\/app\/manifests\/(?:1|sha256:[0-9a-f]{64})$/.test(req.url ?? ''))
      return res.writeHead(404).end()
    res.writeHead(200, {
      'content-type': MANIFEST_TYPE,
      'content-length': Buffer.byteLength(manifest),
      'docker-content-digest': digest,
    })
    return res.end(req.method === 'HEAD' ? undefined : manifest)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    digest,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

interface Upstreams {
  readonly packages: NpmRegistry
  readonly images: ImageRegistry
}

async function upstreams(t: TestContext, text: string): Promise<Upstreams> {
  const packages = await startNpmRegistry([{ name: 'thing', version: '1.0.0', files: { 'index.js': text } }])
  t.after(() => packages.close())
  const images = await startImageRegistry(text)
  t.after(() => images.close())
  return { packages, images }
}

function flags({ packages, images }: Upstreams): string[] {
  return ['--upstream', `npm=${packages.url}`, '--upstream', `docker.io=${images.url}`]
}

async function ask(node: TestNode, what: 'index' | 'tag'): Promise<Response> {
  return what === 'index'
    ? await fetch(`${node.endpoints.npm}/thing`)
    : await fetch(`${node.endpoints.docker}/v2/library/app/manifests/1`, { headers: { accept: MANIFEST_TYPE } })
}

test('two strangers who agree cannot feed a node an index or a tag while its upstream is down; a trusted peer can', {
  timeout: 180_000,
}, async (t) => {
  const directory = await scratch(t, 'e2e-strangers')
  const start = async (name: string, ...args: string[]): Promise<TestNode> => {
    const node = await startNode({ data: join(directory, name), args })
    t.after(() => node.stop())
    return node
  }
  const evil = await upstreams(t, 'evil')
  const strangers = await Promise.all(['one', 'two'].map((name) => start(name, ...flags(evil))))
  for (const stranger of strangers) {
    for (const what of ['index', 'tag'] as const) assert.equal((await ask(stranger, what)).status, 200)
  }

  const good = await upstreams(t, 'good')
  await good.packages.down()
  await good.images.close()
  const peers = strangers.flatMap((stranger) => ['--peer', stranger.listen[0] as string])
  const victim = await start('victim', ...flags(good), ...peers)
  await Promise.all(strangers.map((stranger) => connected(victim, stranger.peerId)))
  const index = await ask(victim, 'index')
  assert.equal(index.status, 424)
  assert.match(await index.text(), /no reply from/)
  const tag = await ask(victim, 'tag')
  assert.equal(tag.status, 404)
  assert.doesNotMatch(await tag.text(), new RegExp(evil.images.digest))

  const trusting = await start('trusting', ...flags(good), ...peers, '--trust-peer', strangers[0]?.peerId as string)
  await Promise.all(strangers.map((stranger) => connected(trusting, stranger.peerId)))
  assert.match(await (await ask(trusting, 'index')).text(), /"thing"/)
  assert.equal((await ask(trusting, 'tag')).headers.get('docker-content-digest'), evil.images.digest)
})
