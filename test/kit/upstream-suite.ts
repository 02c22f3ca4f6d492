/** The cases that every implementation of `Upstream` must pass: the memory twin and the real client against real servers. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { silentLogger } from '../../src/base/clock.ts'
import { AppError } from '../../src/base/errors.ts'
import { collect } from '../../src/base/streams.ts'
import type { UpstreamDependencies, UpstreamOptions } from '../../src/upstream/line.ts'
import type { ScriptedOrigin, ScriptedReply, ScriptedRequest } from '../../src/upstream/memory.ts'
import type { Upstream, UpstreamConfig, UpstreamReply, UpstreamRequest } from '../../src/upstream/upstream.ts'
import { type SteppedClock, steppedClock } from './stepped-clock.ts'

/** What the suite needs of an implementation; made anew for each case. */
export interface UpstreamHarness {
  /** An origin on loopback that answers by script, and its base URL. */
  origin(script: ScriptedOrigin): Promise<string>
  /** The base URL of an origin that refuses connections. */
  deadOrigin(): Promise<string>
  create(options: UpstreamOptions, dependencies: UpstreamDependencies): Upstream
  close(): Promise<void>
}

interface Bench {
  readonly upstream: Upstream
  readonly clock: SteppedClock
  readonly requests: ScriptedRequest[]
  /** Base URL of the second origin; empty without one. */
  readonly elsewhere: string
  get(path: string, more?: Partial<UpstreamRequest>): Promise<UpstreamReply>
  text(path: string, more?: Partial<UpstreamRequest>): Promise<string>
}

/** Runs the cases on what `makeHarness` makes. */
export function upstreamSuite(name: string, makeHarness: () => UpstreamHarness): void {
  const bench = benchOf(makeHarness)
  describe(`${name} as an Upstream`, () => {
    plainCases(bench)
    rangeCases(bench)
    redirectCases(bench)
    tokenCases(bench)
    failureCases(bench)
    quotaCases(bench)
    leavingCases(bench)
  })
}

type BenchOptions = Partial<UpstreamOptions> & {
  readonly config?: Partial<UpstreamConfig>
  readonly dead?: boolean
  readonly elsewhere?: ScriptedOrigin
}
type WithBench = (
  script: ScriptedOrigin,
  use: (bench: Bench) => Promise<void>,
  options?: BenchOptions,
) => () => Promise<void>

function benchOf(makeHarness: () => UpstreamHarness): WithBench {
  return (script, use, options = {}) =>
    async () => {
      const harness = makeHarness()
      const requests: ScriptedRequest[] = []
      try {
        const url = options.dead
          ? await harness.deadOrigin()
          : await harness.origin((request) => {
              requests.push(request)
              return script(request)
            })
        const { config, dead: _, elsewhere: second, ...rest } = options
        const elsewhere = second === undefined ? '' : await harness.origin(second)
        const main: UpstreamConfig = { name: 'main', url, share: 'network', source: 'flag', ...config }
        const clock = steppedClock()
        const random = { bytes: (count: number) => new Uint8Array(count), fraction: () => 0.5 }
        const upstream = harness.create(
          { offline: false, ...rest, upstreams: [main] },
          { clock, random, logger: silentLogger },
        )
        const get: Bench['get'] = (path, more = {}) =>
          upstream.request({
            upstream: 'main',
            method: 'GET',
            path,
            headers: {},
            interactive: true,
            signal: new AbortController().signal,
            ...more,
          })
        const text: Bench['text'] = async (path, more) =>
          (await collect((await get(path, more)).body, 10_000_000)).toString()
        await use({ upstream, clock, requests, elsewhere, get, text })
        await upstream.close()
      } finally {
        await harness.close()
      }
    }
}

const rejectsWith = (promise: Promise<unknown>, code: string) =>
  assert.rejects(promise, (error) => error instanceof AppError && error.code === code)

