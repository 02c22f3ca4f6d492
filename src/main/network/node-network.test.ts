import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { formatNetwork, isSolo, type Network, networkDigest } from '../../base/network/network.ts'
import { readVkey } from '../../base/network/vkey.ts'
import { systemRandom } from '../effects.ts'
import { initNetwork, showKeys, showNetwork } from './network-door.ts'
import { ensureNodeNetwork, makeNodeNetwork, readNodeNetwork } from './node-network.ts'
import { KEY_ROLES, openRoleKeys } from './role-keys.ts'
import { soloOrigin } from './solo-network.ts'

const EFFECTS = { random: systemRandom, nowSeconds: 1_800_000_000 }

function directoryFor(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'pyrsia-network-'))
  t.after(() => rmSync(directory, { recursive: true }))
  return directory
}

test('ensureNodeNetwork() makes a solo network named by its log key, and finds it again', async (t) => {
  const directory = directoryFor(t)
  assert.equal(await readNodeNetwork(directory), undefined)
  const made = await ensureNodeNetwork(directory, EFFECTS)
  assert.ok(isSolo(made.network))
  assert.equal(made.network.origin, soloOrigin(made.signers?.log.publicKey ?? new Uint8Array()))
  assert.equal(made.own?.name, 'solo')
  const found = await ensureNodeNetwork(directory, { ...EFFECTS, nowSeconds: 1_900_000_000 })
  assert.equal(networkDigest(found.network), networkDigest(made.network))
  assert.deepEqual(found.notes, [])
})

test('a solo network has a key of its own for each role, which only the owner may read', async (t) => {
  const directory = directoryFor(t)
  const { keys } = await ensureNodeNetwork(directory, EFFECTS)
  const roles = Object.keys(KEY_ROLES) as (keyof typeof KEY_ROLES)[]
  assert.deepEqual(readdirSync(join(directory, 'keys')).sort(), roles.map((role) => `${role}.key`).sort())
  const publicKeys = roles.map((role) => {
    assert.equal(statSync(keys.path(role)).mode & 0o777, 0o600)
    assert.match(readFileSync(keys.path(role), 'utf8'), /^-----BEGIN PRIVATE KEY-----\n/)
    return Buffer.from(keys.find(role)?.publicKey ?? []).toString('hex')
  })
  assert.equal(new Set(publicKeys).size, roles.length)
  assert.equal(statSync(join(directory, 'keys')).mode & 0o777, 0o700)
})

test('makeNodeNetwork() refuses a directory that has a network, and a name that no entry could carry', async (t) => {
  const directory = directoryFor(t)
  await assert.rejects(makeNodeNetwork(directory, { name: 'Two Words' }, EFFECTS), { code: 'usage.network' })
  const { network } = await makeNodeNetwork(directory, { name: 'acme' }, EFFECTS)
  assert.deepEqual([network.name, network.organisations[0]?.name], ['acme', 'acme'])
  await assert.rejects(makeNodeNetwork(directory, {}, EFFECTS), { code: 'conflict.network' })
})

test('makeNodeNetwork() continues the log whose key is still there', async (t) => {
  const directory = directoryFor(t)
  const first = await ensureNodeNetwork(directory, EFFECTS)
  rmSync(join(directory, 'network.json'))
  assert.equal((await ensureNodeNetwork(directory, EFFECTS)).network.origin, first.network.origin)
})

test('a node whose log key is lost or another reads its network, signs nothing, and says why', async (t) => {
  const directory = directoryFor(t)
  const { keys } = await ensureNodeNetwork(directory, EFFECTS)
  rmSync(keys.path('log'))
  const lost = await ensureNodeNetwork(directory, EFFECTS)
  assert.equal(lost.signers, undefined)
  assert.match(lost.notes.join(), /nothing can be added/)
  openRoleKeys(directory).make('log', systemRandom)
  assert.equal((await ensureNodeNetwork(directory, EFFECTS)).signers, undefined)
})

test('a node whose cosigner key cannot be read signs nothing, and says why', async (t) => {
  const directory = directoryFor(t)
  const { keys } = await ensureNodeNetwork(directory, EFFECTS)
  chmodSync(keys.path('cosigner'), 0o644)
  const { signers, notes } = await ensureNodeNetwork(directory, EFFECTS)
  assert.equal(signers, undefined)
  assert.match(notes.join(), /chmod 600/)
})

test('readNodeNetwork() names the file that it cannot use, and why', async (t) => {
  const directory = directoryFor(t)
  writeFileSync(join(directory, 'network.json'), '{"format":"other"}')
  await assert.rejects(readNodeNetwork(directory), { code: 'usage.network', message: /network\.json/ })
})

test('the public keys of a solo network are what its role keys sign with', async (t) => {
  const { network, keys } = await ensureNodeNetwork(directoryFor(t), EFFECTS)
  const own = network.organisations[0]?.keys
  assert.deepEqual(readVkey(own?.log ?? '').publicKey, keys.find('log')?.publicKey)
  assert.deepEqual(readVkey(own?.cosigner ?? '').publicKey, keys.find('cosigner')?.publicKey)
  assert.equal(own?.attestation, Buffer.from(keys.find('attestation')?.publicKey ?? []).toString('base64'))
})

test('showNetwork() names what is missing, and shows the network of a directory or of a file', async (t) => {
  const directory = directoryFor(t)
  await assert.rejects(showNetwork({ file: undefined }, directory), { code: 'absent.network', message: /network init/ })
  await assert.rejects(showNetwork({ file: join(directory, 'no.json') }, directory), { code: 'absent.network' })
  const made = await initNetwork({ name: 'acme' }, directory, EFFECTS)
  assert.deepEqual(await showNetwork({ file: undefined }, directory), made)
  const shown = await showNetwork({ file: made.file }, '/nowhere')
  assert.deepEqual([shown.digest, shown.solo], [made.digest, true])
})

test('showNetwork() refuses a network with a key of low order', async (t) => {
  const directory = directoryFor(t)
  const { network, file } = await initNetwork({ name: undefined }, directory, EFFECTS)
  const [own] = network.organisations
  const attestation = Buffer.concat([Buffer.of(1), Buffer.alloc(31)]).toString('base64')
  writeFileSync(
    file,
    formatNetwork({
      ...network,
      founding: undefined,
      organisations: [{ ...own, keys: { ...own?.keys, attestation } }],
    } as Network),
  )
  await assert.rejects(showNetwork({ file }, directory), { code: 'usage.key', message: /of solo/ })
})

test('showKeys() tells public halves only, and where keys would be that are not there', async (t) => {
  const directory = directoryFor(t)
  assert.ok((await showKeys(directory)).keys.every(({ publicKey }) => publicKey === undefined))
  const { network } = await initNetwork({ name: undefined }, directory, EFFECTS)
  const { keys } = await showKeys(directory)
  assert.equal(keys.find(({ role }) => role === 'log')?.text, network.organisations[0]?.keys.log)
  assert.equal(keys.find(({ role }) => role === 'peer')?.text, network.organisations[0]?.keys.peer)
  for (const { file, publicKey = '' } of keys) {
    assert.ok(publicKey.length === 44 && !readFileSync(file, 'utf8').includes(publicKey), file)
  }
})
