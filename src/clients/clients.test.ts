import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type ClientCase, clientSuite, clientsBench, ENVIRONMENT } from '../../test/kit/clients-suite.ts'
import { AppError } from '../base/errors.ts'
import { dockerClients } from '../ecosystems/docker/clients/clients.ts'
import type { Ecosystem } from '../ecosystems/ecosystem.ts'
import { npmClients } from '../ecosystems/npm/clients/clients.ts'
import { npmDefaultUrl } from '../ecosystems/npm/default-upstream.ts'
import { createClients } from './clients.ts'
import { createDiskFiles } from './disk-files.ts'

const NPM = { id: 'npm', clients: npmClients } as const
const DOCKER = { id: 'docker', clients: dockerClients } as const
const NPM_URL = 'http://127.0.0.1:4873/'
const DOCKER_URL = 'http://127.0.0.1:7888'
const toNpm = { npm: { url: NPM_URL, defaultUpstream: true } }
const toDocker = { docker: { url: DOCKER_URL, defaultUpstream: true } }

const append = (line: string) => (text: string) => `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${line}\n`

const VARIABLE = `registry=$${'{SECRET_REGISTRY}'}\n`

const NPM_CASES: ClientCase[] = [
  {
    name: 'npm',
    path: '/home/me/.npmrc',
    lines: [
      '; a comment',
      '# registry=http://commented.example.com/',
      'registry = https://registry.example.com/team/',
      '@team:registry=https://team.example.com/',
      '//team.example.com/:_authToken=abc',
      'save-exact=true',
      'registry=https://second.example.com',
    ],
    laterEdit: (text) => `fund=false\n${text}`,
    survives: 'fund=false',
    broken: [VARIABLE, 'registry=not a url\n'],
  },
  {
    name: 'pnpm',
    path: '/home/me/.npmrc',
    lines: ['a=b', 'registry=https://registry.example.com/'],
    laterEdit: (text) => `fund=false\n${text}`,
    survives: 'fund=false',
    broken: [VARIABLE],
  },
  {
    name: 'yarn',
    path: '/home/me/.yarnrc.yml',
    lines: [
      '# a comment',
      'enableTelemetry: false',
      'npmRegistryServer: "https://registry.example.com" # ours',
      'unsafeHttpWhitelist: [ "a.example.com", b ]',
      'npmScopes:\n  team:\n    npmRegistryServer: https://team.example.com',
      'list:\n- x\n- y',
    ],
    laterEdit: append('defaultSemverRangePrefix: ""'),
    survives: 'defaultSemverRangePrefix',
    broken: ['{a: 1}\n', 'a: 1\na: 2\n', '%YAML 1.1\n', 'unsafeHttpWhitelist: no\n', '\tx: 1\n', 'what is this\n'],
  },
]

const DOCKER_CASES: ClientCase[] = [
  {
    name: 'docker',
    path: '/etc/docker/daemon.json',
    lines: [
      '  "debug": true',
      '  "registry-mirrors": [\n    "https://mirror.example.com"\n  ]',
      '  "log-opts": {"max-size": "10m"}',
      '  "insecure-registries": []',
    ],
    frame: (lines) => (lines.length === 0 ? '{}\n' : `{\n${lines.join(',\n')}\n}\n`),
    laterEdit: (text) => text.replace('{', '{\n  "live-restore": true,'),
    survives: '"live-restore": true',
    broken: ['{', '[]', '{"a": 1,}', '{"registry-mirrors": "x"}', '{/* no */}', 'null'],
  },
  {
    name: 'containerd',
    path: '/etc/containerd/certs.d/_default/hosts.toml',
    lines: [
      '# a comment',
      'server = "https://mirror.example.com"',
      '[host."https://one.example.com"]\n  capabilities = ["pull"]',
      '[host."https://two.example.com".header]\n  x = ["y"]',
    ],
    laterEdit: append('\n[host."https://later.example.com"]'),
    survives: 'later.example.com',
    broken: ['[host', 'a = = 1\n', 'host = {}\n'],
  },
  {
    name: 'containerd',
    path: '/etc/containerd/config.toml',
    marker: 'config_path',
    lines: [
      'version = 2',
      '# a comment',
      'root = "/var/lib/containerd"',
      '[plugins]\n  [plugins."io.containerd.grpc.v1.cri"]\n    [plugins."io.containerd.grpc.v1.cri".cni]\n      bin_dir = "/usr/lib/cni"',
    ],
    laterEdit: append('[debug]\n  level = "info"'),
    survives: 'level = "info"',
    broken: [
      'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry.mirrors."docker.io"]\nendpoint = []\n',
      'version = 2\nplugins = {}\n',
      'version =\n',
    ],
  },
]