function plainCases(bench: WithBench): void {
  test(
    'GET gives status, headers, size and body',
    bench(
      () => ({
        headers: { 'content-type': 'text/plain', etag: '"1"', 'set-cookie': 'a=b', connection: 'x-hop', 'x-hop': '1' },
        body: 'hello',
      }),
      async ({ get, requests }) => {
        const reply = await get('/some/path?q=1', {
          headers: { accept: 'text/plain', authorization: 'Bearer stolen', cookie: 'c=d' },
        })
        assert.equal(reply.status, 200)
        assert.equal(reply.sizeBytes, 5)
        assert.equal(reply.headers['content-type'], 'text/plain')
        assert.equal(reply.headers['set-cookie'], undefined)
        assert.equal(reply.headers['x-hop'], undefined)
        assert.equal((await collect(reply.body, 100)).toString(), 'hello')
        assert.equal(requests[0]?.path, '/some/path?q=1')
        assert.equal(requests[0]?.headers.authorization, undefined)
        assert.equal(requests[0]?.headers.cookie, undefined)
        assert.equal(requests[0]?.headers['accept-encoding'], 'identity')
      },
    ),
  )
  test(
    'HEAD gives the headers of GET and no body',
    bench(
      () => ({ body: 'hello' }),
      async ({ get }) => {
        const reply = await get('/x', { method: 'HEAD' })
        assert.equal(reply.status, 200)
        assert.equal(reply.sizeBytes, 5)
        assert.equal((await collect(reply.body, 100)).length, 0)
      },
    ),
  )
  test(
    'POST carries its body and is not repeated',
    bench(
      (request) => (request.path === '/fails' ? { status: 503 } : { body: request.body }),
      async ({ text, requests }) => {
        assert.equal(await text('/echo', { method: 'POST', body: Buffer.from('ping') }), 'ping')
        await rejectsWith(text('/fails', { method: 'POST', body: Buffer.from('ping') }), 'unavailable.upstream')
        assert.equal(requests.length, 2)
      },
    ),
  )
  test(
    '404, 410 and 403 are replies',
    bench(
      (request) => ({ status: Number(request.path.slice(1)), body: 'why' }),
      async ({ get }) => {
        for (const status of [404, 410, 403]) {
          const reply = await get(`/${status}`)
          assert.equal(reply.status, status)
          assert.equal((await collect(reply.body, 100)).toString(), 'why')
        }
      },
    ),
  )
  test(
    '304 has no body',
    bench(
      () => ({ headers: { etag: '"7"' }, body: 'x' }),
      async ({ get }) => {
        const reply = await get('/x', { headers: { 'if-none-match': '"7"' } })
        assert.equal(reply.status, 304)
        assert.equal((await collect(reply.body, 100)).length, 0)
      },
    ),
  )
  test(
    'an unknown upstream, a path that climbs and an offline client are refused without a request',
    bench(
      () => ({ body: 'x' }),
      async ({ get, requests }) => {
        await rejectsWith(get('/x', { upstream: 'other' }), 'absent.upstream')
        for (const path of ['/../x', '/a/%2e%2e/b', '/a/./b', '/a b', '/a\\b', 'x']) {
          await rejectsWith(get(path), 'usage.request')
        }
        assert.equal(requests.length, 0)
      },
    ),
  )
  test(
    'offline refuses everything and says so',
    bench(
      () => ({ body: 'x' }),
      async ({ get, upstream, requests }) => {
        await rejectsWith(get('/x'), 'unavailable.offline')
        assert.equal(upstream.askable('main'), false)
        assert.equal(upstream.states()[0]?.reachable, 'offline')
        assert.equal(requests.length, 0)
      },
      { offline: true },
    ),
  )
}

