import assert from 'node:assert/strict'
import { test } from 'node:test'
import { playRecipe } from '../../../../test/kit/play-recipe.ts'
import { AppError } from '../../../base/errors.ts'
import type { Got, Need } from '../../../base/located.ts'
import { parsePurl } from '../../../base/purl.ts'
import type { Confirmed, SourceCandidate, SourceFound } from '../../../base/rebuild/build-plan.ts'
import type { ResolveContext } from '../../ecosystem.ts'
import { npm } from '../npm.ts'
import { confirmNpm } from './confirm.ts'
import { repositoryOf } from './repository.ts'
import { npmSource } from './source.ts'

const CONTEXT = { upstreams: ['npm'], freshSeconds: 60 }
const HEAD = 'ab'.repeat(20)

function find(
  purl: string,
  manifest: Record<string, unknown> | undefined,
  verifyAttestation?: ResolveContext['verifyAttestation'],
): SourceFound {
  const dist = {
    integrity: `sha512-${Buffer.alloc(64).toString('base64')}`,
    tarball: 'https://r.example/@box/nails/-/nails-1.2.3.tgz',
  }
  const versions =
    manifest === undefined ? {} : { '1.2.3': { name: '@box/nails', version: '1.2.3', dist, ...manifest } }
  const document = { name: '@box/nails', 'dist-tags': {}, versions, time: { '1.2.3': '2024-01-01T00:00:00Z' } }
  const asking: Generator<Need, SourceFound, Got> = npmSource(parsePurl(purl), {
    ...CONTEXT,
    ...(verifyAttestation && { verifyAttestation }),
  })
  let next = asking.next()
  while (!next.done) {
    assert.equal(next.value.kind, 'document')
    const view = next.value.kind === 'document' ? (next.value.view ?? '') : ''
    if (next.value.kind === 'document' && next.value.request.path.startsWith('/-/npm/v1/attestations/')) {
      assert.equal(next.value.request.path, '/-/npm/v1/attestations/@box%2fnails@1.2.3')
      const bytes = Buffer.from('{"attestations":[{"predicateType":"https://slsa.dev/provenance/v1","bundle":{}}]}')
      const origin = { kind: 'upstream', name: 'npm' } as const
      const reply = { mediaType: 'application/json', headers: {}, ageSeconds: 0, stale: false, origin }
      next = asking.next({ kind: 'document', bytes, ...reply })
      continue
    }
    const facts = { mediaType: 'application/json', headers: {} }
    const { bytes, mediaType } = npm.transform(Buffer.from(JSON.stringify(document)), facts, view)
    const origin = { kind: 'upstream', name: 'npm' } as const
    next = asking.next({ kind: 'document', bytes, mediaType, headers: {}, ageSeconds: 0, stale: false, origin })
  }
  return next.value
}

test('a release has the candidates that its manifest states, its file, its time, its licence and its tools', () => {
  const repository = { type: 'git', url: 'git+https://git.example/box/tools.git', directory: 'packages/nails' }
  const found = find('pkg:npm/%40box/nails@1.2.3', {
    repository,
    gitHead: HEAD,
    license: 'MIT',
    _nodeVersion: '20.11.1',
    _npmVersion: '10.2.4',
  })
  assert.equal(found.kind, 'release')
  if (found.kind !== 'release') return
  const { candidates, files, releasedAtSeconds, licence, tools } = found.facts
  assert.deepEqual(
    candidates.map((each) => each.type === 'git' && [each.grade, each.repository, each.directory, each.revisions[0]]),
    [
      ['stated', 'https://git.example/box/tools.git', 'packages/nails', HEAD],
      ['guessed', 'https://git.example/box/tools.git', 'packages/nails', 'v1.2.3'],
    ],
  )
  assert.ok(candidates[1]?.type === 'git' && candidates[1].revisions.includes('@box/nails@1.2.3'))
  assert.deepEqual(
    [files[0]?.label, releasedAtSeconds],
    ['@box/nails/-/nails-1.2.3.tgz', Date.parse('2024-01-01') / 1000],
  )
  assert.deepEqual([licence, tools], ['MIT', { node: '20.11.1', npm: '10.2.4' }])
})

