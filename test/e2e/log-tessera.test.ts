/** Our log and our witness against tessera, a log implementation of other people (`log-tessera/main.go`), over HTTP on loopback. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { readVkey } from '../../src/base/network/vkey.ts'
import type { StatusView } from '../../src/http/http.ts'
import { openNote, parseNote } from '../../src/log/note/note.ts'
import { needs, toolPath } from '../kit/needs.ts'
import { appendTestEntries, makeTestNetwork } from '../kit/network-log.ts'
import { scratch, startNode } from '../kit/node-process.ts'
import { run, until } from '../kit/process.ts'

async function tessera(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(toolPath('log-tessera'), args)
  assert.equal(code, 0, stderr)
  return stdout
}

test('a log that a node serves passes tessera’s fsck, every tile and entry of it', needs('log-tessera'), async (t) => {
  const data = join(await scratch(t, 'e2e-tessera'), 'node')
  const network = await makeTestNetwork(data, 'log.acme.example')
  await appendTestEntries(data, 70_000)
  const node = await startNode({ data, args: ['--log-listen', '127.0.0.1:0'] })
  t.after(() => node.stop())
  const vkey = network.organisations[0]?.keys.log ?? ''
  assert.equal(await tessera('fsck', `${node.endpoints.log}/log/`, vkey), '70000\n')
})

test('a node’s witness cosigns a log that tessera writes, as it grows', needs('log-tessera'), async (t) => {
  const directory = await scratch(t, 'e2e-tessera')
  const [skey = '', vkey = ''] = (await tessera('key', 'tessera.example/log')).split('\n')
  const args = ['--log-listen', '127.0.0.1:0', '--witness', '--witness-log', vkey]
  const node = await startNode({ data: join(directory, 'node'), args })
  t.after(() => node.stop())
  const network = JSON.parse(await readFile(join(directory, 'node', 'network.json'), 'utf8')) as {
    organisations: { keys: { cosigner: string } }[]
  }
  const cosigner = network.organisations[0]?.keys.cosigner ?? ''
  const policy = `witness w ${cosigner} ${node.endpoints.log}\nquorum w\n`
  for (const [first, count] of [
    [0, 5],
    [5, 300],
  ] as const) {
    const note = await tessera('append', join(directory, 'log'), skey, policy, String(first), String(count))
    const { text, signatures } = parseNote(Buffer.from(note))
    assert.equal(Number(text.split('\n')[1]), first + count)
    const good = openNote({ text, signatures }, [readVkey(cosigner)])
    assert.ok((good[0]?.timestampSeconds ?? 0) > 1_700_000_000)
  }
  await until('the node to say what it witnesses', async () => {
    const { log } = (await node.json('status')) as StatusView
    return log.witnessed.includes('tessera.example/log') || undefined
  })
})