function rangeCases(bench: WithBench): void {
  const body = Buffer.from('0123456789')
  test(
    'a range gives exactly its bytes',
    bench(
      () => ({ body }),
      async ({ get }) => {
        const open = await get('/x', { range: { offset: 4 } })
        assert.equal(open.status, 206)
        assert.equal(open.sizeBytes, 6)
        assert.equal((await collect(open.body, 100)).toString(), '456789')
        const closed = await get('/x', { range: { offset: 4, lengthBytes: 3 } })
        assert.equal((await collect(closed.body, 100)).toString(), '456')
      },
    ),
  )
  test(
    'an origin that ignores ranges is read past the offset and reported as 206',
    bench(
      () => ({ body, ranges: false, chunkBytes: 3 }),
      async ({ get }) => {
        const reply = await get('/x', { range: { offset: 4, lengthBytes: 5 } })
        assert.equal(reply.status, 206)
        assert.equal(reply.headers['content-range'], 'bytes 4-8/10')
        assert.equal(reply.sizeBytes, 5)
        assert.equal((await collect(reply.body, 100)).toString(), '45678')
        assert.equal((await get('/x', { range: { offset: 10 } })).status, 416)
      },
    ),
  )
  test(
    'an origin that ignores ranges is not read beyond the limit',
    bench(
      () => ({ body, ranges: false }),
      async ({ get }) => rejectsWith(get('/x', { range: { offset: 6 } }), 'unavailable.upstream'),
      { limits: { skipBytesMax: 5 } },
    ),
  )
  test(
    'another part than the one asked for is refused',
    bench(
      () => ({ status: 206, headers: { 'content-range': 'bytes 3-9/10' }, body: body.subarray(3) }),
      async ({ get }) => {
        await rejectsWith(get('/x', { range: { offset: 4 } }), 'untrusted.reply')
        await rejectsWith(get('/x'), 'untrusted.reply')
      },
    ),
  )
  test(
    'a part whose lengths contradict each other is refused',
    bench(
      () => ({ status: 206, headers: { 'content-range': 'bytes 4-8/10' }, body: body.subarray(4) }),
      async ({ get }) => rejectsWith(get('/x', { range: { offset: 4 } }), 'untrusted.size'),
    ),
  )
  test(
    'G8: a body that breaks off fails the stream and can be resumed at the exact byte',
    bench(
      (request) => (request.headers.range === undefined ? { body, chunkBytes: 2, breakAfterBytes: 6 } : { body }),
      async ({ get }) => {
        const parts: Uint8Array[] = []
        const read = async () => {
          for await (const chunk of (await get('/x')).body) parts.push(Uint8Array.from(chunk))
        }
        await rejectsWith(read(), 'unavailable.upstream')
        const begun = Buffer.concat(parts)
        assert.equal(begun.toString(), body.subarray(0, begun.length).toString())
        assert.ok(begun.length <= 6)
        const rest = await collect((await get('/x', { range: { offset: begun.length } })).body, 100)
        assert.equal(Buffer.concat([begun, rest]).toString(), body.toString())
      },
    ),
  )
}

function redirectCases(bench: WithBench): void {
  test('a redirect to another origin is followed without credentials', async () => {
    const there: ScriptedRequest[] = []
    let target = ''
    await bench(
      () => ({ status: 307, headers: { location: `${target}/there?sig=1` } }),
      async ({ text, requests, elsewhere }) => {
        target = elsewhere
        assert.equal(await text('/x'), 'from there')
        assert.equal(requests[0]?.headers.authorization, 'Bearer secret')
        assert.equal(there[0]?.path, '/there?sig=1')
        assert.equal(there[0]?.headers.authorization, undefined)
        assert.equal(await text(`${elsewhere}/stated`), 'from there')
        assert.equal(there[1]?.headers.authorization, undefined)
      },
      {
        config: { credentials: { kind: 'bearer', token: 'secret' } },
        elsewhere: (request) => {
          there.push(request)
          return { body: 'from there' }
        },
      },
    )()
  })
  test(
    'redirects are followed within the origin, and not without end',
    bench(
      (request) =>
        request.path === '/loop'
          ? { status: 302, headers: { location: '/loop' } }
          : request.path === '/a'
            ? { status: 301, headers: { location: 'b' } }
            : { body: 'b' },
      async ({ text, requests }) => {
        assert.equal(await text('/a'), 'b')
        requests.length = 0
        await rejectsWith(text('/loop'), 'untrusted.reply')
        assert.equal(requests.length, 6)
      },
    ),
  )
  test(
    'redirects to addresses that are not configured are refused',
    bench(
      (request) => ({ status: 302, headers: { location: decodeURIComponent(request.path.slice(1)) } }),
      async ({ get }) => {
        for (const to of [
          'http://10.0.0.1/',
          'http://169.254.169.254/latest',
          'http://[fe80::1]/',
          'http://8.8.8.8/',
          'ftp://127.0.0.1/',
          'http://192.168.1.1/',
        ]) {
          await rejectsWith(get(`/${encodeURIComponent(to)}`), 'untrusted.reply')
        }
      },
    ),
  )
}

