import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { silentLogger } from '../../base/clock.ts'
import { formatNetwork, type Network, networkDigest } from '../../base/network/network.ts'
import { parseNetwork } from '../../base/network/parse-network.ts'
import { checkNetworkKeys } from '../../base/network/rules.ts'
import { systemClock, systemRandom } from '../effects.ts'
import { openNodeLog } from '../log/node-log.ts'
import { ensureNodeNetwork, readNodeNetwork } from '../network/node-network.ts'
import { joinNetwork } from './join.ts'
import { makePart, type PartWish } from './make-part.ts'
import { type MergeWish, mergeParts } from './merge.ts'

const NOW = 1_800_000_000
const NETWORK = 'example.org/packages'

/** A folder with data directories, one per organisation, and the files of the ceremony. */
function ceremony(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'pyrsia-ceremony-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const at = (name: string): string => join(directory, name)
  return {
    at,
    part: (organisation: string, wish: Partial<PartWish> = {}) =>
      makePart(
        {
          organisation,
          network: NETWORK,
          roles: ['authority', 'builder'],
          types: ['toy'],
          typesKnown: ['other', 'toy'],
          bootstrap: [],
          serial: 1,
          output: at(`${organisation}.part.json`),
          ...wish,
        },
        at(organisation),
        systemRandom,
      ),
    merge: (organisations: readonly string[], wish: Partial<MergeWish> = {}) =>
      mergeParts(
        {
          parts: organisations.map((name) => at(`${name}.part.json`)),
          name: undefined,
          beacon: 'local',
          beaconInfo: undefined,
          rules: undefined,
          days: 366,
          output: at('network.json'),
          ...wish,
        },
        NOW,
      ),
    join: (organisation: string, yes = true, file = 'network.json', now = NOW) =>
      joinNetwork({ file: at(file), yes }, at(organisation), now),
    put: (name: string, network: Network) => writeFileSync(at(name), formatNetwork(network)),
  }
}

async function founded(t: TestContext, names: readonly string[] = ['acme', 'beta']) {
  const made = ceremony(t)
  for (const name of names) await made.part(name)
  return { ...made, network: (await made.merge(names)).network }
}

test('four parts make one network, whatever the order in which they are merged', async (t) => {
  const { merge, part } = ceremony(t)
  const names = ['acme', 'beta', 'gamma', 'delta']
  for (const name of names.slice(0, 3)) await part(name)
  await part('delta', { roles: ['builder'], types: undefined })
  const found = await merge(names)
  assert.deepEqual((await merge(names.reverse())).digest, found.digest)
  const { organisations, quorum, founding, origin, expires } = found.network
  assert.deepEqual([origin, quorum, expires], [NETWORK, { k: 2, of: 3 }, NOW + 366 * 86_400])
  assert.deepEqual(
    organisations.map(({ name, roles }) => [name, roles.length]),
    [
      ['acme', 2],
      ['beta', 2],
      ['delta', 1],
      ['gamma', 2],
    ],
  )
  assert.deepEqual(
    founding?.offers[2]?.body.builds.map(({ type }) => type),
    ['other', 'toy'],
  )
  assert.match(found.notes.join(), /randomness is that of one authority/)
})

test('merging refuses parts that do not fit, and names whose', async (t) => {
  const { merge, part, at } = ceremony(t)
  await part('acme')
  await part('beta')
  await part('beta', { output: at('again.part.json'), serial: 2 })
  await assert.rejects(merge(['acme', 'beta', 'again']), { code: 'usage.part', message: /found two of beta/ })
  await part('gamma', { network: 'example.org/other' })
  await assert.rejects(merge(['acme', 'gamma']), { message: /the one of gamma made for example.org\/other/ })
  await assert.rejects(merge(['acme'], { name: 'example.org/other' }), { message: /the one of acme/ })
  const text = readFileSync(at('acme.part.json'), 'utf8')
  writeFileSync(at('forged.part.json'), text.replace('"organisation": "acme"', '"organisation": "evil"'))
  await assert.rejects(merge(['forged']), (error: Error) => /not signed by its log key/.test(String(error.cause)))
  await part('delta', { roles: ['builder'] })
  await assert.rejects(merge(['delta']), { code: 'usage.part', message: /the part of an authority/ })
  await assert.rejects(merge([]), { code: 'usage.part' })
  await assert.rejects(merge(['nobody']), { code: 'absent.network' })
  assert.deepEqual(readdirSync(at('')).includes('network.json'), false)
})