test('what an attestation of upstream names comes first, one that does not hold says nothing', () => {
  const manifest = { repository: 'https://git.example/box/tools', gitHead: HEAD }
  const evidence = { repository: 'https://git.example/box/real', commit: 'cd'.repeat(20), signer: 'a workflow' }
  const found = find('pkg:npm/%40box/nails@1.2.3', manifest, (_bundle, digests) => {
    assert.ok(digests[0]?.startsWith('sha512:'))
    return evidence as never
  })
  const [first] = found.kind === 'release' ? found.facts.candidates : []
  assert.deepEqual(first?.type === 'git' && [first.grade, first.repository, first.revisions], [
    'attested',
    evidence.repository,
    [evidence.commit],
  ])
  const refused = find('pkg:npm/%40box/nails@1.2.3', manifest, () => {
    throw new AppError('untrusted.attestation', 'it is about another file')
  })
  assert.equal(refused.kind === 'release' && refused.facts.candidates[0]?.grade, 'stated')
})

test('a release without a public repository has no candidates, and a version that is not there is absent', () => {
  const found = find('pkg:npm/%40box/nails@1.2.3', {})
  assert.deepEqual(found.kind === 'release' && found.facts.candidates, [])
  assert.equal(find('pkg:npm/%40box/nails@9.9.9', {}).kind, 'absent')
})

test('a repository is found however it is spelled, and only where it is read over https', () => {
  const of = (repository: unknown): string | undefined => repositoryOf({ repository })?.url
  for (const text of [
    'box/tools',
    'github:box/tools',
    'git+https://github.com/box/tools.git',
    'git://github.com/box/tools',
    'git@github.com:box/tools.git',
    'git+ssh://git@github.com/box/tools.git',
    'https://user:secret@github.com/box/tools/tree/main/packages/a',
    'http://github.com/box/tools/',
  ]) {
    assert.equal(of(text), 'https://github.com/box/tools', text)
  }
  for (const bad of [undefined, 7, '', 'file:///etc', 'javascript:x', 'https://github.com/']) {
    assert.equal(of(bad), undefined, String(bad))
  }
  assert.deepEqual(repositoryOf({ repository: { url: 'gitlab:a/b', directory: './packages/c/' } }), {
    url: 'https://gitlab.com/a/b',
    directory: 'packages/c',
  })
  assert.equal(repositoryOf({ repository: { url: 'a/b', directory: '../../etc' } })?.directory, '')
})

function confirm(files: Record<string, unknown>, directory = ''): Confirmed {
  const candidate: SourceCandidate = {
    grade: 'stated',
    how: '',
    type: 'git',
    repository: 'https://git.example/x/y',
    revisions: ['v1'],
    directory,
  }
  const texts = new Map(Object.entries(files).map(([path, value]) => [path, JSON.stringify(value)]))
  return playRecipe(confirmNpm(parsePurl('pkg:npm/%40box/nails@1.2.3'), candidate), { files: texts }).end
}

const NAILS = { name: '@box/nails', version: '1.2.3', license: 'MIT' }

test('a tree is confirmed where its manifest names package and version: stated, at the root, or in a workspace', () => {
  const confirmed = (directory: string): Confirmed => ({ kind: 'confirmed', directory, licence: 'MIT' })
  assert.deepEqual(confirm({ 'source/package.json': NAILS }), confirmed('source'))
  assert.deepEqual(confirm({ 'source/package.json': NAILS }, 'packages/nails'), confirmed('source'))
  assert.deepEqual(confirm({ 'source/x/package.json': NAILS }, 'x'), confirmed('source/x'))
  const root = { 'source/package.json': { workspaces: ['libs/*', 'one'] } }
  assert.deepEqual(confirm({ ...root, 'source/libs/n/package.json': NAILS }), confirmed('source/libs/n'))
  assert.deepEqual(confirm({ ...root, 'source/one/package.json': NAILS }), confirmed('source/one'))
  assert.deepEqual(confirm({ 'source/packages/n/package.json': NAILS }), confirmed('source/packages/n'))
})

test('C4: a tree of another package or another version is refused with what it is', () => {
  const reasonOf = (files: Record<string, unknown>): string => {
    const found = confirm(files)
    return found.kind === 'refused' ? found.reason : ''
  }
  assert.match(reasonOf({ 'source/package.json': { ...NAILS, name: 'screws' } }), /names "screws"/)
  assert.match(reasonOf({ 'source/package.json': { ...NAILS, version: '1.2.4' } }), /version 1\.2\.4, not 1\.2\.3/)
  assert.match(reasonOf({ 'source/package.json': [] }), /no manifest/)
  assert.match(reasonOf({ 'source/package.json': { ...NAILS, version: undefined } }), /version none/)
})
