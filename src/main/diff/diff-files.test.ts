import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { type RawTarEntry, rawTar } from '../../../test/kit/raw-tar.ts'
import { rawZip } from '../../../test/kit/raw-zip.ts'
import type { CliContext } from '../../cli/context.ts'
import { ecosystems } from '../../ecosystems/index.ts'
import { realContext, runCli } from '../cli.ts'
import { diffFiles } from './diff-files.ts'

function files(t: TestContext, contents: Readonly<Record<string, Buffer | string>>): (name: string) => string {
  const folder = mkdtempSync(join(tmpdir(), 'pyrsia-diff-'))
  t.after(() => rmSync(folder, { recursive: true }))
  for (const [name, content] of Object.entries(contents)) writeFileSync(join(folder, name), content)
  return (name) => join(folder, name)
}

async function run(...words: string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const said = { out: '', err: '' }
  const say = (where: 'out' | 'err') => (text: string) => {
    said[where] += text
  }
  const context: CliContext = { ...realContext(), out: say('out'), err: say('err') }
  return { code: await runCli(context, words), ...said }
}

const tarball = (content: string, more: readonly RawTarEntry[] = []) =>
  rawTar([{ name: 'package/package.json', content: '{}' }, { name: 'package/a.js', content }, ...more])

test('pyrsia diff ends with 0 for equal packages and says at which level', async (t) => {
  const at = files(t, {
    'a.tgz': gzipSync(tarball('x\n'), { level: 1 }),
    'b.tgz': gzipSync(tarball('x\n')),
    'c.tar': tarball('x\n'),
  })
  const { code, out } = await run('diff', at('a.tgz'), at('b.tgz'))
  assert.equal(code, 0)
  assert.equal(out.split('\n')[2], 'container: the same but for compression (tarball/1)')
  assert.match((await run('diff', at('a.tgz'), at('a.tgz'))).out, /^exact: the same bytes/m)
  assert.equal((await run('diff', at('c.tar'), at('b.tgz'))).code, 0)
})

test('pyrsia diff ends with 1 for different packages, with entries, digests and the lines that differ', async (t) => {
  const at = files(t, {
    'a.tgz': tarball('one\ntoken = 1\n'),
    'b.tgz': tarball('one\ntoken = 2\n', [
      { name: 'package/b', content: '\u0000binary' },
      { name: 'package/new.js', content: 'evil\tline\u001b[2J\n', mode: 0o755 },
    ]),
  })
  const { code, out } = await run('diff', at('a.tgz'), at('b.tgz'))
  assert.equal(code, 1)
  assert.match(out, /^mismatch: different \(tarball\/1\)$/m)
  assert.match(out, /^ {2}package\/a\.js: content: A sha256:[0-9a-f]{64} \(14 bytes\), B sha256:/m)
  assert.match(out, /^ {2}package\/b: only in B: file sha256:[0-9a-f]{64} \(7 bytes\) 0644$/m)
  assert.match(out, /\n--- package\/a\.js\n\+\+\+ package\/a\.js\n@@ -1,2 \+1,2 @@\n one\n-token = 1\n\+token = 2\n/)
  assert.match(out, /\n\+evil\tline\ufffd\[2J\n/)
  const told = JSON.parse((await run('diff', '--json', at('a.tgz'), at('b.tgz'))).out)
  assert.deepEqual([told.level, told.equal, told.differenceCount, told.texts.length], ['mismatch', false, 3, 2])
  assert.equal(told.differences[0].path, 'package/a.js')
})

test('pyrsia diff ends with 1 for a malformed file, with the reason', async (t) => {
  const good = rawZip([{ name: 'a', content: 'a' }])
  const at = files(t, { 'a.whl': good, 'b.whl': Buffer.concat([good, Buffer.from('more')]) })
  const { code, out } = await run('diff', at('a.whl'), at('b.whl'))
  assert.equal(code, 1)
  assert.match(out, /^malformed: [^\n]*\n {2}B is malformed: wanted an end record that reaches to the end/m)
})

test('pyrsia diff tells which rules were needed', async (t) => {
  const manifest = (text: string) => rawTar([{ name: 'package/package.json', content: text }])
  const at = files(t, { 'a.tgz': manifest('{"a":1}'), 'b.tgz': manifest('{ "a": 1 }') })
  const { code, out } = await run('diff', at('a.tgz'), at('b.tgz'))
  assert.equal(code, 0)
  assert.match(
    out,
    /^metadata: the same after the rules below \(tarball\/1\)\n {2}manifest-layout\/1, B: package\/package\.json: "white space/m,
  )
})

test('pyrsia diff reads files as it is told, as their names say, or as they begin', async (t) => {
  const layer = (mode: number) => rawTar([{ name: 'bin/su', mode }])
  const at = files(t, {
    one: layer(0o755),
    two: layer(0o700),
    zip: rawZip([{ name: 'a' }]),
    text: 'a',
    'a.whl': rawZip([{ name: 'a' }]),
  })
  const level = async (a: string, b: string, as?: string) => {
    const { level, format } = await diffFiles({ a: at(a), b: at(b), as }, { ecosystems })
    return `${level} ${format}`
  }
  assert.equal(await level('one', 'two'), 'canonical tar/1')
  assert.equal(await level('one', 'two', 'layer'), 'mismatch layer/1')
  assert.equal(await level('one', 'two', 'bytes'), 'mismatch bytes/1')
  assert.equal(await level('zip', 'a.whl'), 'exact wheel/1')
  assert.equal(await level('zip', 'zip'), 'exact zip/1')
  assert.equal(await level('text', 'text'), 'exact bytes/1')
  assert.equal(await level('text', 'text', 'zip'), 'malformed zip/1')
})

test('pyrsia diff ends with 2 for a file that is not there and a format that it does not know', async (t) => {
  const at = files(t, { a: 'a' })
  assert.equal((await run('diff', at('a'), at('none'))).code, 2)
  const { code, err } = await run('diff', '--as', 'rar', at('a'), at('a'))
  assert.equal(code, 2)
  assert.match(err, /wanted one of zip, tar, layer, bytes, found rar/)
})

test('diffFiles() leaves the showing of differences to whoever is asked for it', async (t) => {
  const at = files(t, { 'a.tgz': tarball('a'), 'b.tgz': tarball('b') })
  const request = { a: at('a.tgz'), b: at('b.tgz'), as: undefined }
  const { texts } = await diffFiles(request, { ecosystems, describe: (path, a, b) => `${path}: ${a} ${b}` })
  assert.deepEqual(texts, [{ path: 'package/a.js', diff: 'package/a.js: a b' }])
})
