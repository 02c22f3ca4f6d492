/**
 * The conformance suite of `sources/sources.ts`: run on the twin in memory and on real git over HTTP, so that what holds for one holds
 * for the other.
 */
import assert from 'node:assert/strict'
import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { AppError, type ErrorCode } from '../../src/base/errors.ts'
import type { Sources, SourceTree } from '../../src/sources/sources.ts'
import type { NewFile } from '../../src/sources/tree/folder.ts'

/** Repositories that a test makes, and the sources that read them. */
export interface SourcesPlace {
  readonly sources: Sources
  /** Adds a commit with these files and no others; its id. */
  publish(repository: string, files: readonly NewFile[], commit?: { tag?: string; atSeconds?: number }): string
  tag(repository: string, name: string, commit: string): void
  hide(repository: string): void
}

/** Opens empty places of one kind, closed after the test. */
export type OpenPlace = (
  t: TestContext,
  limits: { readonly sizeBytes?: number; readonly fileCount?: number },
) => Promise<SourcesPlace>

const REPOSITORY = 'https://git.example.com/some/project'
const FILES: readonly NewFile[] = [
  { path: 'README', content: 'hello\n' },
  { path: 'bin/run', content: '#!/bin/sh\n', executable: true },
  { path: 'bin/also', content: 'run', link: true },
]
const never = new AbortController().signal

/** Matches an `AppError` of this code, for `assert.rejects`. */
export function hasCode(code: ErrorCode): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof AppError, `wanted ${code}, found ${error}`)
    assert.equal(error.code, code, error.message)
    return true
  }
}

/** An empty folder, removed after the test. */
export function emptyFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'pyrsia-source-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Registers the suite. `options` are those of `test()`, e.g. what the machine must have. */
export function sourcesSuite(name: string, open: OpenPlace, options: { skip?: string } = {}): void {
  const cases = (
    what: string,
    body: (place: SourcesPlace, t: TestContext) => Promise<void>,
    limits: { sizeBytes?: number; fileCount?: number } = {},
  ): void => {
    test(`${name}: ${what}`, options, async (t) => body(await open(t, limits), t))
  }
  const taken = async (t: TestContext, { sources }: SourcesPlace, ...revisions: [string, ...string[]]) => {
    const into = emptyFolder(t)
    return { into, ...(await sources.checkout({ repository: REPOSITORY, revisions, into }, never)) }
  }
  treeCases(cases, taken)
  refusalCases(cases, taken)
}

type Cases = (
  what: string,
  body: (place: SourcesPlace, t: TestContext) => Promise<void>,
  limits?: { sizeBytes?: number; fileCount?: number },
) => void
type Taken = (
  t: TestContext,
  place: SourcesPlace,
  ...revisions: [string, ...string[]]
) => Promise<SourceTree & { readonly into: string }>

function treeCases(cases: Cases, taken: Taken): void {
  cases('the commit of a tag is checked out with fixed modes and times, and nothing else', async (place, t) => {
    const commit = place.publish(REPOSITORY, FILES, { tag: 'v1.0', atSeconds: 1_600_000_000 })
    const found = await taken(t, place, 'v1.0')
    const { into, tree, ...rest } = found
    assert.deepEqual(rest, {
      revision: 'v1.0',
      commit,
      committedAtSeconds: 1_600_000_000,
      fileCount: 3,
      sizeBytes: 19,
      left: [],
    })
    assert.deepEqual(readdirSync(into).toSorted(), ['README', 'bin'])
    assert.equal(readFileSync(join(into, 'README'), 'utf8'), 'hello\n')
    assert.equal(readlinkSync(join(into, 'bin/also')), 'run')
    for (const [path, mode] of [
      ['README', 0o644],
      ['bin', 0o755],
      ['bin/run', 0o755],
    ] as const) {
      const about = lstatSync(join(into, path))
      assert.equal(about.mode & 0o7777, mode, path)
      assert.equal(about.mtimeMs, 1_600_000_000_000, path)
    }
    assert.equal(await place.sources.digest(into, never), tree)
  })

  cases('the first revision that exists is taken, tags and commit ids alike', async (place, t) => {
    const first = place.publish(REPOSITORY, FILES, { tag: 'release-1.0' })
    const second = place.publish(REPOSITORY, [{ path: 'README', content: 'two\n' }], { tag: '2.0' })
    assert.equal((await taken(t, place, 'v1.0', 'release-1.0')).commit, first)
    assert.equal((await taken(t, place, 'f'.repeat(40), second)).commit, second)
    assert.equal((await taken(t, place, first, '2.0')).commit, first)
  })

  cases(
    'the digest is of the content: neither commit nor time, but each name, bit, target and byte',
    async (place, t) => {
      const digestOf = async (files: readonly NewFile[], atSeconds?: number): Promise<string> => {
        place.publish(REPOSITORY, files, { tag: 'now', ...(atSeconds === undefined ? {} : { atSeconds }) })
        return (await taken(t, place, 'now')).tree
      }
      const [readme, run, also] = FILES as [NewFile, NewFile, NewFile]
      const digest = await digestOf(FILES)
      assert.equal(await digestOf(FILES.toReversed(), 1_500_000_000), digest)
      const others = [
        [readme, run],
        [readme, run, { ...also, content: '../README' }],
        [readme, { ...run, executable: false }, also],
        [{ ...readme, path: 'readme' }, run, also],
        [{ ...readme, content: 'hello \n' }, run, also],
      ]
      const found = new Set([digest])
      for (const files of others) found.add(await digestOf(files))
      assert.equal(found.size, others.length + 1)
    },
  )

  cases('C2 a file patched after checkout: the digest taken again is another one', async (place, t) => {
    place.publish(REPOSITORY, FILES, { tag: 'v1.0' })
    const { into, tree } = await taken(t, place, 'v1.0')
    writeFileSync(join(into, 'README'), 'hellO\n')
    assert.notEqual(await place.sources.digest(into, never), tree)
    writeFileSync(join(into, 'README'), 'hello\n')
    assert.equal(await place.sources.digest(into, never), tree)
    chmodSync(join(into, 'README'), 0o755)
    assert.notEqual(await place.sources.digest(into, never), tree)
  })

  cases(
    'C7 submodule or large-file pointer moved: neither is followed, both are told, and the commit is another',
    async (place, t) => {
      const pointer = (hex: string) =>
        `version https://git-lfs.github.com/spec/v1\noid sha256:${hex.repeat(64)}\nsize 5\n`
      const files = (submodule: string, large: string): NewFile[] => [
        { path: 'README', content: 'hello\n' },
        { path: 'model.bin', content: pointer(large) },
        { path: 'vendor/lib', content: submodule.repeat(40), submodule: true },
      ]
      place.publish(REPOSITORY, files('1', 'a'), { tag: 'v1' })
      place.publish(REPOSITORY, files('2', 'a'), { tag: 'v2' })
      place.publish(REPOSITORY, files('1', 'b'), { tag: 'v3' })
      const [one, two, three] = [await taken(t, place, 'v1'), await taken(t, place, 'v2'), await taken(t, place, 'v3')]
      const left = [`large file model.bin sha256:${'a'.repeat(64)}`, `submodule vendor/lib at ${'1'.repeat(40)}`]
      assert.deepEqual(one.left, left)
      assert.deepEqual(two.left, [left[0], `submodule vendor/lib at ${'2'.repeat(40)}`])
      assert.deepEqual(three.left, [`large file model.bin sha256:${'b'.repeat(64)}`, left[1]])
      assert.equal(new Set([one.commit, two.commit, three.commit]).size, 3)
      assert.notEqual(one.tree, three.tree)
      assert.deepEqual(readdirSync(join(one.into, 'vendor/lib')), [])
      assert.equal(readFileSync(join(one.into, 'model.bin'), 'utf8'), pointer('a'))
    },
  )
}