function tokenCases(bench: WithBench): void {
  const challenge = (request: ScriptedRequest, scope: string): ScriptedReply => ({
    status: 401,
    headers: { 'www-authenticate': `Bearer realm="${request.url.origin}/token",service="it",scope="${scope}"` },
    body: 'no',
  })
  const script =
    (accepted: () => string): ScriptedOrigin =>
    (request) => {
      if (request.url.pathname === '/token') return { body: JSON.stringify({ token: accepted(), expires_in: 100 }) }
      if (request.headers.authorization === `Bearer ${accepted()}`) return { body: 'in' }
      const name = /^\/v2\/(.+)\/(?:things|parts)\//.exec(request.path)?.[1]
      return challenge(request, `repository:${name}:pull`)
    }
  const asked = (requests: ScriptedRequest[]) => requests.filter((request) => request.url.pathname === '/token')

  test(
    'a Bearer challenge is answered once for all who wait, and its token kept for the paths of its scope',
    bench(
      script(() => 't1'),
      async ({ text, requests }) => {
        const all = await Promise.all([1, 2, 3].map((each) => text(`/v2/team/app/things/${each}`)))
        assert.deepEqual(all, ['in', 'in', 'in'])
        assert.equal(asked(requests).length, 1)
        assert.equal(asked(requests)[0]?.url.searchParams.get('scope'), 'repository:team/app:pull')
        assert.equal(asked(requests)[0]?.url.searchParams.get('service'), 'it')
        const before = requests.length
        assert.equal(await text('/v2/team/app/parts/9'), 'in')
        assert.equal(requests.length, before + 1)
        assert.equal(await text('/v2/other/things/1'), 'in')
        assert.equal(asked(requests).length, 2)
      },
    ),
  )
  test('a token that expired or was taken back is fetched anew', async () => {
    let token = 't1'
    await bench(
      script(() => token),
      async ({ text, requests, clock }) => {
        assert.equal(await text('/v2/a/things/1'), 'in')
        clock.advance(95_000)
        assert.equal(await text('/v2/a/things/1'), 'in')
        assert.equal(asked(requests).length, 2)
        token = 't2'
        assert.equal(await text('/v2/a/things/1'), 'in')
        assert.equal(asked(requests).length, 3)
      },
    )()
  })
  test(
    'a 401 after a fresh token is the reply',
    bench(
      (request) =>
        request.url.pathname === '/token' ? { body: '{"access_token":"t"}' } : challenge(request, 'repository:a:pull'),
      async ({ get, requests }) => {
        const reply = await get('/v2/a/things/1')
        assert.equal(reply.status, 401)
        assert.equal((await collect(reply.body, 100)).toString(), 'no')
        assert.equal(requests.length, 3)
      },
    ),
  )
  test(
    'a token service that refuses leaves the 401 as the reply; one that talks nonsense is an error',
    bench(
      (request) =>
        request.url.pathname !== '/token'
          ? challenge(request, request.path.includes('bad') ? 'bad' : 'repository:a:pull')
          : request.path.includes('bad')
            ? { body: '{"token":"a\\nb"}' }
            : { status: 403 },
      async ({ get }) => {
        assert.equal((await get('/v2/a/things/1')).status, 401)
        await rejectsWith(get('/v2/bad/things/1'), 'untrusted.reply')
      },
    ),
  )
  test(
    'basic credentials go to the upstream and to the token service that it names',
    bench(
      script(() => 't1'),
      async ({ text, requests }) => {
        assert.equal(await text('/v2/a/things/1'), 'in')
        const basic = `Basic ${Buffer.from('me:pass').toString('base64')}`
        assert.deepEqual(
          requests.map((request) => request.headers.authorization),
          [basic, basic, 'Bearer t1'],
        )
      },
      { config: { credentials: { kind: 'basic', user: 'me', password: 'pass' } } },
    ),
  )
}

