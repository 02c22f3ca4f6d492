/** mvn resolves projects through nodes; a second node needs no repository; what is refused says why on its screen. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  artifactTree,
  type Coordinates,
  type MavenRepository,
  type SampleArtifact,
  startMavenRepository,
} from '../kit/maven-repository.ts'
import { MavenUser } from '../kit/maven-user.ts'
import { needs } from '../kit/needs.ts'
import { connected, scratch, startNode } from '../kit/node-process.ts'

const ARTIFACTS = 45
/** plexus-utils, which Maven adds. */
const JARS = ARTIFACTS + 1
const LIMITS = { ...needs('mvn'), timeout: 300_000 }
const ROOT: Coordinates = { group: 'org.sample.group0', artifact: 'lib-0', version: '1.0' }

interface Test {
  after(fn: () => Promise<unknown>): void
}

async function upstream(t: Test, samples: readonly SampleArtifact[]): Promise<MavenRepository> {
  const repository = await startMavenRepository(samples)
  t.after(() => repository.close())
  return repository
}

async function node(t: Test, data: string, args: readonly string[]) {
  const started = await startNode({ data, args })
  t.after(() => started.stop())
  return started
}

test(
  'mvn resolves 45 artifacts through A, again on B from A alone, and again on B with A gone too',
  LIMITS,
  async (t) => {
    const directory = await scratch(t, 'e2e-maven')
    const repository = await upstream(t, artifactTree(ARTIFACTS))
    const args = ['--upstream', `maven=${repository.url}`]
    const a = await node(t, join(directory, 'a'), args)
    const first = await new MavenUser(directory, 'first', { extensions: [ROOT] }).setup(a)
    await first.resolve()
    assert.equal(first.jars(), JARS)
    const jars = repository.requests.filter((each) => /^GET .*\.jar$/.test(each))
    assert.equal(jars.length, JARS, 'each jar left upstream once')
    repository.requests.length = 0
    first.forget()
    await first.resolve()
    assert.deepEqual(repository.requests, [], 'what is kept is asked of nobody, checksums included')
    const list = join(directory, 'maven-repository.list')
    writeFileSync(list, first.listing())
    const checked = await a.cli('sync', '--check', list)
    assert.match(checked.stdout, /maven-repository\.list: complete, 1\d\d files/)
    assert.equal((await a.cli('sync', list)).code, 0)

    const trust = ['--peer', a.listen[0] as string, '--trust-peer', a.peerId]
    const b = await node(t, join(directory, 'b'), [...args, ...trust])
    await connected(b, a.peerId)
    await repository.down()
    const second = await new MavenUser(directory, 'second', { extensions: [ROOT] }).setup(b)
    await second.resolve()
    assert.equal(second.jars(), JARS)

    await a.stop()
    second.forget()
    const finished = await second.resolve()
    assert.equal(second.jars(), JARS)
    assert.doesNotMatch(finished.stdout, /Checksum validation failed|Could not validate/)
  },
)

test('a changed jar never reaches mvn, which is told', LIMITS, async (t) => {
  const directory = await scratch(t, 'e2e-maven-changed')
  const repository = await upstream(t, [{ ...ROOT, content: 'good', checksums: ['sha1', 'sha256'] }])
  const a = await node(t, join(directory, 'a'), ['--upstream', `maven=${repository.url}`])
  repository.tamper((path, body) => (path.endsWith('lib-0-1.0.jar') ? Buffer.from(body).fill('x', 60, 62) : body))
  const user = await new MavenUser(directory, 'user', { extensions: [ROOT] }).setup(a)
  const finished = await user.mvn('validate')
  assert.notEqual(finished.code, 0)
  assert.match(finished.stdout, /Could not transfer artifact org\.sample\.group0:lib-0:jar:1\.0 from\/to pyrsia/)
  repository.tamper(undefined)
  await user.resolve('-U')
})

