/** What tests say to the running processes of a trust network, and read from their logs: by the API, since a process for each would be what they spend their time on. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Signer } from '../../src/base/crypto/ed25519.ts'
import type { Entry } from '../../src/base/entries/entry.ts'
import { signTransaction, type TransactionBody } from '../../src/base/entries/transaction.ts'
import type { Said } from '../../src/build/member.ts'
import type { LogEntriesView, OrderedView } from '../../src/http/http.ts'
import type { TestNode } from './node-process.ts'

let lastSequence = 0

/** Says something to the network of this origin with this key, through this node; what came of it. */
export async function say<T extends TransactionBody>(
  through: TestNode,
  origin: string,
  signer: Signer,
  said: Said<T>,
): Promise<OrderedView> {
  // As members count: by the clock, and never the same twice.
  lastSequence = Math.max(lastSequence + 1, Date.now())
  const body = { ...said, network: origin, sequence: lastSequence } as unknown as Parameters<typeof signTransaction>[0]
  return (await post(through, '/api/transactions', { transaction: signTransaction(body, signer) })) as OrderedView
}

/** What the API of this node answers to its owner. */
export async function post(of: TestNode, path: string, body: object): Promise<unknown> {
  const token = (await readFile(join(of.data, 'api-token'), 'utf8')).trim()
  const reply = await fetch(`${of.endpoints.api}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const text = await reply.text()
  assert.equal(reply.status, 200, text)
  return JSON.parse(text) as unknown
}

/** What the log of this node has on a package, oldest first. */
export async function entriesOf(of: TestNode, purl: string): Promise<Entry[]> {
  const reply = await fetch(`${of.endpoints.api}/api/log/find?purl=${encodeURIComponent(purl)}`)
  const found = (await reply.json()) as LogEntriesView
  return found.entries.map(({ entry }) => entry as unknown as Entry).reverse()
}
