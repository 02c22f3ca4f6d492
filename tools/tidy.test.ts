// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the scanner is shown such text
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkEffects } from './tidy/effects.ts'
import { checkCycles, checkLayers, importsOf, mayImport } from './tidy/imports.ts'
import { checkErrorCodes, checkLockfile, checkMap } from './tidy/records.ts'
import {
  checkDocstrings,
  checkExports,
  checkFileSizes,
  checkFolderSizes,
  checkFunctionSizes,
  checkNames,
  functionSpans,
} from './tidy/shape.ts'
import { type Finding, sourceOf } from './tidy/source.ts'
import { checkVerifiers } from './tidy/verifiers.ts'
import { checkEcosystemWords, checkHosts, checkNotes } from './tidy/words.ts'
import { formatFinding, settle, tidy } from './tidy.ts'
import { FORBIDDEN_HOSTS, REPORT_ONLY } from './tidy-rules.ts'

const lines = (findings: readonly Finding[]): number[] => findings.map(({ line }) => line)

test('the repository follows its rules', () => {
  const findings = tidy().filter(({ rule }) => !REPORT_ONLY.includes(rule))
  assert.deepEqual(findings.map(formatFinding), [])
})

test('sourceOf() blanks comments, strings, templates and regular expressions, and nothing else', () => {
  const text = [
    '// a Date.now',
    "const a = 'fetch(' + b / c / d",
    'const e = `x ${f({ g: 1 })} y` /* z */',
    'const h = /[/"]fetch\\//.test(i) ? 1 : 2',
    'return /process/',
  ].join('\n')
  const { code, uncommented } = sourceOf('src/a.ts', text)
  assert.equal(code.length, text.length)
  assert.deepEqual(
    code.split('\n').map((line) => line.trimEnd()),
    [
      '',
      "const a = '      ' + b / c / d",
      'const e = `  ${f({ g: 1 })}  `',
      'const h = /           /.test(i) ? 1 : 2',
      'return /       /',
    ],
  )
  assert.match(uncommented, /'fetch\('/)
  assert.doesNotMatch(uncommented, /Date/)
})

test('importsOf() finds imports, type imports, re-exports, side effects and dynamic imports, but no text', () => {
  const text = [
    "import type { A } from './a.ts'",
    'import {\n  b,\n} from "../b.ts"',
    "import './c.ts'",
    "export * from './d.ts'",
    "const e = await import('./e.ts')",
    'const s = \'import x from "./no.ts"\'',
    "// import './no.ts'",
    'export const f = importer(1)',
  ].join('\n')
  assert.deepEqual(
    importsOf(sourceOf('src/x/y.ts', text)).map(({ target }) => target),
    ['src/x/a.ts', 'src/b.ts', 'src/x/c.ts', 'src/x/d.ts', 'src/x/e.ts'],
  )
})

const ALLOWED: ReadonlyArray<readonly [from: string, to: string]> = [
  ['src/main/wire.ts', 'src/store/disk.ts'],
  ['src/http/server.ts', 'src/serve/serve.ts'],
  ['src/cli/cache.ts', 'src/store/store.ts'],
  ['src/cli/cache.ts', 'src/http/http.ts'],
  ['src/serve/find.ts', 'src/peers/peers.ts'],
  ['src/serve/find.ts', 'src/policy/integrity.ts'],
  ['src/serve/find.ts', 'src/ecosystems/ecosystem.ts'],
  ['src/store/disk.ts', 'src/store/rows.ts'],
  ['src/store/disk.ts', 'src/base/digest.ts'],
  ['src/peers/data/server.ts', 'src/peers/neighbour.ts'],
  ['src/ecosystems/toy/routes.ts', 'src/ecosystems/toy/names.ts'],
  ['src/ecosystems/toy/routes.ts', 'src/ecosystems/ecosystem.ts'],
  ['src/ecosystems/toy/files.ts', 'src/archive/zip.ts'],
  ['src/ecosystems/index.ts', 'src/ecosystems/toy/toy.ts'],
]

