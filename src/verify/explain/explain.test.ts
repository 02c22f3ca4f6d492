import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createToyNetwork, honest } from '../../../test/kit/consensus-network.ts'
import { EXPLAINED_PURL, explainLog, playExplained, tampered } from '../../../test/kit/explained-log.ts'
import { hexOf, sampleResult } from '../../../test/kit/sample-entries.ts'
import type { Entry } from '../../base/entries/entry.ts'
import { encodeEntry } from '../../base/entries/entry.ts'

const { network, request } = playExplained()
const log = network.entries

type Selected = Extract<Entry, { kind: 'selection'; outcome: 'selected' }>
const selected = (change: (entry: Selected) => unknown) => (entry: Entry) => change(entry as Selected)

test('a request is explained from the log alone, and everything that is computed again agrees', async () => {
  const found = await explainLog(log)
  assert.deepEqual(found.problems, [])
  assert.deepEqual(await explainLog(log, request), found)
  assert.deepEqual([found.request, found.requests, found.purl], [request, [request], EXPLAINED_PURL])
  assert.deepEqual(
    found.members.map(({ organisation }) => organisation),
    ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'late'],
  )
  const kinds = found.entries.map(({ entry }) => entry.kind)
  const count = (kind: string) => kinds.filter((each) => each === kind).length
  assert.deepEqual(['request', 'selection', 'commit', 'fault', 'reveal', 'verdict'].map(count), [1, 1, 5, 1, 5, 1])
  const { drawn } = found
  assert.ok(drawn?.result.kind === 'selected')
  const { selected: seats, standbys, passedOver } = drawn.result
  assert.equal(seats.length + standbys.length + passedOver.length, 9)
})

/** Each kind of tampering: which entry is changed, how, and the field that must be named. */
const TAMPERINGS: readonly (readonly [
  what: string,
  kind: Entry['kind'],
  change: (entry: never) => unknown,
  field: string | undefined,
  which?: (entry: never) => boolean,
])[] = [
  ['the seed', 'selection', selected((entry) => ({ ...entry, seed: hexOf('x') })), 'seed'],
  [
    'who was selected',
    'selection',
    selected((entry) => ({ ...entry, selected: entry.selected.toReversed() })),
    'selected',
  ],
  ['who stands by', 'selection', selected((entry) => ({ ...entry, standbys: [] })), 'standbys'],
  ['who was passed over', 'selection', selected((entry) => ({ ...entry, passedOver: [] })), 'passedOver'],
  ['the quorum', 'selection', selected((entry) => ({ ...entry, quorum: 3 })), 'quorum'],
  ['the number of builders', 'selection', selected((entry) => ({ ...entry, builders: 4 })), 'builders'],
  ['what it is worth', 'selection', selected((entry) => ({ ...entry, rebuilt: false })), 'rebuilt'],
  ['how many were eligible', 'selection', selected((entry) => ({ ...entry, eligible: 8 })), 'eligible'],
  [
    'the randomness',
    'selection',
    selected((entry) => ({ ...entry, beacon: { ...entry.beacon, randomness: hexOf('x') } })),
    'beacon',
  ],
  [
    'the beacon chain',
    'selection',
    selected((entry) => ({ ...entry, beacon: { ...entry.beacon, chainHash: hexOf('x') } })),
    'beacon.chainHash',
  ],
  ['the round', 'selection', selected((entry) => ({ ...entry, round: entry.round + 1 })), 'round'],
  ['the time of the draw', 'selection', selected((entry) => ({ ...entry, drawSeconds: 5 })), 'drawSeconds'],
  ['the attempt', 'selection', selected((entry) => ({ ...entry, attempt: 2 })), 'attempt'],
  ['the outcome', 'verdict', (entry: object) => ({ ...entry, outcome: 'disagreed' }), 'outcome'],
  ['the level', 'verdict', (entry: object) => ({ ...entry, level: 'canonical' }), 'level'],
  ['what was agreed', 'verdict', (entry: object) => ({ ...entry, agreed: null }), 'agreed'],
  ['the selection of the verdict', 'verdict', (entry: object) => ({ ...entry, selection: 3 }), 'selection'],
  ['the expiry', 'verdict', (entry: object) => ({ ...entry, expiresSeconds: 9 }), 'expiresSeconds'],
  [
    'who agreed',
    'verdict',
    (entry: { panel: { agreed: boolean }[] }) => ({
      ...entry,
      panel: entry.panel.map((seat) => ({ ...seat, agreed: true })),
    }),
    'panel',
  ],
  [
    'a commitment',
    'commit',
    (entry: { tx: { body: object } }) => ({
      ...entry,
      tx: { ...entry.tx, body: { ...entry.tx.body, commitment: hexOf('x') } },
    }),
    'tx.signature',
  ],
  ['who committed', 'commit', (entry: object) => ({ ...entry, organisation: 'zz' }), 'organisation'],
  [
    'a result',
    'reveal',
    (entry: { tx: { body: object } }) => ({
      ...entry,
      tx: { ...entry.tx, body: { ...entry.tx.body, result: sampleResult('forged') } },
    }),
    'tx.signature',
  ],
  ['the package of a reveal', 'reveal', (entry: object) => ({ ...entry, purl: 'pkg:toy/x@1' }), 'purl'],
  ['a fault', 'fault', (entry: object) => ({ ...entry, fault: 'equivocation' }), 'fault'],
  [
    'the offer of a founder',
    'member',
    (entry: { offer: { body: object } }) => ({
      ...entry,
      offer: { ...entry.offer, body: { ...entry.offer.body, builds: [] } },
    }),
    'offer',
    (entry: { step: string }) => entry.step === 'genesis',
  ],
  [
    'the votes for a member',
    'member',
    (entry: { votes: readonly object[] }) => ({ ...entry, votes: entry.votes.slice(0, 2) }),
    'votes',
    (entry: { step: string }) => entry.step === 'active',
  ],
  [
    'the membership root',
    'request',
    (entry: object) => ({ ...entry, membershipRoot: hexOf('x') }),
    'membershipRoot',
    (entry: { purl: string }) => entry.purl === EXPLAINED_PURL,
  ],
  [
    'the rules',
    'policy',
    (entry: { rules: object }) => ({ ...entry, rules: { ...entry.rules, recipes: [hexOf('r')] } }),
    undefined,
  ],
]

