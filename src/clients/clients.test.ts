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
    broken: ['registry=${SECRET_REGISTRY}\n', 'registry=not a url\n'],
  },
  {
    name: 'pnpm',
    path: '/home/me/.npmrc',
    lines: ['a=b', 'registry=https://registry.example.com/'],
    laterEdit: (text) => `fund=false\n${text}`,
    survives: 'fund=false',
    broken: ['registry=${SECRET_REGISTRY}\n'],
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

for (const each of NPM_CASES) clientSuite(NPM, each, NPM_URL)
for (const each of DOCKER_CASES.filter((one) => !one.path.endsWith('config.toml')))
  clientSuite(DOCKER, each, DOCKER_URL)
