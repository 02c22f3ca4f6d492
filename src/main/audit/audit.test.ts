/** An audit over a log of test entries and a read flow in memory. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testRevocation, testVerdict } from '../../../test/kit/log-entries.ts'
import { readFlow } from '../../../test/kit/read-flow.ts'
import { scriptedPeers } from '../../../test/kit/scripted-peers.ts'
import { testLog } from '../../../test/kit/test-log.ts'
import { dependencyList } from '../../base/attestation/dependencies.ts'
import { silentLogger } from '../../base/clock.ts'
import { digestBytes } from '../../base/digest.ts'
import type { Entry, VerdictEntry } from '../../base/entries/entry.ts'
import { parsePurl } from '../../base/purl.ts'
import type { Ecosystem } from '../../ecosystems/ecosystem.ts'
import { readRules } from '../../policy/read-rules.ts'
import { createRulePolicy } from '../../policy/rule-policy.ts'
import { createStatements } from '../roles/statements.ts'
import { createAudit } from './audit.ts'

const START_SECONDS = 1_700_000_000
const NEVER = new AbortController().signal

function bytesOf(name: string): Buffer {
  return Buffer.from(`the bytes of ${name}`)
}

function verdict(name: string, more: Partial<Parameters<typeof testVerdict>[0]> = {}): VerdictEntry {
  return testVerdict({ purl: `pkg:bare/${name}@1`, files: [{ name, bytes: bytesOf(name) }], ...more })
}

/** Reads lines `purl digest requestPath`. */
const LOCKFILES: Pick<Ecosystem, 'lockfiles'> = {
  lockfiles: [
    {
      fileName: /^bare\.lock$/,
      read: (bytes) =>
        Buffer.from(bytes)
          .toString()
          .split('\n')
          .filter(Boolean)
          .map((line) => {
            const [purl = '', of = '', requestPath = ''] = line.split(' ')
            const digests = of === '-' ? [] : [digestBytes('sha256', bytesOf(of))]
            return { purl: parsePurl(purl), digests, requestPath }
          }),
    },
  ],
}

async function world(entries: readonly Entry[], rules = '') {
  const log = testLog({ cosignedSeconds: [START_SECONDS, START_SECONDS, START_SECONDS] })
  if (entries.length > 0) await log.append(...entries)
  const read = readRules(rules, 'policy.toml', ['bare'])
  const policy = createRulePolicy({
    revision: () => '1',
    rules: () => read,
    exceptions: () => [],
    advisories: () => [],
  })
  const flow = readFlow({ policy, log })
  const { store, serve, clock } = flow
  const statements = createStatements({ store, peers: scriptedPeers(), clock, logger: silentLogger })
  const ecosystems = [LOCKFILES as Ecosystem]
  return { log, flow, statements, audit: createAudit({ ecosystems, log, serve, store, statements }) }
}

test('a lockfile is audited release by release, what the log says nothing of included, and what is of no release left out', async () => {
  const { audit, log } = await world([verdict('good'), verdict('seen', { outcome: 'witnessed' })])
  const text =
    'pkg:bare/good@1 good /files/good\npkg:bare/seen@1 seen /seen\npkg:bare/new@1 new /new\npkg:bare/good - /index\n'
  const view = await audit.audit({ path: '/project/bare.lock', text }, NEVER)
  assert.deepEqual(
    view.rows.map(({ purl, status, file, level, given, files }) => [purl, status, file, level, given, files]),
    [
      ['pkg:bare/good@1', 'rebuilt-equal', 'named', 'exact', 1, 1],
      ['pkg:bare/seen@1', 'witnessed', 'named', undefined, 1, 1],
      ['pkg:bare/new@1', 'none', undefined, undefined, 1, 1],
    ],
  )
  assert.deepEqual([view.origin, view.size, view.asOfSeconds], [log.network.origin, 2, START_SECONDS])
  await assert.rejects(audit.audit({ path: '/project/other.lock', text }, NEVER), { code: 'usage.request' })
})

