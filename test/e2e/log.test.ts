/**
 * The log of a node with entries (test entries, labelled as such, until verdicts come from builds): looked into, proven, and verified
 * on "another machine" that has three files and no network; and npm's user reads why something is refused.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { formatNetwork, type Network } from '../../src/base/network/network.ts'
import { TEST_LABEL, type TestVerdict, testHead, testRevocation, testVerdict } from '../kit/log-entries.ts'
import { needs } from '../kit/needs.ts'
import { PYRSIA, scratch, startNode, type TestNode } from '../kit/node-process.ts'
import { type NpmRegistry, startNpmRegistry } from '../kit/npm-registry.ts'
import { PackageManagerUser } from '../kit/package-manager-user.ts'
import { type Finished, run } from '../kit/process.ts'
import { sampleNetwork } from '../kit/sample-network.ts'
import { appendToStopped, cosignedAt } from '../kit/stopped-log.ts'

const OPTIONS = { timeout: 240_000 }
const PURL = 'pkg:npm/cool@1.0.0'
const FILE = 'cool-1.0.0.tgz'

interface World {
  readonly data: string
  readonly registry: NpmRegistry
  readonly artefact: Buffer
  /** Starts the node, again if it was stopped. */
  start(...args: string[]): Promise<TestNode>
}

/** A node with a registry behind it; its log is made. It is stopped. */
async function world(t: TestContext, policy?: string): Promise<World> {
  const directory = await scratch(t, 'e2e-log')
  const registry = await startNpmRegistry([
    { name: 'cool', version: '1.0.0' },
    { name: 'plain', version: '1.0.0' },
  ])
  t.after(() => registry.close())
  const data = join(directory, 'node')
  mkdirSync(data, { mode: 0o700 })
  if (policy !== undefined) writeFileSync(join(data, 'policy.toml'), policy)
  const start = async (...args: string[]): Promise<TestNode> => {
    const node = await startNode({ data, args: ['--upstream', `npm=${registry.url}`, '--fresh', '0s', ...args] })
    t.after(() => node.stop())
    return node
  }
  await (await start()).stop()
  const artefact = Buffer.from(await (await fetch(`${registry.url}/cool/-/${FILE}`)).arrayBuffer())
  return { data, registry, artefact, start }
}

function verdict(artefact: Buffer, over: Partial<TestVerdict> = {}) {
  return testVerdict({ purl: PURL, files: [{ name: FILE, bytes: artefact }], ...over })
}

/** A machine that has an artefact, a proof and a network.json, no node, and as root no network either. */
async function elsewhere(t: TestContext, files: Readonly<Record<string, string | Buffer>>) {
  const directory = await scratch(t, 'e2e-elsewhere')
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content)
  const alone = process.getuid?.() === 0 ? ['unshare', '--net'] : []
  return {
    put: (name: string, content: string | Buffer) => writeFileSync(join(directory, name), content),
    async verify(...args: string[]): Promise<Finished> {
      const line = [...alone, PYRSIA, 'verify', ...args, '--data', join(directory, 'nothing')]
      return await run(line[0] ?? '', line.slice(1), { cwd: directory, env: { HOME: directory } })
    },
  }
}

const ALL = [FILE, '--purl', PURL, '--proof', 'proof.json', '--network', 'network.json']

