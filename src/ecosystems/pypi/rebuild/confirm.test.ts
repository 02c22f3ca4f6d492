import assert from 'node:assert/strict'
import { test } from 'node:test'
import { driveScripted, scriptedJob } from '../../../../test/kit/scripted-recipe.ts'
import { parsePurl } from '../../../base/purl.ts'
import type { Confirmed, SourceCandidate } from '../../../base/rebuild/build-plan.ts'
import { confirmPypi } from './confirm.ts'

const PURL = parsePurl('pkg:pypi/some-project@1.2.0')

function confirm(files: Record<string, string>, over: Partial<SourceCandidate> = {}): Confirmed {
  const candidate = {
    type: 'git',
    grade: 'guessed',
    how: '',
    repository: 'https://git.example.com/somebody/some-project',
    revisions: ['v1.2.0'],
    directory: '',
    ...over,
  } as SourceCandidate
  return driveScripted(confirmPypi(PURL, candidate), scriptedJob(files))
}

const PROJECT = '[project]\nname = "Some.Project"\nversion = "1.2"\nlicense = "MIT"\n'

test('a tree is confirmed by each kind of manifest that names project and version', () => {
  const poetry = '[tool.poetry]\nname = "some_project"\nversion = "1.2.0"\nlicense = "MIT"\n'
  for (const [file, text] of [
    ['pyproject.toml', PROJECT.replace('1.2', '1.2.0')],
    ['pyproject.toml', poetry],
    ['setup.cfg', '[metadata]\nname = some-project\nversion = 1.2.0\nlicense = MIT\n[options]\nname = other\n'],
    ['setup.py', 'import x\nsetup(\n    name="some-project", version=\'1.2.0\',\n    license="MIT",\n)\n'],
    ['PKG-INFO', 'Metadata-Version: 2.1\nName: Some_Project\nVersion: 1.2.0\nLicense: MIT\n\nText\n'],
  ] as const) {
    const found = confirm({ [`source/${file}`]: text })
    assert.deepEqual(found, { kind: 'confirmed', directory: 'source', licence: 'MIT' }, file)
  }
})

test('C4 the manifest at that commit has another name: the tree is refused, and so is one of another version', () => {
  const other = confirm({ 'source/pyproject.toml': PROJECT.replace('Some.Project', 'other') })
  assert.deepEqual(other, { kind: 'refused', reason: 'its pyproject.toml names "other", wanted some-project' })
  const older = confirm({ 'source/setup.cfg': '[metadata]\nname = some-project\nversion = 1.1.0\n' })
  assert.deepEqual(older, { kind: 'refused', reason: 'its setup.cfg has version 1.1.0, wanted 1.2.0' })
  assert.equal(confirm({ 'source/README': '' }).kind, 'refused')
  assert.equal(confirm({ 'source/pyproject.toml': 'name = [' }).kind, 'refused')
})

test('versions that are computed are left to the tag, names that are computed to the name of the repository', () => {
  const dynamic = '[project]\nname = "some-project"\ndynamic = ["version"]\n'
  assert.equal(confirm({ 'source/pyproject.toml': dynamic }).kind, 'confirmed')
  const computed = { 'source/setup.py': 'NAME = "x"\nsetup(name=NAME, version=VERSION)\n' }
  assert.equal(confirm(computed).kind, 'confirmed')
  assert.equal(confirm(computed, { repository: 'https://git.example.com/a/tools' } as never).kind, 'refused')
  const attr = '[metadata]\nname = some-project\nversion = attr: some.__version__\n'
  assert.equal(confirm({ 'source/setup.cfg': attr }).kind, 'confirmed')
  const placed =
    '[tool.poetry]\nname = "some-project"\nversion = "0.0.0"\n[tool.poetry-dynamic-versioning]\nenable = true\n'
  assert.equal(confirm({ 'source/pyproject.toml': placed }).kind, 'confirmed')
  // What was made with the release knows better.
  const both = { 'source/pyproject.toml': dynamic, 'source/PKG-INFO': 'Name: some-project\nVersion: 9.9\n' }
  assert.equal(confirm(both).kind, 'refused')
})

test('the folder of a package is found in a repository of several, examples aside', () => {
  const files = {
    'source/pyproject.toml': '[project]\nname = "workspace"\nversion = "1"\n',
    'source/examples/one/pyproject.toml': PROJECT,
    'source/packages/other/pyproject.toml': PROJECT.replace('Some.Project', 'other'),
    'source/packages/some/pyproject.toml': PROJECT.replace('1.2', '1.2.0'),
  }
  assert.deepEqual(confirm(files), { kind: 'confirmed', directory: 'source/packages/some', licence: 'MIT' })
  assert.equal(confirm(files, { directory: 'packages/other' } as never).kind, 'refused')
})
