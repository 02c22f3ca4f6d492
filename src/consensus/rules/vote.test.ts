import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createToyNetwork, honest, TOY_RULES, type ToyNetwork } from '../../../test/kit/consensus-network.ts'
import { hexOf, sampleResult } from '../../../test/kit/sample-entries.ts'
import type { BuildResult, FileDigests } from '../../base/entries/result.ts'
import { purlIn, requestIn } from '../query.ts'

const PURL = 'pkg:toy/toy@1.0'

function panelOf(network: ToyNetwork): { request: string; names: string[]; standbys: string[]; outside: string } {
  const { request, selection } = network.draw('a', PURL)
  const names = selection.selected.map(({ organisation }) => organisation)
  const standbys = selection.standbys.map(({ organisation }) => organisation)
  return { request, names, standbys, outside: selection.passedOver[0]?.organisation ?? '' }
}

function seenFiles(): FileDigests[] {
  return sampleResult('bytes').files.map(({ name, sha256, sha512, sha1, sizeBytes }) => ({
    name,
    sha256,
    sha512,
    sha1,
    sizeBytes,
  }))
}

function faultsOf(network: ToyNetwork): string[] {
  return network.logged('fault').map(({ fault, organisation }) => `${organisation} ${fault}`)
}

test('results are told when all are committed to, not before', () => {
  const network = createToyNetwork({ organisations: 6 })
  const { request, names } = panelOf(network)
  const [first = '', ...others] = names
  assert.deepEqual(network.block([network.commit(first, request, honest())]), [undefined])
  assert.deepEqual(network.block([network.reveal(first, request, honest())]), ['early'])
  network.block(others.map((name) => network.commit(name, request, honest())))
  assert.equal(requestIn(network.state(), request)?.phase, 'revealing')
  const reveals = names.map((name) => network.reveal(name, request, honest()))
  assert.deepEqual(network.block(reveals), [undefined, undefined, undefined, undefined])
  assert.equal(network.logged('verdict')[0]?.outcome, 'rebuilt')
  assert.deepEqual(network.block([network.reveal(first, request, honest())]), ['repeated'])
})

test('a missed commitment calls a standby, once its time and 2n blocks have passed, and q stays', () => {
  const network = createToyNetwork({ organisations: 6 })
  const { request, names, standbys } = panelOf(network)
  const [silent = '', ...others] = names
  const [standby = ''] = standbys
  assert.deepEqual(network.block([network.commit(standby, request, honest())]), ['early'])
  network.block(others.map((name) => network.commit(name, request, honest())))
  network.block([], 1000)
  assert.equal(requestIn(network.state(), request)?.seats.length, 4, 'the time has passed, 8 blocks have not')
  for (let block = 0; block < 6; block += 1) network.block([], 0)
  assert.deepEqual(faultsOf(network), [`${silent} missed-commit`])
  assert.deepEqual(network.block([network.commit(silent, request, honest())]), [undefined])
  assert.deepEqual(faultsOf(network).at(-1), `${silent} late-commit`)
  network.block([network.commit(standby, request, honest())])
  network.block([...others, standby].map((name) => network.reveal(name, request, honest())))
  const [verdict] = network.logged('verdict')
  assert.deepEqual([verdict?.outcome, verdict?.quorum, verdict?.builders, verdict?.panel.length], ['rebuilt', 3, 4, 5])
  assert.deepEqual(
    verdict?.panel.map(({ agreed }) => agreed),
    [false, true, true, true, true],
  )
})

test('blocks without time do not pass a deadline, and neither does time without blocks', () => {
  const network = createToyNetwork({ organisations: 6 })
  const { request } = panelOf(network)
  for (let block = 0; block < 50; block += 1) network.block([], 0)
  network.block([], 99)
  assert.equal(network.logged('fault').length, 0)
  network.block([], 1)
  assert.equal(network.logged('fault').length, 4)
  assert.equal(requestIn(network.state(), request)?.phase, 'committing', 'one standby is left')
})

test('two of four that stay silent, and the standby too, let the attempt expire: q does not fall', () => {
  const network = createToyNetwork({ organisations: 6 })
  const { request, names } = panelOf(network)
  network.block(names.slice(0, 2).map((name) => network.commit(name, request, honest())))
  network.wait(100)
  network.wait(100)
  const [verdict] = network.logged('verdict')
  assert.deepEqual([verdict?.outcome, verdict?.quorum, verdict?.agreed], ['expired', 3, null])
  assert.deepEqual(purlIn(network.state(), PURL)?.attempts.length, 1)
  assert.deepEqual(network.block([network.request('b', PURL)]), [undefined])
})

test('committed builders that do not tell are missing: fewer than q that tell expire, logged', () => {
  const network = createToyNetwork({ organisations: 6 })
  const { request, names } = panelOf(network)
  network.block(names.map((name) => network.commit(name, request, honest())))
  network.block(names.slice(0, 2).map((name) => network.reveal(name, request, honest())))
  network.wait(50)
  assert.equal(network.logged('verdict')[0]?.outcome, 'expired')
  assert.deepEqual(
    faultsOf(network),
    names.slice(2).map((name) => `${name} missed-reveal`),
  )
  const late = names.slice(2).map((name) => network.reveal(name, request, honest()))
  network.block(late)
  assert.deepEqual(
    faultsOf(network).slice(2),
    names.slice(2).map((name) => `${name} late-reveal`),
  )
  assert.equal(network.logged('verdict').length, 1, 'one verdict per attempt')
})