function failureCases(bench: WithBench): void {
  test('a GET that failed is tried again after a pause', async () => {
    let count = 0
    await bench(
      () => (++count === 1 ? { status: 503 } : { body: 'second' }),
      async ({ text, clock, upstream }) => {
        assert.equal(await text('/x'), 'second')
        assert.deepEqual(clock.sleptMs, [75])
        assert.equal(upstream.states()[0]?.reachable, 'yes')
      },
    )()
  })
  test('a connection that breaks before the reply is tried again', async () => {
    let count = 0
    await bench(
      () => (++count === 1 ? { fault: 'reset' } : { body: 'second' }),
      async ({ text }) => {
        assert.equal(await text('/x'), 'second')
      },
    )()
  })
  test(
    'attempts are bounded, and the error says what happened',
    bench(
      () => ({ status: 502 }),
      async ({ get, requests, upstream }) => {
        await assert.rejects(get('/x'), /answered 502/)
        assert.equal(requests.length, 2)
        await rejectsWith(get('/x', { interactive: false }), 'unavailable.upstream')
        assert.equal(requests.length, 6)
        assert.match(upstream.states()[0]?.lastError ?? '', /502/)
      },
    ),
  )
  test(
    'an unreachable upstream opens the breaker at once, which closes again by a single trial',
    bench(
      () => undefined,
      async ({ get, upstream, clock }) => {
        await rejectsWith(get('/x'), 'unavailable.upstream')
        assert.equal(upstream.states()[0]?.breaker, 'open')
        assert.equal(upstream.states()[0]?.reachable, 'no')
        assert.equal(upstream.askable('main'), false)
        await assert.rejects(get('/x'), /time to recover/)
        clock.advance(1_000)
        assert.equal(upstream.states()[0]?.breaker, 'half-open')
        assert.equal(upstream.askable('main'), true)
        await rejectsWith(get('/x'), 'unavailable.upstream')
        assert.equal(upstream.states()[0]?.breaker, 'open')
      },
      { dead: true },
    ),
  )
  test('a half-open breaker lets one request try, and its success closes it', async () => {
    let failing = true
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    await bench(
      async () => {
        if (failing) return { fault: 'reset' }
        await held
        return { body: 'well' }
      },
      async ({ get, text, clock, upstream, requests }) => {
        for (let round = 0; upstream.askable('main') && round < 10; round += 1) await get('/x').catch(() => {})
        assert.equal(upstream.states()[0]?.breaker, 'open')
        failing = false
        clock.advance(1_000)
        const before = requests.length
        const trial = text('/x')
        await assert.rejects(get('/x'), /time to recover/)
        release()
        assert.equal(await trial, 'well')
        assert.equal(requests.length, before + 1)
        assert.equal(upstream.states()[0]?.breaker, 'closed')
      },
    )()
  })
  test(
    '404 is no failure',
    bench(
      () => ({ status: 404 }),
      async ({ text, upstream }) => {
        for (let count = 0; count < 20; count += 1) await text('/x')
        assert.equal(upstream.states()[0]?.breaker, 'closed')
      },
    ),
  )
}