for (const [what, kind, change, field, which] of TAMPERINGS) {
  test(`explaining names the entry and the field if somebody changed ${what}`, async () => {
    const changed = tampered(log, kind, change as never, which as never)
    const { problems } = await explainLog(changed.entries)
    assert.notDeepEqual(problems, [])
    if (field === undefined) return
    const named = problems.some((problem) => problem.index === changed.index && problem.field === field)
    assert.ok(named, `entry ${changed.index}: ${JSON.stringify(problems, undefined, 1)}`)
  })
}

test('an entry that was taken out is missed by those that follow from it', async () => {
  for (const kind of ['selection', 'commit', 'reveal', 'fault', 'request'] as const) {
    const at = log.findLastIndex(({ entry }) => entry.kind === kind)
    const { problems } = await explainLog(log.toSpliced(at, 1), request)
    assert.ok(problems.length > 0, kind)
  }
})

test('the vote of somebody who was not drawn, a second verdict, and an unreadable entry are named', async () => {
  const last = log.at(-1)
  assert.ok(last)
  const strange = network.commit('zz', request, honest())
  const append = (entry: Entry) => [...log, { index: last.index + 1, bytes: encodeEntry(entry) }]
  const at = last.entry.at
  const vote = { kind: 'commit', v: 1, at, purl: EXPLAINED_PURL, organisation: 'zz', tx: strange } as const
  assert.match(
    (await explainLog(append(vote))).problems[0]?.problem ?? '',
    /after the verdict|neither drawn nor called/,
  )
  const verdict = log.findLast(({ entry }) => entry.kind === 'verdict')?.entry
  assert.ok(verdict)
  assert.match((await explainLog(append(verdict))).problems[0]?.problem ?? '', /there is only one/)
  const broken = [...log, { index: last.index + 1, bytes: Buffer.from('{}') }]
  assert.partialDeepStrictEqual((await explainLog(broken)).problems, [{ index: last.index + 1, kind: 'unknown' }])
})

