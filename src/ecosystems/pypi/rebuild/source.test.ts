import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { makeZip } from '../../../../test/kit/zip.ts'
import { AppError } from '../../../base/errors.ts'
import type { Got, Need } from '../../../base/located.ts'
import { parsePurl } from '../../../base/purl.ts'
import type { ReleaseFacts, SourceFound } from '../../../base/rebuild/build-plan.ts'
import type { UpstreamEvidence } from '../../../base/rebuild/upstream-evidence.ts'
import type { ResolveContext } from '../../ecosystem.ts'
import { transformPypi } from '../transform.ts'
import { sourcePypi } from './source.ts'
import { repositoriesOf, tagsOf } from './tags.ts'

const BASE = 'https://index.example.com/simple'
const WHEEL = makeZip({
  'some_project-1.2.dist-info/METADATA': [
    'Metadata-Version: 2.1',
    'Name: Some-Project',
    'Version: 1.2',
    'License: A long story about\n        the licence',
    'Classifier: License :: OSI Approved :: MIT License',
    'Project-URL: Bug Tracker, https://github.com/somebody/elsewhere/issues',
    'Project-URL: Source Code, https://git.example.com/somebody/some-project',
    'Home-page: https://some-project.example.com/',
    '',
    'Text',
  ].join('\n'),
  'some_project-1.2.dist-info/WHEEL': 'Wheel-Version: 1.0\nGenerator: setuptools (75.1.0)\nTag: py3-none-any\n',
})

interface Sample {
  readonly filename: string
  readonly bytes: Buffer
}

function run(
  purl: string,
  samples: readonly Sample[],
  broken = false,
  verifyAttestation?: ResolveContext['verifyAttestation'],
): SourceFound {
  const files = samples.map(({ filename, bytes }) => ({
    filename,
    url: `${BASE}/files/${filename}`,
    hashes: { sha256: createHash('sha256').update(bytes).digest('hex') },
    size: bytes.length,
    'upload-time': '2024-05-06T07:08:09.000000Z',
    provenance: `https://index.example.com/integrity/${filename}`,
  }))
  const page = Buffer.from(JSON.stringify({ meta: { 'api-version': '1.1' }, name: 'some-project', files }))
  const answer = (need: Need): Got => {
    const origin = { kind: 'local' } as const
    if (need.kind === 'blob') {
      const found = samples.find(({ filename }) => filename === need.located.label)
      if (broken || found === undefined)
        return { kind: 'unavailable', reason: { code: 'unavailable', message: 'down' } }
      return { kind: 'blob', bytes: found.bytes, mediaType: undefined, origin }
    }
    if (need.request.path.startsWith('https://index.example.com/integrity/')) {
      return { kind: 'document', bytes: PROVENANCE, mediaType: '', headers: {}, ageSeconds: 0, stale: false, origin }
    }
    if (need.request.path !== '/some-project/') return { kind: 'absent', reason: { code: 'absent', message: 'none' } }
    const mediaType = 'application/vnd.pypi.simple.v1+json'
    const { bytes } = transformPypi(page, { mediaType, headers: {} }, need.view ?? '')
    return { kind: 'document', bytes, mediaType, headers: {}, ageSeconds: 0, stale: false, origin }
  }
  const context = { upstreams: ['pypi'], freshSeconds: 60, baseUrl: () => BASE }
  const verifying = verifyAttestation === undefined ? context : { ...context, verifyAttestation }
  const asking = sourcePypi(parsePurl(purl), verifying)
  let step = asking.next()
  while (step.done !== true) step = asking.next(answer(step.value))
  return step.value
}

function facts(found: SourceFound): ReleaseFacts {
  assert.equal(found.kind, 'release')
  return (found as { facts: ReleaseFacts }).facts
}

const PROVENANCE = Buffer.from(
  JSON.stringify({
    version: 1,
    attestation_bundles: [
      {
        attestations: [
          {
            version: 1,
            verification_material: { certificate: 'a', transparency_entries: [] },
            envelope: { statement: 'b', signature: 'c' },
          },
        ],
      },
    ],
  }),
)
const SDIST = { filename: 'some-project-1.2.tar.gz', bytes: Buffer.from('no archive') }

