import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isFileName, normalName, projectsOfFile, versionOfFile } from './names.ts'
import { comparePypiVersions, isVersion, normalVersion } from './versions.ts'

test('normalName() is what PEP 503 says, and twice is once', () => {
  for (const name of [
    'Friendly-Bard',
    'FRIENDLY-BARD',
    'friendly.bard',
    'friendly_bard',
    'friendly--bard',
    'FrIeNdLy-._.-bArD',
  ]) {
    assert.equal(normalName(name), 'friendly-bard')
  }
  fc.assert(fc.property(fc.string(), (text) => assert.equal(normalName(normalName(text)), normalName(text))))
})

// PEP 440, "Normalization", and the tests of the packaging library that it cites.
const NORMAL: ReadonlyArray<readonly [string, string]> = [
  ['1.1RC1', '1.1rc1'],
  ['00', '0'],
  ['09000', '9000'],
  ['1.0+foo0100', '1.0+foo0100'],
  ['1.1.a1', '1.1a1'],
  ['1.1-a1', '1.1a1'],
  ['1.1a.1', '1.1a1'],
  ['1.1alpha1', '1.1a1'],
  ['1.1beta2', '1.1b2'],
  ['1.1c3', '1.1rc3'],
  ['1.1preview', '1.1rc0'],
  ['1.2a', '1.2a0'],
  ['1.2-post2', '1.2.post2'],
  ['1.2post2', '1.2.post2'],
  ['1.2.post-2', '1.2.post2'],
  ['1.0-r4', '1.0.post4'],
  ['1.2.post', '1.2.post0'],
  ['1.0-1', '1.0.post1'],
  ['1.2-dev2', '1.2.dev2'],
  ['1.2dev', '1.2.dev0'],
  ['1.0+ubuntu-1', '1.0+ubuntu.1'],
  ['1.0+Ubuntu_01', '1.0+ubuntu.1'],
  ['v1.0', '1.0'],
  ['  1.0\n', '1.0'],
  ['v01!2.03', '1!2.3'],
]

test('normalVersion() is what PEP 440 says, twice is once, and leaves alone what is no version', () => {
  for (const [written, normal] of NORMAL) assert.equal(normalVersion(written), normal, written)
  for (const text of [
    '',
    'french toast',
    '1.0+a+',
    '1.0++',
    '1.0+_foobar',
    '1.0+foo&asd',
    '1.0+1+1',
    '1'.repeat(300),
  ]) {
    assert.equal(isVersion(text), false, text)
    assert.equal(normalVersion(text), text)
  }
  const any = fc.stringMatching(
    /^v?([0-9]!)?[0-9]{1,3}(\.[0-9]{1,2}){0,3}[-_.]?((a|beta|RC|c)[-_.]?[0-9]?)?(-[0-9]|\.post[0-9]?)?([-_.]?dev[0-9]?)?(\+[a-zA-Z0-9]{1,3}([-_.][0-9]{1,2})?)?$/,
  )
  fc.assert(fc.property(any, (text) => assert.equal(normalVersion(normalVersion(text)), normalVersion(text))))
})

// The list of the packaging library's own tests (test_version.py), in ascending order.
const ORDER = [
  '1.0.dev456',
  '1.0a1',
  '1.0a2.dev456',
  '1.0a12.dev456',
  '1.0a12',
  '1.0b1.dev456',
  '1.0b2',
  '1.0b2.post345.dev456',
  '1.0b2.post345',
  '1.0b2-346',
  '1.0c1.dev456',
  '1.0c1',
  '1.0rc2',
  '1.0c3',
  '1.0',
  '1.0.post456.dev34',
  '1.0.post456',
  '1.1.dev1',
  '1.2+123abc',
  '1.2+123abc456',
  '1.2+abc',
  '1.2+abc123',
  '1.2+abc123def',
  '1.2+1234.abc',
  '1.2+123456',
  '1.2.r32+123456',
  '1.2.rev33+123456',
  '1!1.0.dev456',
  '1!1.0a1',
  '1!1.0',
  '1!1.2.rev33+123456',
]

test('comparePypiVersions() orders the versions of the packaging library as it does', () => {
  for (const [low, lower] of ORDER.entries()) {
    for (const [high, higher] of ORDER.entries()) {
      assert.equal(Math.sign(comparePypiVersions(lower, higher)), Math.sign(low - high), `${lower} and ${higher}`)
    }
  }
})

const FILES: ReadonlyArray<readonly [file: string, project: string, version: string | undefined]> = [
  ['zope.interface-5.0.0-cp38-cp38-manylinux1_x86_64.whl', 'zope-interface', '5.0.0'],
  ['torch-2.1.0+cu118-cp311-cp311-linux_x86_64.whl', 'torch', '2.1.0+cu118'],
  ['pkg_name-1.0_1-2build-py3-none-any.whl', 'pkg-name', '1.0.post1'],
  ['python-dateutil-2.8.2.tar.gz', 'python-dateutil', '2.8.2'],
  ['backports.ssl_match_hostname-3.5.0.1.tar.gz', 'backports-ssl-match-hostname', '3.5.0.1'],
  ['foo-2-bar-1.0-1.zip', 'foo-2-bar', '1.0.post1'],
  ['Left-Pad-1.0RC1.tar.bz2', 'left-pad', '1.0rc1'],
  ['setuptools-0.6c11-py2.6.egg', 'setuptools', '0.6rc11'],
  ['pywin-1.0.win-amd64-py2.7.exe', 'pywin', '1.0'],
  ['thing-latest.tar.gz', 'thing', 'latest'],
  ['noversion.tar.gz', 'noversion', undefined],
]

test('the file names of wheels, sources and older formats tell project and version', () => {
  for (const [file, project, version] of FILES) {
    assert.equal(versionOfFile(project, file), version, file)
    if (version !== undefined) assert.ok(projectsOfFile(file).includes(project), file)
    assert.ok(isFileName(file))
  }
  assert.equal(versionOfFile('other', 'python-dateutil-2.8.2.tar.gz'), undefined)
  for (const file of ['', '.', '..', '.hidden', 'a/b.whl', 'a b.whl', 'a%2fb.whl', '-x.whl'])
    assert.ok(!isFileName(file))
})
