import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { quietBuilds } from '../../../test/kit/quiet-builds.ts'
import { quietLogDoor } from '../../../test/kit/sample-log-door.ts'
import { type Clock, silentLogger } from '../../base/clock.ts'
import { blobIdOf } from '../../base/digest.ts'
import { parsePurl } from '../../base/purl.ts'
import { createBundles } from '../../keep/bundle/bundle.ts'
import type { BundleTrust } from '../../keep/bundle/manifest.ts'
import { createSync } from '../../keep/sync/sync.ts'
import type { Serve } from '../../serve/serve.ts'
import { createMemoryStore, type MemoryStore } from '../../store/memory.ts'
import { createHostGuard } from '../host-guard.ts'
import type { LogView } from '../http.ts'
import { listen } from '../listen.ts'
import { createMetrics, METRICS } from '../metrics.ts'
import { createApiHandler } from './api.ts'
import type { ApiParts, SettingChanges } from './parts.ts'

const TOKEN = 'the-token'
const BYTES = Buffer.from('hello')
const PURL = parsePurl('pkg:generic/hello@1')

const clock: Clock = {
  nowMs: () => 60_000,
  monotonicMs: () => 0,
  sleep: () => assert.fail('it waited'),
  after: () => () => {},
}

const ask = () => assert.fail('the read flow was asked')

const logView: LogView = {
  origin: 'log.example',
  solo: false,
  mode: 'full',
  writes: false,
  checkpoint: { size: 7, root: 'AA==', cosigners: ['a', 'b'], ageSeconds: 30 },
  quorum: { k: 2, of: 3 },
  pendingCount: 1,
  evidence: ['a signed two'],
  stopped: true,
  witnessed: [],
  notes: ['The log log.example is followed no further'],
}
const log = {
  view: () => logView,
  newest: () => undefined,
  tile: async (path: string) => (path === 'tile/0/000' ? Buffer.from('hashes') : undefined),
}

const trust: BundleTrust = {
  peerId: 'me',
  sign: (message) => message,
  verify: (_peerId, message, signature) => Buffer.from(message).equals(signature),
  trusts: (peerId) => peerId === 'me',
}

interface Api {
  readonly url: string
  readonly store: MemoryStore
  readonly edits: SettingChanges[]
  ready: boolean
  call(method: string, path: string, body?: object, token?: string): Promise<{ status: number; json: unknown }>
}