test(
  'a node proves what its log says, and another machine without node and network says yes, or exactly why not',
  OPTIONS,
  async (t) => {
    const { data, artefact, start } = await world(t)
    const other = testVerdict({
      purl: 'pkg:npm/plain@1.0.0',
      files: [{ name: 'plain-1.0.0.tgz', bytes: Buffer.from('p') }],
    })
    const network = await appendToStopped(data, [testHead(), other, verdict(artefact)])
    const node = await start()
    const prove = async (what: string): Promise<string> => {
      const output = join(data, 'proof.json')
      const done = await node.cli('proof', what, '-o', output)
      assert.equal(done.code, 0, done.stderr)
      return readFileSync(output, 'utf8')
    }
    const proof = await prove(PURL)
    assert.ok(proof.length < 5_000, `a proof of ${proof.length} bytes`)
    const ofOther = await prove('pkg:npm/plain@1.0.0')
    const ofHead = await prove('0')
    await node.stop()

    const machine = await elsewhere(t, {
      [FILE]: artefact,
      'proof.json': proof,
      'network.json': formatNetwork(network),
    })
    const yes = await machine.verify(...ALL, '--latest')
    assert.equal(yes.code, 0, yes.stderr)
    assert.match(yes.stdout, /^Yes: pkg:npm\/cool@1\.0\.0\n/)
    assert.match(yes.stdout, /entry 2 of the log local\/[0-9a-f]+ of 2023-11-14: rebuilt, exact, 3 of 4 builders alike/)
    assert.match(yes.stdout, new RegExp(TEST_LABEL), 'a test entry says that it is one')
    assert.match(yes.stdout, /revoked +not as of .* ago \(entry 0: the complete list has 0\)/)
    assert.match(yes.stdout, /built once, by one node/)

    const no = async (code: string, reason: RegExp, ...args: string[]): Promise<void> => {
      const found = await machine.verify(...(args.length === 0 ? ALL : args))
      assert.equal(found.code, 8, found.stdout + found.stderr)
      assert.match(found.stderr, new RegExp(`\\[untrusted\\.${code}\\]`))
      assert.match(found.stderr, reason)
    }
    machine.put(FILE, Buffer.concat([artefact, Buffer.of(0)]))
    await no('subject', /of which it names sha256:/)
    machine.put(FILE, artefact)
    await no(
      'subject',
      /wanted one about pkg:npm\/plain@1\.0\.0, found one about pkg:npm\/cool/,
      ...ALL.with(2, 'pkg:npm/plain@1.0.0'),
    )
    machine.put('proof.json', ofOther)
    await no('subject', /found one about pkg:npm\/plain@1\.0\.0/)
    machine.put('proof.json', ofHead)
    await no('subject', /found one about no package/)
    machine.put('proof.json', proof.replace(/\\n— local\/[0-9a-f]+ [^\\]*/, ''))
    await no('signature', /wanted a signature of the log local/)
    machine.put('proof.json', proof.replace(/\\n— local\/[0-9a-f]+\/cosigner [^\\]*/, ''))
    await no('quorum', /wanted cosignatures/)
    machine.put('proof.json', await cosignedLongAgo(data, proof))
    await no('stale', /wanted a checkpoint of the last 86400 s/, ...ALL, '--latest')
    assert.equal((await machine.verify(...ALL)).code, 0, 'as of then it holds')
    machine.put('proof.json', proof)
    machine.put('network.json', formatNetwork(sampleNetwork({ authorities: 4 })))
    await no('origin', /wanted one of log\.example\/test|wanted log\.example\/test/)
    machine.put('network.json', formatNetwork({ ...network, created: 1, expires: 2 } as Network))
    await no('expired', /expired at 1970/)
  },
)

test(
  'a proof of a revoked package says no, and pyrsia why, inspect-log and log check show the log',
  OPTIONS,
  async (t) => {
    const { data, artefact, start } = await world(t)
    const network = await appendToStopped(data, [verdict(artefact), testRevocation(PURL, [], 'steals keys')])
    const node = await start()
    assert.equal((await node.cli('proof', PURL, '-o', join(data, 'proof.json'))).code, 0)
    const proof = readFileSync(join(data, 'proof.json'))
    const machine = await elsewhere(t, {
      [FILE]: artefact,
      'proof.json': proof,
      'network.json': formatNetwork(network),
    })
    const found = await machine.verify(...ALL)
    assert.equal(found.code, 8)
    assert.match(found.stderr, /was revoked by entry 1: TEST ENTRY: steals keys \[untrusted\.revoked\]/)

    const why = await node.cli('why', PURL)
    assert.match(why.stdout, /entry +1: revoked: TEST ENTRY: steals keys/)
    assert.match(
      why.stdout,
      /covered +by the checkpoint of 2 entries, \d+ s ago\n.*cosigned +by local\/\S+\/cosigner \d+ s ago/,
    )
    const csv = await node.cli('inspect-log', 'npm', 'cool@1.0.0', '--format', 'csv', '--fields', 'index,kind,outcome')
    assert.equal(csv.stdout, 'index,kind,outcome\n1,revocation,\n0,verdict,rebuilt\n')
    const latest = await node.cli('inspect-log', 'npm', 'cool@1.0.0', '--latest', '--json')
    assert.deepEqual(
      (JSON.parse(latest.stdout) as { index: number }[]).map(({ index }) => index),
      [1],
    )
    const entries = await node.cli('inspect-log', 'entries', '--from', '0', '--to', '1')
    assert.match(
      entries.stdout,
      /^index +kind +time +purl +summary\n0 +verdict +2023-11-14T22:13:20 +pkg:npm\/cool@1\.0\.0 +rebuilt/,
    )
    assert.match((await node.cli('inspect-log', 'members')).stdout, /solo: authority, builder/)
    assert.match((await node.cli('inspect-log', 'checkpoint')).stdout, /Size +2 entries/)
    assert.equal((await node.cli('inspect-log', 'npm', 'unknown@1.0.0')).code, 4)
    assert.match((await node.cli('log', 'check')).stdout, /is sound: 2 of 2 entries/)
  },
)