for (const each of [...NPM_CASES]) clientSuite(NPM, each, NPM_URL)
for (const each of DOCKER_CASES) clientSuite(DOCKER, each, DOCKER_URL)

test('plan() hands a present registry to the node, and npm then lets nothing past it', async () => {
  const { files, clients } = clientsBench(NPM)
  files.put('/home/me/.npmrc', 'registry=https://registry.example.com/team/\n')
  const plan = await clients.plan(['npm'], toNpm)
  assert.deepEqual(plan.upstreams, [
    { name: 'npm', url: 'https://registry.example.com/team', ecosystem: 'npm', client: 'npm' },
  ])
  assert.match(plan.changes[0]?.diff ?? '', /^-registry=https:\/\/registry\.example\.com\/team\/\n\+registry=http/m)
  await clients.apply(plan)
  assert.equal(files.text('/home/me/.npmrc'), `registry=${NPM_URL}\nreplace-registry-host=always\n`)
})

test('plan() takes the default registry for no upstream at all', async () => {
  const { files, clients } = clientsBench(NPM)
  files.put('/home/me/.npmrc', `registry=${npmDefaultUrl()}/\n`)
  const plan = await clients.plan(['npm'], toNpm)
  assert.deepEqual(plan.upstreams, [])
  await clients.apply(plan)
  assert.equal(files.text('/home/me/.npmrc'), `registry=${NPM_URL}\n`)
})

test('plan() moves a client to another port without leaving the old one behind, and undo still restores the original', async () => {
  const original = '{"registry-mirrors": ["https://mirror.example.com"]}'
  const { files, clients } = clientsBench(DOCKER)
  files.put('/etc/docker/daemon.json', original)
  await clients.apply(await clients.plan(['docker'], toDocker))
  const moved = await clients.plan(['docker'], { docker: { url: 'http://127.0.0.1:9999', defaultUpstream: true } })
  assert.deepEqual(
    moved.upstreams.map((upstream) => upstream.url),
    ['https://mirror.example.com'],
  )
  await clients.apply(moved)
  assert.deepEqual(JSON.parse(files.text('/etc/docker/daemon.json') ?? ''), {
    'registry-mirrors': ['http://127.0.0.1:9999', 'https://mirror.example.com'],
  })
  await clients.apply(await clients.undo(['docker']))
  assert.equal(files.text('/etc/docker/daemon.json'), original)
})

test('undo() of one of two clients that share a file leaves it, and of both restores it', async () => {
  const { files, clients } = clientsBench(NPM)
  await clients.apply(await clients.plan(['npm', 'pnpm'], toNpm))
  const first = await clients.undo(['npm'])
  assert.match(first.notes.join(), /pnpm was pointed here by it too/)
  await clients.apply(first)
  assert.equal(files.text('/home/me/.npmrc'), `registry=${NPM_URL}\n`)
  await clients.apply(await clients.undo(['pnpm']))
  assert.deepEqual(files.paths(), [])
})

test('plan() edits the file of pnpm that comes first, only where it names a registry', async () => {
  const own = '/home/me/.config/pnpm/config.yaml'
  const { files, clients } = clientsBench(NPM)
  files.put(own, 'storeDir: /s\nregistry: https://registry.example.com/\n')
  await clients.apply(await clients.plan(['pnpm'], toNpm))
  assert.equal(files.text(own), `storeDir: /s\nregistry: "${NPM_URL}"\n`)
  await clients.apply(await clients.undo(['pnpm']))
  files.put(own, 'registries:\n  default: https://registry.example.com/\n')
  await assert.rejects(clients.plan(['pnpm'], toNpm), /default/)
})

test('plan() allows yarn to speak plain http to this node, and only to it', async () => {
  const { files, clients } = clientsBench(NPM)
  await clients.apply(await clients.plan(['yarn'], toNpm))
  assert.equal(
    files.text('/home/me/.yarnrc.yml'),
    'npmRegistryServer: "http://127.0.0.1:4873"\nunsafeHttpWhitelist:\n  - "127.0.0.1"\n',
  )
  assert.equal(files.text('/home/me/.yarnrc'), `registry "${NPM_URL}"\n`)
})

test('plan() puts podman here first, then the mirrors that were there, and keeps them as upstreams', async () => {
  const { files, clients } = clientsBench(DOCKER)
  const main =
    '[[registry]]\nprefix = "docker.io"\nlocation = "docker.io"\n[[registry.mirror]]\nlocation = "mirror.example.com/hub"\n'
  files.put('/etc/containers/registries.conf', main)
  const plan = await clients.plan(['podman'], toDocker)
  assert.deepEqual(
    plan.upstreams.map((upstream) => upstream.url),
    ['https://mirror.example.com/hub'],
  )
  await clients.apply(plan)
  assert.match(
    files.text('/etc/containers/registries.conf.d/050-pyrsia.conf') ?? '',
    /location = "127\.0\.0\.1:7888"\ninsecure = true\n\n\[\[registry\.mirror\]\]\nlocation = "mirror\.example\.com\/hub"\n$/,
  )
  assert.deepEqual((await clients.plan(['podman'], toDocker)).changes, [])
  await clients.apply(await clients.undo(['podman']))
  assert.deepEqual(files.paths(), ['/etc/containers/registries.conf'])
})