test('where verdicts are enforced, an audit says what would be refused and why', async () => {
  const { audit } = await world([verdict('good')], '[[rule]]\nverified = "enforce"')
  const text = 'pkg:bare/good@1 good /good\npkg:bare/good@1 other /good\npkg:bare/new@1 new /new\n'
  const { rows } = await audit.audit({ path: '/bare.lock', text }, NEVER)
  assert.deepEqual(
    rows.map(({ given, files }) => [given, files]),
    [
      [1, 2],
      [0, 1],
    ],
  )
  assert.equal(rows[0]?.file, 'other', 'other bytes under the name of what was verified come first')
  assert.match(rows[1]?.refusal ?? '', /has no verdict in the log/)
})

test('H4: what was revoked after it had been given out is reported, by everything that was served', async () => {
  const { audit, flow, log } = await world([verdict('good'), verdict('bad')])
  for (const name of ['good', 'bad']) {
    flow.file(name, bytesOf(name), { purl: parsePurl(`pkg:bare/${name}@1`) })
    const reply = await flow.get(`/file/${name}`)
    for await (const _ of reply.body as AsyncIterable<Uint8Array>);
  }
  const { at: _, ...revocation } = testRevocation('pkg:bare/bad@1', [], 'steals keys')
  await log.append({ ...revocation, at: { heightBlock: 9, timeSeconds: START_SECONDS + 100 } })
  const { rows, lockfile } = await audit.audit({}, NEVER)
  assert.equal(lockfile, undefined)
  const found = new Map(rows.map((row) => [row.purl as string, row]))
  assert.deepEqual(
    [found.get('pkg:bare/good@1')?.withdrawnAfter, found.get('pkg:bare/bad@1')?.withdrawnAfter],
    [false, true],
  )
  assert.match(found.get('pkg:bare/bad@1')?.says ?? '', /steals keys/)
})

test('E5: what was built with a release that was revoked since is listed with it, if its list of dependencies can be had', async () => {
  const list = dependencyList([
    { uri: 'pkg:bare/evil@1', name: 'evil-1', sha256: digestBytes('sha256', bytesOf('evil')).slice(7), tool: false },
    { uri: 'pkg:bare/fine@1', name: 'fine-1', sha256: digestBytes('sha256', bytesOf('fine')).slice(7), tool: false },
  ])
  const built = verdict('user')
  assert.ok(built.agreed?.outcome === 'built')
  const using = { ...built, agreed: { ...built.agreed, dependencies: { list: list.digest, levels: {} } } }
  const { audit, statements, log } = await world([using, verdict('bystander')])
  const text = 'pkg:bare/user@1 user /user\npkg:bare/bystander@1 bystander /bystander\n'
  const dependencies = async () =>
    (await audit.audit({ path: '/bare.lock', text }, NEVER)).rows.map(({ withdrawnDependencies }) =>
      withdrawnDependencies.map(({ purl }) => purl),
    )
  await log.append(testRevocation('pkg:bare/evil@1'))
  assert.deepEqual(await dependencies(), [[], []], 'nobody has the list')
  await statements.keepList(list.bytes)
  assert.deepEqual(await dependencies(), [['pkg:bare/evil@1'], []])
})

test('a revocation of some bytes is one of those dependencies alone', async () => {
  const sha256 = digestBytes('sha256', bytesOf('evil')).slice(7)
  const list = dependencyList([{ uri: 'pkg:bare/evil@1', name: 'evil-1', sha256, tool: true }])
  const built = verdict('user')
  assert.ok(built.agreed?.outcome === 'built')
  const using = { ...built, agreed: { ...built.agreed, dependencies: { list: list.digest, levels: {} } } }
  const { audit, statements, log } = await world([using])
  await statements.keepList(list.bytes)
  const text = 'pkg:bare/user@1 user /user\n'
  const found = async () => (await audit.audit({ path: '/bare.lock', text }, NEVER)).rows[0]?.withdrawnDependencies
  await log.append(testRevocation('pkg:bare/evil@1', [digestBytes('sha256', bytesOf('another build'))]))
  assert.deepEqual(await found(), [])
  await log.append(testRevocation('pkg:bare/evil@1', [`sha256:${sha256}`]))
  assert.equal((await found())?.length, 1)
})
