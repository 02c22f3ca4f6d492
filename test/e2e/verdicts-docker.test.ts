/** What dockerd pulls from a node by its address, and what its user reads, where the log decides: images are witnessed, not rebuilt. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { pushImage, startDockerd } from '../kit/dockerd.ts'
import { startHub } from '../kit/hub.ts'
import { testHead, testRevocation, testVerdict } from '../kit/log-entries.ts'
import { needs } from '../kit/needs.ts'
import { scratch } from '../kit/node-process.ts'
import { ENFORCE, startVerdictNode } from '../kit/verdict-node.ts'

const MANIFESTS = 'application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json'
const ACCEPTING = `${ENFORCE}accept = ["witnessed"]\n`

test('dockerd pulls what was witnessed if the rules say so, and its user reads why not', {
  ...needs('root', 'dockerd', 'docker-registry', 'openssl', 'busybox'),
  timeout: 180_000,
}, async (t) => {
  const directory = await scratch(t, 'e2e-verdicts-docker')
  // Not left to t.after: the scratch folder goes first, and a daemon holds on to it.
  await using ends = new AsyncDisposableStack()
  const hub = await startHub(join(directory, 'hub'))
  ends.defer(() => hub.close())
  const daemon = await startDockerd({ directory: join(directory, 'dockerd'), mirrors: [] })
  ends.defer(async () => void (await daemon.stop()))
  for (const tag of ['1', '2', '3']) {
    const image = { directory, layers: 1, layerBytes: 65_536, says: `image ${tag}` }
    await pushImage(daemon, { ...image, reference: `${hub.registry}/library/app:${tag}` })
  }
  const manifestOf = async (tag: string): Promise<Buffer> => {
    const reply = await fetch(`http://${hub.registry}/v2/library/app/manifests/${tag}`, {
      headers: { accept: MANIFESTS },
    })
    return Buffer.from(await reply.arrayBuffer())
  }
  const witnessed = async (tag: string, expiresSeconds: number) =>
    testVerdict({
      purl: `pkg:docker/app@${tag}`,
      outcome: 'witnessed',
      expiresSeconds,
      files: [{ name: 'manifest', bytes: await manifestOf(tag) }],
    })
  const nowSeconds = Math.floor(Date.now() / 1000)
  const entries = [
    testHead(),
    await witnessed('1', nowSeconds + 86_400),
    await witnessed('2', nowSeconds - 60),
    testRevocation('pkg:docker/app@3', [], 'mines coins'),
  ]
  const args = ['--upstream', `docker.io=${hub.url}`]
  const here = await startVerdictNode(t, { name: 'e2e-verdicts-docker', args, rules: ENFORCE, entries })
  const host = () => new URL(here.node().endpoints.docker ?? '').host
  const pull = (tag: string) => daemon.docker('pull', `${host()}/library/app:${tag}`)
  const tags = async () => {
    const reply = await fetch(`${here.node().endpoints.docker}/v2/library/app/tags/list`)
    return { tags: ((await reply.json()) as { tags: string[] }).tags, warning: reply.headers.get('warning') ?? '' }
  }

  await t.test('a witnessed image is refused where only rebuilt ones count', async () => {
    const refused = await pull('1')
    assert.notEqual(refused.code, 0)
    assert.match(refused.stderr, /denied: library\/app:1 is witnessed, and this node serves only what was rebuilt/)
  })

  await t.test(
    'it is pulled with accept = ["witnessed"], its layers with it, and not when its verdict has expired',
    async () => {
      await here.rules(ACCEPTING)
      const pulled = await pull('1')
      assert.equal(pulled.code, 0, pulled.stderr)
      const expired = await pull('2')
      assert.notEqual(expired.code, 0)
      assert.match(expired.stderr, /library\/app:2 is what no verdict holds for any longer/)
    },
  )

  await t.test('the list of tags has those that would be given, and says why the others are not there', async () => {
    const strict = await tags()
    assert.deepEqual(strict.tags, ['1'])
    assert.match(strict.warning, /^299 - "held back by the policy of this node: library\/app:3 is revoked.*also 2"$/)
    await here.rules('')
    assert.deepEqual((await tags()).tags.toSorted(), ['1', '2'], 'by default the revoked one alone is gone')
  })

  await t.test('a revoked image is refused whatever the rules', async () => {
    const revoked = await pull('3')
    assert.notEqual(revoked.code, 0)
    assert.match(revoked.stderr, /library\/app:3 is revoked: .*mines coins/)
  })
})
