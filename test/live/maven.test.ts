/**
 * `npm run test:live`: a node as `npm start` starts it, against the real repository that Maven uses by default. Not part of
 * `npm test`: it needs the internet.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Coordinates, coordinatesOf } from '../kit/maven-repository.ts'
import { MavenUser } from '../kit/maven-user.ts'
import { needs } from '../kit/needs.ts'
import { connected, scratch, startNode, type TestNode } from '../kit/node-process.ts'
import { run } from '../kit/process.ts'

const DEPENDENCIES: readonly Coordinates[] = [
  { group: 'com.fasterxml.jackson.core', artifact: 'jackson-databind', version: '2.17.2' },
  { group: 'com.google.guava', artifact: 'guava', version: '33.2.1-jre' },
  { group: 'ch.qos.logback', artifact: 'logback-classic', version: '1.5.6' },
  { group: 'org.apache.httpcomponents.client5', artifact: 'httpclient5', version: '5.3.1' },
  { group: 'org.springframework', artifact: 'spring-webmvc', version: '6.1.11' },
  { group: 'org.hibernate.orm', artifact: 'hibernate-core', version: '6.5.2.Final' },
]

/** Builds the jar of a project that has nothing but dependencies: every plug-in of the life cycle runs. */
class Builder extends MavenUser {
  constructor(directory: string, name: string) {
    super(directory, name, { extensions: [] })
    const own = coordinatesOf({ group: 'org.sample', artifact: 'project', version: '1' })
    const list = DEPENDENCIES.map((each) => `<dependency>${coordinatesOf(each)}</dependency>`).join('')
    const pom = `<project><modelVersion>4.0.0</modelVersion>${own}<dependencies>${list}</dependencies></project>`
    writeFileSync(join(this.project, 'pom.xml'), pom)
    mkdirSync(join(this.project, 'src/main/resources'), { recursive: true })
    writeFileSync(join(this.project, 'src/main/resources/hello.txt'), 'hello\n')
  }

  async build(): Promise<void> {
    rmSync(join(this.project, 'target'), { recursive: true, force: true })
    const finished = await this.mvn('-q', 'package')
    assert.equal(finished.code, 0, finished.stdout.slice(-4000))
    assert.ok(readdirSync(join(this.project, 'target')).includes('project-1.jar'))
  }
}

test('mvn package of a real project works through A, on B from A alone, and on B offline with A gone', {
  ...needs('mvn'),
  timeout: 900_000,
}, async (t) => {
  const directory = await scratch(t, 'live-maven')
  const a = await startNode({ data: join(directory, 'a') })
  t.after(() => a.stop())
  const first = await new Builder(directory, 'first').setup(a)
  await first.build()
  assert.ok(first.jars() >= 30, `wanted 30 artifacts, found ${first.jars()}`)
  // --offline: B asks nothing of upstream, only its peers.
  const trust = ['--peer', a.listen[0] as string, '--trust-peer', a.peerId]
  const b = await startNode({ data: join(directory, 'b'), args: ['--offline', ...trust] })
  t.after(() => b.stop())
  await connected(b, a.peerId)
  const second = await new Builder(directory, 'second').setup(b)
  await second.build()
  assert.equal(second.jars(), first.jars())
  await a.stop()
  second.forget()
  await second.build()
  assert.equal(second.jars(), first.jars())
})

test('pyrsia sync pom.xml keeps a real project, and mvn package builds it in an empty home from the offline node', {
  ...needs('mvn'),
  timeout: 900_000,
}, async (t) => {
  const directory = await scratch(t, 'live-maven-sync')
  const online = await startNode({ data: join(directory, 'a') })
  t.after(() => online.stop())
  const user = new Builder(directory, 'user')
  const pom = join(user.project, 'pom.xml')
  const sync = (node: TestNode, ...args: string[]) =>
    run(node.program, ['sync', ...args, pom, '--data', node.data], { env: user.env, timeoutMs: 600_000 })
  const synced = await sync(online)
  assert.equal(synced.code, 0, synced.stdout + synced.stderr)
  await online.stop()
  const offline = await startNode({ data: online.data, args: ['--offline'] })
  t.after(() => offline.stop())
  assert.equal((await offline.cli('cache', 'gc', '--to-bytes', '0')).code, 0)
  assert.equal((await sync(offline, '--check')).code, 0)
  await (await new Builder(directory, 'empty').setup(offline)).build()
})
