import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { signerOf } from '../../../test/kit/sample-entries.ts'
import { steppedClock } from '../../../test/kit/stepped-clock.ts'
import { silentLogger } from '../../base/clock.ts'
import { indexKeys } from '../../base/entries/index-keys.ts'
import { createMemoryWriter } from '../../log/memory.ts'
import { createMemoryStore } from '../../store/memory.ts'
import { createMemoryUpstream } from '../../upstream/memory.ts'
import { openRealBuilder, proxyVariables } from './real-builder.ts'

test('without bubblewrap there is no builder, and what to install is said', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'no-builder-'))
  const clock = steppedClock()
  const opened = await openRealBuilder(
    {
      directory: directory.path,
      slots: 1,
      cpuCount: undefined,
      memoryBytes: 1_000_000_000,
      diskBytes: 1_000_000_000,
      mirrors: [],
      mappings: undefined,
      sigstoreRoot: undefined,
      upstreams: [],
      freshSeconds: 60,
      bubblewrap: join(directory.path, 'bwrap'),
    },
    {
      clock,
      random: { bytes: (count) => new Uint8Array(count), fraction: () => 0.5 },
      logger: silentLogger,
      log: createMemoryWriter({ origin: 'log.example/x', keysOf: indexKeys }, signerOf('log')),
      store: createMemoryStore({ limitBytes: 1_000_000 }, { clock }),
      upstream: createMemoryUpstream({ upstreams: [], offline: false }, { clock }),
      transform: () => assert.fail('nothing is transformed'),
    },
  )
  assert.equal(opened.kind, 'missing')
  assert.match(opened.kind === 'missing' ? opened.reason : '', /bubblewrap is not installed .*install/)
  assert.ok(!existsSync(join(directory.path, 'builds')))
})

test('git goes through the proxies of the node, but for what is on this machine', () => {
  assert.deepEqual(proxyVariables({}), {})
  assert.deepEqual(proxyVariables({ http: 'http://proxy.example:3128', noProxy: 'git.example' }), {
    http_proxy: 'http://proxy.example:3128',
    https_proxy: 'http://proxy.example:3128',
    no_proxy: 'git.example,localhost,127.0.0.1,::1',
  })
  assert.equal(proxyVariables({ https: 'http://secure.example' }).https_proxy, 'http://secure.example')
})
