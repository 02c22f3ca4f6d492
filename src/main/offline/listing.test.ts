/** A client's tool lists what a file wants; here the tool is a script. */
import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { ListRequest } from '../../cli/context.ts'
import type { ListingPlace, ListingRun, LockfileReader } from '../../ecosystems/ecosystem.ts'
import { listedText } from './listing.ts'

type Next = (directory: string, place: ListingPlace) => Pick<ListingRun, 'args' | 'output' | 'standIns'> | undefined

async function folders(t: TestContext, script: string, steps: Next = twoFiles) {
  const root = await mkdtemp(join(tmpdir(), 'pyrsia-tool-'))
  t.after(() => rm(root, { recursive: true }))
  const [data, temporary] = [join(root, 'data'), join(root, 'tmp')]
  for (const each of [data, temporary]) await mkdir(each)
  const program = join(root, 'tool')
  await writeFile(program, `#!/bin/sh\n${script}\n`)
  await chmod(program, 0o700)
  const reader: LockfileReader = {
    fileName: /^toy\.xml$/,
    read: () => [],
    listing: {
      what: 'toy.xml: runs tool',
      beside: (text) => (text.startsWith('beside ') ? [text.slice(7)] : []),
      next(place) {
        const step = steps(place.directory, place)
        return step && { program, files: { 'deep/given': 'a setting' }, ...step }
      },
    },
  }
  const plain: LockfileReader = { fileName: /^toy\.lock$/, read: () => [] }
  const ecosystems = [{ id: 'toy', lockfiles: [plain, reader] }]
  const lines: string[] = []
  const request: ListRequest = {
    action: 'make',
    path: join(root, 'toy.xml'),
    text: 'wanted',
    endpoints: async () => ({ toy: 'http://127.0.0.1:1' }),
    data,
    onLine: (line) => void lines.push(line),
  }
  // os.tmpdir() reads it at each call.
  const before = process.env.TMPDIR
  process.env.TMPDIR = temporary
  t.after(() => {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
  })
  const dependencies = { ecosystems, data, environment: { PATH: process.env.PATH } }
  const list = (change: Partial<ListRequest> = {}) => listedText({ ...request, ...change }, dependencies)
  return { list, root, data, lines, leftovers: () => readdir(temporary) }
}

const twoFiles: Next = (directory, { url, doneCount, listed }) =>
  doneCount > listed.length || doneCount === 2 ? undefined : { args: [directory, url, `f${doneCount}`] }

const GOOD =
  'test "$(cat "$1/deep/given")" = "a setting" || exit 1; echo "asks $2"; mkdir -p "$1/listed/g"; echo x > "$1/listed/g/$3"'

test('the programs run one after the other, what they fetched is listed, and their directory is gone', async (t) => {
  const { list, lines, leftovers } = await folders(t, GOOD)
  assert.equal(await list(), './g/f0\n./g/f1\n')
  assert.ok(lines.includes('asks http://127.0.0.1:1'))
  assert.deepEqual(await leftovers(), [])
})

test('a kept list is reused without the program, until the file changes or it is forgotten', async (t) => {
  const { list, root, data } = await folders(t, GOOD)
  await assert.rejects(list({ action: 'reuse' }), { code: 'absent.lockfile' })
  await list()
  await rm(join(root, 'tool'))
  assert.equal(await list({ action: 'reuse' }), './g/f0\n./g/f1\n')
  const [name = ''] = await readdir(join(data, 'listings'))
  assert.equal((await stat(join(data, 'listings', name))).mode & 0o777, 0o600)
  await assert.rejects(list({ action: 'reuse', text: 'changed' }), { code: 'absent.lockfile', message: /has changed/ })
  await list({ action: 'forget' })
  assert.deepEqual(await readdir(join(data, 'listings')), [])
})

test('a program that fails is shown with its output, leaves nothing behind, and keeps the list that was there', async (t) => {
  const { list, root, leftovers } = await folders(t, GOOD)
  await list()
  await writeFile(join(root, 'tool'), '#!/bin/sh\necho "cannot resolve a:b" >&2; exit 3\n')
  await assert.rejects(list(), { code: 'usage.request', message: /ended with 3; it printed:\ncannot resolve a:b/ })
  assert.deepEqual(await leftovers(), [])
  assert.equal(await list({ action: 'reuse' }), './g/f0\n./g/f1\n')
  await rm(join(root, 'tool'))
  await assert.rejects(list(), { code: 'usage.request', message: /is it installed/ })
})

test('a lockfile, and a file that nobody reads, stand for themselves', async (t) => {
  const { list } = await folders(t, 'exit 1')
  assert.equal(await list({ path: '/p/toy.lock' }), undefined)
  assert.equal(await list({ path: '/p/other.xml' }), undefined)
})

test('a kept list counts until a file beside it changes, however far it is named', async (t) => {
  const { list, root } = await folders(t, GOOD)
  await writeFile(join(root, 'one'), 'beside deep/two')
  const text = 'beside one'
  await list({ text })
  assert.ok(await list({ text, action: 'reuse' }))
  await mkdir(join(root, 'deep'))
  await writeFile(join(root, 'deep/two'), 'beside ../one')
  await assert.rejects(list({ text, action: 'reuse' }), { code: 'absent.lockfile', message: /has changed/ })
  await list({ text })
  assert.ok(await list({ text, action: 'reuse' }))
})

test('a program finds stand-ins in the directory, they are not listed, and the next step reads what it wrote', async (t) => {
  const script =
    'if test -e "$1/listed/s/in"; then echo "$2" > "$1/seen"; else echo "$2" > "$1/out"; echo x > "$1/listed/real"; fi'
  const seen: string[] = []
  const { list } = await folders(t, script, (directory, { doneCount, output, listed }) => {
    seen.push(`${output.trim()} ${listed.join()}`)
    if (doneCount === 0) return { args: [directory, 'first'], output: 'out' }
    return doneCount === 1 ? { args: [directory, 'second'], output: 'seen', standIns: { 's/in': 'empty' } } : undefined
  })
  assert.equal(await list(), './real\n')
  assert.deepEqual(seen, [' ', 'first real', 'second real'])
})