const REFUSED: ReadonlyArray<readonly [from: string, to: string]> = [
  ['src/http/server.ts', 'src/serve/find.ts'],
  ['src/http/server.ts', 'src/main/config.ts'],
  ['src/serve/serve.ts', 'src/http/http.ts'],
  ['src/cli/cache.ts', 'src/store/disk.ts'],
  ['src/serve/find.ts', 'src/store/disk.ts'],
  ['src/serve/find.ts', 'src/peers/neighbour.ts'],
  ['src/serve/find.ts', 'src/keep/keep.ts'],
  ['src/serve/find.ts', 'src/ecosystems/toy/toy.ts'],
  ['src/store/disk.ts', 'src/peers/peers.ts'],
  ['src/ecosystems/toy/routes.ts', 'src/ecosystems/other/names.ts'],
  ['src/ecosystems/toy/routes.ts', 'src/store/store.ts'],
  ['src/ecosystems/ecosystem.ts', 'src/ecosystems/toy/toy.ts'],
  ['src/base/digest.ts', 'src/store/store.ts'],
  ['src/store/disk.ts', 'test/kit/needs.ts'],
  ['src/main/wire.ts', 'src/store/disk.test.ts'],
  ['src/unheard-of/x.ts', 'src/store/store.ts'],
]

test('mayImport() is the layer table', () => {
  for (const [from, to] of ALLOWED) assert.equal(mayImport(from, to), true, `${from} -> ${to}`)
  for (const [from, to] of REFUSED) assert.equal(mayImport(from, to), false, `${from} -> ${to}`)
})

test('checkLayers() fires on an import against the table, and leaves tests alone', () => {
  const text = "\nimport { createDiskStore } from '../store/disk.ts'\n"
  assert.deepEqual(lines(checkLayers([sourceOf('src/serve/find.ts', text)])), [2])
  assert.deepEqual(checkLayers([sourceOf('src/serve/find.test.ts', text)]), [])
})

test('checkCycles() fires on files that import one another, through others too', () => {
  const cycle = [
    sourceOf('src/a.ts', "import { b } from './b.ts'"),
    sourceOf('src/b.ts', "import type { C } from './c.ts'"),
    sourceOf('src/c.ts', "import './a.ts'"),
  ]
  assert.deepEqual(
    checkCycles(cycle).map(({ message }) => message),
    ['import cycle: src/a.ts -> src/b.ts -> src/c.ts -> src/a.ts'],
  )
  assert.deepEqual(checkCycles(cycle.slice(0, 2)), [])
})

const EFFECTS = [
  'const a = Date.now()',
  'const b = new Date()',
  'const c = performance.now()',
  'setTimeout(() => {}, 1)',
  'const d = AbortSignal.timeout(5)',
  'const e = Math.random()',
  'const f = randomBytes(4)',
  'const g = await fetch(url)',
  'const h = process.env.HOME',
  'console.log(1)',
  "import { readFileSync } from 'node:fs'",
  "import { connect, isIP } from 'node:net'",
  "import leftPad from 'left-pad'",
]

const NO_EFFECTS = [
  'const a = new Date(ms).toISOString()',
  'clock.setTimeout(1)',
  'const b = peers.fetch(id)',
  '  fetch(request: Request): Promise<Reply>',
  '  async fetch(request) {',
  "const c = 'process.env'",
  '// Date.now',
  'const d = { process: 1 }',
  "import type { Server } from 'node:http'",
  "import { isIP } from 'node:net'",
  "import { fetch } from './fetch.ts'\nfetch(step)",
  "import { createHash } from 'node:crypto'",
]

test('checkEffects() fires on every effect outside the named adapters', () => {
  for (const line of EFFECTS) assert.equal(checkEffects([sourceOf('src/serve/x.ts', line)]).length, 1, line)
  for (const line of EFFECTS) assert.equal(checkEffects([sourceOf('src/serve/x.test.ts', line)]).length, 0, line)
})

test('checkEffects() passes what only looks like an effect, and what an adapter is named for', () => {
  for (const line of NO_EFFECTS) assert.deepEqual(checkEffects([sourceOf('src/serve/x.ts', line)]), [], line)
  assert.deepEqual(checkEffects([sourceOf('src/main/effects.ts', 'const a = Date.now()')]), [])
})