test('every kind of end is computed again: refused, expired, disagreed, disputed, faults of all kinds', async () => {
  const net = createToyNetwork({ organisations: 9 })
  net.build('a', 'pkg:toy/one@1', (name) => (name < 'e' ? honest() : sampleResult('other')))
  net.block([net.request('b', 'pkg:strange/two@1')])
  net.drawAsked(net.entries.at(-1)?.name ?? '')
  net.block([net.request('c', 'pkg:toy/three@1')])
  net.wait(200)
  net.wait(1000)
  const captured = net.build('d', 'pkg:toy/four@1', () => sampleResult('evil', 'upstream'))
  net.block([net.dispute('d', 'pkg:toy/four@1', captured.request)])
  const again = net.entries.at(-1)?.name ?? ''
  net.drawAsked(again)
  net.vetted(again, 1, honest)
  const { request: cheated, selection } = net.draw('e', 'pkg:toy/five@1')
  const [one = '', two = '', ...rest] = selection.selected.map(({ organisation }) => organisation)
  const stranger = selection.passedOver[0]?.organisation ?? ''
  net.block([net.commit(stranger, cheated, honest()), net.commit(one, cheated, honest())])
  net.block([net.commit(one, cheated, sampleResult('second')), net.commit(two, cheated, honest())])
  net.block(rest.map((name) => net.commit(name, cheated, honest())))
  net.block([net.reveal(two, cheated, sampleResult('another'))])
  net.block(rest.map((name) => net.reveal(name, cheated, honest())))
  const faults = new Set(net.logged('fault').map(({ fault }) => fault))
  for (const fault of ['equivocation', 'mismatched-reveal', 'unselected'] as const) assert.ok(faults.has(fault), fault)
  const ends = new Set(net.logged('verdict').map(({ outcome }) => outcome))
  assert.ok(ends.has('expired') && ends.has('disagreed'), [...ends].join())
  for (const { name, entry } of net.entries) {
    if (entry.kind !== 'request' && (entry.kind !== 'dispute' || entry.step !== 'opened')) continue
    assert.deepEqual((await explainLog(net.entries, name)).problems, [], entry.purl)
  }
})

test('a package is found under any spelling of its purl', async () => {
  assert.equal((await explainLog(log, 'pkg:TOY/cool@1.0.0')).request, request)
  await assert.rejects(explainLog(log, 'pkg:'), { code: 'usage.purl' })
})

test('explaining refuses what names no build, and what the log does not have', async () => {
  await assert.rejects(explainLog(log, 'left-pad'), { code: 'usage.request' })
  await assert.rejects(explainLog(log, hexOf('nothing')), { code: 'absent.entry' })
  await assert.rejects(explainLog(log, 'pkg:toy/nothing@1'), { code: 'absent.entry' })
})

test('what a verdict brings is computed again: who built nothing, how a dispute ended, who is blamed for what was overturned', async () => {
  const net = createToyNetwork({ organisations: 9 })
  const captured = net.build('d', EXPLAINED_PURL, () => sampleResult('evil', 'upstream'))
  net.block([net.dispute('d', EXPLAINED_PURL, captured.request)])
  const again = net.entries.at(-1)?.name ?? ''
  const selection = net.drawAsked(again)
  const lazy = selection.outcome === 'selected' ? selection.selected[0]?.organisation : undefined
  const built = sampleResult('honest bytes', 'upstream')
  net.vetted(again, 1, (name) => (name === lazy ? sampleResult('upstream') : built))
  const problemsOf = async (entries: Parameters<typeof explainLog>[0]) => (await explainLog(entries, again)).problems
  assert.deepEqual(await problemsOf(net.entries), [])
  assert.deepEqual((await explainLog(net.entries, captured.request)).problems, [])
  assert.equal((await explainLog(net.entries, again)).entries.at(-1)?.entry.kind, 'fault')
  const cases = [
    [tampered(net.entries, 'dispute', (entry) => ({ ...entry, step: 'dismissed' })), 'step'],
    [tampered(net.entries, 'dispute', (entry) => ({ ...entry, verdictOf: hexOf('x') })), 'verdictOf'],
    [
      tampered(net.entries, 'fault', (entry) => ({ ...entry, organisation: 'zz' }), isFault('disputed')),
      'organisation',
    ],
    [tampered(net.entries, 'fault', (entry) => ({ ...entry, node: hexOf('x') }), isFault('disputed')), 'fault'],
    [tampered(net.entries, 'fault', (entry) => ({ ...entry, evidence: [1] }), isFault('disputed')), 'evidence'],
    [tampered(net.entries, 'fault', (entry) => ({ ...entry, organisation: 'zz' }), isFault('unbuilt')), 'organisation'],
    [tampered(net.entries, 'fault', (entry) => ({ ...entry, node: hexOf('x') }), isFault('unbuilt')), 'fault'],
    [tampered(net.entries, 'fault', (entry) => ({ ...entry, evidence: [1] }), isFault('unbuilt')), 'evidence'],
  ] as const
  for (const [{ entries, index }, field] of cases) {
    const found = await problemsOf(entries)
    assert.ok(
      found.some((each) => each.index === index && each.field === field),
      `${field}: ${JSON.stringify(found)}`,
    )
  }
  for (const [kind, message] of [
    ['disputed', /wanted the fault disputed/],
    ['unbuilt', /wanted the fault unbuilt/],
  ] as const) {
    const gone = net.entries.find(({ entry }) => entry.kind === 'fault' && entry.fault === kind)
    assert.match((await problemsOf(net.entries.filter((each) => each !== gone)))[0]?.problem ?? '', message)
  }
  const endless = net.entries.filter(({ entry }) => entry.kind !== 'dispute' || entry.step === 'opened')
  assert.ok((await problemsOf(endless)).some(({ problem }) => /wanted the end of the dispute/.test(problem)))
})