function quotaCases(bench: WithBench): void {
  test(
    'a quota is read from the headers',
    bench(
      () => ({ headers: { 'ratelimit-remaining': '76;w=21600', 'ratelimit-limit': '100;w=21600' } }),
      async ({ text, upstream, clock }) => {
        await text('/x')
        assert.deepEqual(upstream.states()[0]?.quota, { remaining: 76, limit: 100, atMs: clock.nowMs() })
      },
    ),
  )
  test(
    '429 leaves the upstream alone until it may be asked again',
    bench(
      () => ({ status: 429, headers: { 'retry-after': '120' } }),
      async ({ get, upstream, clock, requests }) => {
        await rejectsWith(get('/x'), 'exhausted.quota')
        await rejectsWith(get('/x'), 'exhausted.quota')
        assert.equal(requests.length, 1)
        assert.equal(upstream.askable('main'), false)
        assert.equal(upstream.states()[0]?.notBeforeMs, clock.nowMs() + 120_000)
        assert.equal(upstream.states()[0]?.breaker, 'closed')
        clock.advance(120_000)
        assert.equal(upstream.askable('main'), true)
      },
    ),
  )
  test('a short Retry-After is waited out within the request', async () => {
    let count = 0
    await bench(
      () => (++count === 1 ? { status: 429, headers: { 'retry-after': '1' } } : { body: 'now' }),
      async ({ text, clock }) => {
        assert.equal(await text('/x'), 'now')
        assert.ok((clock.sleptMs[0] ?? 0) >= 1_000)
      },
    )()
  })
}

function leavingCases(bench: WithBench): void {
  test(
    'a caller who leaves before the reply gets aborted.caller, and the upstream keeps its good name',
    bench(
      (request) => (request.path === '/silent' ? { fault: 'silent' } : { body: 'x' }),
      async ({ get, text, upstream }) => {
        const leaving = new AbortController()
        const asked = get('/silent', { signal: leaving.signal })
        leaving.abort()
        await rejectsWith(asked, 'aborted.caller')
        assert.equal(upstream.states()[0]?.breaker, 'closed')
        assert.equal(await text('/x'), 'x')
      },
    ),
  )
  test(
    'a caller who leaves within the body, or never reads it, frees its lane',
    bench(
      () => ({
        body: Buffer.alloc(1_000_000),
        gate: (offset) => (offset > 100_000 ? new Promise(() => {}) : undefined),
      }),
      async ({ get }) => {
        for (let count = 0; count < 4; count += 1) {
          for await (const chunk of (await get('/x')).body) {
            assert.ok(chunk.byteLength > 0)
            break
          }
          const unread = await get('/x')
          await unread.body[Symbol.asyncIterator]().return?.()
          const leaving = new AbortController()
          await get('/x', { signal: leaving.signal })
          leaving.abort()
        }
      },
      { limits: { connections: 1, interactiveReserve: 0 } },
    ),
  )
  test(
    'a silent upstream is given up when the budget is spent',
    bench(
      () => ({ fault: 'silent' }),
      async ({ get, clock, upstream }) => {
        const asked = get('/x')
        clock.advance(20_000)
        await rejectsWith(asked, 'unavailable.upstream')
        assert.equal(upstream.states()[0]?.reachable, 'no')
      },
    ),
  )
  test(
    'people go before background work, and the queue is bounded',
    bench(
      (request) => ({ body: request.path }),
      async ({ get }) => {
        const order: string[] = []
        const first = await get('/first')
        const ask = async (path: string, interactive: boolean) => {
          const reply = await get(path, { interactive })
          order.push(path)
          await collect(reply.body, 100)
        }
        const waiting = [ask('/background', false), ask('/person', true)]
        await rejectsWith(get('/third'), 'exhausted.queue')
        await collect(first.body, 100)
        await Promise.all(waiting)
        assert.deepEqual(order, ['/person', '/background'])
      },
      { limits: { connections: 1, interactiveReserve: 0, queue: 2 } },
    ),
  )
  test(
    'close ends what is under way and refuses what comes later',
    bench(
      () => ({ fault: 'silent' }),
      async ({ get, upstream }) => {
        const asked = get('/x')
        await Promise.all([rejectsWith(asked, 'aborted.shutdown'), upstream.close()])
        await rejectsWith(get('/x'), 'aborted.shutdown')
      },
    ),
  )
}
