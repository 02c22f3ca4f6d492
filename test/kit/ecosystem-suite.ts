/**
 * The same cases for every ecosystem: round trips of names, hostile names, path traversal, oversize, unknown routes, refusals,
 * HEAD is GET without a body, garbage from upstream, golden index pages. An ecosystem adds samples, not cases.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AppError } from '../../src/base/errors.ts'
import type { Got, Headers, Located, Need, Reason } from '../../src/base/located.ts'
import { parsePurl } from '../../src/base/purl.ts'
import { type Ecosystem, precedenceOf } from '../../src/ecosystems/ecosystem.ts'
import { type Answer, type Driven, drive, requestOf, wantOf } from './ecosystem-driver.ts'

/** What an ecosystem gives to the suite. */
export interface EcosystemSamples {
  /** Native names with version, in canonical form, and their purls. */
  readonly names: ReadonlyArray<readonly [native: string, purl: string]>
  /** Texts that are no name. */
  readonly notNames: readonly string[]
  /** Versions in ascending order. */
  readonly versions: readonly string[]
  /** Paths with `{}` where a client puts a name, a version or a file name. */
  readonly paths: readonly string[]
  /** Requests that are answered out of `answer`. */
  readonly requests: ReadonlyArray<{ readonly target: string; readonly headers?: Headers }>
  readonly unknownPaths: readonly string[]
  readonly answer: Answer
  /** Pages of index documents, byte for byte. */
  readonly golden: ReadonlyArray<{ readonly target: string; readonly headers?: Headers; readonly page: string }>
  /** Statuses that `refuse` may use, beside 404 and 405. */
  readonly refusals: readonly number[]
}

const HOSTILE = [
  '..',
  '.',
  '../../etc/passwd',
  '..%2f..%2fetc%2fpasswd',
  '%2e%2e/%2e%2e/secret',
  '%2e%2e%2fsecret',
  '%252e%252e%252f',
  'a/../../b',
  'a%00b',
  'a%0d%0aHost:%20evil',
  'a\\..\\b',
  'a%5c..%5cb',
  '//evil.example.com/x',
  'http:%2f%2fevil.example.com%2fx',
  '%',
  '%zz',
  '%ff%fe',
  '@',
  '@/',
  '__proto__',
  'constructor',
  '%F0%9F%92%A9',
  'a b',
  'a?b#c',
  'x'.repeat(10_000),
  'a-'.repeat(5_000),
  '@a/'.repeat(3_000),
  '%2f'.repeat(3_000),
]

const REASON_CODES: readonly Reason['code'][] = [
  'unsupported',
  'absent',
  'denied',
  'unavailable',
  'malformed',
  'untrusted',
  'exhausted',
]

const BYTES_MAX = 128 * 1024 ** 3

/** Registers the cases for one ecosystem. */
export function ecosystemSuite(ecosystem: Ecosystem, samples: EcosystemSamples): void {
  const name = ecosystem.id
  nameCases(name, ecosystem, samples)
  requestCases(name, ecosystem, samples)
  hostileCases(name, ecosystem, samples)
  refusalCases(name, ecosystem, samples)

  for (const { target, headers, page } of samples.golden) {
    test(`${name}: ${target} is the golden page ${headers === undefined ? '' : JSON.stringify(headers)}`, () => {
      const { reply } = drive(ecosystem, requestOf(target, headers), samples.answer)
      assert.equal(Buffer.from(reply?.body ?? '').toString(), page)
    })
  }
}

function nameCases(name: string, ecosystem: Ecosystem, samples: EcosystemSamples): void {
  test(`${name}: names and purls are each other's inverse`, () => {
    for (const [native, purl] of samples.names) {
      assert.equal(ecosystem.coordinates.toPurl(native), purl)
      assert.equal(ecosystem.coordinates.fromPurl(parsePurl(purl)), native)
    }
  })

  test(`${name}: what is no name is refused with usage.purl`, () => {
    for (const text of samples.notNames) {
      assert.throws(
        () => ecosystem.coordinates.toPurl(text),
        (error) => error instanceof AppError && error.code === 'usage.purl',
        text,
      )
    }
    assert.throws(() => ecosystem.coordinates.fromPurl(parsePurl('pkg:elsewhere/name@1')), { code: 'usage.purl' })
  })

  test(`${name}: versions are in a total order`, () => {
    const compare = ecosystem.compareVersions
    for (const [low, lower] of samples.versions.entries()) {
      for (const [high, higher] of samples.versions.entries()) {
        assert.equal(Math.sign(compare(lower, higher)), Math.sign(low - high), `${lower} and ${higher}`)
      }
    }
    const version = fc.oneof(fc.constantFrom(...samples.versions), fc.string({ maxLength: 8 }), versionLike)
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        assert.equal(Math.sign(compare(a, b)) + Math.sign(compare(b, a)), 0)
        assert.equal(compare(a, b) === 0, a === b)
        if (compare(a, b) <= 0 && compare(b, c) <= 0) assert.ok(compare(a, c) <= 0)
        const meant = precedenceOf(ecosystem)(a, b)
        assert.ok(meant === 0 || Math.sign(meant) === Math.sign(compare(a, b)), `${a} and ${b} by what they mean`)
      }),
      { numRuns: 200 },
    )
  })
}

