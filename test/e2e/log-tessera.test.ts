/** Our log and our witness against tessera and a public witness (`log-tessera/main.go`), which others wrote, over HTTP on loopback. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { formatNetwork } from '../../src/base/network/network.ts'
import { readVkey } from '../../src/base/network/vkey.ts'
import type { StatusView } from '../../src/http/http.ts'
import { logLayout } from '../../src/log/disk/layout.ts'
import { createSourcePool, type LogSource } from '../../src/log/files/source.ts'
import { VerifiedFiles } from '../../src/log/files/verified-files.ts'
import { parseCheckpoint } from '../../src/log/note/checkpoint.ts'
import { openNote, parseNote } from '../../src/log/note/note.ts'
import { consistencyRows } from '../../src/log/tree/nodes.ts'
import { consistencyProof } from '../../src/log/tree/proof.ts'
import { formatAddCheckpoint } from '../../src/log/witness/request.ts'
import { needs, toolPath } from '../kit/needs.ts'
import { appendTestEntries, makeTestNetwork } from '../kit/network-log.ts'
import { PYRSIA, scratch, startNode } from '../kit/node-process.ts'
import { run, start, until } from '../kit/process.ts'

async function tessera(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(toolPath('log-tessera'), args)
  assert.equal(code, 0, stderr)
  return stdout
}

/** What `log-tessera read` prints of the entries of `appendTestEntries`. */
function readOf(size: number, tracked: number): RegExp {
  const all = createHash('sha256')
  for (let at = 0; at < size; at += 1) all.update(JSON.stringify({ kind: 'test', number: at }))
  return new RegExp(`^${size} [0-9]{2,} [0-9]{2,} ${all.digest('hex')} ${tracked}\\n$`)
}

test(
  'a log that a node serves passes tessera’s fsck, and tessera’s client reads every entry of it, proves each and follows it as it grows',
  needs('log-tessera'),
  async (t) => {
    const directory = await scratch(t, 'e2e-tessera')
    const data = join(directory, 'node')
    const network = await makeTestNetwork(data, 'log.acme.example')
    const vkey = network.organisations[0]?.keys.log ?? ''
    const { served, checkpoint } = logLayout(join(data, 'log'), network.origin)
    // As plain files, with partial tiles of both kinds on the first level.
    await appendTestEntries(data, 300)
    assert.match(await tessera('read', served, vkey), readOf(300, 0))
    const older = join(directory, 'older')
    await cp(checkpoint, older)
    await appendTestEntries(data, 69_700)
    const node = await startNode({ data, args: ['--log-listen', '127.0.0.1:0'] })
    t.after(() => node.stop())
    const url = `${node.endpoints.log}/log/`
    assert.equal(await tessera('fsck', url, vkey), '70000\n')
    assert.match(await tessera('read', url, vkey, older), readOf(70_000, 300))
  },
)

test('tessera’s fsck and client say no to a log of ours with one byte changed', needs('log-tessera'), async (t) => {
  const directory = await scratch(t, 'e2e-tessera')
  const data = join(directory, 'node')
  const network = await makeTestNetwork(data, 'log.acme.example')
  const vkey = network.organisations[0]?.keys.log ?? ''
  await appendTestEntries(data, 600)
  const { served } = logLayout(join(data, 'log'), network.origin)
  assert.equal(await tessera('fsck', served, vkey), '600\n')
  for (const path of ['tile/0/001', 'tile/entries/002.p/88']) {
    const copy = join(directory, path.replaceAll('/', '-'))
    await cp(served, copy, { recursive: true })
    const bytes = await readFile(join(copy, path))
    bytes[40] = (bytes[40] ?? 0) ^ 1
    await writeFile(join(copy, path), bytes)
    for (const mode of ['fsck', 'read']) {
      const { code, stdout } = await run(toolPath('log-tessera'), [mode, copy, vkey])
      assert.notEqual(code, 0, `${mode} of ${path}: ${stdout}`)
    }
  }
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

test(
  'a node has a public witness cosign its log as it grows, and a proof of it shows the cosignature on another machine',
  needs('log-tessera'),
  async (t) => {
    const directory = await scratch(t, 'e2e-tessera')
    const data = join(directory, 'node')
    const network = await makeTestNetwork(data, 'log.acme.example')
    const witness = start(toolPath('log-tessera'), ['witness', network.organisations[0]?.keys.log ?? ''])
    t.after(() => witness.stop())
    const [url = '', cosigner = ''] = await until('the witness to be ready', () => {
      const lines = witness.stdout().split('\n')
      return lines.length > 2 ? lines : undefined
    })
    const watchers = { name: 'watchers', roles: ['witness'], keys: { cosigner } } as const
    const witnessed = { ...network, organisations: [...network.organisations, watchers] }
    await writeFile(join(data, 'network.json'), formatNetwork(witnessed))
    let size = 0
    for (const count of [7, 300]) {
      await appendTestEntries(data, count)
      size += count
      const node = await startNode({ data, args: ['--ask-witness', `${url}=${cosigner}`] })
      t.after(() => node.stop())
      const { checkpoint, notes } = await until('both cosignatures', async () => {
        const { log } = (await node.json('status')) as StatusView
        return log.checkpoint?.cosigners.length === 2 ? log : undefined
      })
      assert.deepEqual([checkpoint?.size, checkpoint?.cosigners.includes(readVkey(cosigner).name)], [size, true])
      assert.deepEqual(notes, [])
      const proof = join(directory, `proof-${size}`)
      assert.equal((await node.cli('proof', '3', '-o', proof)).code, 0)
      await node.stop()
      const elsewhere = ['--proof', proof, '--network', join(data, 'network.json'), '--json']
      const { code, stdout, stderr } = await run(PYRSIA, ['verify', ...elsewhere])
      assert.equal(code, 0, stderr)
      const report = JSON.parse(stdout) as { cosigners: { organisation: string }[]; size: number }
      assert.deepEqual(report.cosigners.map(({ organisation }) => organisation).sort(), ['acme', 'watchers'])
      assert.equal(report.size, size)
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
