/**
 * What a node costs a user whose packages it has: `pip install -r` of 50 wheels and `mvn` resolving 100 artifacts, each with an
 * empty cache, through the node and from nginx with the same files. Rounds are interleaved, the median of their ratios kept. Goal: at
 * most 1.1 times nginx. Takes some three minutes. Needs pip, mvn and nginx.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { interleaved, taken } from '../test/kit/interleaved.ts'
import { artifactTree, startMavenRepository } from '../test/kit/maven-repository.ts'
import { MavenUser } from '../test/kit/maven-user.ts'
import { startNode, type TestNode } from '../test/kit/node-process.ts'
import { sampleWheels, startPypiIndex } from '../test/kit/pypi-index.ts'
import { PythonUser } from '../test/kit/python-user.ts'
import { startStaticServer } from '../test/kit/static-server.ts'

const WHEELS = 50
const WHEEL_BYTES = 200_000
const ARTIFACTS = 100
const ROUNDS = Number(process.env.PYRSIA_BENCH_ROUNDS ?? 15)

type Run = () => Promise<unknown>

const directory = mkdtempSync(join(tmpdir(), 'pyrsia-bench-'))
const root = join(directory, 'static')
const wheels = sampleWheels(WHEELS).map((wheel) => ({ ...wheel, fillerBytes: WHEEL_BYTES }))
const artifacts = artifactTree(ARTIFACTS)
const [index, repository] = await Promise.all([startPypiIndex(wheels), startMavenRepository(artifacts)])
const node = await startNode({
  data: join(directory, 'node'),
  args: ['--upstream', `pypi=${index.url}`, '--upstream', `maven=${repository.url}`, '--fresh', '1h'],
})
mkdirSync(root)
const plain = await startStaticServer(directory, root)
try {
  await compare(`pip install -r, ${WHEELS} wheels`, await pipRuns(node))
  await compare(`mvn, ${ARTIFACTS} artifacts`, await mavenRuns(node))
} finally {
  await Promise.all([node.stop(), plain.close(), index.close(), repository.close()])
  rmSync(directory, { recursive: true, force: true })
}

async function compare(what: string, runs: Readonly<Record<'node' | 'nginx', Run>>): Promise<void> {
  const competitors = [
    { name: 'node', run: runs.node, pid: node.process.pid },
    { name: 'nginx', run: runs.nginx, pid: plain.pid },
  ]
  process.stdout.write(taken(what, competitors, await interleaved(competitors, ROUNDS), 1.1))
}

async function pipRuns(warm: TestNode): Promise<Record<'node' | 'nginx', Run>> {
  for (const { name } of wheels) {
    const project = name.replaceAll(/[-_.]+/g, '-').toLowerCase()
    const page = await (await fetch(`${index.url}/${project}/`, { headers: { accept: 'text/html' } })).text()
    const links = [...page.matchAll(/href="(http:\/\/[^/]+)(\/[^"#]+)/g)]
    put(`/simple/${project}/index.html`, Buffer.from(page.replaceAll(/href="http:\/\/[^/]+/g, 'href="')))
    for (const [, origin, path = ''] of links)
      for (const each of [path, `${path}.metadata`]) put(each, await bytesOf(`${origin}${each}`))
  }
  const requirements = join(directory, 'requirements.txt')
  writeFileSync(requirements, wheels.map(({ name, version }) => `${name}==${version}\n`).join(''))
  const user = new PythonUser(directory, 'pip')
  const by = (url: string) => async () => {
    user.forget()
    const quiet = ['--quiet', '--no-cache-dir', '--no-compile', '--index-url', url, '-r', requirements]
    await user.install('pip', ...quiet)
  }
  const runs = { node: by(warm.endpoints.pypi ?? ''), nginx: by(`${plain.url}/simple`) }
  for (const run of Object.values(runs)) await run()
  return runs
}

async function mavenRuns(warm: TestNode): Promise<Record<'node' | 'nginx', Run>> {
  const extensions = artifacts.slice(0, 1)
  const by = (url: string, name: string) => {
    const user = new MavenUser(directory, name, { extensions })
    const mirror = `<mirror><id>bench</id><mirrorOf>*</mirrorOf><url>${url}</url></mirror>`
    mkdirSync(join(user.home, '.m2'), { recursive: true })
    writeFileSync(join(user.home, '.m2/settings.xml'), `<settings><mirrors>${mirror}</mirrors></settings>`)
    return async () => {
      user.forget()
      await user.resolve('-q')
    }
  }
  await by(repository.url, 'mvn-direct')()
  const asked = new Set(repository.requests.flatMap((each) => (each.startsWith('GET ') ? [each.slice(4)] : [])))
  for (const path of asked) {
    const bytes = await bytesOf(`${repository.url}${path}`).catch(() => undefined)
    if (bytes !== undefined) put(`/maven2${path}`, bytes)
  }
  const runs = { node: by(warm.endpoints.maven ?? '', 'mvn-node'), nginx: by(`${plain.url}/maven2`, 'mvn-nginx') }
  for (const run of Object.values(runs)) await run()
  return runs
}

async function bytesOf(url: string): Promise<Buffer> {
  const reply = await fetch(url)
  if (!reply.ok) throw new Error(`${url}: ${reply.status}`)
  return Buffer.from(await reply.arrayBuffer())
}

function put(path: string, bytes: Uint8Array): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), bytes)
}
