/**
 * Six organisations in six processes: one authority, five builders, and a regular node that asks through a builder. Nothing is simulated
 * but the build itself: the TEST BUILDER hashes the name of the package.
 */
import assert from 'node:assert/strict'
import { copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Signer } from '../../src/base/crypto/ed25519.ts'
import type { CommitEntry, Entry } from '../../src/base/entries/entry.ts'
import type { CommitBody, TransactionBody } from '../../src/base/entries/transaction.ts'
import type { Said } from '../../src/build/member.ts'
import type { SubmissionView } from '../../src/http/http.ts'
import { openRoleKeys } from '../../src/main/network/role-keys.ts'
import { testBuildOf } from '../../src/main/roles/test-builder.ts'
import { connected, PYRSIA, scratch, startNode, type TestNode } from '../kit/node-process.ts'
import { run, until } from '../kit/process.ts'
import { entriesOf, say } from '../kit/running-network.ts'
import { signerOf } from '../kit/sample-entries.ts'
import { makeTrustNetwork, type TrustNetwork } from '../kit/trust-network.ts'

/** Commitments must be there within this: it must be longer than a build, on a busy machine too. */
const RULES = { commitSeconds: 12, revealSeconds: 90 }
const BUILD_TIME = '3s'

interface Running {
  readonly network: TrustNetwork
  readonly authority: () => TestNode
  readonly regular: TestNode
  readonly builders: Map<string, TestNode>
  /** The builder through which the regular node asks. */
  readonly contact: string
  signer(name: string): Signer
  /** Says something with this key, through the regular node; why it changed nothing. */
  say<T extends TransactionBody>(signer: Signer, said: Said<T>): Promise<string | undefined>
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
  const [contact = ''] = network.builders.keys()
  const first = builders.get(contact)
  const regular = await node(await network.outsider('regular'), '--peer', first?.listen[0] ?? '')
  await connected(regular, first?.peerId ?? '')
  return {
    network,
    authority: () => authority as TestNode,
    regular,
    builders,
    contact,
    signer: (name) => openRoleKeys(network.builders.get(name) ?? '').find('attestation') as Signer,
    say: async (signer, said) => (await say(regular, network.network.origin, signer, said)).refusal,
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
    90_000,
  )
}

function organisationIn(entry: Entry): string | undefined {
  return 'organisation' in entry ? entry.organisation : undefined
}

function isOf(entry: Entry, request: string): boolean {
  if ('tx' in entry && entry.tx !== null && 'request' in entry.tx.body) return entry.tx.body.request === request
  return 'request' in entry && entry.request === request
}

async function firstCommit(of: TestNode, purl: string): Promise<CommitEntry> {
  return await until(
    `a commitment for ${purl}`,
    async () => (await entriesOf(of, purl)).find((entry) => entry.kind === 'commit'),
    60_000,
  )
}

/** The others agree all the same, and the log has this fault of that organisation, and no other. */
async function agreedWithout(of: TestNode, asked: SubmissionView, name: string, fault: string): Promise<void> {
  const { verdict, purl } = await becomes(of, asked, 'to be decided', ({ state }) => state === 'decided')
  assert.deepEqual([verdict?.outcome, verdict?.agreed.length, verdict?.agreed.includes(name)], ['rebuilt', 3, false])
  const faults = (await entriesOf(of, purl)).flatMap((entry) =>
    entry.kind === 'fault' ? [`${entry.fault} ${entry.organisation}`] : [],
  )
  assert.deepEqual(faults, [`${fault} ${name}`])
}

function kindsOf(entries: readonly Entry[]): string[] {
  return entries.map((entry) => (entry.kind === 'fault' ? entry.fault : entry.kind))
}