test('one key cannot serve two organisations of a network', async (t) => {
  const { merge, part, at } = ceremony(t)
  await part('acme')
  await makePart(
    {
      organisation: 'second',
      network: NETWORK,
      roles: ['authority'],
      types: undefined,
      typesKnown: ['toy'],
      bootstrap: [],
      serial: 1,
      output: at('second.part.json'),
    },
    at('acme'),
    systemRandom,
  )
  await assert.rejects(merge(['acme', 'second']), { code: 'usage.network', message: /a key of its own/ })
})

test('making a part refuses roles, types and names that there are not', async (t) => {
  const { part } = ceremony(t)
  await assert.rejects(part('acme', { roles: ['king'] }), { code: 'usage.config', message: /found king/ })
  await assert.rejects(part('acme', { types: ['cobol'] }), { code: 'usage.config', message: /found cobol/ })
  await assert.rejects(part('acme', { network: 'local/x' }), { code: 'usage.part', message: /a node's own/ })
  await assert.rejects(part('acme', { network: 'Two Words' }), { code: 'usage.part' })
  await assert.rejects(part('Acme Inc'), { code: 'usage.part', message: /organisation/ })
})

test('a drand chain and rules of its own come from files', async (t) => {
  const { merge, part, at } = ceremony(t)
  await part('acme')
  const info = {
    hash: 'ab'.repeat(32),
    public_key:
      '83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a',
    period: 3,
    genesis_time: 1_692_803_367,
    schemeID: 'bls-unchained-g1-rfc9380',
    metadata: {},
  }
  writeFileSync(at('info.json'), JSON.stringify(info))
  writeFileSync(at('rules.json'), '{"beaconDelaySeconds":9}')
  const drand = { beacon: 'drand', beaconInfo: at('info.json'), rules: at('rules.json') }
  const { network } = await merge(['acme'], drand)
  assert.partialDeepStrictEqual(network.beacon, { kind: 'drand', periodSeconds: 3 })
  assert.deepEqual([network.beaconDelaySeconds, network.founding?.rules.beaconDelaySeconds], [9, 9])
  await assert.rejects(merge(['acme'], { beacon: 'drand' }), { code: 'usage.config', message: /--beacon-info/ })
  await assert.rejects(merge(['acme'], { beacon: 'dice' }), { code: 'usage.config' })
  writeFileSync(at('rules.json'), '{"activationBlocks":1}')
  await assert.rejects(merge(['acme'], { rules: at('rules.json') }), {
    code: 'usage.config',
    message: /malformed rules/,
  })
  writeFileSync(at('info.json'), JSON.stringify({ ...info, public_key: '00'.repeat(96) }))
  await assert.rejects(merge(['acme'], { ...drand, rules: undefined }), { code: 'usage.network' })
  await assert.rejects(merge(['acme'], { days: 0 }), { code: 'usage.config' })
})

test('joining replaces the own network and keeps it, and does nothing before it is said', async (t) => {
  const { join: enter, network, at } = await founded(t)
  const solo = await ensureNodeNetwork(at('acme'), { random: systemRandom, nowSeconds: NOW })
  assert.deepEqual((await enter('acme', false)).joined, false)
  assert.equal((await readNodeNetwork(at('acme')))?.network.origin, solo.network.origin)
  const { joined, organisation, aside, digest } = await enter('acme')
  assert.deepEqual([joined, organisation, digest], [true, 'acme', networkDigest(network)])
  const now = await readNodeNetwork(at('acme'))
  assert.deepEqual([now?.network.origin, now?.own?.name, now?.notes], [NETWORK, 'acme', []])
  assert.equal(networkDigest(parseNetwork(readFileSync(aside ?? '', 'utf8'))), networkDigest(solo.network))
  const again = await enter('acme')
  assert.deepEqual([again.joined, again.aside], [true, undefined])
  assert.equal((await enter('stranger')).organisation, undefined)
})

test('joining refuses what is expired, not shared, older, of another network, or without its keys', async (t) => {
  const { join: enter, network, at, put, part, merge } = await founded(t)
  const expired = enter('acme', true, 'network.json', network.expires)
  await assert.rejects(expired, { code: 'untrusted.expired' })
  mkdirSync(at('solo'))
  const solo = await ensureNodeNetwork(at('solo'), { random: systemRandom, nowSeconds: NOW })
  put('solo.json', solo.network)
  await assert.rejects(enter('acme', true, 'solo.json'), { code: 'usage.network', message: /a node's own/ })
  await assert.rejects(enter('acme', true, 'nothing.json'), { code: 'absent.network' })
  await enter('acme')
  put('older.json', { ...network, created: NOW - 1 })
  await assert.rejects(enter('acme', true, 'older.json'), { code: 'conflict.network', message: /older/ })
  await part('gamma', { network: 'example.org/other' })
  await merge(['gamma'], { output: at('other.json') })
  await assert.rejects(enter('acme', true, 'other.json'), { code: 'conflict.network', message: /belongs to/ })
  rmSync(join(at('beta'), 'keys', 'cosigner.key'))
  const keyless = enter('beta')
  await assert.rejects(keyless, { code: 'usage.key', message: /the cosigner key of beta/ })
  assert.equal(await readNodeNetwork(at('beta')), undefined)
})

test('a founding that does not match the members, or is not signed by them, is refused', async (t) => {
  const { network } = await founded(t)
  const founding = network.founding
  assert.ok(founding)
  const [acme, beta] = founding.offers
  assert.ok(acme && beta)
  const read = (offers: readonly unknown[], over = {}) =>
    parseNetwork(JSON.stringify({ ...network, founding: { ...founding, offers, ...over } }))
  assert.throws(() => read([acme]), { code: 'usage.network', message: /an offer of each of 2/ })
  assert.throws(() => read([beta, acme]), { message: /wanted acme as its founding offer has it/ })
  const rules = { ...founding.rules, beaconDelaySeconds: 1 }
  assert.throws(() => read(founding.offers, { rules }), { message: /the beacon's delay/ })
  const elsewhere = { ...acme, body: { ...acme.body, network: 'example.org/other' } }
  assert.throws(() => read([elsewhere, beta]), { message: /an offer of acme to example.org\/packages/ })
  const more = { ...acme, body: { ...acme.body, builds: [] } }
  const changed = read([more, beta])
  assert.throws(() => checkNetworkKeys(changed), { message: /the founding offer of acme signed by/ })
})

test('a node that ran alone begins the log of the network that it joined with the same key', async (t) => {
  const { join: enter, at, part, merge } = ceremony(t)
  const peers = {
    list: () => [],
    onConnected: () => () => undefined,
    logFile: async () => undefined,
    blame: () => {},
    publish: async () => {},
    subscribe: () => () => {},
  }
  const witnessing = { witness: false, witnessLogs: [], askWitnesses: [] }
  const options = { directory: at('acme'), mode: 'full', sources: [], ...witnessing } as const
  const parts = { clock: systemClock, random: systemRandom, logger: silentLogger, peers }
  await part('acme')
  {
    await using solo = await openNodeLog(options, parts)
    assert.ok(solo.writer)
  }
  await merge(['acme'])
  await enter('acme')
  for (const start of ['first', 'second']) {
    await using joined = await openNodeLog(options, parts)
    assert.equal(joined.network.network.origin, NETWORK, start)
    assert.ok(joined.writer)
  }
  rmSync(join(at('acme'), 'log'), { recursive: true })
  await assert.rejects(async () => await using_(openNodeLog(options, parts)), { code: 'damaged.log' })
})

async function using_(opening: Promise<AsyncDisposable>): Promise<void> {
  await (await opening)[Symbol.asyncDispose]()
}
