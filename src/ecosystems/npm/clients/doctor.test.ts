import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ENVIRONMENT } from '../../../../test/kit/clients-suite.ts'
import type { ClientView } from '../../ecosystem.ts'
import { npmClients } from './clients.ts'
import { npmDoctor, pnpmDoctor, yarnDoctor } from './doctor.ts'

const URL_HERE = 'http://127.0.0.1:4873'

function view(files: Readonly<Record<string, string>>, variables: ClientView['variables'] = {}): ClientView {
  const listed = Object.entries(files).map(([role, text]) => ({
    file: { path: `/p/${role}`, mode: 0o600, role },
    text,
  }))
  return { url: URL_HERE, files: listed, variables }
}

test('npm is found to leak by a scope, and to go elsewhere by a variable, without a word of passwords', () => {
  const npmrc = `registry=${URL_HERE}/\n@team:registry=https://me:secret@registry.example.com/\n`
  const leaks = npmDoctor.leaks(view({ npmrc }, { npm_config_registry: 'https://registry.example.com/' }))
  assert.deepEqual(
    leaks.map(({ replaces, where, found }) => [replaces, where, found]),
    [
      [true, 'the environment variable npm_config_registry', 'https://registry.example.com/'],
      [false, '@team:registry in /p/npmrc', 'https://***@registry.example.com/'],
    ],
  )
})

test('pnpm and yarn are found to go where a project sends them, and not where it names this node', () => {
  const elsewhere = 'https://registry.example.com'
  assert.equal(pnpmDoctor.leaks(view({ workspace: `registry: ${elsewhere}\n` }))[0]?.found, elsewhere)
  assert.equal(yarnDoctor.leaks(view({ 'project-own': `npmRegistryServer: ${elsewhere}\n` }))[0]?.found, elsewhere)
  assert.deepEqual(yarnDoctor.leaks(view({ 'project-own': `npmRegistryServer: "${URL_HERE}"\n` })), [])
})

test('the variables of each client point it here without a leak', () => {
  for (const setup of npmClients) {
    const variables = setup.variables?.({ url: URL_HERE, defaultUpstream: false, behind: [] }) ?? {}
    assert(Object.keys(variables).length > 0)
    assert.deepEqual(setup.doctor?.leaks(view({}, variables)), [])
    assert((setup.doctor?.files({ ...ENVIRONMENT, project: '/p' }) ?? []).every(({ path }) => path.startsWith('/p/')))
  }
})
