import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { type DataNode, dataNetwork, realClock } from '../../../../test/kit/data-network.ts'
import { identityOfSeed } from '../../identity.ts'
import { ALPN_FORWARD, clientContext } from '../client/dial.ts'
import { makeCertificate } from '../wire/certificate.ts'

/** A connection from `localAddress` that never begins its handshake. */
async function halfOpen(t: TestContext, node: DataNode, localAddress: string): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: node.port, localAddress })
  socket.on('error', () => {})
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  return socket
}

/** The status of a look-up over a connection from `localAddress`. */
async function lookUp(t: TestContext, node: DataNode, localAddress: string): Promise<string> {
  const pair = await makeCertificate(identityOfSeed(randomBytes(32)), realClock.nowMs())
  const target = { host: '127.0.0.1', port: node.port, localAddress, rejectUnauthorized: false }
  const socket = connectTls({ ...target, secureContext: clientContext(pair), ALPNProtocols: [ALPN_FORWARD] })
  t.after(() => socket.destroy())
  const body = '{"names":[]}'
  socket.write(`POST /v1/lookup HTTP/1.1\r\nhost: peer\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
  const [chunk] = (await once(socket, 'data')) as [Buffer]
  return chunk.toString().slice(0, 12)
}

test('connections of one host that only stand there leave room for other hosts', async (t) => {
  const node = await dataNetwork(t)({ connectionsMax: 8 })
  const standing = await Promise.all(Array.from({ length: 8 }, () => halfOpen(t, node, '127.0.0.2')))
  assert.equal(await lookUp(t, node, '127.0.0.3'), 'HTTP/1.1 200')
  assert.ok(standing.some((socket) => !socket.closed))
})
