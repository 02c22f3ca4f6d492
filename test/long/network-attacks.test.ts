/**
 * The attacks of 2-trust.md on who decides, against running processes: the draw, the votes and the verdicts are those of a network of one
 * authority and six builders. D3, D7 and silence are in `network.test.ts`. Attackers are builders whose processes are held, so that
 * all that the network hears under their keys is what the attack says.
 */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { offerMessage } from '../../src/base/entries/offer.ts'
import type { CommitBody, ProposeBody, RequestBody } from '../../src/base/entries/transaction.ts'
import type { ExplainReport } from '../../src/cli/log/explain-view.ts'
import type { MembersReport } from '../../src/cli/log/members-view.ts'
import { type AttackedNetwork, beside, type Drawn, resultOf, startAttackedNetwork } from '../kit/attacked-network.ts'
import { PYRSIA } from '../kit/node-process.ts'
import { startNpmRegistry } from '../kit/npm-registry.ts'
import { type Finished, run, until } from '../kit/process.ts'
import { entriesOf, say } from '../kit/running-network.ts'
import { sampleOffer } from '../kit/sample-entries.ts'

const HONEST = resultOf('x.txt', Buffer.from('what everybody builds'))
const EVIL_BYTES = Buffer.from('what the attackers wish for')
const EVIL = resultOf('x.txt', EVIL_BYTES)
/** Each takes the network some blocks to let in. 50 of them are in `consensus/attacks.test.ts`. */
const NODES = 6

/** `pyrsia verify` on a machine that has the proof, the bytes and network.json, of what the log says now. */
async function verify(attacked: AttackedNetwork, purl: string, bytes: Uint8Array): Promise<Finished> {
  const [proof, file] = [beside(attacked, 'proof.json'), beside(attacked, 'artefact')]
  await attacked.node().json('proof', purl, '-o', proof)
  await writeFile(file, bytes)
  const { network } = attacked
  const none = beside(attacked, 'none')
  return await run(PYRSIA, [
    'verify',
    file,
    '--purl',
    purl,
    '--proof',
    proof,
    '--network',
    network.file,
    '--data',
    none,
  ])
}

async function get(attacked: AttackedNetwork, name: string): Promise<{ status: number; text: string }> {
  const reply = await fetch(`${attacked.node().endpoints.npm}/${name}/-/${name}-1.0.0.tgz`)
  return { status: reply.status, text: await reply.text() }
}

/** The first `count` of the panel tell this, the others that. */
function split({ panel }: Drawn, count: number, first: typeof HONEST, others?: typeof HONEST) {
  const told = panel.map((name, at) => [name, at < count ? first : others] as const)
  return new Map(told.flatMap(([name, result]) => (result === undefined ? [] : [[name, result] as const])))
}