const versionLike = fc.stringMatching(/^v?[0-9]{1,3}(\.[0-9]{1,3}){0,3}(-[a-z0-9.]{1,5})?(\+[a-z0-9]{1,3})?$/)

function requestCases(name: string, ecosystem: Ecosystem, samples: EcosystemSamples): void {
  test(`${name}: HEAD is routed and resolved as GET`, () => {
    for (const { target, headers } of samples.requests) {
      const get = drive(ecosystem, requestOf(target, headers, 'GET'), samples.answer)
      const head = drive(ecosystem, requestOf(target, headers, 'HEAD'), samples.answer)
      assert.deepEqual(head, get, target)
    }
  })

  test(`${name}: a want is plain JSON`, () => {
    for (const { target, headers } of samples.requests) {
      const want = wantOf(ecosystem, requestOf(target, headers))
      assert.notEqual(want, undefined, target)
      assert.deepEqual(JSON.parse(JSON.stringify(want)), want)
    }
  })

  test(`${name}: every sample is found, bounded, and located with evidence for its digests`, () => {
    for (const { target, headers } of samples.requests) {
      const driven = drive(ecosystem, requestOf(target, headers), samples.answer)
      assert.ok(driven.resolution?.kind === 'file' || driven.resolution?.kind === 'document', target)
      checkNeeds(driven)
      for (const located of locatedIn(driven)) {
        const proven = located.evidence.map((evidence) => evidence.digest)
        assert.ok(
          located.digests.every((digest) => proven.includes(digest)),
          `${target}: a digest that nobody stated`,
        )
      }
    }
  })

  test(`${name}: what is absent, unavailable or garbage upstream ends as a reply with the reason`, () => {
    const origin = { kind: 'upstream', name: 'x' } as const
    const garbage = Buffer.from([0, 255, 123, 34, 10, 9])
    const answers: Got[] = [
      { kind: 'absent', reason: { code: 'absent', message: 'there is none' } },
      { kind: 'unavailable', reason: { code: 'unavailable', message: 'nobody answers' } },
    ]
    for (const { target, headers } of samples.requests) {
      for (const got of answers) {
        const { resolution, reply } = drive(ecosystem, requestOf(target, headers), () => got)
        if (resolution?.kind === 'file') continue
        assert.ok(Buffer.from(reply?.body ?? '').includes(got.kind === 'absent' ? 'there is none' : 'nobody answers'))
      }
      const want = wantOf(ecosystem, requestOf(target, headers))
      const asking = ecosystem.resolve(want as never, requestOf(target, headers), {
        upstreams: ecosystem.upstreams.map((u) => u.name),
        freshSeconds: 1,
      })
      let step = asking.next()
      for (let asked = 0; !step.done && asked < 16; asked += 1) {
        const asksBlob = step.value.kind === 'blob'
        step = asking.next(
          asksBlob
            ? { kind: 'blob', bytes: garbage, mediaType: undefined, origin }
            : {
                kind: 'document',
                bytes: garbage,
                mediaType: 'text/html',
                headers: {},
                ageSeconds: 0,
                stale: false,
                origin,
              },
        )
      }
      assert.ok(step.done, `${target}: garbage must end it`)
    }
  })

  test(`${name}: a variant is one short key, and an unknown key or a malformed document is a typed error`, () => {
    for (const { target, headers } of samples.requests) {
      const request = requestOf(target, headers)
      const want = wantOf(ecosystem, request)
      if (want?.kind !== 'document') continue
      const key = ecosystem.variant(request, want)
      assert.equal(ecosystem.variant(request, want), key)
      assert.ok(key.length <= 256 + request.base.length, key)
    }
    const facts = { mediaType: 'application/json', headers: {} }
    for (const key of ['', 'files-1', 'no such key', 'full|1|gzip|x|', 'short|1|||', 'short|0|||', '|||']) {
      for (const bytes of [Buffer.from('{"versions": 7'), Buffer.from('[]'), Buffer.from([255])]) {
        try {
          ecosystem.transform(bytes, facts, key)
        } catch (error) {
          assert.ok(
            error instanceof AppError && ['untrusted.reply', 'usage.request'].includes(error.code),
            String(error),
          )
        }
      }
    }
  })
}

