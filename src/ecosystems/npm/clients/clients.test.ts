import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ClientCase, clientSuites, clientsBench } from '../../../../test/kit/clients-suite.ts'
import { npmDefaultUrl } from '../default-upstream.ts'
import { npmClients } from './clients.ts'

const NPM = { id: 'npm', clients: npmClients } as const
const NPM_URL = 'http://127.0.0.1:4873/'
const toNpm = { npm: { url: NPM_URL, defaultUpstream: true } }

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
  {
    name: 'pnpm',
    path: '/home/me/.config/pnpm/config.yaml',
    exists: true,
    lines: ['# a comment', 'storeDir: /s', 'overrides:\n  a: 1'],
    frame: (lines) => [...lines, 'registry: "https://registry.example.com/" # ours', ''].join('\n'),
    laterEdit: append('fetchRetries: 1'),
    survives: 'fetchRetries: 1',
    broken: ['{registry: x}\n', 'registry: not a url\n'],
  },
]

clientSuites(NPM, NPM_CASES, NPM_URL)

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

test('plan() allows yarn to speak plain http to this node, and only to it, and leaves yarn 1 as it is', async () => {
  const { files, clients } = clientsBench(NPM)
  files.put('/home/me/.yarnrc', 'registry "https://registry.example.com/"\n')
  const plan = await clients.plan(['yarn'], toNpm)
  assert.match(plan.notes.join(), /yarn 1 does not, or yarn\.lock would name it/)
  assert.deepEqual(plan.upstreams, [])
  await clients.apply(plan)
  assert.equal(
    files.text('/home/me/.yarnrc.yml'),
    'npmRegistryServer: "http://127.0.0.1:4873"\nunsafeHttpWhitelist:\n  - "127.0.0.1"\n',
  )
  assert.equal(files.text('/home/me/.yarnrc'), 'registry "https://registry.example.com/"\n')
  const yarn = npmClients.find(({ name }) => name === 'yarn')
  const variables = yarn?.variables?.({ url: NPM_URL, defaultUpstream: true, behind: [] }) ?? {}
  assert.equal(variables.YARN_REGISTRY, undefined, 'it is yarn 1 that reads it')
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
