/** A network founded by files among four data directories, as four people would: each makes a part, one merges, all compare, all join. */
import assert from 'node:assert/strict'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { logLayout } from '../../src/log/disk/layout.ts'
import { PYRSIA, scratch, startNode } from '../kit/node-process.ts'
import { playNetwork } from '../kit/played-network.ts'
import { type Finished, run } from '../kit/process.ts'

const NAMES = ['acme', 'beta', 'gamma', 'delta']
const NETWORK = 'example.org/packages'
const PURL = 'pkg:npm/cool@1.0.0'

test('four organisations found a network by files, compare one digest, join it, and their nodes know it', async (t) => {
  const directory = await scratch(t, 'e2e-ceremony')
  const at = (name: string): string => join(directory, name)
  const pyrsia = (...args: string[]): Promise<Finished> => run(PYRSIA, args, { cwd: directory })
  const good = async (...args: string[]): Promise<string> => {
    const done = await pyrsia(...args)
    assert.equal(done.code, 0, done.stderr)
    return done.stdout
  }
  // acme's node ran alone before.
  const before = await startNode({ data: at('acme') })
  const solo = (await before.json('network', 'show')) as { readonly digest: string }
  await before.stop()
  for (const name of NAMES) {
    const roles = name === 'acme' ? [] : ['--role', 'builder']
    const part = ['--org', name, '--name', NETWORK, '--types', 'npm,pypi', '-o', `${name}.part.json`]
    await good('network', 'init', ...part, ...roles, '--data', at(name))
  }
  const parts = NAMES.map((name) => `${name}.part.json`)
  const forged = readFileSync(at('beta.part.json'), 'utf8').replace('"type": "npm"', '"type": "gem"')
  writeFileSync(at('forged.part.json'), forged)
  const refused = await pyrsia('network', 'merge', 'acme.part.json', 'forged.part.json', '-o', 'network.json')
  assert.deepEqual([refused.code, /the part of beta is not signed/.test(refused.stderr)], [2, true], refused.stderr)
  const merged = await good('network', 'merge', ...parts, '--name', NETWORK, '-o', 'network.json')
  const [digest = ''] = /sha256:[0-9a-f]{64}/.exec(merged) ?? []
  assert.match(merged, /1 of 1 authorities make a checkpoint count/)
  for (const name of NAMES) {
    const shown = await good('network', 'show', 'network.json', '--data', at(name))
    assert.match(shown, new RegExp(digest))
    const asked = await pyrsia('network', 'join', 'network.json', '--data', at(name))
    assert.deepEqual([asked.code, asked.stdout.includes(digest)], [2, true], asked.stderr)
    const joined = await good('network', 'join', 'network.json', '--yes', '--data', at(name))
    assert.match(joined, new RegExp(`it is a node of ${name}\n`))
  }
  assert.deepEqual(
    JSON.parse(await good('network', 'join', 'network.json', '--yes', '--json', '--data', at('acme'))).joined,
    true,
  )
  const kept = join(at('acme'), 'networks', `${solo.digest.slice(7, 23)}.json`)
  assert.match(await good('network', 'show', kept), new RegExp(solo.digest))
  const request = await playNetwork(at('acme'), NAMES.map(at), PURL)
  await explained(at('acme'), request, at)
  const node = await startNode({ data: at('acme') })
  t.after(() => node.stop())
  const members = (await node.json('inspect-log', 'members')) as { readonly digest: string }
  assert.equal(members.digest, digest)
  const online = (await node.json('explain', PURL, '--verify')) as {
    readonly source: string
    readonly verified: boolean
  }
  assert.match(online.source, /^http:/)
  assert.ok(online.verified)
})

/** Nobody runs: the log is a directory, and who reads it has only network.json. */
async function explained(data: string, request: string, at: (name: string) => string): Promise<void> {
  const { served } = logLayout(join(data, 'log'), NETWORK)
  const copy = at('copy')
  cpSync(served, copy, { recursive: true })
  const ask = (...args: string[]): Promise<Finished> =>
    run(PYRSIA, ['explain', ...args, '--network', at('network.json'), '--data', at('nowhere')])
  const yes = await ask(request, '--verify', '--log', copy)
  assert.equal(yes.code, 0, yes.stderr)
  assert.match(yes.stdout, /\n {2}delta: builder; builds npm, pypi; 1 node\n/)
  assert.match(yes.stdout, /4 drawn, 3 must agree\n/)
  assert.match(yes.stdout, /drawn {6}\w+ \(rank 4\), node/)
  assert.match(yes.stdout, /verdict: rebuilt, upstream equal \(exact\)\n/)
  assert.match(yes.stdout, /\nYes: 11 entries/)
  const path = join(copy, 'tile', 'entries', '000.p', '17')
  const bytes = readFileSync(path)
  writeFileSync(
    path,
    Buffer.from(bytes.toString('latin1').replace('"outcome":"rebuilt"', '"outcome":"expired"'), 'latin1'),
  )
  const no = await ask(PURL, '--verify', '--log', copy)
  assert.deepEqual([no.code, no.stdout.match(/^ {2}entry .*$/gm)?.length], [8, 1], no.stdout + no.stderr)
  assert.match(no.stderr, /entry 16 \(verdict\), outcome: wanted "rebuilt", found "expired" \[untrusted\.entry\]/)
  assert.equal((await ask(PURL, '--log', copy)).code, 0, 'without --verify nothing is claimed')
}
