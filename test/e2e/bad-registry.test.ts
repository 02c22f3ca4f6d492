/**
 * Registries that misbehave, crossed with what the node has kept: the last known document with its age, or a refusal in the
 * form of the client, within bounded time, memory and requests; and nothing of the misbehaviour is kept.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { type BadRegistry, type Fault, GARBAGE, startBadRegistry } from '../kit/bad-registry.ts'
import { startGemServer } from '../kit/gem-server.ts'
import { startMavenRepository } from '../kit/maven-repository.ts'
import { MavenUser } from '../kit/maven-user.ts'
import { needs } from '../kit/needs.ts'
import { scratch, startNode, type TestNode } from '../kit/node-process.ts'
import { PackageManagerUser } from '../kit/package-manager-user.ts'
import { startPypiIndex } from '../kit/pypi-index.ts'
import { PythonUser } from '../kit/python-user.ts'
import { RubyUser } from '../kit/ruby-user.ts'

interface Sample {
  /** Endpoint of the node. */
  readonly endpoint: string
  readonly headers: Readonly<Record<string, string>>
  readonly type: string
  /** Where upstream has it, and the path below the endpoint by which clients ask for it. */
  upstream(name: string): string
  client(name: string): string
  body(name: string): string
  /** Status, media type and body of a refusal. */
  readonly refusal: RegExp
}

const OCI_INDEX = 'application/vnd.oci.image.index.v1+json'
const SHA256 = 'ab'.repeat(32)