test('plan() tells containerd where certs.d is, and stands before a registry of its own that is configured there', async () => {
  const { files, clients } = clientsBench(DOCKER)
  const hub = 'server = "https://docker.io"\n\n[host."https://mirror.example.com"]\n  capabilities = ["pull"]\n'
  files.put('/etc/containerd/certs.d/docker.io/hosts.toml', hub)
  const plan = await clients.plan(['containerd'], toDocker)
  await clients.apply(plan)
  assert.match(
    files.text('/etc/containerd/config.toml') ?? '',
    /registry\]\n {2}config_path = "\/etc\/containerd\/certs\.d"/,
  )
  const pointed = files.text('/etc/containerd/certs.d/docker.io/hosts.toml') ?? ''
  assert.ok(pointed.indexOf('127.0.0.1:7888') < pointed.indexOf('mirror.example.com'))
  assert.ok(pointed.startsWith('server'))
  assert.match(plan.afterwards.join(), /restart containerd/)
  await clients.apply(await clients.undo(['containerd']))
  assert.deepEqual(files.paths(), ['/etc/containerd/certs.d/docker.io/hosts.toml'])
})

test('apply() refuses a plan whose file has changed meanwhile', async () => {
  const { files, clients } = clientsBench(NPM)
  const plan = await clients.plan(['npm'], toNpm)
  files.put('/home/me/.npmrc', 'later=true\n')
  await assert.rejects(clients.apply(plan), (error) => error instanceof AppError && error.code === 'conflict.changed')
  assert.equal(files.text('/home/me/.npmrc'), 'later=true\n')
})

test('plan() refuses unknown clients and records that cannot be read', async () => {
  const { files, clients } = clientsBench(NPM)
  await assert.rejects(
    clients.plan(['cargo'], toNpm),
    (error) => error instanceof AppError && error.code === 'usage.request',
  )
  await assert.rejects(
    clients.plan(['npm'], {}),
    (error) => error instanceof AppError && error.code === 'usage.request',
  )
  files.put(`/state/${'0'.repeat(32)}.json`, '{}')
  await assert.rejects(clients.undo(['npm']), (error) => error instanceof AppError && error.code === 'damaged.database')
})

test('find() says which clients are there and which are pointed here', async () => {
  const { files, clients } = clientsBench(NPM)
  files.put('/usr/bin/npm', 'x')
  await clients.apply(await clients.plan(['npm'], toNpm))
  const found = (await clients.find()).map(({ name, installed, configured }) => [name, installed, configured])
  assert.deepEqual(found, [
    ['npm', true, true],
    ['pnpm', false, false],
    ['yarn', false, false],
  ])
})

test('createDiskFiles() follows a link, keeps the mode, and takes away the folders that setup made', async () => {
  const home = await mkdtemp(join(tmpdir(), 'pyrsia-clients-'))
  try {
    await mkdir(join(home, 'dotfiles'))
    await writeFile(join(home, 'dotfiles/npmrc'), 'a=b\n')
    await chmod(join(home, 'dotfiles/npmrc'), 0o604)
    await symlink('dotfiles/npmrc', join(home, '.npmrc'))
    const environment = { ...ENVIRONMENT, home, user: 'user' as const, variables: {} }
    const ecosystems = [NPM, DOCKER] as unknown as Ecosystem[]
    const clients = createClients(
      { ecosystems, stateDirectory: join(home, 'state'), environment },
      { files: createDiskFiles() },
    )
    await clients.apply(await clients.plan(['npm', 'docker'], { ...toNpm, ...toDocker }))
    assert.equal(await readFile(join(home, 'dotfiles/npmrc'), 'utf8'), `a=b\nregistry=${NPM_URL}\n`)
    assert.equal((await stat(join(home, 'dotfiles/npmrc'))).mode & 0o777, 0o604)
    assert.match(await readFile(join(home, '.config/docker/daemon.json'), 'utf8'), /7888/)
    await clients.apply(await clients.undo(['npm', 'docker']))
    assert.equal(await readFile(join(home, '.npmrc'), 'utf8'), 'a=b\n')
    await assert.rejects(stat(join(home, '.config')), /ENOENT/)
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
