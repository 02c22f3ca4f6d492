import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { never, realClock } from '../../../../test/kit/data-network.ts'
import { identityOfSeed } from '../../identity.ts'
import { makeCertificate } from '../wire/certificate.ts'
import { clientContext } from './dial.ts'
import { PeerClient } from './peer-client.ts'

test('PeerClient.ask() gives up a peer that keeps trickling its answer', async (t) => {
  const [me, other] = [identityOfSeed(randomBytes(32)), identityOfSeed(randomBytes(32))]
  const pair = await makeCertificate(other, Date.now())
  const server = createServer(
    { cert: pair.certificate, key: pair.privateKey, minVersion: 'TLSv1.3' },
    (_, response) => {
      response.writeHead(200, { 'content-length': 100_000 })
      const timer = setInterval(() => response.write('.'), 20)
      response.once('close', () => clearInterval(timer))
    },
  )
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  const client = new PeerClient(
    other.peerId,
    {
      context: clientContext(await makeCertificate(me, Date.now())),
      target: () => ({ peerId: other.peerId, publicKey: other.publicKey, hosts: ['127.0.0.1'], port }),
      memberProof: undefined,
      connectTimeoutMs: 5_000,
      requestTimeoutMs: 200,
      admit: () => () => {},
      dialledBack: () => Promise.reject(new Error('nobody dials back')),
    },
    { clock: realClock },
  )
  t.after(async () => {
    await client.close()
    server.close()
  })
  const request = { method: 'GET', path: '/', headers: {} } as const
  await assert.rejects(client.ask(request, { bytesMax: 100_000, signal: never }), { code: 'unavailable.peer' })
})
