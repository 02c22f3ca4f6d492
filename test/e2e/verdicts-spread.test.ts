/**
 * How soon what is said of a package reaches a node that has it in its cache: a revocation and a dispute, ordered by the authority, at a
 * node that is connected with it. The builders' results are told by the test, under their keys; no package is built.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { DisputeBody } from '../../src/base/entries/transaction.ts'
import { type AttackedNetwork, resultOf, voicesOf } from '../kit/attacked-network.ts'
import { connected, scratch, startNode, type TestNode } from '../kit/node-process.ts'
import { type NpmRegistry, startNpmRegistry } from '../kit/npm-registry.ts'
import { until } from '../kit/process.ts'
import { say } from '../kit/running-network.ts'
import { makeTrustNetwork } from '../kit/trust-network.ts'

/** What the design allows. */
const SPREAD_MS = 10_000
const RULES = { commitSeconds: 30, revealSeconds: 60 }

interface World {
  readonly registry: NpmRegistry
  readonly authority: TestNode
  /** Connected with the authority; serves. */
  readonly node: TestNode
  readonly voices: AttackedNetwork
  tarball(name: string): Promise<Buffer>
  /** What a client gets of the file at the node. */
  get(name: string): Promise<{ readonly status: number; readonly text: string }>
}

async function world(t: TestContext): Promise<World> {
  const registry = await startNpmRegistry(['withdrawn', 'doubted'].map((name) => ({ name, version: '1.0.0' })))
  t.after(() => registry.close())
  const network = await makeTrustNetwork(await scratch(t, 'e2e-spread'), { builders: 6, rules: RULES })
  const start = async (data: string, ...args: string[]): Promise<TestNode> => {
    const started = await startNode({ data, args })
    t.after(() => started.stop())
    return started
  }
  const authority = await start(network.authority, '--offline', '--authority')
  const upstream = ['--upstream', `npm=${registry.url}`, '--fresh', '0s']
  const node = await start(await network.outsider('node'), '--peer', authority.listen[0] ?? '', ...upstream)
  await connected(node, authority.peerId)
  const path = (name: string) => `/${name}/-/${name}-1.0.0.tgz`
  return {
    registry,
    authority,
    node,
    voices: voicesOf(network, () => node),
    tarball: async (name) => Buffer.from(await (await fetch(`${registry.url}${path(name)}`)).arrayBuffer()),
    async get(name) {
      const reply = await fetch(new URL(path(name), node.endpoints.npm))
      return { status: reply.status, text: reply.status === 200 ? '' : await reply.text() }
    },
  }
}

/** Waits for the refusal; how long it took, milliseconds. */
async function refusedSoon({ get }: World, name: string, reason: RegExp): Promise<number> {
  const begin = performance.now()
  const { text } = await until(`${name} to be refused`, async () => {
    const reply = await get(name)
    return reply.status === 403 ? reply : undefined
  })
  const tookMs = performance.now() - begin
  assert.match(text, reason)
  assert.ok(tookMs < SPREAD_MS, `it took ${Math.round(tookMs)} ms`)
  return tookMs
}

test('a revocation and a dispute reach a connected node that has the file and has served it within 10 s', {
  timeout: 180_000,
}, async (t) => {
  const here = await world(t)
  const { registry, authority, node, voices, tarball, get } = here
  const bytes = { withdrawn: await tarball('withdrawn'), doubted: await tarball('doubted') }
  for (const name of ['withdrawn', 'doubted']) assert.equal((await get(name)).status, 200)
  await registry.down()
  for (const name of ['withdrawn', 'doubted']) assert.equal((await get(name)).status, 200, 'it is in the cache')

  await t.test('a revocation', async () => {
    const purl = 'pkg:npm/withdrawn@1.0.0'
    const revoked = await authority.cli('revoke', purl, '--reason', 'steals keys')
    assert.equal(revoked.code, 0, revoked.stderr)
    t.diagnostic(`revoked: ${Math.round(await refusedSoon(here, 'withdrawn', /is revoked.*steals keys/))} ms`)
  })

  await t.test('a verdict that a fresh selection does not find again', async () => {
    const purl = 'pkg:npm/doubted@1.0.0'
    const told = async (drawn: Awaited<ReturnType<typeof voices.draw>>, built: Buffer) => {
      const result = resultOf('doubted-1.0.0.tgz', built, bytes.doubted)
      return await voices.play(drawn, new Map(drawn.panel.map((name) => [name, result])))
    }
    const first = await voices.draw(purl)
    const verdict = await told(first, bytes.doubted)
    assert.deepEqual([verdict.outcome, verdict.relation], ['rebuilt', 'equal'])
    assert.equal((await get('doubted')).status, 200)
    const [doubter = ''] = first.panel
    const about = { type: 'dispute', purl, verdictOf: first.request, reason: 'other bytes here' } as const
    const asked = await say<DisputeBody>(node, voices.network.network.origin, voices.signer(doubter), about)
    assert.equal(asked.refusal, undefined)
    const again = await voices.drawn(purl, asked.entries[0]?.name ?? '')
    await told(again, Buffer.from('what its source gives'))
    t.diagnostic(
      `disputed: ${Math.round(await refusedSoon(here, 'doubted', /is disputed.*a fresh selection found/))} ms`,
    )
  })
})
