import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type BuildNetwork, createBuildNetwork, createNotebook } from '../../test/kit/build-network.ts'
import { namesOf, TOY_NETWORK } from '../../test/kit/consensus-network.ts'
import { silentLogger } from '../base/clock.ts'
import type { RequestBody } from '../base/entries/transaction.ts'
import type { Notebook } from '../store/store.ts'
import { dispute, revoke } from './doubts.ts'
import { openSubmissions, type Submissions } from './submissions.ts'

const PURL = 'pkg:toy/blocks@1.0'
const never = new AbortController().signal
let ids = 0

function open(t: TestContext, network: BuildNetwork, notebook: Notebook, own = true): Submissions {
  const submissions = openSubmissions({
    log: network.log,
    ordering: network.ordering,
    member: own ? network.member('a') : undefined,
    network: TOY_NETWORK,
    notebook,
    clock: network.clock,
    random: {
      bytes(count) {
        ids += 1
        return new Uint8Array(count).fill(ids)
      },
      fraction: () => 0,
    },
    logger: silentLogger,
  })
  t.after(() => submissions.close())
  return submissions
}

async function begin(t: TestContext, builders: number): Promise<{ network: BuildNetwork; notebook: Notebook }> {
  const network = await createBuildNetwork({ organisations: 5 })
  const working = namesOf(builders).map((name) => network.start(name))
  t.after(() => Promise.all(working.map(({ work }) => work.stop())))
  return { network, notebook: createNotebook() }
}

test('a submission goes from the order through the draw to the verdict, and what came of it survives a restart', async (t) => {
  const { network, notebook } = await begin(t, 5)
  const first = open(t, network, notebook)
  const asked = await first.submit(PURL, never)
  assert.deepEqual([asked.state, asked.attempt, asked.panel], ['drawing', 1, []])
  await first.close()
  const second = open(t, network, notebook)
  assert.deepEqual(second.list(), [{ id: asked.id, purl: PURL, submittedSeconds: asked.submittedSeconds }])
  const decided = await network.passUntil('a verdict', async () => {
    const view = await second.status(asked.id, never)
    return view.state === 'decided' ? view : undefined
  })
  const { outcome, relation, agreed, quorum } = decided.verdict ?? {}
  assert.deepEqual([outcome, relation, agreed?.length, quorum], ['rebuilt', 'equal', 4, 3])
  assert.deepEqual([...new Set(decided.panel.map(({ state }) => state))], ['revealed'])
})

test('a submission that cannot be sent waits, says why, and is sent after a restart', async (t) => {
  const { network, notebook } = await begin(t, 0)
  network.cut = true
  const first = open(t, network, notebook)
  const asked = await first.submit(PURL, never)
  assert.equal(asked.state, 'sending')
  assert.match((await first.status(asked.id, never)).reason ?? '', /no authority can be reached/)
  assert.equal((await first.submit(PURL, never)).id, asked.id, 'the same again is the same submission')
  await first.close()
  network.cut = false
  const second = open(t, network, notebook)
  const view = await network.passUntil('the order', async () => {
    const found = await second.status(asked.id, never)
    return found.state === 'sending' ? undefined : found
  })
  assert.equal(view.purl, PURL)
  assert.equal((await network.entries()).filter(({ kind }) => kind === 'request').length, 1)
})

test('a submission that waits is sent as soon as somebody is there who may know the way', async (t) => {
  const network = await createBuildNetwork({ organisations: 5, endless: true })
  const notebook = createNotebook()
  notebook.set('build.submissions', 'kept', { network: TOY_NETWORK, purl: PURL, submittedSeconds: 1 })
  network.cut = true
  const submissions = open(t, network, notebook)
  await network.passUntil('an obstacle', async () => (await submissions.status('kept', never)).reason)
  network.cut = false
  network.reach()
  await network.passUntil('the request', async () => (await submissions.status('kept', never)).request)
})

test('who asks for what is asked for already is led to that request', async (t) => {
  const { network } = await begin(t, 0)
  const [one, other] = [open(t, network, createNotebook()), open(t, network, createNotebook(), false)]
  const asked = await one.submit(PURL, never)
  assert.equal((await other.submit(PURL, never)).request, asked.request)
})

