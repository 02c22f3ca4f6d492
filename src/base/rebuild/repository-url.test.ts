import assert from 'node:assert/strict'
import { test } from 'node:test'
import { repositoryPlace } from './repository-url.ts'

test('repositoryPlace() makes one https URL of every way to write a repository', () => {
  for (const text of [
    'https://github.com/some/project',
    'https://GitHub.com/some/project.git',
    'https://www.github.com/some/project/',
    'http://github.com/some/project',
    'git+https://github.com/some/project.git#v1',
    'git://github.com/some/project.git',
    'git@github.com:some/project.git',
    'ssh://git@github.com/some/project.git',
    'git+ssh://git@github.com/some/project.git',
    ' https://github.com/some/project/issues?q=1 ',
    'https://user:secret@github.com/some/project',
  ]) {
    const wanted = { repository: 'https://github.com/some/project', directory: '', isForge: true }
    assert.deepEqual(repositoryPlace(text), wanted, text)
  }
})

test('repositoryPlace() finds the folder of a package, and groups in groups', () => {
  assert.deepEqual(repositoryPlace('https://github.com/some/project/tree/main/packages/one'), {
    repository: 'https://github.com/some/project',
    directory: 'packages/one',
    isForge: true,
  })
  assert.equal(repositoryPlace('https://github.com/some/project/tree/main/a/..%2f..')?.directory, '')
  assert.deepEqual(repositoryPlace('https://gitlab.com/group/inner/project/-/tree/main/lib'), {
    repository: 'https://gitlab.com/group/inner/project',
    directory: 'lib',
    isForge: true,
  })
})

test('repositoryPlace() leaves other hosts as they are, and takes nothing for a repository that has no path', () => {
  assert.deepEqual(repositoryPlace('https://git.example.com:8443/a/b.git'), {
    repository: 'https://git.example.com:8443/a/b.git',
    directory: '',
    isForge: false,
  })
  for (const text of [
    '',
    'some/project',
    'https://example.com/',
    'file:///etc/passwd',
    'ext::sh -c true',
    'https://github.com/some',
    'https://github.com/sponsors/some',
    'x'.repeat(2000),
  ]) {
    assert.equal(repositoryPlace(text), undefined, text)
  }
})
