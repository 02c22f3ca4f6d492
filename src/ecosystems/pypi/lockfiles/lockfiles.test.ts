import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../../base/errors.ts'
import type { LockedFile } from '../../ecosystem.ts'
import { pypiDefaultUrl } from '../default-upstream.ts'
import { pypi } from '../pypi.ts'

const A = 'a'.repeat(64)
const B = 'b'.repeat(64)
const C = 'c'.repeat(64)
const isUsage = (error: unknown) => error instanceof AppError && error.code === 'usage.request'

function read(name: string, text: string): LockedFile[] {
  const reader = pypi.lockfiles.find(({ fileName }) => fileName.test(name))
  assert.ok(reader, name)
  return reader.read(Buffer.from(text))
}

const rows = (files: readonly LockedFile[]) =>
  files.map(({ purl, digests, requestPath }) => [purl, digests, requestPath])

test('requirements files yield the page of every pinned requirement, with its hashes', () => {
  const text = `# made by a tool
-i https://registry.example.com/simple
--require-hashes
Left.Pad[extra]==1.0 ; python_version >= "3.8" \\
    --hash=sha256:${A} \\
    # a note
    --hash=sha256:${B}    # via something
right==v2.0RC1 # comment
local @ file:///srv/x
./folder
git+https://git.example.com/x#egg=y
-e .
https://files.example.com/z-1.0.tar.gz
`
  assert.deepEqual(rows(read('dev-requirements.txt', text.replace('    # a note\n', ''))), [
    ['pkg:pypi/left-pad@1.0', [`sha256:${A}`, `sha256:${B}`], '/simple/left-pad/?version=1.0'],
    ['pkg:pypi/right@2.0rc1', [], '/simple/right/?version=2.0rc1'],
  ])
})

test('requirements that are not pinned, and files that include others, are refused by line', () => {
  for (const line of [
    'left',
    'left>=1',
    'left==1.*',
    '-r other.txt',
    '--requirement=other.txt',
    '-rother.txt',
    'a b',
  ]) {
    assert.throws(
      () => read('requirements.txt', `ok==1\n${line}\n`),
      (error) => isUsage(error) && /line 2/.test(String(error)),
      line,
    )
  }
})

test('uv.lock yields what comes from an index, once per package', () => {
  const text = `version = 1
[[package]]
name = "demo"
version = "0.1.0"
source = { virtual = "." }
[[package]]
name = "left-pad"
version = "1.0"
source = { registry = "https://registry.example.com/simple" }
sdist = { url = "https://files.example.com/left-pad-1.0.tar.gz", hash = "sha256:${A}", size = 1 }
wheels = [{ url = "https://files.example.com/left_pad-1.0-py3-none-any.whl", hash = "sha256:${B}" }]
[[package]]
name = "fork"
version = "1.0"
source = { git = "https://git.example.com/x" }
`
  assert.deepEqual(rows(read('uv.lock', text)), [
    ['pkg:pypi/left-pad@1.0', [`sha256:${A}`, `sha256:${B}`], '/simple/left-pad/?version=1.0'],
  ])
  for (const bad of ['version = 2\n', 'x', 'version = 1\n[[package]]\nname = "/"\nsource = { registry = "x" }\n']) {
    assert.throws(() => read('uv.lock', bad), isUsage, bad)
  }
})

test('poetry.lock yields what comes from an index, in its newer and older layout', () => {
  const text = `[[package]]
name = "left-pad"
version = "1.0"
files = [{ file = "left-pad-1.0.tar.gz", hash = "sha256:${A}" }]
[[package]]
name = "right"
version = "2.0"
[package.source]
type = "legacy"
url = "${pypiDefaultUrl()}/"
[[package]]
name = "here"
version = "0.1"
[package.source]
type = "directory"
url = "../here"
[metadata]
lock-version = "1.1"
[metadata.files]
right = [{ file = "right-2.0.zip", hash = "sha256:${B}" }, { file = "old.zip", hash = "md5:${'0'.repeat(32)}" }]
`
  assert.deepEqual(rows(read('poetry.lock', text)), [
    ['pkg:pypi/left-pad@1.0', [`sha256:${A}`], '/simple/left-pad/?version=1.0'],
    ['pkg:pypi/right@2.0', [`sha256:${B}`], '/simple/right/?version=2.0'],
  ])
})