test('a snapshot passes through A and is not had from A by B, and what is missing is missing', LIMITS, async (t) => {
  const directory = await scratch(t, 'e2e-maven-snapshot')
  const snapshot = { group: 'org.sample', artifact: 'next', version: '2.0-SNAPSHOT' }
  const repository = await upstream(t, [snapshot, { ...ROOT }])
  const args = ['--upstream', `maven=${repository.url}`]
  const a = await node(t, join(directory, 'a'), args)
  const elements = `<pluginRepositories><pluginRepository><id>central</id><url>http://registry.example.com</url><snapshots><enabled>true</enabled></snapshots></pluginRepository></pluginRepositories>`
  const project = { extensions: [ROOT, snapshot], elements }
  const first = await new MavenUser(directory, 'first', project).setup(a)
  await first.resolve()
  const trust = ['--peer', a.listen[0] as string, '--trust-peer', a.peerId]
  const b = await node(t, join(directory, 'b'), [...args, ...trust])
  await connected(b, a.peerId)
  await repository.down()
  const second = await new MavenUser(directory, 'second', project).setup(b)
  const finished = await second.mvn('validate')
  assert.notEqual(finished.code, 0)
  assert.match(finished.stdout, /next:2\.0-SNAPSHOT/)
  assert.match(finished.stdout, /Downloaded from pyrsia: .*lib-0-1\.0\.pom/)

  await repository.up()
  const missing = { group: 'org.sample', artifact: 'nowhere', version: '1' }
  const third = await new MavenUser(directory, 'third', { extensions: [missing] }).setup(a)
  const absent = await third.mvn('validate')
  assert.match(absent.stdout, /Could not find artifact org\.sample:nowhere:jar:1 in pyrsia/)
})

test('E6: a failing company repository is no leave to take its names from the next one', LIMITS, async (t) => {
  const directory = await scratch(t, 'e2e-maven-confusion')
  const own = { group: 'com.company', artifact: 'private', version: '1.0' }
  const company = await upstream(t, [{ ...own, content: 'ours' }])
  const strangers = await upstream(t, [{ ...own, content: 'theirs' }, { ...ROOT }])
  const args = ['--upstream', `maven=${company.url}`, '--upstream', `maven-2=${strangers.url}`]
  const a = await node(t, join(directory, 'a'), args)
  company.fail(401)
  const user = await new MavenUser(directory, 'user', { extensions: [own] }).setup(a)
  const finished = await user.mvn('validate')
  assert.match(finished.stdout, /503.*Unavailable: .*status 401/)
  assert.deepEqual(
    strangers.requests.filter((each) => each.includes('private')),
    [],
  )
  company.fail(undefined)
  await user.resolve('-U')
  const jar = readFileSync(join(user.home, '.m2/repository/com/company/private/1.0/private-1.0.jar'))
  assert.ok(jar.includes('ours'))
  const both = await new MavenUser(directory, 'both', { extensions: [own, ROOT] }).setup(a)
  await both.resolve()
})

test(
  'what the policy holds back is left out of version ranges, and refused by name with the reason on the screen',
  LIMITS,
  async (t) => {
    const directory = await scratch(t, 'e2e-maven-policy')
    const [group, artifact] = ['org.sample', 'cool']
    const repository = await upstream(t, [
      { group, artifact, version: '1.0' },
      { group, artifact, version: '1.1', publishedAt: new Date(Date.now() - 3_600_000) },
      { group, artifact, version: '1.2' },
      { group: 'com.acme', artifact: 'tool', version: '1.0' },
      { group, artifact: 'user', version: '1.0', dependencies: [{ group, artifact, version: '[1.0,2.0)' }] },
    ])
    const data = join(directory, 'a')
    mkdirSync(data, { mode: 0o700 })
    const rules = [
      'names = ["org.sample:cool"]\nversions = ["1.2"]\naccess = "block"\nreason = "known to lose data"',
      'names = ["com.acme:*"]\naccess = "private"',
      'min-age = "7d"\nreason = "wait a week"',
    ]
    writeFileSync(join(data, 'policy.toml'), rules.map((rule) => `[[rule]]\n${rule}\n`).join(''))
    const a = await node(t, data, ['--upstream', `maven=${repository.url}`])
    const screen = async (name: string, wanted: Coordinates): Promise<string> => {
      const user = await new MavenUser(directory, name, { extensions: [wanted] }).setup(a)
      const finished = await user.mvn('validate')
      assert.notEqual(finished.code, 0, finished.stdout)
      return finished.stdout
    }
    assert.match(
      await screen('blocked', { group, artifact, version: '1.2' }),
      /403 Forbidden by policy: .*1\.2 is blocked.*known to lose data/,
    )
    const young = await screen('young', { group, artifact, version: '1.1' })
    assert.match(young, /403 Forbidden by policy: .*1\.1 was published .*this node waits 7 days/)
    assert.match(
      await screen('private', { group: 'com.acme', artifact: 'tool', version: '1.0' }),
      /com\.acme:tool is a private name/,
    )
    assert.deepEqual(
      repository.requests.filter((each) => each.includes('acme')),
      [],
    )
    const ranged = await new MavenUser(directory, 'ranged', {
      extensions: [{ group, artifact: 'user', version: '1.0' }],
    }).setup(a)
    const finished = await ranged.mvn('validate')
    assert.match(finished.stdout, /cool:(?:pom|jar):1\.1/)
    assert.doesNotMatch(finished.stdout, /cool-1\.2/)
  },
)
