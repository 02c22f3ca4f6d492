import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { clientsBench, ENVIRONMENT } from '../../test/kit/clients-suite.ts'
import { AppError } from '../base/errors.ts'
import type { ClientSetup, Ecosystem } from '../ecosystems/ecosystem.ts'
import { createClients } from './clients.ts'
import { createDiskFiles } from './disk-files.ts'

const URL_HERE = 'http://127.0.0.1:7888/'
const TARGETS = { toy: { url: URL_HERE, defaultUpstream: true } }

/** A client whose configuration is lines of `key=value`, in this file of the home folder. */
const lineClient = (name: string, file: string): ClientSetup => ({
  name,
  title: name,
  program: name,
  files: (env) => [{ path: `${env.home}/${file}`, mode: 0o600, role: 'lines' }],
  edit: (text = '', target) => (text.includes(target.url) ? text : `${text}registry=${target.url}\n`),
  undo: (text, target) => text.replace(`registry=${target.url}\n`, '') || undefined,
  upstreams: () => [],
  afterwards: undefined,
})
const TOY = {
  id: 'toy',
  clients: [lineClient('plain', '.plainrc'), lineClient('nested', 'made/here/.nestedrc')],
} as const

test('plan() says what to know of a client that is pointed here, and undo() no longer', async () => {
  const toy = { id: 'toy', clients: [{ ...lineClient('plain', '.plainrc'), afterwards: 'restart', past: 'it hums' }] }
  const { clients } = clientsBench(toy)
  const plan = await clients.plan(['plain'], TARGETS)
  assert.deepEqual([plan.afterwards, plan.notes], [['restart'], ['it hums']])
  await clients.apply(plan)
  const undone = await clients.undo(['plain'])
  assert.deepEqual([undone.afterwards, undone.notes], [['restart'], []])
})

test('apply() refuses a plan whose file has changed meanwhile', async () => {
  const { files, clients } = clientsBench(TOY)
  const plan = await clients.plan(['plain'], TARGETS)
  files.put('/home/me/.plainrc', 'later=true\n')
  await assert.rejects(clients.apply(plan), (error) => error instanceof AppError && error.code === 'conflict.changed')
  assert.equal(files.text('/home/me/.plainrc'), 'later=true\n')
})

test('plan() refuses unknown clients and records that cannot be read', async () => {
  const { files, clients } = clientsBench(TOY)
  await assert.rejects(
    clients.plan(['cargo'], TARGETS),
    (error) => error instanceof AppError && error.code === 'usage.request',
  )
  await assert.rejects(
    clients.plan(['plain'], {}),
    (error) => error instanceof AppError && error.code === 'usage.request',
  )
  files.put(`/state/${'0'.repeat(32)}.json`, '{}')
  await assert.rejects(
    clients.undo(['plain']),
    (error) => error instanceof AppError && error.code === 'damaged.database',
  )
})

test('find() says which clients are there and which are pointed here', async () => {
  const { files, clients } = clientsBench(TOY)
  files.put('/usr/bin/plain', 'x')
  await clients.apply(await clients.plan(['plain'], TARGETS))
  const found = (await clients.find()).map(({ name, installed, configured }) => [name, installed, configured])
  assert.deepEqual(found, [
    ['plain', true, true],
    ['nested', false, false],
  ])
})

test('createDiskFiles() follows a link, keeps the mode, and takes away the folders that setup made', async () => {
  const home = await mkdtemp(join(tmpdir(), 'pyrsia-clients-'))
  try {
    await mkdir(join(home, 'dotfiles'))
    await writeFile(join(home, 'dotfiles/plainrc'), 'a=b\n')
    await chmod(join(home, 'dotfiles/plainrc'), 0o604)
    await symlink('dotfiles/plainrc', join(home, '.plainrc'))
    const environment = { ...ENVIRONMENT, home, user: 'user' as const, variables: {} }
    const ecosystems = [TOY] as unknown as Ecosystem[]
    const clients = createClients(
      { ecosystems, stateDirectory: join(home, 'state'), environment },
      { files: createDiskFiles() },
    )
    await clients.apply(await clients.plan(['plain', 'nested'], TARGETS))
    assert.equal(await readFile(join(home, 'dotfiles/plainrc'), 'utf8'), `a=b\nregistry=${URL_HERE}\n`)
    assert.equal((await stat(join(home, 'dotfiles/plainrc'))).mode & 0o777, 0o604)
    assert.match(await readFile(join(home, 'made/here/.nestedrc'), 'utf8'), /7888/)
    await clients.apply(await clients.undo(['plain', 'nested']))
    assert.equal(await readFile(join(home, '.plainrc'), 'utf8'), 'a=b\n')
    await assert.rejects(stat(join(home, 'made')), /ENOENT/)
  } finally {
    await rm(home, { recursive: true })
  }
})

test('createDiskFiles() refuses links to nothing and folders', async () => {
  const home = await mkdtemp(join(tmpdir(), 'pyrsia-clients-'))
  try {
    await symlink('nowhere', join(home, 'link'))
    const files = createDiskFiles()
    await assert.rejects(files.read(join(home, 'link')), /link to nothing/)
    await assert.rejects(files.read(home), /wanted a file/)
    assert.equal(await files.read(join(home, 'none/such')), undefined)
  } finally {
    await rm(home, { recursive: true })
  }
})

test('undo() takes just our lines where the file was changed since, and the file where nothing else is left', async () => {
  const { files, clients } = clientsBench(TOY)
  await clients.apply(await clients.plan(['plain', 'nested'], TARGETS))
  files.put('/home/me/.plainrc', `later=1\n${files.text('/home/me/.plainrc')}`)
  const plan = await clients.undo(['plain', 'nested'])
  assert.match(plan.changes.map((change) => change.diff).join(), /^-registry=/m)
  await clients.apply(plan)
  assert.equal(files.text('/home/me/.plainrc'), 'later=1\n')
  assert.deepEqual(files.paths(), ['/home/me/.plainrc'])
  assert.match((await clients.undo(['plain'])).notes.join(), /nothing to undo/)
})

test('plan() after a later edit takes that edit for the original', async () => {
  const { files, clients } = clientsBench(TOY)
  await clients.apply(await clients.plan(['plain'], TARGETS))
  files.put('/home/me/.plainrc', `later=1\n${files.text('/home/me/.plainrc')}`)
  await clients.apply(await clients.plan(['plain'], { toy: { url: 'http://127.0.0.1:9/', defaultUpstream: true } }))
  assert.equal(files.text('/home/me/.plainrc'), 'later=1\nregistry=http://127.0.0.1:9/\n')
  await clients.apply(await clients.undo(['plain']))
  assert.equal(files.text('/home/me/.plainrc'), 'later=1\n')
})