/** The log as a node has it that has just started: nothing of what came since is found yet. */
function laggingLog({ log }: BuildNetwork): { readonly log: BuildNetwork['log']; catchUp(): void } {
  let behind = true
  const find: typeof log.find = async (...given) => (behind ? [] : await log.find(...given))
  const lagging: typeof log = Object.assign(Object.create(log), {
    find,
    newest: () => log.newest(),
    watch: (listener: Parameters<typeof log.watch>[0]) => log.watch(listener),
  })
  return {
    log: lagging,
    catchUp() {
      behind = false
    },
  }
}

test('a node that was killed before it heard of its request finds it, while it is built and when it was', async (t) => {
  const { network, notebook } = await begin(t, 5)
  const kept = { network: TOY_NETWORK, purl: PURL, submittedSeconds: 1, logSize: network.log.newest()?.size }
  const { entries } = await network.member('a').send<RequestBody>({ type: 'request', purl: PURL }, never)
  const request = entries[0]?.name

  notebook.set('build.submissions', 'building', kept)
  const lagging = laggingLog(network)
  const first = open(t, { ...network, log: lagging.log }, notebook)
  const told = await network.passUntil('an obstacle', async () => (await first.status('building', never)).reason)
  assert.match(told, /the log here does not show yet/)
  lagging.catchUp()
  await network.passUntil('a verdict', async () => (await first.status('building', never)).verdict)
  assert.equal((await first.status('building', never)).request, request)
  await first.close()

  notebook.set('build.submissions', 'built', kept)
  const behind = laggingLog(network)
  const second = open(t, { ...network, log: behind.log }, notebook)
  await network.passUntil('an obstacle', async () => (await second.status('built', never)).reason)
  behind.catchUp()
  await network.passUntil('the request', async () => (await second.status('built', never)).verdict)
  assert.equal((await second.status('built', never)).request, request)
})

test('what the network does not take is denied with its reason, and nothing is known of other ids', async (t) => {
  const { network, notebook } = await begin(t, 5)
  const submissions = open(t, network, notebook)
  const { id } = await submissions.submit(PURL, never)
  await network.passUntil('a verdict', async () => (await submissions.status(id, never)).verdict)
  const again = await submissions.submit(PURL, never)
  assert.equal(again.state, 'denied')
  assert.match(again.reason ?? '', /a verdict on it that holds/)
  await assert.rejects(submissions.status('0000', never), { code: 'absent.submission' })
  assert.match((await submissions.submit('pkg:toy/blocks', never)).reason ?? '', /wanted a package of one version/)
})

test('a member disputes a verdict and votes for withdrawing; who is none is told so', async (t) => {
  const { network, notebook } = await begin(t, 5)
  const submissions = open(t, network, notebook)
  const { id } = await submissions.submit(PURL, never)
  const about = { purl: PURL, reason: 'other bytes here' }
  const { log } = network
  const member = network.member('b')
  await assert.rejects(dispute(about, { log, member }, never), { code: 'absent.entry' })
  await network.passUntil('a verdict', async () => (await submissions.status(id, never)).verdict)
  await assert.rejects(dispute(about, { log, member: undefined }, never), { code: 'denied.network' })
  const doubted = await dispute(about, { log, member }, never)
  assert.equal((await network.entries())[doubted.index]?.kind, 'dispute')
  await assert.rejects(dispute(about, { log, member }, never), { code: 'denied.network' }, 'it is open already')
  await network.passUntil('the dispute to be over', async () =>
    (await network.entries()).find((entry) => entry.kind === 'dispute' && entry.step === 'dismissed'),
  )
  const withdrawal = { purl: PURL, digests: [], reason: 'steals keys' }
  await assert.rejects(revoke(withdrawal, { member }, never), { code: 'denied.network' }, 'by an attestation key')
  const { index } = await revoke(withdrawal, { member: network.authority('a') }, never)
  assert.equal((await network.entries())[index]?.kind, 'revocation')
})
