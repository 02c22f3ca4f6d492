/** Two strangers who agree are one attacker: they cannot tell a node what an index or a tag says, whoever cannot be asked. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type BadRegistry, startBadRegistry } from '../kit/bad-registry.ts'
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
  readonly documents: BadRegistry
}

/** Documents of the other ecosystems, each with a word by which it is known again: where upstream has it, where clients ask. */
const DOCUMENTS = [
  {
    endpoint: 'pypi',
    path: '/thing/',
    type: 'application/vnd.pypi.simple.v1+json',
    body: (word: string) =>
      JSON.stringify({
        meta: { 'api-version': '1.0' },
        name: 'thing',
        files: [
          { filename: `thing-1.0+${word}-py3-none-any.whl`, url: '../x.whl', hashes: { sha256: 'ab'.repeat(32) } },
        ],
      }),
  },
  {
    endpoint: 'maven',
    path: '/org/sample/thing/maven-metadata.xml',
    type: 'text/xml',
    body: (word: string) =>
      `<metadata><groupId>org.sample</groupId><artifactId>thing</artifactId><versioning><versions><version>1.0-${word}</version></versions></versioning></metadata>`,
  },
  {
    endpoint: 'maven',
    path: '/org/sample/thing/1.0/thing-1.0.pom',
    type: 'text/xml',
    body: (word: string) => `<project><description>${word}</description></project>`,
  },
  {
    endpoint: 'gem',
    path: '/info/thing',
    type: 'text/plain',
    body: (word: string) => `---\n1.0.0.${word} |checksum:${'ab'.repeat(32)}\n`,
  },
] as const

function publishAll(documents: BadRegistry, word: string): void {
  for (const { path, type, body } of DOCUMENTS) {
    documents.publish(path, { type, body: body(word) })
    const sha1 = createHash('sha1').update(body(word)).digest('hex')
    documents.publish(`${path}.sha1`, { type: 'text/plain', body: sha1 })
  }
}

async function upstreams(t: TestContext, text: string): Promise<Upstreams> {
  const packages = await startNpmRegistry([{ name: 'thing', version: '1.0.0', files: { 'index.js': text } }])
  t.after(() => packages.close())
  const images = await startImageRegistry(text)
  t.after(() => images.close())
  const documents = await startBadRegistry()
  t.after(() => documents.close())
  publishAll(documents, text)
  return { packages, images, documents }
}

function flags({ packages, images, documents }: Upstreams): string[] {
  const others = ['pypi', 'maven', 'rubygems'].map((name) => `${name}=${documents.url}`)
  return [`npm=${packages.url}`, `docker.io=${images.url}`, ...others].flatMap((each) => ['--upstream', each])
}

async function askAll(
  node: TestNode,
): Promise<Array<{ readonly what: string; readonly status: number; readonly text: string }>> {
  return await Promise.all(
    DOCUMENTS.map(async ({ endpoint, path, type }) => {
      const reply = await fetch(`${node.endpoints[endpoint]?.replace(/\/+$/, '')}${path}`, {
        headers: { accept: type },
      })
      return { what: path, status: reply.status, text: await reply.text() }
    }),
  )
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
    for (const { what, status, text } of await askAll(stranger)) assert.equal(status, 200, `${what}: ${text}`)
  }

  const good = await upstreams(t, 'good')
  await good.packages.down()
  await good.images.close()
  await good.documents.close()
  const peers = strangers.flatMap((stranger) => ['--peer', stranger.listen[0] as string])
  const victim = await start('victim', ...flags(good), ...peers)
  await Promise.all(strangers.map((stranger) => connected(victim, stranger.peerId)))
  const index = await ask(victim, 'index')
  assert.equal(index.status, 424)
  assert.match(await index.text(), /no reply from/)
  const tag = await ask(victim, 'tag')
  assert.equal(tag.status, 404)
  assert.doesNotMatch(await tag.text(), new RegExp(evil.images.digest))
  for (const { what, status, text } of await askAll(victim)) {
    assert.ok(status >= 500 || status === 424, `${what}: ${status} ${text}`)
    assert.doesNotMatch(text, /evil/, what)
  }

  const trusting = await start('trusting', ...flags(good), ...peers, '--trust-peer', strangers[0]?.peerId as string)
  await Promise.all(strangers.map((stranger) => connected(trusting, stranger.peerId)))
  assert.match(await (await ask(trusting, 'index')).text(), /"thing"/)
  assert.equal((await ask(trusting, 'tag')).headers.get('docker-content-digest'), evil.images.digest)
  for (const { what, status, text } of await askAll(trusting)) {
    assert.equal(status, 200, `${what}: ${text}`)
    assert.match(text, /evil/, what)
  }
})