test('what is said of a release: its files, when it came, what made it, and where its source may be', () => {
  const found = facts(
    run('pkg:pypi/some-project@1.2', [
      { filename: 'some_project-1.2-py3-none-any.whl', bytes: WHEEL },
      SDIST,
      { filename: 'some_project-1.3-py3-none-any.whl', bytes: Buffer.from('later') },
    ]),
  )
  assert.deepEqual(
    found.files.map(({ label }) => label),
    ['some_project-1.2-py3-none-any.whl', 'some-project-1.2.tar.gz'],
  )
  assert.equal(found.releasedAtSeconds, Date.parse('2024-05-06T07:08:09Z') / 1000)
  assert.equal(found.licence, 'MIT')
  assert.deepEqual(found.tools, { setuptools: '75.1.0' })
  const [first, second, third, ...more] = found.candidates
  assert.ok(first?.type === 'git' && second?.type === 'git' && third?.type === 'archive' && more.length === 0)
  assert.equal(first.repository, 'https://git.example.com/somebody/some-project')
  assert.deepEqual(first.revisions.slice(0, 2), ['v1.2', '1.2'])
  assert.equal(second.repository, 'https://github.com/somebody/elsewhere')
  assert.equal(third.file.label, 'some-project-1.2.tar.gz')
  assert.deepEqual(new Set(found.candidates.map(({ grade }) => grade)), new Set(['guessed']))
})

test('a wheel that only an old setuptools can have written says so of its tools', () => {
  const bytes = makeZip({
    'some_project-1.2.dist-info/METADATA': 'Name: Some-Project\nVersion: 1.2\nPlatform: UNKNOWN\n\n',
    'some_project-1.2.dist-info/WHEEL': 'Generator: bdist_wheel (0.40.0)\n',
  })
  const found = facts(run('pkg:pypi/some-project@1.2', [{ filename: 'some_project-1.2-py3-none-any.whl', bytes }]))
  assert.deepEqual(found.tools, { bdist_wheel: '0.40.0', setuptools: '<62.2' })
})

test('a release whose files say nothing has its archive for a source, one without files is absent, an index that is down is not', () => {
  const found = facts(run('pkg:pypi/some-project@1.2', [SDIST]))
  assert.deepEqual(
    found.candidates.map(({ type }) => type),
    ['archive'],
  )
  assert.equal(run('pkg:pypi/some-project@2.0', [SDIST]).kind, 'absent')
  assert.equal(run('pkg:pypi/other@1.2', []).kind, 'absent')
  assert.equal(run('pkg:pypi/some-project@1.2', [SDIST], true).kind, 'unavailable')
})

test('an attestation that verifies stands first, one that does not is as if it were not there', () => {
  const evidence = {
    repository: 'https://github.com/somebody/real',
    commit: 'd'.repeat(40),
    ref: undefined,
  } as UpstreamEvidence
  const asked: (readonly string[])[] = []
  const verified = facts(
    run('pkg:pypi/some-project@1.2', [SDIST], false, (_bundle, digests) => {
      asked.push(digests)
      return evidence
    }),
  )
  const [first] = verified.candidates
  assert.deepEqual(first?.type === 'git' && [first.grade, first.repository, first.revisions], [
    'attested',
    'https://github.com/somebody/real',
    ['d'.repeat(40)],
  ])
  assert.deepEqual(asked, [[`sha256:${createHash('sha256').update(SDIST.bytes).digest('hex')}`]])
  const forged = facts(
    run('pkg:pypi/some-project@1.2', [SDIST], false, () => {
      throw new AppError('untrusted.attestation', 'forged')
    }),
  )
  assert.deepEqual(
    forged.candidates.map(({ grade }) => grade),
    ['guessed'],
  )
})

test('tagsOf() begins with the spelling that fits the repository', () => {
  assert.deepEqual(tagsOf('requests', '2.0', 'https://github.com/psf/requests').slice(0, 2), ['v2.0', '2.0'])
  assert.deepEqual(tagsOf('attrs', '2.0', 'https://github.com/python-attrs/attrs.git')[0], 'v2.0')
  assert.equal(tagsOf('tool-one', '2.0', 'https://github.com/some/tools')[0], 'tool-one-v2.0')
  const tags = tagsOf('some', '1.0rc1', 'https://github.com/some/some')
  for (const tag of ['v1.0rc1', 'v1.0-rc1', 'v1.0-rc.1', 'release-1.0rc1', 'some-1.0rc1'])
    assert.ok(tags.includes(tag), tag)
  assert.ok(tagsOf('some', '1.2.0', 'https://github.com/some/some').includes('v1.2'))
})

test('repositoriesOf() takes what is called the source first, and no page that is not a repository', () => {
  const found = repositoriesOf([
    { label: 'Homepage', url: 'https://some.example.com/page' },
    { label: 'Funding', url: 'https://github.com/sponsors/somebody' },
    { label: 'Changelog', url: 'https://github.com/somebody/one/blob/main/CHANGES' },
    { label: 'Source', url: 'git+https://git.example.com/two.git' },
  ])
  assert.deepEqual(
    found.map(({ repository }) => repository),
    ['https://git.example.com/two.git', 'https://github.com/somebody/one'],
  )
})
