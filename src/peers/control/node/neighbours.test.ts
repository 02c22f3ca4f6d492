import assert from 'node:assert/strict'
import { test } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { identityOfSeed } from '../../identity.ts'
import { signRecord } from '../../record.ts'
import { RecordBook } from './book.ts'
import type { Host } from './host.ts'
import { neighboursOf } from './neighbours.ts'

const self = identityOfSeed(new Uint8Array(32).fill(1))
const stranger = identityOfSeed(new Uint8Array(32).fill(2))

/** Hosts of a stranger that is only heard of, as a node that listens at `listen` sees it. */
function hostsHeardOf(listen: string): readonly string[] | undefined {
  const book = new RecordBook({ self: self.peerId, networkKey: undefined, recordsMax: 10, liveMs: 1_000 })
  const addresses = ['/ip4/127.0.0.1/tcp/22', '/ip4/192.0.2.7/tcp/22']
  const facts = { issuedAtMs: 0, addresses, dataPort: 22, zone: undefined, membership: undefined }
  book.learn(signRecord(stranger, facts).envelope, 'relayed', { nowMs: 0, monotonicMs: 0 })
  const host = { getConnections: () => [], getMultiaddrs: () => [multiaddr(listen)] } as unknown as Host
  const view = { host, nowMs: 0, monotonicMs: 0, sameSubnet: () => false, trustPeers: [] }
  return neighboursOf(book, view)[0]?.dataHosts
}

test("neighboursOf() believes a stranger's loopback addresses only where this node lives on loopback itself", () => {
  assert.deepEqual(hostsHeardOf('/ip4/192.0.2.1/tcp/7'), ['192.0.2.7'])
  assert.deepEqual(hostsHeardOf('/ip4/127.0.0.1/tcp/7'), ['127.0.0.1', '192.0.2.7'])
})