test('checkVerifiers() fires on every way to another Ed25519 verifier, and leaves hashes, BLS, peers and tests alone', () => {
  for (const line of [
    "import { createHash, verify } from 'node:crypto'",
    "import { verify as check } from 'node:crypto'",
    "import { createVerify } from 'node:crypto'",
    "import { webcrypto } from 'node:crypto'",
    "import { subtle } from 'node:crypto'",
    "import * as crypto from 'node:crypto'",
    "import crypto from 'node:crypto'",
    "const crypto = await import('node:crypto')",
    "export { verify } from 'node:crypto'",
    "import { ed25519 } from '@noble/curves/ed25519.js'",
    "import { publicKeyFromRaw } from '@libp2p/crypto/keys'",
  ]) {
    assert.equal(checkVerifiers([sourceOf('src/log/note/x.ts', line)]).length, 1, line)
    for (const path of ['src/base/crypto/ed25519.ts', 'src/peers/record.ts', 'src/log/x.test.ts', 'test/kit/x.ts']) {
      assert.deepEqual(checkVerifiers([sourceOf(path, line)]), [], path)
    }
  }
  for (const line of [
    "import { createHash, hash, sign, timingSafeEqual } from 'node:crypto'",
    "import type { KeyObject } from 'node:crypto'",
    "import { bls12_381 } from '@noble/curves/bls12-381.js'",
    "import { verifyEd25519 } from '../../base/crypto/ed25519.ts'",
  ]) {
    assert.deepEqual(checkVerifiers([sourceOf('src/log/note/x.ts', line)]), [], line)
  }
})

test('checkEcosystemWords() fires on the names of ecosystems in the core, and not on words that hold one', () => {
  const bad = 'const npmPort = 1\n// like Docker does\nconst x = "dockerd"\n'
  assert.deepEqual(lines(checkEcosystemWords([sourceOf('src/http/a.ts', bad)])), [1, 2, 3])
  assert.deepEqual(checkEcosystemWords([sourceOf('src/ecosystems/toy/a.ts', bad)]), [])
  assert.deepEqual(checkEcosystemWords([sourceOf('src/http/a.ts', '// associate the velocity of gemstones')]), [])
})

test('checkHosts() fires on every registry host, in any kind of file', () => {
  for (const host of FORBIDDEN_HOSTS) {
    assert.equal(checkHosts([sourceOf('docs/x.md', `see https://${host.toUpperCase()}/x`)]).length, 1, host)
  }
  assert.deepEqual(checkHosts([sourceOf('docs/x.md', 'https://registry.example.com and docker.io')]), [])
})

test('checkNotes() fires on notes to self', () => {
  const note = ['// TO', 'DO: later'].join('')
  assert.deepEqual(lines(checkNotes([sourceOf('src/a.ts', `\n${note}`)])), [2])
  assert.deepEqual(checkNotes([sourceOf('src/a.ts', '// to do so')]), [])
})

test('checkNames() fires on camelCase and on names that say nothing', () => {
  for (const path of ['src/store/diskStore.ts', 'src/utils/x.ts', 'src/store/disk-helper.ts', 'test/common.ts']) {
    assert.equal(checkNames([sourceOf(path, '')]).length, 1, path)
  }
  assert.deepEqual(checkNames([sourceOf('src/store/disk-store.test.ts', ''), sourceOf('README.md', '')]), [])
})

test('checkFileSizes() fires above the wall, which is higher for tests', () => {
  const long = 'x\n'.repeat(501)
  assert.equal(checkFileSizes([sourceOf('src/a.ts', long)]).length, 1)
  assert.deepEqual(checkFileSizes([sourceOf('src/a.test.ts', long), sourceOf('docs/a.md', long)]), [])
})

test('checkFolderSizes() fires on a folder without rooms, tests not counted', () => {
  const files = Array.from({ length: 14 }, (_, index) => sourceOf(`src/a/f${index}.ts`, ''))
  assert.deepEqual(
    checkFolderSizes(files).map(({ path }) => path),
    ['src/a'],
  )
  assert.deepEqual(checkFolderSizes([...files.slice(1), sourceOf('src/a/f.test.ts', '')]), [])
})

