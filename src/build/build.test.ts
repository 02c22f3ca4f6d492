import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  type BuildNetwork,
  type BuildNetworkOptions,
  createBuildNetwork,
  type ToyBuilder,
} from '../../test/kit/build-network.ts'
import { namesOf } from '../../test/kit/consensus-network.ts'
import { hexOf, sampleResult } from '../../test/kit/sample-entries.ts'
import type { Entry, VerdictEntry } from '../base/entries/entry.ts'
import { commitmentOf } from '../base/entries/result.ts'
import type { CommitBody, RequestBody } from '../base/entries/transaction.ts'

const PURL = 'pkg:toy/blocks@1.0'
const never = new AbortController().signal

interface Built {
  readonly network: BuildNetwork
  readonly builders: Map<string, ToyBuilder>
}

async function begin(t: TestContext, options: Partial<BuildNetworkOptions> = {}): Promise<Built> {
  const network = await createBuildNetwork({ organisations: 5, ...options })
  const builders = new Map(namesOf(5).map((name) => [name, network.start(name)]))
  t.after(() => Promise.all([...builders.values()].map(({ work }) => work.stop())))
  return { network, builders }
}

async function asked(network: BuildNetwork): Promise<void> {
  const { refusal } = await network.member('e').send<RequestBody>({ type: 'request', purl: PURL }, never)
  assert.equal(refusal, undefined)
}

async function found<K extends Entry['kind']>(network: BuildNetwork, kind: K): Promise<Extract<Entry, { kind: K }>[]> {
  return (await network.entries()).filter((entry) => entry.kind === kind) as Extract<Entry, { kind: K }>[]
}

async function verdict(network: BuildNetwork): Promise<VerdictEntry> {
  return await network.passUntil('a verdict', async () => (await found(network, 'verdict'))[0])
}

test('builders that see themselves drawn build, commit, tell, and agree; each is then done', async (t) => {
  const { network, builders } = await begin(t)
  await asked(network)
  const { outcome, panel, quorum } = await verdict(network)
  assert.deepEqual([outcome, panel.length, quorum], ['rebuilt', 4, 3])
  assert.ok(panel.every(({ agreed, envelope }) => agreed && envelope !== null))
  assert.deepEqual(await found(network, 'fault'), [])
  await network.passUntil('everybody to be done', () => {
    const open = [...builders.values()].flatMap(({ work }) => work.jobs())
    return open.length === 0 ? true : undefined
  })
  const remembered = [...builders.values()].flatMap(({ notebook }) => notebook.entries('build.jobs'))
  assert.deepEqual(remembered, [], 'what a recorded verdict took is forgotten')
})

test('builders that are silent are replaced by the standby alone', async (t) => {
  const silent = new Set<string>()
  const { network } = await begin(t, {
    report: (name) => {
      if (silent.size < 2) silent.add(name)
      return silent.has(name) ? undefined : sampleResult('honest bytes')
    },
  })
  await asked(network)
  const { outcome, panel } = await verdict(network)
  assert.deepEqual([outcome, panel.length, panel.filter(({ agreed }) => agreed).length], ['rebuilt', 5, 3])
})

for (const type of ['commit', 'reveal']) {
  test(`a builder that dies when its ${type} was sent goes on with the same result and salt: it never says two things`, async (t) => {
    let dying: string | undefined
    const { network, builders } = await begin(t, {
      onSent: (name, sent) => {
        if (dying !== undefined || sent !== type) return undefined
        dying = name
        // The process ends here: it never hears what came of it.
        return new Promise(() => {})
      },
    })
    await asked(network)
    const victim = await network.passUntil('one to die', () => builders.get(dying ?? ''))
    void victim.work.stop()
    builders.set(victim.name, network.start(victim.name, victim.notebook))
    const { outcome, panel } = await verdict(network)
    assert.equal(outcome, 'rebuilt')
    assert.equal(panel.filter(({ agreed }) => agreed).length, 4)
    assert.equal(builders.get(victim.name)?.builds(), 0, 'what it is bound to need not be built again')
    assert.deepEqual(await found(network, 'fault'), [])
    assert.equal((await found(network, 'commit')).length, 4, 'nothing is logged twice')
  })
}

test('D7: a builder whose memory was lost says nothing more rather than another thing', async (t) => {
  const { network, builders } = await begin(t)
  const [victim] = builders.values()
  await victim?.work.stop()
  await asked(network)
  const job = await network.passUntil('a draw that names it', async () => {
    const [entry] = await found(network, 'selection')
    if (entry?.outcome !== 'selected') return undefined
    assert.ok(victim)
    return {
      request: entry.request,
      attempt: entry.attempt,
      seats: entry.selected.map(({ organisation }) => organisation),
    }
  })
  const { request, attempt, seats } = job
  const name = 'a'
  assert.ok(seats.includes(name), 'the toy beacon draws it')
  const commitment = commitmentOf({
    network: network.log.origin,
    request,
    attempt,
    builder: network.member(name).key,
    result: sampleResult('honest bytes'),
    salt: hexOf('a salt that is lost'),
  })
  await network.member(name).send<CommitBody>({ type: 'commit', request, attempt, commitment }, never)
  builders.set(name, network.start(name))
  const { outcome } = await verdict(network)
  assert.equal(outcome, 'rebuilt', 'three others are enough')
  const faults = (await found(network, 'fault')).map(({ fault }) => fault)
  assert.deepEqual(faults, ['missed-reveal'])
})

test('an order that was out of reach is tried as soon as it is back, not only after the pause', async (t) => {
  const { network } = await begin(t, { endless: true })
  network.engine.watch(({ entries }) => {
    if (entries.some(({ entry }) => entry.kind === 'selection')) network.cut = true
  })
  await asked(network)
  await network.passUntil('the draw', async () => (await found(network, 'selection'))[0])
  let turns = 0
  await network.passUntil('five seconds', () => {
    turns += 1
    return turns > 5 ? true : undefined
  })
  assert.equal((await found(network, 'commit')).length, 0)
  network.cut = false
  network.reach()
  assert.equal((await verdict(network)).outcome, 'rebuilt')
})

test('a peer on the way that says no in the place of the network silences no builder', async (t) => {
  const told = new Set<string>()
  const { network } = await begin(t, {
    lie(name, type) {
      if (told.has(`${name} ${type}`)) return undefined
      told.add(`${name} ${type}`)
      return { refusal: type === 'commit' ? 'late' : 'seat', entries: [] }
    },
  })
  await asked(network)
  const { outcome, panel } = await verdict(network)
  assert.deepEqual([outcome, panel.filter(({ agreed }) => agreed).length, told.size], ['rebuilt', 4, 8])
})

test('an order that cannot be reached for a while is tried again, within the deadline', async (t) => {
  const { network } = await begin(t)
  await asked(network)
  network.cut = true
  let turns = 0
  await network.passUntil('five seconds', () => {
    turns += 1
    return turns > 5 ? true : undefined
  })
  network.cut = false
  assert.equal((await verdict(network)).outcome, 'rebuilt')
})

test('a result with too many files for a statement is unbuildable, for all builders alike', async (t) => {
  const result = sampleResult('honest bytes')
  const [file] = result.files
  const files = Array.from({ length: 64 }, (_, at) => ({
    ...(file ?? assert.fail()),
    name: `${at + 100}${'n'.repeat(300)}`,
  }))
  const { network } = await begin(t, { report: () => ({ ...result, files }) })
  await asked(network)
  const { outcome, panel } = await verdict(network)
  assert.deepEqual([outcome, panel.filter(({ agreed }) => agreed).length], ['unbuildable', 4])
})
