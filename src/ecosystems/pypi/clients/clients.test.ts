import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ClientCase, clientSuites, clientsBench, ENVIRONMENT } from '../../../../test/kit/clients-suite.ts'
import { AppError } from '../../../base/errors.ts'
import { pypiDefaultUrl } from '../default-upstream.ts'
import { pypiClients } from './clients.ts'
import { pip } from './pip.ts'
import { uv } from './uv.ts'

const PYPI = { id: 'pypi', clients: pypiClients } as const
const HERE = 'http://127.0.0.1:7888/pypi/simple'
const toPypi = { pypi: { url: HERE, defaultUpstream: true } }
const PIP_CONF = '/home/me/.config/pip/pip.conf'
const UV_TOML = '/home/me/.config/uv/uv.toml'

const append = (line: string) => (text: string) => `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${line}\n`
const isUsage = (error: unknown) => error instanceof AppError && error.code === 'usage.config'

const CASES: ClientCase[] = [
  {
    name: 'pip',
    path: PIP_CONF,
    lines: [
      '# a comment',
      '[global]',
      'index_url = https://registry.example.com/simple/',
      'timeout = 60',
      '; index-url = https://commented.example.com/',
      'extra-index-url =\n    https://one.example.com/simple\n    https://two.example.com/simple',
      '[install]',
      'index-url: https://install.example.com/simple',
      '[list]\nformat = columns',
    ],
    // Only what configparser reads: options stand in a section, and those of one section once.
    frame: (lines) => {
      const inSection = lines.includes('[global]') || !lines.some((line) => /^(?:index_url|timeout|extra)/.test(line))
      const all = inSection ? lines : ['[global]', ...lines]
      const install = all.some((line) => line.startsWith('index-url')) && !all.includes('[install]')
      return all.map((line) => `${install && line.startsWith('index-url') ? '[install]\n' : ''}${line}\n`).join('')
    },
    laterEdit: append('[download]\nno-deps = true'),
    survives: 'no-deps = true',
    broken: [
      'index-url = https://registry.example.com/simple\n',
      '[global]\nindex-url = not a url\n',
      '[global]\nindex-url = https://me:secret@registry.example.com/simple\n',
      '[global]\n[global]\n',
      '[global]\nindex-url = a\nindex_url = b\n',
      '[global]\njust words\n',
    ],
  },
  {
    name: 'uv',
    path: UV_TOML,
    lines: [
      '# a comment',
      'index-url = "https://old.example.com/simple"',
      'offline = false',
      '[pip]',
      'index-url = "https://pip.example.com/simple" # ours',
      'strict = true',
      '[[index]]\nname = "torch"\nurl = "https://torch.example.com/whl"',
      '[[index]]\nname = "team"\nurl = "https://registry.example.com/simple"\ndefault = true',
    ],
    frame: (lines) => {
      const needsPip = !lines.includes('[pip]') && lines.some((line) => /ours$|^strict/.test(line))
      const at = lines.findIndex((line) => /ours$|^strict/.test(line))
      const all = needsPip ? [...lines.slice(0, at), '[pip]', ...lines.slice(at)] : lines
      return all.map((line) => `${line}\n`).join('')
    },
    laterEdit: append('[audit]\nignore = ["x"]'),
    survives: 'ignore = ["x"]',
    broken: [
      'a = \n',
      'pip = { index-url = "https://registry.example.com/simple" }\n',
      'pip.index-url = "https://registry.example.com/simple"\n',
      'index = [{ url = "https://registry.example.com/simple", default = true }]\n',
      '[pip]\nindex-url = "https://me:secret@registry.example.com/simple"\n',
      '[pip]\nindex-url = "file:///srv/index"\n',
    ],
  },
]

clientSuites(PYPI, CASES, HERE)

test('plan() hands a present index to the node, the one that install uses before the global one', async () => {
  const { files, clients } = clientsBench(PYPI)
  files.put(
    PIP_CONF,
    '[global]\nindex-url = https://registry.example.com/team/simple/\n[install]\nindex-url = https://i.example.com/simple\n',
  )
  const plan = await clients.plan(['pip'], toPypi)
  assert.deepEqual(
    plan.upstreams.map(({ name, url }) => [name, url]),
    [['pypi', 'https://i.example.com/simple']],
  )
  await clients.apply(plan)
  assert.equal(files.text(PIP_CONF), `[global]\nindex-url = ${HERE}/\n[install]\nindex-url = ${HERE}/\n`)
  assert.deepEqual((await clients.plan(['pip'], toPypi)).changes, [])
})

