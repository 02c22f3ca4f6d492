/** Our log and our witness against tessera and a public witness (`log-tessera/main.go`), which others wrote, over HTTP on loopback. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { readVkey } from '../../src/base/network/vkey.ts'
import type { StatusView } from '../../src/http/http.ts'
import { createSourcePool, type LogSource } from '../../src/log/files/source.ts'
import { VerifiedFiles } from '../../src/log/files/verified-files.ts'
import { parseCheckpoint } from '../../src/log/note/checkpoint.ts'
import { openNote, parseNote } from '../../src/log/note/note.ts'
import { consistencyRows } from '../../src/log/tree/nodes.ts'
import { consistencyProof } from '../../src/log/tree/proof.ts'
import { formatAddCheckpoint } from '../../src/log/witness/request.ts'
import { needs, toolPath } from '../kit/needs.ts'
import { appendTestEntries, makeTestNetwork } from '../kit/network-log.ts'
import { scratch, startNode } from '../kit/node-process.ts'
import { run, start, until } from '../kit/process.ts'

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

test(
  'a public witness cosigns the log that a node serves, as it grows, and refuses a fork of it',
  needs('log-tessera'),
  async (t) => {
    const data = join(await scratch(t, 'e2e-tessera'), 'node')
    const network = await makeTestNetwork(data, 'log.acme.example')
    const vkey = network.organisations[0]?.keys.log ?? ''
    const witness = start(toolPath('log-tessera'), ['witness', vkey])
    t.after(() => witness.stop())
    const [url = '', cosigner = ''] = await until('the witness to be ready', () => {
      const lines = witness.stdout().split('\n')
      return lines.length > 2 ? lines : undefined
    })
    const submit = async (body: Uint8Array) => {
      const reply = await fetch(`${url}/add-checkpoint`, { method: 'POST', body: Buffer.from(body) })
      return { status: reply.status, text: await reply.text() }
    }
    let oldSize = 0
    let proof: Uint8Array[] = []
    for (const count of [7, 300]) {
      await appendTestEntries(data, count)
      const node = await startNode({ data, args: ['--log-listen', '127.0.0.1:0'] })
      t.after(() => node.stop())
      const note = Buffer.from(await (await fetch(`${node.endpoints.log}/log/checkpoint`)).arrayBuffer())
      const size = oldSize + count
      const files = await tilesOf(`${node.endpoints.log}/log`, size, note)
      if (oldSize > 0) {
        const read = await files.nodes(consistencyRows(oldSize, size).flat(), new AbortController().signal)
        proof = consistencyProof(oldSize, size, read)
        const forged = proof.with(0, new Uint8Array(32))
        assert.equal((await submit(formatAddCheckpoint(oldSize, forged, note))).status, 422)
        assert.deepEqual(await submit(formatAddCheckpoint(0, [], note)), { status: 409, text: `${oldSize}\n` })
      }
      const { status, text } = await submit(formatAddCheckpoint(oldSize, proof, note))
      assert.equal(status, 200, text)
      const { text: checkpoint } = parseNote(note)
      const good = openNote(parseNote(Buffer.from(`${checkpoint}\n${text}`)), [readVkey(cosigner)])
      assert.ok((good[0]?.timestampSeconds ?? 0) > 1_700_000_000)
      oldSize = size
      await node.stop()
    }
  },
)

/** The checked files of the log at this checkpoint, as a reader has them. */
async function tilesOf(url: string, size: number, note: Uint8Array): Promise<VerifiedFiles> {
  const { root } = parseCheckpoint(parseNote(note).text)
  const source: LogSource = {
    name: url,
    blame: (about) => assert.fail(about),
    async fetch(path) {
      const reply = await fetch(`${url}/${path}`)
      return reply.status === 200 ? new Uint8Array(await reply.arrayBuffer()) : undefined
    },
  }
  return new VerifiedFiles({ size, root }, createSourcePool([source]))
}
