/**
 * `mvn -q dependency:go-offline` of a real project (the plug-ins of the life cycle and six libraries with all that they need)
 * with an empty local repository. Warm: through a node that has everything and from nginx with the same files. Cold: through a
 * node without anything and directly, from the real repository and from nginx behind 20 ms for each reply. Rounds are interleaved. Goals: warm at most 1.1, cold at most 1.3. Takes several minutes. Needs mvn, nginx and,
 * for its files, the internet.
 */
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { Agent, createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Competitor, interleaved, type Taken, taken } from '../test/kit/interleaved.ts'
import { type Coordinates, coordinatesOf } from '../test/kit/maven-repository.ts'
import { MavenUser } from '../test/kit/maven-user.ts'
import { startNode, type TestNode } from '../test/kit/node-process.ts'
import { startStaticServer } from '../test/kit/static-server.ts'

const WARM_ROUNDS = Number(process.env.PYRSIA_BENCH_ROUNDS ?? 7)
const COLD_ROUNDS = Number(process.env.PYRSIA_BENCH_COLD_ROUNDS ?? 3)
const REPLY_DELAY_MS = 20
const DEPENDENCIES: readonly Coordinates[] = [
  { group: 'com.fasterxml.jackson.core', artifact: 'jackson-databind', version: '2.17.2' },
  { group: 'com.google.guava', artifact: 'guava', version: '33.2.1-jre' },
  { group: 'ch.qos.logback', artifact: 'logback-classic', version: '1.5.6' },
  { group: 'org.apache.httpcomponents.client5', artifact: 'httpclient5', version: '5.3.1' },
  { group: 'org.springframework', artifact: 'spring-webmvc', version: '6.1.11' },
  { group: 'org.hibernate.orm', artifact: 'hibernate-core', version: '6.5.2.Final' },
]

const directory = mkdtempSync(join(tmpdir(), 'pyrsia-bench-'))
const root = join(directory, 'static')
const cleanups: (() => Promise<unknown>)[] = [async () => rmSync(directory, { recursive: true, force: true })]
try {
  await main()
} finally {
  for (const cleanup of cleanups.reverse()) await cleanup()
}

async function main(): Promise<void> {
  const real = [cold('real-node', undefined), direct('direct', 'real-direct', undefined)]
  compare('cold, the real repository', real, await interleaved(real, COLD_ROUNDS), 1.3)
  const files = mirror(join(directory, 'real-node/home/.m2/repository'))
  const plain = await startStaticServer(directory, root)
  cleanups.push(() => plain.close())
  const url = `${plain.url}/maven2`
  const node = await startNode({ data: join(directory, 'warm'), args: ['--fresh', '1h', '--upstream', `maven=${url}`] })
  cleanups.push(() => node.stop())
  const warm: readonly Competitor[] = [
    { ...direct('node', 'warm-node', node.endpoints.maven), pid: node.process.pid },
    { ...direct('nginx', 'warm-nginx', url), pid: plain.pid },
  ]
  for (const each of warm) await each.run()
  compare(`warm, ${files} files`, warm, await interleaved(warm, WARM_ROUNDS), 1.1)
  const slow = `${await delayed(plain.url)}/maven2`
  const each = [cold('slow-node', slow), direct('direct', 'slow-direct', slow)]
  compare(`cold, ${REPLY_DELAY_MS} ms for each reply`, each, await interleaved(each, COLD_ROUNDS), 1.3)
}

function compare(what: string, each: readonly Competitor[], figures: readonly Taken[], goal: number): void {
  process.stdout.write(taken(`go-offline ${what}`, each, figures, goal))
}

/** A user of the project whose local repository is empty at each run; without `url` as this machine's own settings say. */
function user(name: string): (url: string | undefined) => Promise<void> {
  const list = DEPENDENCIES.map((each) => `<dependency>${coordinatesOf(each)}</dependency>`).join('')
  const made = new MavenUser(directory, name, { extensions: [], elements: `<dependencies>${list}</dependencies>` })
  // The life cycle of a jar has more plug-ins than that of a bare POM.
  const pom = join(made.project, 'pom.xml')
  writeFileSync(pom, readFileSync(pom, 'utf8').replace('<packaging>pom</packaging>', ''))
  mkdirSync(join(made.home, '.m2'), { recursive: true })
  return async (url) => {
    const mirror = `<mirrors><mirror><id>bench</id><mirrorOf>*</mirrorOf><url>${url}</url></mirror></mirrors>`
    writeFileSync(join(made.home, '.m2/settings.xml'), `<settings>${url === undefined ? '' : mirror}</settings>`)
    made.forget()
    const finished = await made.mvn('-q', 'dependency:go-offline')
    if (finished.code !== 0) throw new Error(`mvn ended with ${finished.code}\n${finished.stdout.slice(-4000)}`)
  }
}

function direct(name: string, home: string, url: string | undefined): Competitor {
  const run = user(home)
  return { name, run: () => run(url) }
}

/** A run through a node without anything, which asks `url`, or what a node asks by default. */
function cold(home: string, url: string | undefined): Competitor {
  const run = user(home)
  const data = join(directory, `${home}-data`)
  const args = ['--fresh', '1h', ...(url === undefined ? [] : ['--upstream', `maven=${url}`])]
  let node: TestNode | undefined
  return {
    name: 'node',
    async before() {
      node = await startNode({ data, args })
    },
    run: () => run(node?.endpoints.maven),
    async after() {
      await node?.stop()
      rmSync(data, { recursive: true })
    },
  }
}

/** Lays out what a local repository has as a repository: each file with `.sha1` and `.sha256` beside it. The number of files. */
function mirror(repository: string): number {
  let count = 0
  for (const name of readdirSync(repository, { recursive: true }).map(String)) {
    const from = join(repository, name)
    if (!statSync(from).isFile() || /(?:^|\/)(?:_[^/]*|[^/]*\.(?:sha1|lastUpdated|properties))$/.test(name)) continue
    const to = join(root, 'maven2', name.replace(/maven-metadata-[^/]+\.xml$/, 'maven-metadata.xml'))
    mkdirSync(dirname(to), { recursive: true })
    copyFileSync(from, to)
    const bytes = readFileSync(from)
    for (const each of ['sha1', 'sha256']) writeFileSync(`${to}.${each}`, createHash(each).update(bytes).digest('hex'))
    count += 1
  }
  return count
}

/** The server at `url` behind a wait for each reply: a registry is not on this machine. */
async function delayed(url: string): Promise<string> {
  const agent = new Agent({ keepAlive: true })
  const server: Server = createServer((asked, reply) => {
    setTimeout(() => {
      const onward = request(`${url}${asked.url}`, { method: asked.method, agent }, (from) => {
        reply.writeHead(from.statusCode ?? 502, from.headers)
        from.pipe(reply)
      })
      onward.on('error', () => reply.destroy()).end()
    }, REPLY_DELAY_MS)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(async () => {
    server.closeAllConnections()
    server.close()
    agent.destroy()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
