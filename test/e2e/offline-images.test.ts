/** A list of images is kept whole by a node, and dockerd pulls and runs them from it with nothing else there. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pushImage, startDockerd } from '../kit/dockerd.ts'
import { startHub } from '../kit/hub.ts'
import { needs } from '../kit/needs.ts'
import { scratch, startNode } from '../kit/node-process.ts'

const HUB_HOST = '127.0.0.78'

test('dockerd runs a synced image by its tag with the registry gone and the node started with --offline', {
  ...needs('root', 'dockerd', 'docker-registry', 'openssl', 'busybox'),
  timeout: 300_000,
}, async (t) => {
  const directory = await scratch(t, 'e2e-images')
  const ends: Array<() => Promise<unknown>> = []
  t.after(async () => {
    for (const end of ends.reverse()) await end()
  })
  const hub = await startHub(join(directory, 'hub'))
  ends.push(() => hub.close())
  const maker = await startDockerd({ directory: join(directory, 'maker'), mirrors: [] })
  const image = { directory, layers: 3, layerBytes: 500_000, says: 'hello' }
  await pushImage(maker, { ...image, reference: `${hub.registry}/library/app:1` })
  await maker.stop()
  const list = join(directory, 'images.txt')
  writeFileSync(list, '# what the project runs\napp:1\n')

  const data = join(directory, 'a')
  const args = ['--upstream', `docker.io=${hub.url}`]
  const online = await startNode({ data, args })
  ends.push(() => online.stop())
  const { runs } = (await online.json('sync', list)) as { runs: { state: string; wantedCount: number }[] }
  assert.equal(runs[0]?.state, 'complete', JSON.stringify(runs))
  assert.ok((runs[0]?.wantedCount ?? 0) >= 5, 'a manifest, a configuration and at least three layers')
  await online.stop()
  await hub.down()

  const offline = await startNode({ data, args: [...args, '--offline'] })
  ends.push(() => offline.stop())
  assert.equal((await offline.cli('cache', 'gc', '--to-bytes', '0')).code, 0)
  const checked = await offline.cli('sync', '--check', list)
  assert.equal(checked.code, 0, checked.stdout)
  const daemon = await startDockerd({
    directory: join(directory, 'user'),
    mirrors: [offline.endpoints.docker as string],
    hub: { host: HUB_HOST, certificate: hub.certificate },
  })
  ends.push(() => daemon.stop())
  await daemon.must('pull', 'app:1')
  assert.equal(await daemon.must('run', '--rm', '--network', 'none', 'app:1'), 'hello')
})