/** One index document of each kind that clients ask for. */
const SAMPLES: Readonly<Record<string, Sample>> = {
  packument: {
    endpoint: 'npm',
    headers: { 'user-agent': 'npm/11.0.0 node/v24.0.0', accept: 'application/json' },
    type: 'application/json',
    upstream: (name) => `/${name}`,
    client: (name) => `/${name}`,
    body: (name) =>
      JSON.stringify({
        name,
        'dist-tags': { latest: '1.0.0' },
        versions: { '1.0.0': { name, version: '1.0.0', dist: {} } },
      }),
    refusal: /^[45]\d\d application\/json.*\{.*error/,
  },
  'index page': {
    endpoint: 'pypi',
    headers: { 'user-agent': 'uv/0.9.0', accept: 'application/vnd.pypi.simple.v1+json' },
    type: 'application/vnd.pypi.simple.v1+json',
    upstream: (name) => `/${name}/`,
    client: (name) => `/${name}/`,
    body: (name) =>
      JSON.stringify({
        meta: { 'api-version': '1.0' },
        name,
        files: [
          {
            filename: `${name}-1.0-py3-none-any.whl`,
            url: `../files/${name}-1.0-py3-none-any.whl`,
            hashes: { sha256: SHA256 },
          },
        ],
      }),
    refusal: /^(424|503) application\/problem\+json.*"detail"/,
  },
  'index page in HTML': {
    endpoint: 'pypi',
    headers: { 'user-agent': 'pip/20.0', accept: 'text/html' },
    type: 'text/html',
    upstream: (name) => `/${name}-html/`,
    client: (name) => `/${name}-html/`,
    body: (name) =>
      `<!DOCTYPE html><html><body>${['1.0', '1.1'].map((version) => `<a href="../files/${name}_html-${version}-py3-none-any.whl#sha256=${SHA256}">${name}_html-${version}-py3-none-any.whl</a>`).join('<br>\n')}</body></html>`,
    // What this client prints of an index is the reason of a yanked release.
    refusal: /^503 |^200 text\/html.*data-yanked=/,
  },
  'version list': {
    endpoint: 'maven',
    headers: { 'user-agent': 'Apache-Maven/3.8.7' },
    type: 'text/xml',
    upstream: (name) => `/org/sample/${name}/maven-metadata.xml`,
    client: (name) => `/org/sample/${name}/maven-metadata.xml`,
    body: (name) =>
      `<metadata><groupId>org.sample</groupId><artifactId>${name}</artifactId><versioning><versions><version>1.0</version></versions></versioning></metadata>`,
    refusal: /^50\d text\/plain/,
  },
  info: {
    endpoint: 'gem',
    headers: { 'user-agent': 'bundler/2.3.15' },
    type: 'text/plain',
    upstream: (name) => `/info/${name}`,
    client: (name) => `/info/${name}`,
    body: () => `---\n1.0.0 |checksum:${SHA256}\n1.1.0 |checksum:${SHA256}\n`,
    refusal: /^50\d text\/plain/,
  },
  'tag list': {
    endpoint: 'docker',
    headers: { 'user-agent': 'containerd/1.6.20' },
    type: 'application/json',
    upstream: (name) => `/v2/sample/${name}/tags/list`,
    client: (name) => `/v2/sample/${name}/tags/list`,
    body: (name) => JSON.stringify({ name: `sample/${name}`, tags: ['latest'] }),
    refusal: /^[45]\d\d application\/json.*\{.*error/,
  },
  manifest: {
    endpoint: 'docker',
    headers: { 'user-agent': 'containerd/1.6.20', accept: OCI_INDEX },
    type: OCI_INDEX,
    upstream: (name) => `/v2/sample/${name}/manifests/latest`,
    client: (name) => `/v2/sample/${name}/manifests/latest`,
    body: (name) => JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [], annotations: { name } }),
    refusal: /^[45]\d\d application\/json.*\{.*error/,
  },
}

/** Faults that the node sees through at once. */
const QUICK: readonly Fault[] = [
  'garbage',
  'half',
  'endless',
  'too long a Content-Length',
  'too short a Content-Length',
  'redirect loop',
  '429 storm',
]
/** Faults that only time shows. */
const SLOW: readonly Fault[] = ['hang', 'stall', 'trickle']

const QUICK_MS = 30_000
/** With something kept nobody waits for long; without, for as long as a slow registry may need. */
const KEPT_MS = 10_000
const SLOW_MS = 50_000
/** The largest document that is read, and what the sockets between hold. */
const READ_BYTES_MAX = 120_000_000
const MEMORY_MB_MAX = 400
/** A few attempts for each of what is asked: clients asked each thing three times. */
const REQUESTS_EACH_MAX = 8

suite('a node before a bad registry', { concurrency: 2 }, () => {
  for (const fault of [...QUICK, ...SLOW]) {
    test(`a node gives its last known documents, or a refusal, when upstream has this fault: ${fault}`, {
      timeout: 200_000,
    }, async (t) => {
      const { node, registry } = await nodeBefore(t, fault.replaceAll(' ', '-'))
      for (const sample of Object.values(SAMPLES)) publish(registry, sample, 'kept')
      const before = await askAll(node, 'kept', QUICK_MS)
      for (const { reply, kind } of before) assert.equal(reply.status, 200, `${kind} while upstream is well`)
      const memoryMb = peakMemoryMb(node)
      registry.requests.length = 0
      registry.fault(fault)

      const isSlow = SLOW.includes(fault)
      const [kept, never] = await Promise.all([
        askAll(node, 'kept', KEPT_MS),
        askAll(node, 'never', isSlow ? SLOW_MS : QUICK_MS),
      ])
      for (const [at, { kind, reply, text }] of kept.entries()) {
        assert.equal(reply.status, 200, `${kind}, kept: ${text}`)
        assert.equal(text, before[at]?.text, `${kind}: as it was`)
        assert.match(reply.headers.get('age') ?? '', /^\d+$/, `${kind} with its age`)
        assert.match(reply.headers.get('warning') ?? '', /^110 /, kind)
      }
      for (const { kind, sample, reply, text } of never) {
        const told = `${reply.status} ${reply.headers.get('content-type')} ${text.replaceAll('\n', ' ')}`
        assert.match(told, sample.refusal, `${kind}, never kept`)
        assert.ok(text.length > 20 && !text.includes(GARBAGE), `${kind} says why: ${text.slice(0, 300)}`)
      }
      await Promise.all([askAll(node, 'kept', KEPT_MS), askAll(node, 'never', SLOW_MS)])
      const again = await askAll(node, 'kept', KEPT_MS)
      for (const [at, { kind, text }] of again.entries()) assert.equal(text, before[at]?.text, `${kind}: still`)

      assert.ok(registry.sentBytesMax() < READ_BYTES_MAX, `${registry.sentBytesMax()} bytes of one reply were read`)
      assert.ok(peakMemoryMb(node) - memoryMb < MEMORY_MB_MAX, `memory grew by ${peakMemoryMb(node) - memoryMb} MB`)
      const asked = new Map<string, number>()
      for (const each of registry.requests) asked.set(each, (asked.get(each) ?? 0) + 1)
      for (const [each, times] of asked) assert.ok(times <= REQUESTS_EACH_MAX, `${each} was asked ${times} times`)
      assert.deepEqual(filesWith(node.data, GARBAGE), [], 'nothing of it is on the disk')
    })
  }
})

test('pip installs from the last known page while upstream hangs, and npm says at once what is wrong with garbage', {
  ...needs('pip', 'python3', 'npm'),
  timeout: 200_000,
}, async (t) => {
  const { node, registry, directory } = await nodeBefore(t, 'clients')
  const index = await startPypiIndex([{ name: 'sample', version: '1.0' }])
  t.after(() => index.close())
  const type = 'application/vnd.pypi.simple.v1+json'
  const page = await fetch(`${index.url}/sample/`, { headers: { accept: type } })
  registry.publish('/sample/', { type, body: await page.text() })
  const pythonUser = await new PythonUser(directory, 'python').setup(node, 'pip')
  await pythonUser.install('pip', 'sample')
  pythonUser.forget()

  registry.fault('hang')
  await pythonUser.install('pip', 'sample')
  assert.deepEqual(pythonUser.installed(), ['sample-1.0.dist-info'])

  registry.fault('garbage')
  const npmUser = await new PackageManagerUser(directory, 'npm', { left: '1.0.0' }).setup(node, 'npm')
  const beganMs = Date.now()
  await assert.rejects(npmUser.install('npm'), /424 .*npm answered \/left with a web page/)
  assert.ok(Date.now() - beganMs < 30_000, 'npm did not wait for anything')
})

test('mvn resolves a range, and Bundler a gem, from what is last known while upstream hangs; of garbage mvn and gem say what is wrong', {
  ...needs('mvn', 'ruby', 'gem', 'bundle'),
  timeout: 300_000,
}, async (t) => {
  const { node, registry, directory } = await nodeBefore(t, 'java-ruby')
  const artifact = { group: 'org.sample', artifact: 'thing', version: '1.0' }
  const repository = await startMavenRepository([artifact])
  t.after(() => repository.close())
  const gems = await startGemServer(directory, [{ name: 'sample', version: '1.0.0' }])
  t.after(() => gems.close())
  const copy = async (from: string, path: string, type: string): Promise<void> => {
    const reply = await fetch(`${from}${path}`)
    registry.publish(path, { type, body: new Uint8Array(await reply.arrayBuffer()) })
  }
  const folder = '/org/sample/thing'
  const utils = '/org/codehaus/plexus/plexus-utils/1.1/plexus-utils-1.1'
  const files = [
    `${folder}/maven-metadata.xml`,
    ...['pom', 'jar'].flatMap((each) => [`${folder}/1.0/thing-1.0.${each}`, `${utils}.${each}`]),
  ]
  for (const path of files.flatMap((each) => [each, `${each}.sha1`])) await copy(repository.url, path, 'text/plain')
  for (const path of [
    '/versions',
    '/info/sample',
    '/gems/sample-1.0.0.gem',
    '/quick/Marshal.4.8/sample-1.0.0.gemspec.rz',
  ]) {
    await copy(gems.url, path, 'text/plain')
  }
  const javaUser = await new MavenUser(directory, 'java', {
    extensions: [{ ...artifact, version: '[1.0,2.0)' }],
  }).setup(node)
  const rubyUser = await new RubyUser(directory, 'ruby', { sample: '>= 1.0' }).setup(node, 'bundler')
  await javaUser.resolve()
  await rubyUser.run('bundle', 'install')

  registry.fault('hang')
  javaUser.forget()
  await javaUser.resolve()
  rubyUser.forget()
  await rubyUser.run('bundle', 'install')
  assert.deepEqual(rubyUser.installed(), ['sample-1.0.0'])

  registry.fault('garbage')
  const [beganMs, missing] = [Date.now(), { ...artifact, artifact: 'never' }]
  const java = await new MavenUser(directory, 'java-never', { extensions: [missing] }).setup(node)
  const resolved = await java.mvn('validate')
  assert.notEqual(resolved.code, 0)
  assert.match(resolved.stdout, /org\.sample:never:(?:pom|jar):1\.0.*(?:50[234]|web page)/)
  // Bundler knows from the last known list that there is no such gem; gem asks for it.
  const ruby = await new RubyUser(directory, 'ruby-never').setup(node, 'gem')
  const installed = await ruby.try('gem', 'install', '--no-document', 'never')
  assert.notEqual(installed.code, 0)
  assert.match(installed.stderr, /50[234]|web page|Upstream/)
  assert.ok(Date.now() - beganMs < 120_000, 'nobody waited for long')
})

async function nodeBefore(
  t: { after(fn: () => Promise<unknown>): void },
  name: string,
): Promise<{ node: TestNode; registry: BadRegistry; directory: string }> {
  const directory = await scratch(t, `e2e-bad-${name}`)
  const registry = await startBadRegistry()
  t.after(() => registry.close())
  const upstreams = ['npm', 'pypi', 'maven', 'rubygems', 'docker.io']
  const args = ['--fresh', '0s', ...upstreams.flatMap((each) => ['--upstream', `${each}=${registry.url}`])]
  const node = await startNode({ data: join(directory, 'node'), args })
  t.after(() => node.stop())
  return { node, registry, directory }
}

function publish(registry: BadRegistry, sample: Sample, name: string): void {
  const body = sample.body(name)
  const path = sample.upstream(name)
  registry.publish(path, { type: sample.type, body })
  // A tag is a pointer; what it points at is asked for by its digest.
  const digest = createHash('sha256').update(body).digest('hex')
  registry.publish(path.replace(/\/manifests\/.*$/, `/manifests/sha256:${digest}`), { type: sample.type, body })
}

async function askAll(node: TestNode, name: string, timeoutMs: number) {
  const asking = Object.entries(SAMPLES).map(async ([kind, sample]) => {
    const url = `${node.endpoints[sample.endpoint]?.replace(/\/+$/, '')}${sample.client(name)}`
    const signal = AbortSignal.timeout(timeoutMs)
    const reply = await fetch(url, { headers: sample.headers, redirect: 'error', signal }).catch((cause: unknown) => {
      throw new Error(`${kind} ${name} had no answer within ${timeoutMs} ms`, { cause })
    })
    return { kind, sample, reply, text: await reply.text() }
  })
  return await Promise.all(asking)
}

/** The most that the process has held at any time. */
function peakMemoryMb(node: TestNode): number {
  const status = readFileSync(`/proc/${node.process.pid}/status`, 'utf8')
  return Number(/VmHWM:\s*(\d+) kB/.exec(status)?.[1]) / 1024
}

function filesWith(directory: string, text: string): string[] {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((each) => each.isFile())
  return files.map((each) => join(each.parentPath, each.name)).filter((path) => readFileSync(path).includes(text))
}