test('six organisations build, agree and prove; standbys serve; an attempt that expires is tried again; killed processes go on', {
  timeout: 500_000,
}, async (t) => {
  const running = await begin(t)
  const { regular, network, builders, contact } = running

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
      const attested = await until('a summary that the builders signed together', async () => {
        await regular.json('proof', decided.purl, '-o', proof)
        const { code, stdout, stderr } = await run(PYRSIA, [
          ...[
            'attest',
            'verify',
            proof,
            '--network',
            join(elsewhere, 'network.json'),
            '--artifact',
            artefact,
            '--json',
          ],
        ])
        assert.equal(code, 0, stderr)
        const { checks } = JSON.parse(stdout) as { checks: { name: string; holds: boolean; found: string }[] }
        return checks.find(({ name }) => name === 'summary')?.found.startsWith('SLSA_BUILD_REPRODUCED')
          ? checks
          : undefined
      })
      assert.equal(attested.filter(({ name, holds }) => name.startsWith('statement of ') && holds).length, 4)
      const shown = (await regular.json('attest', 'show', decided.id)) as { kind: string }[]
      assert.deepEqual(
        shown.map(({ kind }) => kind),
        ['built', 'built', 'built', 'built', 'summary'],
      )
      await writeFile(artefact, 'something else')
      assert.equal((await verify()).code, 8)
      const again = await regular.cli('build', 'npm', 'left-pad@1.3.0')
      assert.equal(again.code, 3, 'the verdict holds: nobody builds it again')
    },
  )

  await t.test('D7, F4: who says two things is logged as faulty, and who was not drawn is not heard', async () => {
    const asked = await ask(regular, 'attacked@1.0.0')
    const drawn = await becomes(regular, asked, 'to be drawn', ({ panel }) => panel.length > 0)
    const { request = '', attempt = 0 } = drawn
    const said = { type: 'commit', request, attempt } as const
    const strange = signerOf('a stranger')
    assert.equal(await running.say<CommitBody>(strange, { ...said, commitment: 'ab'.repeat(32) }), 'key')
    const deciding = openRoleKeys(network.authority).find('consensus') as Signer
    assert.equal(await running.say<CommitBody>(deciding, { ...said, commitment: 'ab'.repeat(32) }), 'key')
    const seated = drawn.panel.map(({ organisation }) => organisation)
    const spare = [...builders.keys()].find((name) => !seated.includes(name)) ?? ''
    assert.equal(
      await running.say<CommitBody>(running.signer(spare), { ...said, commitment: 'ab'.repeat(32) }),
      'early',
    )

    // Whoever has committed already says another thing beside it.
    const two = await firstCommit(regular, drawn.purl)
    const liar = two.organisation
    assert.equal(
      await running.say<CommitBody>(running.signer(liar), { ...said, commitment: 'cd'.repeat(32) }),
      undefined,
    )
    await agreedWithout(regular, asked, liar, 'equivocation')
  })

  await t.test('D3: who copies the commitment of another cannot tell what is in it', async () => {
    const asked = await ask(regular, 'attacked@2.0.0')
    const drawn = await becomes(regular, asked, 'to be drawn', ({ panel }) => panel.length > 0)
    const copycat = drawn.panel.map(({ organisation }) => organisation).find((name) => name !== contact) ?? ''
    const pid = builders.get(copycat)?.process.pid ?? 0
    // It is made to wait, so that the copy is all that the network hears under its key.
    process.kill(pid, 'SIGSTOP')
    try {
      const { tx } = await firstCommit(regular, drawn.purl)
      const { request, attempt, commitment } = tx.body
      const said = { type: 'commit', request, attempt, commitment } as const
      assert.equal(await running.say<CommitBody>(running.signer(copycat), said), undefined)
      await agreedWithout(regular, asked, copycat, 'copied-commitment')
    } finally {
      process.kill(pid, 'SIGCONT')
    }
  })

  await t.test('two of the selected are killed: the standby serves, and q is reached', async () => {
    const asked = await ask(regular, 'left-pad@1.3.1')
    const drawn = await becomes(regular, asked, 'to be drawn', ({ panel }) => panel.length > 0)
    const killed = drawn.panel
      .map(({ organisation }) => organisation)
      .filter((name) => name !== contact)
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

  await t.test(
    'two of the selected and the standby are killed: expired, logged, and tried again by the rule',
    async () => {
      const asked = await ask(regular, 'left-pad@1.3.2')
      const drawn = await becomes(regular, asked, 'to be drawn', ({ panel }) => panel.length > 0)
      const seated = drawn.panel.map(({ organisation }) => organisation).filter((name) => name !== contact)
      const standby = [...builders.keys()].filter(
        (name) => !drawn.panel.some(({ organisation }) => organisation === name),
      )
      const killed = [
        ...new Set([...seated.slice(0, 2), ...standby.filter((name) => name !== contact), ...seated]),
      ].slice(0, 3)
      await Promise.all(killed.map((name) => builders.get(name)?.stop('SIGKILL')))
      const decided = await becomes(regular, asked, 'to expire', ({ state }) => state === 'decided')
      assert.equal(decided.verdict?.outcome, 'expired')
      const kinds = kindsOf(await entriesOf(regular, drawn.purl))
      assert.deepEqual(kinds.filter((kind) => kind === 'missed-commit').length, 3)
      await Promise.all(killed.map((name) => running.startBuilder(name)))
    },
  )

  await t.test(
    'kill -9 of the authority and of a builder in mid-flow: all goes on, and nothing is logged twice',
    async () => {
      const asked = await ask(regular, 'left-pad@1.3.2')
      const drawn = await becomes(regular, asked, 'to be drawn', ({ panel }) => panel.length > 0)
      assert.equal(drawn.attempt, 2, 'the second attempt, after a logged failure')
      const [victim = '', slow = ''] = drawn.panel
        .map(({ organisation }) => organisation)
        .filter((name) => name !== contact)
      const has = (kind: Entry['kind'], by?: string) =>
        until(
          `a ${kind} by ${by ?? 'anybody'}`,
          async () =>
            (await entriesOf(regular, drawn.purl))
              .filter((entry) => entry.kind === kind && isOf(entry, drawn.request ?? ''))
              .some((entry) => by === undefined || organisationIn(entry) === by),
          60_000,
        )
      // Nobody tells anything before all have committed: so the victim dies with its commitment given and its result untold.
      const slowPid = builders.get(slow)?.process.pid ?? 0
      process.kill(slowPid, 'SIGSTOP')
      try {
        await has('commit', victim)
        await builders.get(victim)?.stop('SIGKILL')
      } finally {
        process.kill(slowPid, 'SIGCONT')
      }
      await has('reveal')
      await running.authority().stop('SIGKILL')
      await running.startAuthority()
      await running.startBuilder(victim)
      const decided = await becomes(regular, asked, 'to be decided', ({ state }) => state === 'decided')
      assert.deepEqual([decided.verdict?.outcome, decided.verdict?.agreed.length], ['rebuilt', 4])
      const entries = (await entriesOf(regular, drawn.purl)).filter((entry) => isOf(entry, drawn.request ?? ''))
      const said = entries.map(
        (entry) => `${entry.kind === 'fault' ? entry.fault : entry.kind} ${organisationIn(entry)}`,
      )
      assert.equal(new Set(said).size, said.length, `each once: ${said.join(', ')}`)
      await builders.get(victim)?.stop()
      const check = await run(PYRSIA, ['log', 'check', '--data', builders.get(victim)?.data ?? ''])
      assert.equal(check.code, 0, check.stderr)
    },
  )
})