const place = (file: string) => `/packages/aa/bb/${'0'.repeat(60)}/${file}`
const wheel = (tag: string, sha256: string, extra: object = {}) => {
  const filename = `left_pad-1.0-cp312-cp312-${tag}.whl`
  return { filename, url: `../..${place(filename)}`, hashes: { sha256 }, ...extra }
}

function follow(digests: string[], platform: string, files: object[]): string[] {
  const page = { meta: { 'api-version': '1.1' }, name: 'left-pad', files }
  const [locked] = read('requirements.txt', `left-pad==1.0 ${digests.map((hex) => `--hash=sha256:${hex}`).join(' ')}`)
  const reply = { bytes: Buffer.from(JSON.stringify(page)), mediaType: 'application/vnd.pypi.simple.v1+json' }
  return pypi.follow?.(locked as LockedFile, reply, platform).map(({ requestPath }) => requestPath) ?? []
}

test('follow() takes the wheels of the platform that the hashes name, and the metadata beside them', () => {
  const linux = wheel('manylinux_2_17_x86_64.manylinux2014_x86_64', A, { 'core-metadata': { sha256: C } })
  const mac = wheel('macosx_11_0_universal2', B)
  const unlocked = wheel('musllinux_1_2_x86_64', C)
  const files = [linux, mac, unlocked]
  assert.deepEqual(follow([A, B], 'linux/amd64', files), [place(linux.filename), `${place(linux.filename)}.metadata`])
  assert.deepEqual(follow([A, B], 'darwin/arm64', files), [place(mac.filename)])
  assert.deepEqual(follow([], 'linux/amd64', files).length, 3, 'without hashes the version chooses')
})

test('follow() takes the source where no wheel suits, and nothing where all is for others', () => {
  const source = { filename: 'left-pad-1.0.tar.gz', url: `../..${place('left-pad-1.0.tar.gz')}`, hashes: { sha256: B } }
  assert.deepEqual(follow([A, B], 'linux/arm64', [wheel('win_amd64', A), source]), [place('left-pad-1.0.tar.gz')])
  assert.deepEqual(follow([A], 'linux/arm64', [wheel('win_amd64', A)]), [])
})

test('follow() says that a page has none of the files', () => {
  assert.throws(
    () => follow([B], 'linux/amd64', [wheel('any', A)]),
    (error) => error instanceof AppError && error.code === 'absent.document',
  )
})

test('uv.lock and poetry.lock of several indexes yield what the default one has: the others hold private names', () => {
  const uv = (registries: readonly string[]) =>
    registries
      .map((url, index) => `[[package]]\nname = "p${index}"\nversion = "1"\nsource = { registry = "${url}" }\n`)
      .join('')
  const own = 'https://index.example.com/simple'
  const names = (name: string, text: string) => read(name, text).map(({ purl }) => purl)
  assert.deepEqual(names('uv.lock', `version = 1\n${uv([pypiDefaultUrl(), own])}`), ['pkg:pypi/p0@1'])
  assert.deepEqual(names('uv.lock', `version = 1\n${uv(['http://127.0.0.1:7888/pypi/simple', own])}`), [
    'pkg:pypi/p0@1',
  ])
  assert.deepEqual(names('uv.lock', `version = 1\n${uv([own, own])}`), ['pkg:pypi/p0@1', 'pkg:pypi/p1@1'])
  const poetry = `[[package]]\nname = "a"\nversion = "1"\n[[package]]\nname = "b"\nversion = "1"\n[package.source]\ntype = "legacy"\nurl = "${own}"\n`
  assert.deepEqual(names('poetry.lock', poetry), ['pkg:pypi/a@1'])
})

test('a requirements file of long lines is read in one go', { timeout: 20_000 }, () => {
  for (const line of [`a${' '.repeat(300_000)}x`, `${' #'.repeat(150_000)}\u2028`, `a==1${' '.repeat(300_000)}x`]) {
    try {
      read('requirements.txt', line)
    } catch (error) {
      assert.ok(isUsage(error))
    }
  }
})