test('three of four that tell the same are the quorum; the fourth is shown beside them', () => {
  const network = createToyNetwork({ organisations: 6 })
  let odd: string | undefined
  const verdict = network.build('a', PURL, (name) => {
    odd ??= name
    return name === odd ? sampleResult('other bytes', 'upstream bytes') : sampleResult('bytes', 'upstream bytes')
  })
  assert.equal(verdict.outcome, 'rebuilt')
  assert.deepEqual(
    verdict.panel.filter(({ agreed }) => !agreed).map(({ organisation }) => organisation),
    [odd],
  )
  assert.equal(network.logged('fault').length, 0, 'to differ is no fault')
})

test('two against two disagree, and nothing is agreed', () => {
  const network = createToyNetwork({ organisations: 6 })
  let turn = 0
  const verdict = network.build('a', PURL, () => sampleResult(`bytes ${turn++ % 2}`))
  assert.deepEqual([verdict.outcome, verdict.agreed, verdict.relation], ['disagreed', null, null])
  assert.ok(verdict.panel.every(({ agreed, reveal }) => !agreed && reveal !== null))
})

test('what cannot be built, what is malformed and what was only seen are verdicts too', () => {
  const environment = { toolchains: ['toymake 1.0'], sandbox: 'none' }
  const seen = seenFiles()
  const reports: [BuildResult, string, boolean][] = [
    [{ outcome: 'unbuildable', reason: 'no source', environment }, 'unbuildable', false],
    [{ outcome: 'malformed', reason: 'a zip with a gap', environment }, 'malformed', false],
    [{ outcome: 'witnessed', tag: false, files: seen, environment }, 'witnessed', true],
    [{ ...sampleResult('bytes'), source: { type: 'archive', sha256: hexOf('sdist') } }, 'repackaged', true],
  ]
  for (const [result, outcome, holds] of reports) {
    const network = createToyNetwork({ organisations: 6 })
    assert.equal(network.build('a', PURL, () => result).outcome, outcome)
    assert.equal(purlIn(network.state(), PURL)?.live !== null, holds)
  }
})

test('the reasons for not having built may differ: what is agreed on is that it could not', () => {
  const network = createToyNetwork({ organisations: 6 })
  let turn = 0
  const verdict = network.build('a', PURL, () => {
    turn += 1
    return { outcome: 'unbuildable', reason: `reason ${turn}`, environment: { toolchains: [], sandbox: 'none' } }
  })
  assert.equal(verdict.outcome, 'unbuildable')
})

test('what was witnessed behind a tag holds for a day; then it can be asked for as if for the first time', () => {
  const network = createToyNetwork({ organisations: 6 })
  const seen = seenFiles()
  const environment = { toolchains: [], sandbox: 'none' }
  const verdict = network.build('a', PURL, () => ({ outcome: 'witnessed', tag: true, files: seen, environment }))
  assert.equal(verdict.expiresSeconds, verdict.at.timeSeconds + 86_400)
  assert.deepEqual(network.block([network.request('b', PURL)], 86_000), ['live'])
  assert.deepEqual(network.block([network.request('b', PURL)], 400), [undefined])
  assert.equal(network.logged('request').at(-1)?.attempt, 1)
})

test("a builder that says exact of other bytes than upstream's is not believed by the verdict", () => {
  const network = createToyNetwork({ organisations: 6 })
  const lie = sampleResult('ours', 'theirs')
  const files = lie.files.map((file) => ({
    ...file,
    upstream: file.upstream && { ...file.upstream, level: 'exact' as const },
  }))
  const verdict = network.build('a', PURL, () => ({ ...lie, files }))
  assert.deepEqual([verdict.relation, verdict.level], ['differs', 'mismatch'])
})

test('a recipe that the rules do not list does not count, unless the rules came after the request', () => {
  const network = createToyNetwork({ organisations: 6, rules: { recipes: [hexOf('another recipe')] } })
  const verdict = network.build('a', PURL, honest)
  assert.equal(verdict.outcome, 'expired')
  assert.deepEqual(new Set(network.logged('fault').map(({ fault }) => fault)), new Set(['unlisted-recipe']))
  const later = createToyNetwork({ organisations: 6 })
  const { request, selection } = later.draw('a', PURL)
  const rules = { ...TOY_RULES, recipes: [hexOf('another recipe')] }
  const change = { action: 'rules', rules, serial: 1 } as const
  later.block([later.propose('a', change), later.vote('b', change), later.vote('c', change)])
  later.block()
  later.block()
  assert.equal(later.logged('policy').length, 2)
  assert.equal(later.vetted(request, selection.attempt, honest).outcome, 'rebuilt')
})

test("a vote about no request, or with another attempt's number, is refused", () => {
  const network = createToyNetwork({ organisations: 6 })
  const { request, names } = panelOf(network)
  const [name = ''] = names
  assert.deepEqual(
    network.block([network.commit(name, hexOf('nothing'), honest()), network.commit(name, request, honest(), 2)]),
    ['unknown', 'unknown'],
  )
  assert.deepEqual(network.block([network.commit(name, request, honest()), network.commit(name, request, honest())]), [
    undefined,
    'repeated',
  ])
})

test('a standby that was not needed commits no fault by voting too early or too late', () => {
  const network = createToyNetwork({ organisations: 6 })
  const { request, names, standbys } = panelOf(network)
  const vote = () => network.block([network.commit(standbys[0] ?? '', request, honest())])
  assert.deepEqual(vote(), ['early'])
  network.block(names.map((name) => network.commit(name, request, honest())))
  assert.deepEqual(vote(), ['early'])
  network.block(names.map((name) => network.reveal(name, request, honest())))
  assert.deepEqual(vote(), ['late'])
  assert.equal(network.logged('fault').length, 0)
})