test('who attacks the decision of a running network wins nothing, and the log says who it was', {
  timeout: 600_000,
}, async (t) => {
  const registry = await startNpmRegistry([
    { name: 'victim', version: '1.0.0' },
    { name: 'planted', version: '1.0.0' },
  ])
  t.after(() => registry.close())
  const attacked = await startAttackedNetwork(t, ['--upstream', `npm=${registry.url}`])
  const { network, builders, signer } = attacked
  const { origin } = network.network
  const ground = 'pkg:npm/ground@1.0.0'

  await t.test('D1: two of four collude, and nobody can prove their bytes', async () => {
    const drawn = await attacked.draw(ground)
    assert.deepEqual([drawn.panel.length, drawn.standbys.length, drawn.passedOver.length], [4, 1, 1])
    // The others' votes are sent by the test too: a process that was held may be late, and then the attempt expires instead.
    const verdict = await attacked.play(drawn, split(drawn, 2, EVIL, HONEST))
    assert.deepEqual([verdict.outcome, verdict.agreed, verdict.quorum], ['disagreed', null, 3])
    const told = (await entriesOf(attacked.node(), ground)).filter(({ kind }) => kind === 'reveal')
    assert.ok(told.length >= 3, 'enough were heard for a verdict')
    const refused = await verify(attacked, ground, EVIL_BYTES)
    assert.equal(refused.code, 8, refused.stdout)
    assert.match(refused.stderr, /of which it names no file \[untrusted\.subject\]/)
  })

  await t.test('D8: asking again gives three draws in all, whoever asks', async () => {
    for (const asker of ['builder-2', 'builder-3']) {
      const drawn = await attacked.draw(ground, asker)
      const twice = await say<RequestBody>(attacked.node(), origin, signer('builder-4'), {
        type: 'request',
        purl: ground,
      })
      assert.equal(twice.refusal, 'open', 'not two draws at once to choose from')
      const verdict = await attacked.play(drawn, split(drawn, 2, EVIL, HONEST))
      assert.equal(verdict.outcome, 'disagreed')
    }
    for (const name of network.builders.keys()) {
      const asked = await say<RequestBody>(attacked.node(), origin, signer(name), { type: 'request', purl: ground })
      assert.equal(asked.refusal, 'attempts')
    }
    attacked.release()
    const asking = await (builders.get('builder-5') ?? assert.fail()).cli('build', 'npm', 'ground@1.0.0')
    assert.equal(asking.code, 3, asking.stdout)
    assert.match(asking.stdout + asking.stderr, /three attempts in 30 days failed/)
    const draws = (await entriesOf(attacked.node(), ground)).filter(({ kind }) => kind === 'selection')
    assert.equal(draws.length, 3)
  })

  await t.test('D10: who reports the bytes of upstream unbuilt is shown to have built nothing', async () => {
    // The TEST BUILDER's builds are always equal to upstream: so those who built otherwise speak through the test, too.
    const drawn = await attacked.draw('pkg:npm/lazy@1.0.0')
    const upstream = Buffer.from('what upstream has')
    const built = resultOf('x.txt', Buffer.from('what comes out of the source'), upstream)
    const verdict = await attacked.play(drawn, split(drawn, 1, resultOf('x.txt', upstream), built))
    assert.deepEqual([verdict.outcome, verdict.relation], ['rebuilt', 'differs'])
    assert.deepEqual(await attacked.faults(drawn), [`${drawn.panel[0]} unbuilt`])
  })

  await t.test('F3: bytes without a verdict in the store are not served where verdicts are enforced', async () => {
    assert.equal((await get(attacked, 'planted')).status, 200)
    await registry.down()
    assert.equal((await get(attacked, 'planted')).status, 200, 'it is in the store')
    await writeFile(
      join(attacked.node().data, 'policy.toml'),
      '[[rule]]\nverified = "enforce"\nreason = "built only"\n',
    )
    await attacked.restart()
    const refused = await get(attacked, 'planted')
    assert.equal(refused.status, 403, refused.text)
    assert.match(refused.text, /planted@1\.0\.0 has no verdict in the log, and this node serves only what was rebuilt/)
    await registry.up()
  })

  await t.test(
    'D9: a whole quorum colludes, is disputed, and a fresh selection finds otherwise: nobody serves it',
    async () => {
      const purl = 'pkg:npm/victim@1.0.0'
      const bytes = Buffer.from(await (await fetch(`${registry.url}/victim/-/victim-1.0.0.tgz`)).arrayBuffer())
      const drawn = await attacked.draw(purl)
      attacked.release(drawn.panel.slice(3))
      const captured = await attacked.play(drawn, split(drawn, 3, resultOf('victim-1.0.0.tgz', bytes)))
      assert.deepEqual([captured.outcome, captured.relation], ['rebuilt', 'equal'])
      assert.equal((await get(attacked, 'victim')).status, 200, 'they have won, as yet')
      assert.equal((await verify(attacked, purl, bytes)).code, 0)

      attacked.release()
      const [honest = ''] = drawn.panel.slice(3)
      const doubt = await (builders.get(honest) ?? assert.fail()).cli('dispute', purl, '--reason', 'other bytes here')
      assert.equal(doubt.code, 0, doubt.stderr)
      const steps = await until('the dispute to be settled', async () => {
        const found = (await entriesOf(attacked.node(), purl)).flatMap((entry) =>
          entry.kind === 'dispute' ? [entry.step] : [],
        )
        return found.length === 2 ? found : undefined
      })
      assert.deepEqual(steps, ['opened', 'upheld'])
      const blamed = (await attacked.faults(drawn)).filter((fault) => fault.endsWith(' disputed'))
      assert.deepEqual(
        blamed,
        drawn.panel
          .slice(0, 3)
          .map((name) => `${name} disputed`)
          .sort(),
      )
      const refused = await get(attacked, 'victim')
      assert.equal(refused.status, 403, refused.text)
      assert.match(refused.text, /victim@1\.0\.0.*disputed.*a fresh selection found otherwise/)
      const no = await verify(attacked, purl, bytes)
      assert.equal(no.code, 8, no.stdout)
      assert.match(no.stderr, /\[untrusted\.(?:subject|revoked)\]/)
    },
  )

  await t.test(
    'D2, F4: two collude and the others are silenced: expired; who was passed over is not heard',
    async () => {
      const drawn = await attacked.draw('pkg:npm/silenced@1.0.0')
      const [stranger = ''] = drawn.passedOver
      const { purl, request, attempt } = drawn
      const said = { type: 'commit', request, attempt, commitment: 'ab'.repeat(32) } as const
      assert.equal((await say<CommitBody>(attacked.node(), origin, signer(stranger), said)).refusal, undefined)
      assert.equal((await say<CommitBody>(attacked.node(), origin, signer(stranger), said)).refusal, 'seat')
      const verdict = await attacked.play(drawn, split(drawn, 2, EVIL))
      assert.deepEqual([verdict.outcome, verdict.agreed, verdict.quorum], ['expired', null, 3])
      const silent = [...drawn.panel.slice(2), ...drawn.standbys]
      const wanted = [`${stranger} unselected`, ...silent.map((name) => `${name} missed-commit`)]
      assert.deepEqual(await attacked.faults(drawn), wanted.sort())
      const refused = await verify(attacked, purl, EVIL_BYTES)
      assert.equal(refused.code, 8, refused.stdout)
      assert.match(refused.stderr, /of which it names no file \[untrusted\.subject\]/)
      attacked.release()
    },
  )

  await t.test(`D4: the ${NODES} nodes of one operator have one place in the draw`, async () => {
    const organisation = 'builder-6'
    for (let at = 1; at < NODES; at += 1) {
      const builds = [{ type: 'npm', toolchains: ['TEST BUILDER'] }]
      const made = sampleOffer(`sybil${at}`, { network: origin, organisation, roles: ['builder'], builds })
      const own = signer(organisation)
      const proof = {
        key: Buffer.from(own.publicKey).toString('hex'),
        signature: Buffer.from(own.sign(offerMessage(made.body))).toString('hex'),
      }
      const offer = { ...made, proofs: [...made.proofs, proof] }
      const said = { type: 'propose', change: { action: 'admit', offer } } as const
      assert.equal((await say<ProposeBody>(attacked.node(), origin, attacked.deciding, said)).refusal, undefined)
      // An organisation has one proposal at a time.
      await until(`node ${at} to be let in`, async () => {
        const { organisations } = (await attacked.node().json('members')) as MembersReport
        return organisations.find((one) => one.organisation === organisation)?.nodes.length === at + 1 || undefined
      })
    }
    for (const purl of ['pkg:npm/many@1.0.0', 'pkg:npm/many@2.0.0']) {
      const drawn = await attacked.draw(purl)
      const told = (await attacked.node().json('explain', drawn.request, '--verify')) as ExplainReport
      assert.equal(told.members.find((one) => one.organisation === organisation)?.nodes, NODES)
      const { selected = [], standbys = [], passedOver = [], counts } = told.drawn?.result ?? assert.fail()
      assert.deepEqual([counts.organisations, counts.eligible, selected.length, standbys.length], [6, 6, 4, 1])
      const places = [...selected, ...standbys, ...passedOver].map((place) => place.organisation)
      assert.deepEqual(places.sort(), [...builders.keys()].sort(), 'each has one place')
    }
    attacked.release()
  })
})