test('two builders that miss the same deadline have both had their time, though the first one called a standby', async () => {
  const net = createToyNetwork({ organisations: 9 })
  const { request, selection } = net.draw('a', EXPLAINED_PURL)
  net.block(selection.selected.slice(2).map(({ organisation }) => net.commit(organisation, request, honest())))
  net.wait(100)
  net.wait(100)
  assert.ok(net.logged('fault').filter(({ fault }) => fault === 'missed-commit').length >= 2)
  assert.deepEqual((await explainLog(net.entries)).problems, [])
})

test('revocations are computed again: who voted, that enough did, and the hash of the whole list', async () => {
  const net = createToyNetwork({ organisations: 9 })
  net.build('d', EXPLAINED_PURL, honest)
  net.block([net.revoke('a', 'pkg:toy/other@1'), net.revoke('b', 'pkg:toy/other@1')])
  net.block([net.revoke('c', EXPLAINED_PURL, [`sha256:${hexOf('x')}`])])
  net.block([net.revoke('a', EXPLAINED_PURL), net.revoke('d', EXPLAINED_PURL)])
  const problemsOf = async (entries: Parameters<typeof explainLog>[0]) => (await explainLog(entries)).problems
  assert.deepEqual(await problemsOf(net.entries), [])
  const effective = (entry: { step: string }) => entry.step === 'effective'
  const vote = (entry: { step: string }) => entry.step === 'vote'
  const cases = [
    [tampered(net.entries, 'revocation', (entry) => ({ ...entry, votes: [] }), effective), 'votes'],
    [tampered(net.entries, 'revocation', (entry) => ({ ...entry, reason: 'x' }), effective), 'reason'],
    [tampered(net.entries, 'revocation', (entry) => ({ ...entry, place: 7 }), effective), 'place'],
    [tampered(net.entries, 'revocation', (entry) => ({ ...entry, organisation: 'b' }), vote), 'organisation'],
    [
      tampered(net.entries, 'head', (entry) => ({ ...entry, revocations: { count: 2, hash: hexOf('x') } })),
      'revocations',
    ],
  ] as const
  for (const [{ entries, index }, field] of cases) {
    const found = await problemsOf(entries)
    assert.ok(
      found.some((each) => each.index === index && each.field === field),
      `${field}: ${JSON.stringify(found)}`,
    )
  }
  const votes = net.entries.filter(({ entry }) => entry.kind === 'revocation' && entry.step === 'vote')
  const [, lastVote] = [votes.at(-2), votes.at(-1)]
  const fewer = await problemsOf(net.entries.filter((each) => each !== lastVote))
  assert.ok(fewer.some(({ problem }) => /wanted votes of 2 authorities, found 1/.test(problem)))
  const silent = net.entries.filter(({ entry }) => entry.kind !== 'revocation' || entry.step === 'vote')
  assert.ok((await problemsOf(silent)).some(({ problem }) => /wanted the revocation after it/.test(problem)))
})

function isFault(fault: string): (entry: { readonly fault: string }) => boolean {
  return (entry) => entry.fault === fault
}
