/**
 * Six organisations in six processes: one authority, five builders, and a regular node that asks through a builder. Nothing is simulated
 * but the build itself: the TEST BUILDER hashes the name of the package.
 */
import assert from 'node:assert/strict'
import { copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Entry } from '../../src/base/entries/entry.ts'
import type { LogEntriesView, SubmissionView } from '../../src/http/http.ts'
import { testBuildOf } from '../../src/main/roles/test-builder.ts'
import { connected, PYRSIA, scratch, startNode, type TestNode } from '../kit/node-process.ts'
import { run, until } from '../kit/process.ts'
import { makeTrustNetwork, type TrustNetwork } from '../kit/trust-network.ts'

/** Commitments must be there within this: it must be longer than a build, on a busy machine too. */
const RULES = { commitSeconds: 10, revealSeconds: 20 }
const BUILD_TIME = '3s'

interface Running {
  readonly network: TrustNetwork
  readonly authority: () => TestNode
  readonly regular: TestNode
  readonly builders: Map<string, TestNode>
  startAuthority(): Promise<void>
  startBuilder(name: string): Promise<void>
}

async function begin(t: TestContext): Promise<Running> {
  const directory = await scratch(t, 'e2e-network')
  const network = await makeTrustNetwork(directory, { builders: 5, rules: RULES })
  const builders = new Map<string, TestNode>()
  let authority: TestNode | undefined
  const node = async (data: string, ...args: string[]): Promise<TestNode> => {
    const started = await startNode({ data, args: ['--offline', ...args] })
    t.after(() => started.stop('SIGKILL'))
    return started
  }
  let listen = ''
  const startAuthority = async (): Promise<void> => {
    const at = listen === '' ? [] : ['--listen', listen]
    authority = await node(network.authority, '--authority', ...at)
    listen = (authority.listen[0] ?? '').replace(/\/p2p\/.*$/, '')
  }
  await startAuthority()
  const peer = authority?.listen[0] ?? ''
  const startBuilder = async (name: string): Promise<void> => {
    const data = network.builders.get(name) ?? ''
    builders.set(name, await node(data, '--builder', '--test-builder', BUILD_TIME, '--peer', peer))
  }
  await Promise.all([...network.builders.keys()].map(startBuilder))
  // It knows one builder and nobody else: what it asks for takes two hops.
  const [first] = builders.values()
  const regular = await node(await network.outsider('regular'), '--peer', first?.listen[0] ?? '')
  await connected(regular, first?.peerId ?? '')
  return {
    network,
    authority: () => authority as TestNode,
    regular,
    builders,
    startAuthority,
    startBuilder,
  }
}

async function ask(from: TestNode, name: string): Promise<SubmissionView> {
  return (await from.json('build', 'npm', name)) as SubmissionView
}

/** By the API: a process for each look would be what the test spends its time on. */
async function statusOf(of: TestNode, { id }: SubmissionView): Promise<SubmissionView> {
  const reply = await fetch(`${of.endpoints.api}/api/builds/status?id=${id}`)
  assert.equal(reply.status, 200)
  return (await reply.json()) as SubmissionView
}

/** The submission as soon as it is as `look` wants it. */
function becomes(
  of: TestNode,
  asked: SubmissionView,
  what: string,
  look: (view: SubmissionView) => boolean,
): Promise<SubmissionView> {
  return until(
    `${asked.purl} ${what}`,
    async () => {
      const view = await statusOf(of, asked)
      return look(view) ? view : undefined
    },
    60_000,
  )
}

async function entriesOf(of: TestNode, purl: string): Promise<Entry[]> {
  const reply = await fetch(`${of.endpoints.api}/api/log/find?purl=${encodeURIComponent(purl)}`)
  const found = (await reply.json()) as LogEntriesView
  return found.entries.map(({ entry }) => entry as unknown as Entry).reverse()
}

function kindsOf(entries: readonly Entry[]): string[] {
  return entries.map((entry) => (entry.kind === 'fault' ? entry.fault : entry.kind))
}

test('six organisations build, agree and prove; standbys serve; an attempt that expires is tried again; killed processes go on', {
  timeout: 240_000,
}, async (t) => {
  const running = await begin(t)
  const { regular, network, builders } = running

  await t.test(
    'a package that a regular node asks for through a peer gets a verdict, and a proof that holds elsewhere',
    async () => {
      const asked = await ask(regular, 'left-pad@1.3.0')
      const decided = await becomes(regular, asked, 'to be decided', ({ state }) => state === 'decided')
      assert.deepEqual([decided.verdict?.outcome, decided.verdict?.relation, decided.quorum], ['rebuilt', 'equal', 3])
      assert.equal(decided.panel.length, 4)
      const kinds = kindsOf(await entriesOf(regular, decided.purl))
      assert.deepEqual(kinds, [
        'request',
        'selection',
        ...Array(4).fill('commit'),
        ...Array(4).fill('reveal'),
        'verdict',
      ])
      const elsewhere = await scratch(t, 'e2e-verify')
      const [proof, artefact] = [join(elsewhere, 'proof.json'), join(elsewhere, 'left-pad.txt')]
      await regular.json('proof', decided.purl, '-o', proof)
      await writeFile(artefact, testBuildOf(decided.purl))
      await copyFile(network.file, join(elsewhere, 'network.json'))
      const verify = (...more: string[]) =>
        run(PYRSIA, [
          'verify',
          artefact,
          '--proof',
          proof,
          '--network',
          join(elsewhere, 'network.json'),
          '--data',
          join(elsewhere, 'none'),
          '--json',
          ...more,
        ])
      const yes = await verify('--purl', decided.purl)
      assert.equal(yes.code, 0, yes.stderr)
      const report = JSON.parse(yes.stdout) as { builders: { organisation: string; stated: boolean }[] }
      assert.equal(report.builders.length, 4)
      assert.ok(
        report.builders.every(({ stated }) => stated),
        'every builder signed a statement, and it is in the file',
      )
      await writeFile(artefact, 'something else')
      assert.equal((await verify()).code, 8)
      const again = await regular.cli('build', 'npm', 'left-pad@1.3.0')
      assert.equal(again.code, 3, 'the verdict holds: nobody builds it again')
    },
  )

  await t.test('two of the selected are killed: the standby serves, and q is reached', async () => {
    const asked = await ask(regular, 'left-pad@1.3.1')
    const drawn = await becomes(regular, asked, 'to be drawn', ({ panel }) => panel.length > 0)
    const killed = drawn.panel
      .map(({ organisation }) => organisation)
      .filter((name) => builders.get(name) !== [...builders.values()][0])
      .slice(0, 2)
    await Promise.all(killed.map((name) => builders.get(name)?.stop('SIGKILL')))
    const decided = await becomes(regular, asked, 'to be decided', ({ state }) => state === 'decided')
    assert.equal(decided.verdict?.outcome, 'rebuilt')
    assert.equal(decided.verdict?.agreed.length, 3)
    assert.deepEqual(
      decided.panel
        .filter(({ state }) => state === 'missed')
        .map(({ organisation }) => organisation)
        .sort(),
      killed.sort(),
    )
    assert.equal(decided.panel.at(-1)?.standby, true)
    await Promise.all(killed.map((name) => running.startBuilder(name)))
  })
})
