import assert from 'node:assert/strict'
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../src/main/effects.ts'
import { type GitOptions, openGit, type SourceLimits } from '../../src/sources/git.ts'
import type { Sources } from '../../src/sources/sources.ts'
import { type GitServer, startGitServer } from '../kit/git-server.ts'
import { needs } from '../kit/needs.ts'
import { emptyFolder, hasCode, sourcesSuite } from '../kit/sources-suite.ts'

const HOST = 'git.example.com'
const never = new AbortController().signal

async function opened(
  t: TestContext,
  options: Partial<GitOptions> & { limits?: Partial<SourceLimits> } = {},
): Promise<{ sources: Sources; server: GitServer; scratch: string }> {
  const server = await startGitServer()
  t.after(() => server.close())
  const scratch = emptyFolder(t)
  const sources = await openGit({ scratch, mirrors: [server.mirror(HOST)], ...options }, { clock: systemClock })
  return { sources, server, scratch }
}

function checkout(t: TestContext, sources: Sources, path: string, ...revisions: [string, ...string[]]) {
  const into = emptyFolder(t)
  return sources.checkout({ repository: `https://${HOST}/${path}`, revisions, into }, never)
}

const README = [{ path: 'README', content: 'hello\n' }]
const EVIL = [{ path: 'README', content: 'evil\n' }]

sourcesSuite(
  'git',
  async (t, limits) => {
    const { sources, server } = await opened(t, { limits })
    const pathOf = (repository: string) => repository.slice(`https://${HOST}/`.length)
    return {
      sources,
      publish: (repository, files, commit) => server.publish(pathOf(repository), files, commit),
      tag: (repository, name, commit) => server.tag(pathOf(repository), name, commit),
      hide: (repository) => server.hide(pathOf(repository)),
    }
  },
  needs('git'),
)

test(
  'C1 tag moved between resolve and clone: what was resolved is checked out, or nothing',
  needs('git'),
  async (t) => {
    const { sources, server } = await opened(t)
    const honest = server.publish('a/b', README, { tag: 'v1', annotated: true })
    const evil = server.publish('a/b', EVIL, { branch: 'evil' })
    const moveWhileFetching = async (method: string): Promise<undefined> => {
      // The list of references is out (protocol 2 asks for it by POST); the next POST fetches.
      posts += method === 'POST' ? 1 : 0
      if (posts === 2) server.tag('a/b', 'v1', evil)
    }
    let posts = 0
    server.intercept(moveWhileFetching)
    assert.equal((await checkout(t, sources, 'a/b', 'v1')).commit, honest)
    server.intercept(undefined)
    assert.equal((await checkout(t, sources, 'a/b', 'v1')).commit, evil, 'the tag was moved')

    server.old(true)
    server.tag('a/b', 'v1', honest)
    server.git('a/b', ['update-ref', 'refs/heads/main', evil])
    let listings = 0
    server.intercept(async (method) => {
      listings += method === 'GET' ? 1 : 0
      if (listings === 2) server.tag('a/b', 'v1', evil)
      return undefined
    })
    await assert.rejects(checkout(t, sources, 'a/b', 'v1'), hasCode('untrusted.source'))
  },
)

test(
  'C3 an evil fork with the same tag: neither its tag nor its commit is taken for the repository’s',
  needs('git'),
  async (t) => {
    const { sources, server } = await opened(t)
    const honest = server.publish('a/b', README, { tag: 'v1' })
    server.publish('a/b', [{ path: 'README', content: 'later\n' }])
    server.fork('a/b', 'evil/b', true)
    const evil = server.publish('evil/b', EVIL, { tag: 'v1' })
    assert.equal((await checkout(t, sources, 'a/b', 'v1')).commit, honest)
    // Hosts give out the objects of forks under every address: the commit can be fetched, and is refused.
    assert.equal(server.git('a/b', ['cat-file', '-t', evil]), 'commit')
    await assert.rejects(checkout(t, sources, 'a/b', evil), hasCode('untrusted.source'))
    assert.equal((await checkout(t, sources, 'evil/b', evil)).commit, evil)
  },
)

test(
  'git: a commit that no reference points at is taken if it is in the history of a branch',
  needs('git'),
  async (t) => {
    const { sources, server } = await opened(t)
    const first = server.publish('a/b', README)
    server.publish('a/b', EVIL)
    assert.equal((await checkout(t, sources, 'a/b', first)).commit, first)
    server.old(true)
    assert.equal((await checkout(t, sources, 'a/b', first)).commit, first, 'from a server that gives out tips alone')
  },
)

test('git: an old server that gives out tags alone is read too', needs('git'), async (t) => {
  const { sources, server } = await opened(t)
  server.old(true)
  const commit = server.publish('a/b', README, { tag: 'v1', annotated: true })
  assert.equal((await checkout(t, sources, 'a/b', 'v1')).commit, commit)
})

