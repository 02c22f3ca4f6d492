import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ClientCase, clientSuites, clientsBench } from '../../../../test/kit/clients-suite.ts'
import { dockerClients } from './clients.ts'

const DOCKER = { id: 'docker', clients: dockerClients } as const
const DOCKER_URL = 'http://127.0.0.1:7888'
const toDocker = { docker: { url: DOCKER_URL, defaultUpstream: true } }

const append = (line: string) => (text: string) => `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${line}\n`

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
  {
    name: 'containerd',
    path: '/etc/containerd/certs.d/docker.io/hosts.toml',
    exists: true,
    lines: [
      '# a comment',
      'server = "https://docker.io"',
      '[host."https://mirror.example.com"]\n  capabilities = ["pull"]',
      '[host."https://two.example.com".header]\n  x = ["y"]',
    ],
    laterEdit: append('\n[host."https://later.example.com"]'),
    survives: 'later.example.com',
    broken: ['[host', 'host = {}\n'],
  },
  {
    name: 'podman',
    path: '/etc/containers/registries.conf.d/050-pyrsia.conf',
    lines: [
      '# a comment',
      'unqualified-search-registries = ["docker.io"]',
      '[[registry]]\nprefix = "docker.io"\nlocation = "docker.io"\n[[registry.mirror]]\nlocation = "mirror.example.com/hub"',
      '[[registry]]\nlocation = "quay.example.com"\n[[registry.mirror]]\nlocation = "other.example.com"',
    ],
    laterEdit: append('[[registry]]\nlocation = "later.example.com"'),
    survives: 'later.example.com',
    broken: ['[[registry', 'a = = 1\n'],
  },
  {
    name: 'podman',
    path: '/etc/containers/registries.conf.d/050-pyrsia.conf',
    lines: [
      '# a comment',
      '[[registry]]\nlocation = "docker.io"\n[[registry.mirror]]\nlocation = "mirror.example.com"',
    ],
    laterEdit: append('[[registry]]\nlocation = "later.example.com"'),
    survives: 'later.example.com',
    broken: ['[[registry'],
  },
  {
    name: 'buildx',
    path: '/home/me/.docker/buildx/buildkitd.default.toml',
    lines: [
      '# a comment',
      'debug = true',
      '[registry."docker.io"]\n  # theirs\n  mirrors = ["mirror.example.com"]',
      '[registry."mirror.example.com"]\n  insecure = true',
      '[worker.oci]\n  max-parallelism = 4',
    ],
    laterEdit: append('[registry."later.example.com"]\n  http = true'),
    survives: 'later.example.com',
    marker: '127.0.0.1:7888',
    broken: [
      '[registry',
      '[registry."docker.io"]\nmirrors = "x"\n',
      '[registry."docker.io"]\nmirrors = [\n  "a",\n]\n',
    ],
  },
]

clientSuites(DOCKER, DOCKER_CASES, DOCKER_URL)

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

test('buildx gets this node as the first mirror of Docker Hub, by plain http, and keeps its other mirrors behind it', async () => {
  const { files, clients } = clientsBench(DOCKER)
  const path = '/home/me/.docker/buildx/buildkitd.default.toml'
  files.put(path, '[registry."docker.io"]\n  mirrors = ["mirror.example.com"]\n')
  const plan = await clients.plan(['buildx'], toDocker)
  assert.deepEqual(
    plan.upstreams.map(({ name, url }) => [name, url]),
    [['docker.io', 'https://mirror.example.com']],
  )
  await clients.apply(plan)
  assert.equal(
    files.text(path),
    '[registry."docker.io"]\n  mirrors = ["127.0.0.1:7888","mirror.example.com"]\n[registry."127.0.0.1:7888"]\n  http = true\n',
  )
})