async function start(t: TestContext): Promise<Api> {
  const store = createMemoryStore({ limitBytes: 1_000_000 }, { clock })
  const edits: SettingChanges[] = []
  const serve: Pick<Serve, 'state' | 'why'> = {
    state: () => ({
      transfers: [],
      sources: {
        store: { hits: 3, servedBytes: 15, receivedBytes: 0 },
        peer: { hits: 0, servedBytes: 0, receivedBytes: 0 },
        upstream: { hits: 0, servedBytes: 0, receivedBytes: 0 },
      },
      refusals: 1,
      denials: 0,
      conflictCount: 0,
    }),
    why: (purl) => store.served(purl).map((fact) => ({ ...fact, stored: undefined })),
  }
  const peers: ApiParts['peers'] = {
    list: () => [],
    state: () => ({
      peerId: 'me',
      listen: [],
      dataAddress: undefined,
      privateNetwork: false,
      connected: 0,
      known: 0,
      reachable: 'unknown',
      receivedBytes: 7,
      sentBytes: 0,
      announcedDigests: 0,
    }),
  }
  const server = await listen({ host: '127.0.0.1', port: 0, setting: '--api-port' })
  t.after(() => server.close(0))
  const parts: ApiParts = {
    version: '1.2.3',
    pid: 42,
    data: '/data',
    offline: false,
    bootstrapCount: 0,
    startedAtMs: 0,
    store,
    peers,
    upstream: { states: () => [] },
    serve,
    log,
    audit: { audit: () => assert.fail('nobody asked for an audit') },
    builds: { ...quietBuilds, notes: () => ['Nothing is ordered any more'] },
    sync: createSync(
      { ecosystems: [], platform: 'linux/amd64' },
      {
        store,
        clock,
        random: { bytes: (count) => new Uint8Array(count), fraction: () => 0 },
        logger: silentLogger,
        ask,
      },
    ),
    policy: {
      view: () => assert.fail('nobody asked for the policy'),
      reload: () => assert.fail('nobody asked for the policy'),
      check: () => assert.fail('nobody asked for a decision'),
      allow: () => assert.fail('an exception was made'),
      vulnerabilities: () => [],
    },
    logDoor: quietLogDoor,
    bundles: createBundles({ store, trust, clock, keptFor: async () => undefined }),
    settings: {
      path: '/data/config.toml',
      show: () => [{ name: 'port', value: '7888', source: 'default' }],
      edit: async (changes) => void edits.push(changes),
      remove: async () => void edits.push({}),
    },
    endpoints: { api: server.url },
    nowMs: () => 60_000,
  }
  const api: Api = {
    url: server.url,
    store,
    edits,
    ready: true,
    async call(method, path, body, token = TOKEN) {
      const reply = await fetch(`${server.url}${path}`, {
        method,
        headers: token === '' ? {} : { authorization: `Bearer ${token}` },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      return { status: reply.status, json: await reply.json() }
    },
  }
  const process = () => ({ residentBytes: 1, cpuSeconds: 2 })
  server.serve(
    createApiHandler(parts, {
      guard: createHostGuard({ port: server.port, hosts: [], extra: [], refusedSites: ['cross-site', 'same-site'] }),
      token: TOKEN,
      metrics: createMetrics({ version: '1.2.3', store, peers, upstream: { states: () => [] }, serve, log, process }),
      logger: silentLogger,
      log,
      ready: () => api.ready,
    }),
  )
  return api
}

async function put(store: MemoryStore): Promise<void> {
  const writer = await store.begin({ digests: [blobIdOf(BYTES)], aliases: [], sizeBytes: 5, bytesMax: 5 })
  await writer.write(BYTES)
  await writer.commit({ mediaType: undefined, share: 'network', origin: { kind: 'upstream', name: 'u' } })
  store.record({
    purl: PURL,
    label: 'hello',
    id: blobIdOf(BYTES),
    upstream: 'u',
    evidence: [],
    origin: { kind: 'upstream', name: 'u' },
  })
}

test('the API says what does not work in its status', async (t) => {
  const api = await start(t)
  const { status, json } = await api.call('GET', '/api/status', undefined, '')
  assert.equal(status, 200)
  const { notes, uptimeSeconds, version } = json as { notes: string[]; uptimeSeconds: number; version: string }
  assert.deepEqual([uptimeSeconds, version], [60, '1.2.3'])
  assert.equal(notes[0], 'Nothing is ordered any more')
  assert.match(notes.join('\n'), /No upstream is configured/)
  assert.match(notes.join('\n'), /No peer is known/)
})

test('the API needs its token for whatever changes the node, and for nothing else', async (t) => {
  const api = await start(t)
  for (const [method, path] of [
    ['POST', '/api/cache/gc'],
    ['POST', '/api/cache/scrub'],
    ['POST', '/api/cache/pin'],
    ['DELETE', '/api/cache/pin'],
    ['POST', '/api/cache/remove'],
    ['POST', '/api/policy/exceptions'],
    ['POST', '/api/policy/reload'],
    ['PUT', '/api/config'],
    ['DELETE', '/api/config'],
    ['POST', '/api/syncs'],
    ['DELETE', '/api/syncs'],
    ['DELETE', '/api/syncs/run'],
    ['POST', '/api/bundles/export'],
    ['POST', '/api/bundles/import'],
    ['DELETE', '/api/bundles'],
  ] as const) {
    for (const token of ['', 'another-token']) {
      const { status, json } = await api.call(method, path, method === 'DELETE' ? undefined : {}, token)
      assert.equal(status, 403, `${method} ${path}`)
      assert.equal((json as { error: { code: string } }).error.code, 'denied.token')
    }
  }
  assert.deepEqual(api.edits, [])
  assert.equal((await api.call('GET', '/api/config', undefined, '')).status, 200)
})

test('the API lists, pins, unpins, scrubs, explains and removes blobs', async (t) => {
  const api = await start(t)
  await put(api.store)
  const id = blobIdOf(BYTES)
  const { json: listed } = await api.call('GET', '/api/cache?limit=1')
  assert.deepEqual(
    (listed as { blobs: { id: string }[] }).blobs.map((blob) => blob.id),
    [id],
  )
  assert.deepEqual((await api.call('POST', '/api/cache/pin', { name: PURL, label: 'me' })).json, { ids: [id] })
  assert.deepEqual(api.store.lookup(id)?.pins, ['me'])
  const query = new URLSearchParams({ name: id, label: 'me' })
  assert.equal((await api.call('DELETE', `/api/cache/pin?${query}`)).status, 200)
  assert.deepEqual(api.store.lookup(id)?.pins, [])
  assert.equal(((await api.call('POST', '/api/cache/scrub', {})).json as { checkedBlobs: number }).checkedBlobs, 1)
  const { json: why } = await api.call('GET', `/api/why?purl=${encodeURIComponent(PURL)}`)
  assert.equal((why as { served: { id: string }[] }).served[0]?.id, id)
  assert.equal((await api.call('POST', '/api/cache/remove', { name: id })).status, 200)
  assert.equal(api.store.lookup(id), undefined)
  assert.equal((await api.call('POST', '/api/cache/remove', { name: id })).status, 404)
})

test('the API collects down to the size that was asked for', async (t) => {
  const api = await start(t)
  await put(api.store)
  const { json } = await api.call('POST', '/api/cache/gc', { toBytes: 0 })
  assert.equal((json as { removedBytes: number }).removedBytes, 5)
})

test('the API refuses malformed input with what it wanted', async (t) => {
  const api = await start(t)
  for (const [method, path, body] of [
    ['PUT', '/api/config', { port: 'x' }],
    ['PUT', '/api/config', { colour: 'red' }],
    ['GET', '/api/cache?limit=0', undefined],
    ['GET', '/api/why', undefined],
    ['GET', '/api/why?purl=nonsense', undefined],
    ['POST', '/api/cache/pin', { name: 'md5:1' }],
    ['PUT', '/api/status', {}],
  ] as const) {
    assert.equal((await api.call(method, path, body)).status, 400, `${method} ${path}`)
  }
  const nothing = await api.call('GET', '/api/nothing')
  assert.equal(nothing.status, 404)
  assert.equal((nothing.json as { error: { code: string } }).error.code, 'absent.document')
  const reply = await fetch(`${api.url}/api/config`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${TOKEN}` },
    body: '{',
  })
  assert.equal(reply.status, 400)
})

test('the API hands changes of the configuration to the file', async (t) => {
  const api = await start(t)
  const { json } = await api.call('PUT', '/api/config', { port: 8000, diskspace: '50GB' })
  assert.deepEqual(json, { file: '/data/config.toml', restart: true })
  assert.deepEqual(api.edits, [{ port: 8000, diskspace: '50GB' }])
})

test('the API refuses pages of other sites and of other ports of this machine', async (t) => {
  const api = await start(t)
  for (const site of ['cross-site', 'same-site']) {
    const reply = await fetch(`${api.url}/api/status`, { headers: { 'sec-fetch-site': site } })
    assert.equal(reply.status, 403)
    assert.equal(((await reply.json()) as { error: { code: string } }).error.code, 'denied.origin')
  }
})

test('the API writes a bundle of what is pinned and takes it in again, and refuses what is none', async (t) => {
  const api = await start(t)
  await put(api.store)
  const id = blobIdOf(BYTES)
  api.store.pin(id, 'me')
  const headers = { authorization: `Bearer ${TOKEN}` }
  const call = (path: string, body: string | Uint8Array) =>
    fetch(`${api.url}/api/bundles/${path}`, { method: 'POST', headers, body })
  const exported = await call('export', JSON.stringify({ labels: ['me'] }))
  assert.equal(exported.headers.get('content-type'), 'application/x-tar')
  const bundle = new Uint8Array(await exported.arrayBuffer())
  await api.store.remove(id)
  const imported = (await (await call('import', bundle)).json()) as { label: string; blobCount: number }
  assert.equal(imported.blobCount, 1)
  assert.deepEqual(api.store.lookup(id)?.pins, [imported.label])
  const refused = await call('import', bundle.subarray(0, bundle.byteLength - 600))
  assert.equal(refused.status, 502)
  assert.equal(((await refused.json()) as { error: { code: string } }).error.code, 'untrusted.bundle')
  const { json: listed } = await api.call('GET', '/api/bundles')
  assert.deepEqual(listed, { imported: [imported] })
  await api.call('DELETE', `/api/bundles?${new URLSearchParams({ label: imported.label })}`)
  assert.deepEqual(api.store.lookup(id)?.pins, [])
  assert.equal((await call('export', JSON.stringify({ labels: ['nobody'] }))).status, 404)
})

test('the API shows health, readiness, metrics and its own description', async (t) => {
  const api = await start(t)
  assert.equal((await fetch(`${api.url}/healthz`)).status, 200)
  assert.equal((await fetch(`${api.url}/readyz`)).status, 200)
  api.ready = false
  assert.equal((await fetch(`${api.url}/readyz`)).status, 503)
  const metrics = await (await fetch(`${api.url}/metrics`)).text()
  for (const { name } of METRICS) assert.match(metrics, new RegExp(`^# HELP ${name} `, 'm'))
  assert.match(metrics, /^pyrsia_source_hits_total\{source="store"\} 3$/m)
  // Counters that are kept elsewhere are copied, not added up.
  assert.match(await (await fetch(`${api.url}/metrics`)).text(), /^pyrsia_peers_received_bytes_total 7$/m)
  const description = (await (await fetch(`${api.url}/openapi.json`)).json()) as { paths: Record<string, object> }
  assert.deepEqual(Object.keys(description.paths['/api/cache/pin'] ?? {}), ['post', 'delete'])
  const page = await fetch(`${api.url}/`)
  assert.match(page.headers.get('content-security-policy') ?? '', /^default-src 'none'/)
  assert.doesNotMatch(await page.text(), /<script|src=/)
})

test('the API serves the log below /log/, and tells of it in the status and the metrics', async (t) => {
  const api = await start(t)
  const tile = await fetch(`${api.url}/log/tile/0/000`)
  assert.deepEqual([tile.status, await tile.text()], [200, 'hashes'])
  assert.equal((await fetch(`${api.url}/log/checkpoint`)).status, 404)
  const { json } = await api.call('GET', '/api/status', undefined, '')
  const { log: shown, notes } = json as { log: LogView; notes: string[] }
  assert.equal(shown.checkpoint?.size, 7)
  assert.ok(notes.includes('The log log.example is followed no further'))
  const metrics = await (await fetch(`${api.url}/metrics`)).text()
  for (const line of [
    'pyrsia_log_entries 7',
    'pyrsia_log_checkpoint_age_seconds 30',
    'pyrsia_log_split_views 1',
    'pyrsia_log_stopped 1',
  ]) {
    assert.ok(metrics.includes(`${line}\n`), line)
  }
})