test("plan() takes the machine's index for the upstream and leaves its file alone", async () => {
  const { files, clients } = clientsBench(PYPI)
  const machine = '[global]\nindex-url = https://registry.example.com/simple\n'
  files.put('/etc/pip.conf', machine)
  const plan = await clients.plan(['pip'], toPypi)
  assert.deepEqual(plan.upstreams[0]?.url, 'https://registry.example.com/simple')
  await clients.apply(plan)
  assert.equal(files.text('/etc/pip.conf'), machine)
  assert.equal(files.text(PIP_CONF), `[global]\nindex-url = ${HERE}/\n`)
})

test('plan() takes the default index for no upstream at all', async () => {
  const { files, clients } = clientsBench(PYPI)
  files.put(PIP_CONF, `[global]\nindex-url = ${pypiDefaultUrl()}/\n`)
  files.put(UV_TOML, `[pip]\nindex-url = "${pypiDefaultUrl()}"\n`)
  assert.deepEqual((await clients.plan(['pip', 'uv'], toPypi)).upstreams, [])
})

test('uv is pointed here for uv pip alone, so that lockfiles stay as they are', async () => {
  const { files, clients } = clientsBench(PYPI)
  await clients.apply(await clients.plan(['uv'], toPypi))
  assert.equal(files.text(UV_TOML), `[pip]\nindex-url = "${HERE}"\n`)
})

test('a default index of the user, which uv pip prefers, is pointed here and keeps its name', async () => {
  const { files, clients } = clientsBench(PYPI)
  files.put(UV_TOML, '[[index]]\nname = "team"\nurl = "https://registry.example.com/simple"\ndefault = true\n')
  const plan = await clients.plan(['uv'], toPypi)
  assert.equal(plan.upstreams[0]?.url, 'https://registry.example.com/simple')
  await clients.apply(plan)
  assert.equal(files.text(UV_TOML), `[[index]]\nname = "team"\nurl = "${HERE}"\ndefault = true\n`)
})

test('pip is told to trust a node that is not on loopback, and forgets it again', () => {
  const target = { url: 'http://192.168.7.7:7888/pypi/simple', defaultUpstream: true, behind: [] }
  const file = { path: PIP_CONF, mode: 0o600, role: 'own' }
  const pointed = pip.edit(undefined, target, file) ?? ''
  assert.match(pointed, /^trusted-host = 192\.168\.7\.7$/m)
  assert.equal(pip.undo(pointed, target, file, undefined), undefined)
  assert.throws(() => pip.edit('[global]\ntrusted-host = a.example.com\n', target, file), isUsage)
  const both = '[global]\ntrusted-host =\n  a.example.com\n  192.168.7.7\n'
  assert.ok(pip.edit(both, target, file)?.includes('  192.168.7.7\n'))
})

test('files() honours what the clients honour: variables, platforms, projects', () => {
  const first = (setup: typeof pip, changes: object) => setup.files({ ...ENVIRONMENT, ...changes })[0]?.path
  assert.equal(first(pip, { variables: { PIP_CONFIG_FILE: '/a/pip.conf' } }), '/a/pip.conf')
  assert.equal(first(pip, { variables: { PIP_CONFIG_FILE: '/dev/null' } }), PIP_CONF)
  assert.equal(first(pip, { variables: { XDG_CONFIG_HOME: '/x' } }), '/x/pip/pip.conf')
  assert.equal(first(pip, { platform: 'win32', variables: { APPDATA: 'C:/R' } }), 'C:/R/pip/pip.ini')
  assert.equal(first(pip, { project: '/p' }), '/p/.venv/pip.conf')
  assert.equal(first(uv, { variables: { UV_CONFIG_FILE: '/a/uv.toml' } }), '/a/uv.toml')
  assert.equal(first(uv, { project: '/p' }), '/p/uv.toml')
})
