/** containerd, podman and skopeo pull through a node: `?ns=`, hosts.toml, and `/v2/<registry-host>/<repository>/`. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pushImage, startDockerd } from '../kit/dockerd.ts'
import { type Hub, startHub } from '../kit/hub.ts'
import { needs } from '../kit/needs.ts'
import { scratch, startNode, type TestNode } from '../kit/node-process.ts'
import { mustRun, run, start, until } from '../kit/process.ts'

interface World {
  readonly directory: string
  readonly hub: Hub
  readonly digest: string
  readonly node: TestNode
}

/** One stand-in serves as docker.io and as ghcr.io; a node that knows both. */
async function world(t: { after(fn: () => Promise<unknown>): void }): Promise<World> {
  const directory = await scratch(t, 'e2e-oci')
  const ends: Array<() => Promise<unknown>> = []
  t.after(async () => {
    for (const end of ends.reverse()) await end()
  })
  const hub = await startHub(join(directory, 'hub'))
  ends.push(() => hub.close())
  const maker = await startDockerd({ directory: join(directory, 'maker'), mirrors: [] })
  const reference = `${hub.registry}/library/app:1`
  const digest = await pushImage(maker, { directory, reference, layers: 2, layerBytes: 1_000_000, says: 'hi' })
  await maker.stop()
  const args = ['--upstream', `docker.io=${hub.url}`, '--upstream', `ghcr.io=${hub.url}`]
  const node = await startNode({ data: join(directory, 'node'), args })
  ends.push(() => node.stop())
  return { directory, hub, digest, node }
}

test('containerd pulls docker.io and ghcr.io images through one hosts.toml', {
  ...needs('root', 'dockerd', 'docker-registry', 'openssl', 'busybox', 'containerd', 'ctr'),
  timeout: 180_000,
}, async (t) => {
  const { directory, digest, node } = await world(t)
  const hosts = join(directory, 'certs.d')
  mkdirSync(join(hosts, '_default'), { recursive: true })
  const toml = `[host."${node.endpoints.docker}"]\n  capabilities = ["pull", "resolve"]\n`
  writeFileSync(join(hosts, '_default/hosts.toml'), toml)
  const address = join(directory, 'containerd.sock')
  writeFileSync(
    join(directory, 'containerd.toml'),
    `version = 2\nroot = "${directory}/ctr-root"\nstate = "${directory}/ctr-state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\n  address = "${address}"\n`,
  )
  const daemon = start('containerd', ['--config', join(directory, 'containerd.toml')])
  t.after(() => daemon.stop())
  const ctr = (...args: string[]) => run('ctr', ['--address', address, ...args])
  await until('containerd to answer', async () => (await ctr('version')).code === 0)
  for (const name of ['docker.io/library/app:1', 'ghcr.io/library/app:1']) {
    const pulled = await ctr('images', 'pull', '--hosts-dir', hosts, name)
    assert.equal(pulled.code, 0, pulled.stderr)
    assert.match((await ctr('images', 'ls', `name==${name}`)).stdout, new RegExp(digest))
  }
})

test('podman pulls through a mirror, skopeo through the path of a registry host', {
  ...needs('root', 'dockerd', 'docker-registry', 'openssl', 'busybox', 'podman', 'skopeo'),
  timeout: 180_000,
}, async (t) => {
  const { directory, hub, digest, node } = await world(t)
  const location = new URL(node.endpoints.docker as string).host
  const conf = join(directory, 'registries.conf')
  writeFileSync(
    conf,
    `unqualified-search-registries = ["docker.io"]\n[[registry]]\nprefix = "docker.io"\nlocation = "docker.io"\n[[registry.mirror]]\nlocation = "${location}"\ninsecure = true\n`,
  )
  const env = { CONTAINERS_REGISTRIES_CONF: conf }
  const storage = [
    '--root',
    join(directory, 'podman'),
    '--runroot',
    join(directory, 'podman-run'),
    '--storage-driver',
    'vfs',
  ]
  await mustRun('podman', [...storage, 'pull', 'docker.io/library/app:1'], { env })
  const shown = await mustRun('podman', [...storage, 'image', 'inspect', 'docker.io/library/app:1'], { env })
  assert.ok(shown.stdout.includes(digest))

  const target = `docker://${location}/ghcr.io/library/app:1`
  const inspected = await mustRun('skopeo', ['inspect', '--tls-verify=false', target])
  assert.equal((JSON.parse(inspected.stdout) as { Digest: string }).Digest, digest)
  await mustRun('skopeo', ['copy', '--src-tls-verify=false', target, `dir:${join(directory, 'copied')}`])
  const blobs = hub.requests.filter((each) => each.method === 'GET' && /^\/v2\/.*\/blobs\//.test(each.path))
  assert.equal(new Set(blobs.map((each) => each.path)).size, blobs.length, 'no blob leaves the hub twice')
  const unknown = await run('skopeo', ['inspect', '--tls-verify=false', `docker://${location}/evil.example.com/app:1`])
  assert.notEqual(unknown.code, 0, 'a registry that is not configured is not asked')
})
