import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClientView } from '../../ecosystem.ts'
import { pipDoctor, uvDoctor } from './doctor.ts'

const URL_HERE = 'http://127.0.0.1:7888/pypi/simple'

function view(files: Readonly<Record<string, string>>, variables: ClientView['variables'] = {}): ClientView {
  const listed = Object.entries(files).map(([role, text]) => ({
    file: { path: `/p/${role}`, mode: 0o600, role },
    text,
  }))
  return { url: URL_HERE, files: listed, variables }
}

test('pip is found to ask every extra index, of files, requirements and variables, but no folder of this machine', () => {
  const found = pipDoctor.leaks(
    view(
      {
        own: `[global]\nindex-url = ${URL_HERE}/\nextra-index-url =\n  https://one.example.com/simple\n  ${URL_HERE}/\nfind-links = /opt/wheels\n`,
        requirements: '--extra-index-url https://two.example.com/simple\nsix==1.16\n',
      },
      { PIP_EXTRA_INDEX_URL: 'https://three.example.com/simple', PIP_FIND_LINKS: '/opt/wheels' },
    ),
  )
  assert.deepEqual(found.map((leak) => `${leak.replaces} ${leak.found}`).sort(), [
    'false https://one.example.com/simple',
    'false https://three.example.com/simple',
    'false https://two.example.com/simple',
  ])
})

test('pip says where it goes by the value that counts: the environment before the file, and an empty one not at all', () => {
  const read = pipDoctor.where?.read ?? assert.fail()
  assert.deepEqual(read("global.index-url='http://a/'\n:env:.index-url=''\n"), ['http://a/'])
  assert.deepEqual(read("global.index-url='http://a/'\n:env:.index-url='http://b/'\n"), ['http://b/'])
  assert.deepEqual(read(''), [])
})

test('uv is found to go elsewhere by a default index of the project, and to ask others by every other index', () => {
  const pyproject =
    '[[tool.uv.index]]\nurl = "https://one.example.com"\ndefault = true\n[[tool.uv.index]]\nurl = "https://two.example.com"\n'
  assert.deepEqual(
    uvDoctor.leaks(view({ pyproject })).map(({ replaces, found }) => [replaces, found]),
    [
      [true, 'https://one.example.com'],
      [false, 'https://two.example.com'],
    ],
  )
  assert.throws(() => uvDoctor.leaks(view({ project: 'index = [' })), /no valid TOML/)
})
