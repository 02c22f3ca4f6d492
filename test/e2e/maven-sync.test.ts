/** `pyrsia sync pom.xml` keeps a project of several modules with its plug-ins, says what is missing, and mvn builds it offline. */
import assert from 'node:assert/strict'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ModulesUser, startPluginRepository } from '../kit/maven-modules.ts'
import { needs } from '../kit/needs.ts'
import { scratch, startNode, type TestNode } from '../kit/node-process.ts'
import { run } from '../kit/process.ts'

const LIMITS = { ...needs('mvn', 'javac', 'maven-plugins'), timeout: 400_000 }

/** `pyrsia` in the environment of somebody, whose mvn it runs. */
function pyrsia(node: TestNode, user: ModulesUser, ...args: string[]) {
  return run(node.program, [...args, '--data', node.data], { env: user.env, timeoutMs: 280_000 })
}

test(
  'a project of two modules is kept with its plug-ins, and mvn package builds and tests it in an empty home from the offline node alone',
  LIMITS,
  async (t) => {
    const directory = await scratch(t, 'e2e-maven-sync')
    const repository = await startPluginRepository()
    t.after(() => repository.close())
    const data = join(directory, 'a')
    const args = ['--upstream', `maven=${repository.url}`]
    const online = await startNode({ data, args })
    t.after(() => online.stop())
    const user = new ModulesUser(directory, 'user')
    const before = await pyrsia(online, user, 'sync', '--check', user.pom)
    assert.equal(before.code, 4, before.stdout + before.stderr)
    assert.match(before.stderr, /was not synced with this data directory yet/)
    const synced = await pyrsia(online, user, 'sync', user.pom)
    assert.equal(synced.code, 0, synced.stdout + synced.stderr)
    assert.match(synced.stdout, /pom\.xml: complete, [2-9]\d\d files/)
    assert.equal((await pyrsia(online, user, 'sync', '--check', user.pom)).code, 0)
    const unasked = repository.requests.filter((each) => /\/org\/sample\/(?:one|two)\//.test(each))
    assert.deepEqual(unasked, [], 'modules are asked of nobody')
    await repository.down()
    await online.stop()

    const offline = await startNode({ data, args: [...args, '--offline'] })
    t.after(() => offline.stop())
    assert.equal((await offline.cli('cache', 'gc', '--to-bytes', '0')).code, 0)
    const checked = await pyrsia(offline, user, 'sync', '--check', user.pom)
    assert.equal(checked.code, 0, checked.stdout + checked.stderr)
    await (await new ModulesUser(directory, 'empty').setup(offline)).package()
    await offline.stop()

    const module = join(user.project, 'one/pom.xml')
    const text = readFileSync(module, 'utf8')
    writeFileSync(module, text.replace('4.13.2', '4.x'))
    rmSync(join(data, 'store'), { recursive: true })
    const emptied = await startNode({ data, args: [...args, '--offline'] })
    t.after(() => emptied.stop())
    const stale = await pyrsia(emptied, user, 'sync', '--check', user.pom)
    assert.equal(stale.code, 4)
    assert.match(stale.stderr, /has changed since it was synced/)
    writeFileSync(module, text)
    const missing = await pyrsia(emptied, user, 'sync', '--check', user.pom)
    assert.equal(missing.code, 4, missing.stdout + missing.stderr)
    const [, gone, wanted] = /(\d+) of (\d+) files are missing/.exec(missing.stdout) ?? []
    assert.equal(gone, wanted)
    assert.match(missing.stdout, /^! pkg:maven\/commons-io\/commons-io@2\.11\.0 \(\/.*\.jar\): .*is not kept here$/m)
  },
)

test(
  'what a module wants and no repository has makes sync fail with the reason, and nothing is called complete',
  LIMITS,
  async (t) => {
    const directory = await scratch(t, 'e2e-maven-sync-missing')
    const repository = await startPluginRepository()
    t.after(() => repository.close())
    const node = await startNode({ data: join(directory, 'a'), args: ['--upstream', `maven=${repository.url}`] })
    t.after(() => node.stop())
    const user = new ModulesUser(directory, 'user', [{ group: 'org.sample.other', artifact: 'nowhere', version: '1' }])
    const synced = await pyrsia(node, user, 'sync', user.pom)
    assert.notEqual(synced.code, 0, synced.stdout)
    assert.match(synced.stderr, /org\.sample\.other:nowhere:jar:1/)
    assert.equal((await pyrsia(node, user, 'sync', '--check', user.pom)).code, 4)
  },
)
