/** A peer that lies costs a client nothing but time: what it sent is never completed, it is named, dropped and remembered. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { silentLogger } from '../../src/base/clock.ts'
import { type BlobId, blobIdOf, type Digest } from '../../src/base/digest.ts'
import { systemClock, systemRandom } from '../../src/main/effects.ts'
import { createLibp2pPeers } from '../../src/peers/libp2p.ts'
import type { PeerInfo } from '../../src/peers/peers.ts'
import { connected, scratch, startNode, type TestNode } from '../kit/node-process.ts'
import { startNpmRegistry } from '../kit/npm-registry.ts'
import { MemoryHost } from '../kit/peer-host.ts'

const PATH = 'big/-/big-1.0.0.tgz'
const FLIPPED_AT = 2_500_000

/** A host that says that it holds whatever is asked for. */
class Liar extends MemoryHost {
  #claim: { readonly id: BlobId; readonly sizeBytes: number } | undefined

  claim(id: BlobId, sizeBytes: number): void {
    this.#claim = { id, sizeBytes }
  }

  override lookup(_name: Digest): ReturnType<MemoryHost['lookup']> {
    return this.#claim && { ...this.#claim, mediaType: undefined }
  }
}

interface World {
  readonly node: TestNode
  readonly liar: Liar
  readonly liarId: string
  readonly bytes: Buffer
  readonly restart: () => Promise<TestNode>
  /** The tarball from the node: resolves to its sha512, rejects if the transfer breaks. */
  readonly pull: (node: TestNode) => Promise<{ readonly status: number; readonly agrees: boolean }>
}

/** A node that knows upstream and a peer whose bytes differ by one bit. */
async function world(t: TestContext): Promise<World> {
  const directory = await scratch(t, 'e2e-liar')
  const registry = await startNpmRegistry([
    { name: 'big', version: '1.0.0', files: { 'data.bin': randomBytes(4 * 1_048_576) } },
  ])
  t.after(() => registry.close())
  const bytes = Buffer.from(await (await fetch(`${registry.url}/${PATH}`)).arrayBuffer())
  const sha512 = createHash('sha512').update(bytes).digest('base64')
  const liar = new Liar()
  await mkdir(join(directory, 'liar'))
  const peers = createLibp2pPeers(
    { directory: join(directory, 'liar') },
    { clock: systemClock, random: systemRandom, logger: silentLogger },
  )
  await peers.start(liar)
  t.after(() => peers.stop())
  const { peerId, listen } = peers.state()
  const data = join(directory, 'node')
  const restart = async (): Promise<TestNode> => {
    const started = await startNode({
      data,
      args: ['--upstream', `npm=${registry.url}`, '--peer', listen[0] as string],
    })
    t.after(async () => void (await started.stop()))
    return started
  }
  const node = await restart()
  await connected(node, peerId)
  return {
    node,
    liar,
    liarId: peerId,
    bytes,
    restart,
    async pull(from) {
      const reply = await fetch(new URL(PATH, `${from.endpoints.npm}/`), {
        headers: { 'pacote-integrity': `sha512-${sha512}` },
      })
      const body = Buffer.from(await reply.arrayBuffer())
      return { status: reply.status, agrees: createHash('sha512').update(body).digest('base64') === sha512 }
    },
  }
}

async function standing(node: TestNode, peerId: string): Promise<PeerInfo | undefined> {
  const { peers } = (await node.json('list')) as { peers: PeerInfo[] }
  return peers.find((each) => each.peerId === peerId)
}

function flipped(bytes: Uint8Array, at: number): Buffer {
  const changed = Buffer.from(bytes)
  changed[at] = (changed[at] as number) ^ 1
  return changed
}

test('G1: a peer that flips a byte on the way is named and dropped; the client gets the right file from elsewhere', {
  timeout: 120_000,
}, async (t) => {
  const { node, liar, liarId, bytes, restart, pull } = await world(t)
  liar.claim(liar.add(bytes), bytes.length)
  liar.tamper = (chunk, offset) =>
    offset <= FLIPPED_AT && FLIPPED_AT < offset + chunk.length ? flipped(chunk, FLIPPED_AT - offset) : chunk
  assert.deepEqual(await pull(node), { status: 200, agrees: true })
  assert.ok(liar.opened > 0, 'the liar was asked')
  const found = await standing(node, liarId)
  assert.equal(found?.standing, 'dropped')
  assert.ok((found?.faults.length ?? 0) > 0, 'what it did is listed')
  assert.match((await node.cli('list')).stdout, new RegExp(`${liarId}[^\n]*dropped|dropped[^\n]*${liarId}`))

  await node.stop()
  const again = await restart()
  assert.equal((await standing(again, liarId))?.standing, 'dropped', 'remembered across a restart')
})

test('G1: a peer whose manifest agrees with its wrong bytes is found out by the digest of the whole', {
  timeout: 120_000,
}, async (t) => {
  const { node, liar, liarId, bytes, pull } = await world(t)
  const wrong = flipped(bytes, FLIPPED_AT)
  liar.claim(liar.add(wrong, { claim: blobIdOf(bytes) }), bytes.length)
  assert.deepEqual(await pull(node), { status: 200, agrees: true })
  assert.ok(liar.opened > 0, 'the liar was asked')
  assert.equal((await standing(node, liarId))?.standing, 'dropped')
})
