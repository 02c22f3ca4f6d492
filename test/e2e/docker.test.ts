/** dockerd, unmodified but for `registry-mirrors`, pulls through nodes: the first promise of the README. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Dockerd, pushImage, startDockerd } from '../kit/dockerd.ts'
import { HUB_USER, type Hub, startHub } from '../kit/hub.ts'
import { needs } from '../kit/needs.ts'
import { connected, scratch, startNode, type TestNode } from '../kit/node-process.ts'

const TOOLS = needs('root', 'dockerd', 'docker-registry', 'openssl', 'busybox')
const HUB_HOST = '127.0.0.77'
const HELLO = 'hello from the image'

interface World {
  readonly directory: string
  readonly hub: Hub
  readonly digest: string
  node(name: string, ...args: string[]): Promise<TestNode>
  daemon(name: string, mirror: string | undefined, options?: { readonly login?: boolean }): Promise<Dockerd>
}

/** A stand-in Docker Hub with `library/app:1` (four layers and more) and `private/app:1`; whatever is started here is ended. */
async function world(t: { after(fn: () => Promise<unknown>): void }): Promise<World> {
  const directory = await scratch(t, 'e2e-docker')
  const ends: Array<() => Promise<unknown>> = []
  t.after(async () => {
    for (const end of ends.reverse()) await end()
  })
  const hub = await startHub(join(directory, 'hub'))
  ends.push(() => hub.close())
  await hub.listenTls(HUB_HOST)
  const maker = await startDockerd({ directory: join(directory, 'maker'), mirrors: [] })
  const image = { directory, layers: 4, layerBytes: 3_000_000, says: HELLO }
  const digest = await pushImage(maker, { ...image, reference: `${hub.registry}/library/app:1` })
  await pushImage(maker, { ...image, layers: 1, reference: `${hub.registry}/private/app:1`, says: 'secret' })
  await maker.stop()
  return {
    directory,
    hub,
    digest,
    async node(name, ...args) {
      const node = await startNode({ data: join(directory, name), args })
      ends.push(() => node.stop())
      return node
    },
    async daemon(name, mirror, { login = false } = {}) {
      const daemon = await startDockerd({
        directory: join(directory, name),
        mirrors: mirror === undefined ? [] : [mirror],
        hub: { host: HUB_HOST, certificate: hub.certificate },
        ...(login ? { auth: HUB_USER } : {}),
      })
      ends.push(() => daemon.stop())
      return daemon
    },
  }
}

/** Requests that a node's registry ports have answered so far. */
async function registryRequests(node: TestNode): Promise<number> {
  const text = await (await fetch(`${node.endpoints.api}/metrics`)).text()
  return [...text.matchAll(/^pyrsia_requests_total(?:\{[^}]*\})? (\d+)/gm)].reduce(
    (sum, row) => sum + Number(row[1]),
    0,
  )
}

test('an image that node A pulled is pulled by tag through B, which trusts A, with Docker Hub stopped', {
  ...TOOLS,
  timeout: 300_000,
}, async (t) => {
  const { hub, digest, node, daemon } = await world(t)
  const upstream = ['--upstream', `docker.io=${hub.url}`]
  const a = await node('a', ...upstream)
  const first = await daemon('first', a.endpoints.docker)
  await first.must('pull', 'app:1')
  assert.equal(await first.must('run', '--rm', '--network', 'none', 'app:1'), HELLO)
  const asked = hub.requests.filter((each) => each.method === 'GET' && each.path.startsWith('/v2/library/app/'))
  const blobs = asked.filter((each) => each.path.includes('/blobs/')).map((each) => each.path)
  assert.ok(blobs.length >= 6, `a config and at least five layers, found ${blobs.length}`)
  assert.deepEqual(blobs, [...new Set(blobs)], 'each blob leaves Docker Hub once')

  const b = await node('b', ...upstream, '--peer', a.listen[0] as string, '--trust-peer', a.peerId)
  const c = await node('c', ...upstream, '--peer', a.listen[0] as string)
  await Promise.all([connected(b, a.peerId), connected(c, a.peerId)])
  await hub.down()
  const before = await registryRequests(a)
  assert.ok(before > 0, 'the metric counts')
  const second = await daemon('second', b.endpoints.docker)
  await second.must('pull', 'app:1')
  assert.equal(await second.must('run', '--rm', '--network', 'none', 'app:1'), HELLO)
  assert.equal(await registryRequests(a), before, "A's registry ports were never asked")

  const third = await daemon('third', c.endpoints.docker)
  const byTag = await third.docker('pull', 'app:1')
  assert.notEqual(byTag.code, 0, 'a stranger cannot say what a tag means')
  await third.must('pull', `app@${digest}`)
  assert.equal(await third.must('run', '--rm', '--network', 'none', `app@${digest}`), HELLO)
})

test('what the node cannot give, dockerd gets past it as before: unknown and private images, pushes, a node that is down', {
  ...TOOLS,
  timeout: 300_000,
}, async (t) => {
  const { hub, node, daemon } = await world(t)
  const offline = await node('offline', '--offline')
  const plain = await daemon('plain', offline.endpoints.docker)
  await plain.must('pull', 'app:1')
  assert.equal(
    await plain.must('run', '--rm', '--network', 'none', 'app:1'),
    HELLO,
    'an unknown image comes from the hub',
  )
  await offline.stop()
  await plain.must('rmi', 'app:1')
  await plain.must('pull', 'app:1')

  const a = await node('a', '--upstream', `docker.io=${hub.url}`)
  const user = await daemon('user', a.endpoints.docker, { login: true })
  await user.must('pull', 'private/app:1')
  assert.equal(await user.must('run', '--rm', '--network', 'none', 'private/app:1'), 'secret')
  const cache = await a.cli('cache', 'ls', '--json')
  assert.equal(cache.code, 0, cache.stderr)
  assert.ok(!cache.stdout.includes('private/app'), 'a private image leaves nothing in the node')
  await user.must('tag', 'private/app:1', 'alice/mine:1')
  await user.must('push', 'alice/mine:1')
  assert.ok(hub.requests.some((each) => each.method === 'PUT' && each.path.startsWith('/v2/alice/mine/manifests/')))
})