test('functionSpans() sees functions, methods and arrows with their headers, and no control flow', () => {
  const text = [
    'export async function a(', //  1
    '  x: number,',
    '): Promise<void> {',
    '  if (x) {',
    '    y()',
    '  } else {', //                6
    '    z()',
    '  }',
    '}',
    'const b = {',
    '  c(d) {', //                 11
    '    return d',
    '  },',
    '}',
    'e((f) => {',
    '  g(f)', //                   16
    '})',
    'for (const h of i) {',
    '  j(h)',
    '}',
  ].join('\n')
  assert.deepEqual(functionSpans(sourceOf('src/a.ts', text)), [
    { from: 1, to: 9 },
    { from: 11, to: 13 },
    { from: 15, to: 17 },
  ])
})

test('checkFunctionSizes() fires on a function of more than 70 lines', () => {
  const body = '  x()\n'.repeat(69)
  assert.deepEqual(lines(checkFunctionSizes([sourceOf('src/a.ts', `\nfunction f() {\n${body}}\n`)])), [2])
  assert.deepEqual(checkFunctionSizes([sourceOf('src/a.ts', `function f() {\n${body.slice(6)}}\n`)]), [])
})

test('checkDocstrings() fires on an export without a docstring and on a file without a head', () => {
  assert.deepEqual(lines(checkDocstrings([sourceOf('src/a.ts', '/** Head. */\n\nexport const a = 1\n')])), [3])
  assert.deepEqual(lines(checkDocstrings([sourceOf('src/a.ts', "import 'x'\n")])), [1])
  assert.deepEqual(checkDocstrings([sourceOf('src/a.ts', '/** Head. */\n\n/** A. */\nexport type A = 1\n')]), [])
})

test('checkExports() fires on a default export, an enum and a barrel', () => {
  for (const line of ['export default 1', 'export enum A {}', 'const enum A {}', "export * from './a.ts'"]) {
    assert.equal(checkExports([sourceOf('src/a/b.ts', line)]).length, 1, line)
  }
  assert.deepEqual(checkExports([sourceOf('src/a/b.ts', 'export const a = 1')]), [])
})

test('checkLockfile() fires on a lockfile that names a registry, or lacks the package of a platform', () => {
  const optional = '{"packages": {"node_modules/a": {"optionalDependencies": {"a-win32-x64": "1.0.0"}}}}'
  assert.equal(checkLockfile([sourceOf('package-lock.json', optional)]).length, 1)
  assert.equal(
    checkLockfile([sourceOf('package-lock.json', '{"resolved": "https://registry.example.com/a"}')]).length,
    1,
  )
  assert.deepEqual(checkLockfile([sourceOf('package-lock.json', '{}')]), [])
})

test('checkMap() fires on a path that does not exist, and on a map without its table', () => {
  const map = sourceOf(
    'ARCHITECTURE.md',
    '## Where is\n| thing | path |\n|---|---|\n| a | `src/a.ts` |\n| b | `src/b/` |\n',
  )
  assert.deepEqual(lines(checkMap([map, sourceOf('src/b/c.ts', '')])), [4])
  assert.equal(checkMap([sourceOf('ARCHITECTURE.md', '# x')]).length, 1)
  assert.equal(checkMap([]).length, 1)
})

test('checkErrorCodes() fires on a code that is not thrown, not tested or not documented, and on a debt that is paid', () => {
  const thrown = sourceOf('src/a/a.ts', "throw new AppError('usage.purl', '')")
  const tested = sourceOf('src/a/a.test.ts', "assert.equal(error.code, 'usage.purl')")
  const reference = sourceOf('docs/reference/errors.md', '`usage.purl`')
  const check = (sources: Parameters<typeof checkErrorCodes>[0], notYet: string[] = []): number =>
    checkErrorCodes(sources, ['usage.purl'], notYet).length
  assert.equal(check([thrown, tested, reference]), 0)
  assert.equal(check([tested, reference]), 1)
  assert.equal(check([thrown, reference]), 1)
  assert.equal(check([thrown, tested]), 1)
  assert.equal(check([reference], ['usage.purl']), 0)
  assert.equal(check([thrown, tested, reference], ['usage.purl']), 1)
  assert.equal(check([thrown, tested, reference], ['usage.gone']), 1)
})

test('settle() hides what is owed and fires on a debt that is paid', () => {
  const finding: Finding = { rule: 'names', path: 'src/a.ts', line: 0, message: '' }
  assert.deepEqual(settle([finding], ['names src/a.ts']), [])
  assert.deepEqual(
    settle([], ['names src/a.ts']).map(({ rule }) => rule),
    ['owed'],
  )
})