test('npm is refused a revoked package with the reason on screen, and gets it after pyrsia policy allow', {
  ...needs('npm'),
  ...OPTIONS,
}, async (t) => {
  const { data, registry, artefact, start } = await world(t)
  await appendToStopped(data, [verdict(artefact), testRevocation(PURL, [], 'steals keys')])
  const node = await start()
  const install = await npmUser(t, node, registry)
  const refused = await install('cool@1.0.0')
  assert.notEqual(refused.code, 0)
  assert.match(refused.stderr, /cool@1\.0\.0 is revoked: entry 1 of the log local\/.*steals keys/)
  assert.equal((await install('plain@1.0.0')).code, 0, 'what the log says nothing of is served')
  assert.equal((await node.cli('policy', 'allow', PURL, '--until', '1h', '--reason', 'outage')).code, 0)
  assert.equal((await install('cool@1.0.0')).code, 0)
})

test('npm is refused what has no verdict where verdicts are enforced, and a solo build unless its owner accepts it', {
  ...needs('npm'),
  ...OPTIONS,
}, async (t) => {
  const enforce = '[[rule]]\nverified = "enforce"\nreason = "built only"\n'
  const { data, registry, artefact, start } = await world(t, enforce)
  await appendToStopped(data, [verdict(artefact)])
  const first = await start()
  const install = await npmUser(t, first, registry)
  const plain = await install('plain@1.0.0')
  assert.notEqual(plain.code, 0)
  assert.match(
    plain.stderr,
    /plain@1\.0\.0 has no verdict in the log, and this node serves only what was rebuilt.*built only/,
  )
  const solo = await install('cool@1.0.0')
  assert.notEqual(solo.code, 0)
  assert.match(solo.stderr, /cool@1\.0\.0 is built once, by you/)
  await first.stop()
  writeFileSync(join(data, 'policy.toml'), `${enforce}accept = ["built-once"]\n`)
  const again = await npmUser(t, await start(), registry)
  assert.equal((await again('cool@1.0.0')).code, 0)
})

/** An npm with an empty home and cache that goes through the node. */
async function npmUser(t: TestContext, node: TestNode, registry: NpmRegistry) {
  const user = new PackageManagerUser(await scratch(t, 'e2e-log-user'), 'user', {})
  await user.registry(registry.url).setup(node, 'npm')
  return (name: string): Promise<Finished> =>
    run('npm', ['install', name, '--no-audit', '--no-fund'], { cwd: user.project, env: user.env, timeoutMs: 120_000 })
}

/** The proof with a cosignature of three days ago in the place of the present one. */
async function cosignedLongAgo(data: string, proof: string): Promise<string> {
  const bundle = JSON.parse(proof) as { entries: { proof: string }[] }
  for (const entry of bundle.entries) {
    const split = entry.proof.indexOf('\n\n') + 2
    const note = await cosignedAt(data, entry.proof.slice(split), Math.floor(Date.now() / 1000) - 3 * 86_400)
    entry.proof = entry.proof.slice(0, split) + note
  }
  return JSON.stringify(bundle)
}