test('git: nothing of the user, the machine or the repository is run or read', needs('git'), async (t) => {
  const home = emptyFolder(t)
  const trace = join(home, 'trace')
  const touch = join(home, 'touch')
  writeFileSync(touch, `#!/bin/sh\necho "$0" >> ${trace}\ncat\n`)
  chmodSync(touch, 0o755)
  writeFileSync(
    join(home, '.gitconfig'),
    `[filter "lfs"]\n\tsmudge = ${touch}\n\trequired = true\n[core]\n\thooksPath = ${home}/hooks\n[credential]\n\thelper = ${touch}\n`,
  )
  const before = { HOME: process.env.HOME, GIT_CONFIG_GLOBAL: process.env.GIT_CONFIG_GLOBAL }
  Object.assign(process.env, { HOME: home, GIT_CONFIG_GLOBAL: join(home, '.gitconfig') })
  t.after(() => {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  })
  const { sources, server } = await opened(t)
  server.publish(
    'a/b',
    [
      { path: '.gitattributes', content: 'large filter=lfs\n' },
      { path: 'large', content: 'pointer\n' },
      { path: '.gitmodules', content: '[submodule "x"]\n\tpath = x\n\turl = https://git.example.com/other\n' },
      { path: 'x', content: '1'.repeat(40), submodule: true },
    ],
    { tag: 'v1' },
  )
  const into = emptyFolder(t)
  await sources.checkout({ repository: `https://${HOST}/a/b`, revisions: ['v1'], into }, never)
  assert.equal(readFileSync(join(into, 'large'), 'utf8'), 'pointer\n')
  assert.equal(existsSync(join(into, '.git')), false)
  assert.equal(existsSync(trace), false)
  assert.ok(
    server.requests.every((each) => each.includes('/a/b/')),
    'no submodule was asked for',
  )
  server.hide('a/b')
  await assert.rejects(checkout(t, sources, 'a/b', 'v1'), hasCode('absent.source'))
  assert.equal(existsSync(trace), false, 'no helper was asked for a password')
})

test('git: a tree that git itself would not have made is refused in transit', needs('git'), async (t) => {
  const { sources, server } = await opened(t)
  server.publish('a/b', README)
  const blob = server.git('a/b', ['hash-object', '-w', '--stdin'], '#!/bin/sh\n')
  for (const name of ['.git', '..']) {
    const inner = server.git('a/b', ['mktree'], `100755 blob ${blob}\tpost-checkout\n`)
    const raw = Buffer.concat([Buffer.from(`40000 ${name}\0`), Buffer.from(inner, 'hex')])
    const tree = server.git('a/b', ['hash-object', '-w', '-t', 'tree', '--literally', '--stdin'], raw)
    const commit = server.git('a/b', ['commit-tree', '-m', 'evil', tree])
    server.tag('a/b', 'evil', commit)
    await assert.rejects(checkout(t, sources, 'a/b', 'evil'), hasCode('untrusted.source'), name)
  }
})

test('git: a redirect to another address is not followed away from a mirror', needs('git'), async (t) => {
  const { sources, server } = await opened(t)
  server.publish('a/b', README, { tag: 'v1' })
  server.publish('c/d', EVIL, { tag: 'v1' })
  server.intercept(async (_method, path) =>
    path.startsWith('/a/b')
      ? { status: 302, headers: { location: `${server.url}${path.replace('/a/b', '/c/d')}` } }
      : undefined,
  )
  await assert.rejects(checkout(t, sources, 'a/b', 'v1'), hasCode('unavailable.source'))
})

test(
  'git: a host that fails, does not answer in time or is not there is unavailable, and nothing is left behind',
  needs('git'),
  async (t) => {
    const { sources, server, scratch } = await opened(t, { limits: { seconds: 1 } })
    server.publish('a/b', README, { tag: 'v1' })
    server.intercept(async () => ({ status: 503 }))
    await assert.rejects(checkout(t, sources, 'a/b', 'v1'), hasCode('unavailable.source'))
    server.intercept(() => new Promise(() => undefined))
    await assert.rejects(checkout(t, sources, 'a/b', 'v1'), hasCode('unavailable.source'))
    await server.close()
    await assert.rejects(checkout(t, sources, 'a/b', 'v1'), hasCode('unavailable.source'))
    assert.deepEqual(readdirSync(scratch), [])
  },
)

test('git: without the program it says so', async (t) => {
  const options = { scratch: emptyFolder(t), mirrors: [], program: '/nonexistent/git' }
  await assert.rejects(openGit(options, { clock: systemClock }), hasCode('unavailable.source'))
})