function refusalCases(cases: Cases, taken: Taken): void {
  cases('a repository that nobody can read, or without the revisions, is absent, with the reason', async (place, t) => {
    await assert.rejects(taken(t, place, 'v1.0'), hasCode('absent.source'))
    place.publish(REPOSITORY, FILES, { tag: 'v1.0' })
    await assert.rejects(taken(t, place, 'v2.0', 'e'.repeat(40)), hasCode('absent.source'))
    assert.equal((await taken(t, place, 'v1.0')).fileCount, 3)
    place.hide(REPOSITORY)
    await assert.rejects(taken(t, place, 'v1.0'), (error: AppError) => /read it in public/.test(error.message))
  })

  cases('only https on hosts with public names is read, without credentials', async ({ sources }, t) => {
    const into = emptyFolder(t)
    for (const repository of [
      'http://git.example.com/some/project',
      'https://user:secret@git.example.com/some/project',
      'https://127.0.0.1/some/project',
      'https://[::1]/some/project',
      'https://localhost/some/project',
      'https://builder.internal/some/project',
      'file:///etc',
      'ext::sh -c true',
      '--upload-pack=true',
    ]) {
      const wanted = { repository, revisions: ['v1'] as const, into }
      await assert.rejects(sources.checkout(wanted, never), hasCode('absent.source'), repository)
    }
  })

  cases('a link that leads out of the tree is refused, one that stays inside is not', async (place, t) => {
    const link = (path: string, content: string): NewFile => ({ path, content, link: true })
    for (const [index, links] of [
      [link('a', '/etc/passwd')],
      [link('a/b', '../../etc')],
      [link('a/b', '../c'), link('c', '..')],
      [link('d/e', '../f/g'), link('x', 'd/e/../..'), { path: 'f/g/h', content: '' }],
    ].entries()) {
      const tag = `bad-${index}`
      place.publish(REPOSITORY, links, { tag })
      const outcome = taken(t, place, tag)
      if (index === 3) assert.equal((await outcome).fileCount, 3)
      else await assert.rejects(outcome, hasCode('untrusted.source'), tag)
    }
    place.publish(REPOSITORY, [link('d/e', '../f'), link('x', 'd/e/../..'), { path: 'f', content: '' }], { tag: 'up' })
    await assert.rejects(taken(t, place, 'up'), hasCode('untrusted.source'))
  })

  cases(
    'a tree beyond the limits is refused',
    async (place, t) => {
      place.publish(REPOSITORY, [{ path: 'large', content: 'x'.repeat(2_000_000) }], { tag: 'large' })
      place.publish(
        REPOSITORY,
        Array.from({ length: 11 }, (_, at) => ({ path: `f${at}`, content: '' })),
        { tag: 'many' },
      )
      await assert.rejects(taken(t, place, 'large'), hasCode('exhausted.size'))
      await assert.rejects(taken(t, place, 'many'), hasCode('exhausted.size'))
    },
    { sizeBytes: 1_000_000, fileCount: 10 },
  )

  cases('whoever leaves is not waited for', async (place, t) => {
    place.publish(REPOSITORY, FILES, { tag: 'v1.0' })
    const wanted = { repository: REPOSITORY, revisions: ['v1.0'] as const, into: emptyFolder(t) }
    await assert.rejects(place.sources.checkout(wanted, AbortSignal.abort()), hasCode('aborted.caller'))
  })
}