function hostileCases(name: string, ecosystem: Ecosystem, samples: EcosystemSamples): void {
  test(`${name}: hostile names neither leave the upstream's tree nor break anything`, () => {
    for (const path of samples.paths) {
      for (const text of HOSTILE) checkNeeds(drive(ecosystem, requestOf(path.replaceAll('{}', text)), samples.answer))
    }
  })

  test(`${name}: no path whatsoever leaves the upstream's tree or throws`, () => {
    const part = fc.oneof(
      fc.constantFrom(...HOSTILE.filter((text) => text.length < 100), '/', '-', '%2f', '%', ':', '@', 'a'),
      fc.string({ maxLength: 6 }),
    )
    const anyPath = fc.array(part, { maxLength: 6 }).map((parts) => parts.join(''))
    fc.assert(
      fc.property(
        fc.constantFrom(...samples.paths),
        anyPath,
        fc.constantFrom('GET', 'HEAD', 'POST', 'PUT'),
        (path, text, method) => {
          const target = path.replaceAll('{}', text).split('?', 1)[0] ?? ''
          checkNeeds(drive(ecosystem, requestOf(target, {}, method), samples.answer))
        },
      ),
      { numRuns: 300 },
    )
  })
}

function refusalCases(name: string, ecosystem: Ecosystem, samples: EcosystemSamples): void {
  test(`${name}: unknown routes and writes are answered by refuse`, () => {
    for (const path of samples.unknownPaths) {
      const { reply, needs } = drive(ecosystem, requestOf(path), samples.answer)
      assert.equal(reply?.status, 404, path)
      assert.deepEqual(needs, [])
    }
    for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      for (const path of samples.paths) {
        const { reply } = drive(ecosystem, requestOf(path.replaceAll('{}', 'a'), {}, method), samples.answer)
        assert.ok(reply?.status === 404 || reply?.status === 405, `${method} ${path}: ${reply?.status}`)
      }
    }
  })

  test(`${name}: a refusal says why, in headers and a status line that can be sent`, () => {
    const request = requestOf(samples.requests[0]?.target ?? '/')
    for (const code of REASON_CODES) {
      const message = `why ${code} "ünïcode"\r\nX-Evil: 1`
      const reply = ecosystem.refuse({ code, message }, request)
      assert.ok([404, 405, ...samples.refusals].includes(reply.status), `${code}: ${reply.status}`)
      assert.ok(Buffer.from(reply.body).includes(`why ${code}`))
      for (const [header, value] of Object.entries(reply.headers)) {
        assert.match(header, /^[a-z0-9-]+$/)
        assert.match(value, /^[\x20-\x7e]*$/)
      }
      assert.match(reply.statusText ?? '', /^[\x20-\x7e]*$/)
    }
  })
}

function checkNeeds(driven: Driven): void {
  for (const need of driven.needs) checkNeed(need)
  for (const located of locatedIn(driven)) checkPlace(located.path, located.bytesMax)
  if (driven.resolution?.kind === 'document') checkNeed({ kind: 'document', request: driven.resolution.request })
  if (driven.want?.kind === 'relay') checkPlace(driven.want.path, driven.want.replyBytesMax)
}

function checkNeed(need: Need): void {
  if (need.kind === 'document') checkPlace(need.request.path, need.request.bytesMax)
  else checkPlace(need.located.path, need.bytesMax)
}

/** A path below an upstream's base, however often a server behind it decodes; or an absolute http URL. */
function checkPlace(path: string, bytesMax: number): void {
  assert.ok(bytesMax > 0 && bytesMax <= BYTES_MAX, `${path}: ${bytesMax} bytes`)
  if (/^https?:\/\//.test(path)) return
  const [bare = ''] = path.split('?', 1)
  assert.match(bare, /^\/[\x21-\x7e]*$/, path)
  let decoded = bare
  for (let times = 0; times < 3; times += 1) {
    assert.doesNotMatch(decoded, /\/\/|\/\.{1,2}(?:\/|$)|\\|\p{Cc}/u, path)
    try {
      decoded = decodeURIComponent(decoded)
    } catch {
      assert.fail(`${path} is not percent-encoded`)
    }
  }
}

function locatedIn(driven: Driven): Located[] {
  return driven.resolution?.kind === 'file' ? [driven.resolution.located] : []
}
