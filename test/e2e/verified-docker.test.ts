/**
 * A witnessed image from submission to dockerd: an authority, four builders of which one lies, a real registry behind Docker Hub's ways, and
 * the stock daemon. Images are not rebuilt: the verdict says what the builders saw.
 */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { pushImage, startDockerd } from '../kit/dockerd.ts'
import { startHub } from '../kit/hub.ts'
import { needs } from '../kit/needs.ts'
import { scratch } from '../kit/node-process.ts'
import { provesOffline } from '../kit/offline-proof.ts'
import { startRealNetwork } from '../kit/real-network.ts'
import { ENFORCE } from '../kit/verdict-node.ts'

const MANIFESTS = 'application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json'
const OPTIONS = {
  ...needs('root', 'dockerd', 'docker-registry', 'openssl', 'busybox', 'bubblewrap', 'git'),
  timeout: 900_000,
}

test(
  'an image goes from a request to a verdict "witnessed", to dockerd and to a proof that holds offline',
  OPTIONS,
  async (t) => {
    const directory = await scratch(t, 'e2e-verified-docker')
    // Not left to t.after: the scratch folder goes first, and a daemon holds on to it.
    await using ends = new AsyncDisposableStack()
    const hub = ends.adopt(await startHub(join(directory, 'hub')), (server) => server.close())
    const daemon = ends.adopt(await startDockerd({ directory: join(directory, 'dockerd'), mirrors: [] }), (one) =>
      one.stop(),
    )
    for (const tag of ['1', '2']) {
      const image = { directory, layers: 1, layerBytes: 65_536, says: `image ${tag}` }
      await pushImage(daemon, { ...image, reference: `${hub.registry}/library/app:${tag}` })
    }
    const upstreams = { 'docker.io': hub.url }
    const network = ends.use(
      await startRealNetwork({ directory, builders: 4, liars: 1, type: 'docker', upstreams, args: ['--fresh', '0s'] }),
    )
    await writeFile(join(network.node().data, 'policy.toml'), `${ENFORCE}accept = ["witnessed"]\n`)
    await network.node().json('policy', 'reload')
    const host = new URL(network.node().endpoints.docker ?? '').host

    await t.test('three resolved the tag and read its layers themselves, and one that lies is outvoted', async () => {
      const asked = await network.ask('app:1')
      const { verdict, purl } = await network.decided(asked.id)
      const entries = (await network.entries(purl)).map((entry) => JSON.stringify(entry).slice(0, 1_500)).join('\n')
      assert.deepEqual([verdict?.outcome, verdict?.agreed.length], ['witnessed', 3], entries)
      assert.ok(!verdict?.agreed.includes(network.liars[0] ?? ''))
    })

    await t.test('dockerd pulls what was witnessed, and its user reads why another tag is refused', async () => {
      const pulled = await daemon.docker('pull', `${host}/library/app:1`)
      assert.equal(pulled.code, 0, pulled.stderr)
      const refused = await daemon.docker('pull', `${host}/library/app:2`)
      assert.notEqual(refused.code, 0)
      assert.match(refused.stderr, /library\/app:2 has no verdict in the log/)
    })

    await t.test('a proof and what builders signed hold offline, with nothing but network.json', async () => {
      const reply = await fetch(`http://${hub.registry}/v2/library/app/manifests/1`, { headers: { accept: MANIFESTS } })
      const bytes = Buffer.from(await reply.arrayBuffer())
      await provesOffline({ network, directory, purl: 'pkg:docker/app@1', name: 'app-1', bytes, summarised: false })
    })
  },
)
