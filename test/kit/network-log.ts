/**
 * The data directory of the one authority of a test network, with a log that is not solo, so that it is shared; and entries in it
 * that say that they are a test's. The node must not run meanwhile.
 */

import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { silentLogger } from '../../src/base/clock.ts'
import { type Entry, encodeEntry } from '../../src/base/entries/entry.ts'
import { indexKeys } from '../../src/base/entries/index-keys.ts'
import { formatNetwork, type Network } from '../../src/base/network/network.ts'
import { formatVkey, readVkey } from '../../src/base/network/vkey.ts'
import { openDiskWriter } from '../../src/log/disk.ts'
import type { LogWriter } from '../../src/log/log.ts'
import { systemRandom } from '../../src/main/effects.ts'
import { beginMark } from '../../src/main/log/begun.ts'
import { makeNodeNetwork, readNodeNetwork } from '../../src/main/network/node-network.ts'

/** Makes the network of one authority under this origin; its file is `network.json` of the directory. */
export async function makeTestNetwork(
  directory: string,
  origin: string,
  more: Partial<Pick<Network, 'freshnessSeconds'>> = {},
): Promise<Network> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const nowSeconds = Math.floor(Date.now() / 1000)
  const { network, file } = await makeNodeNetwork(directory, { name: 'acme' }, { random: systemRandom, nowSeconds })
  const organisations = network.organisations.map((organisation) => {
    const { publicKey } = readVkey(organisation.keys.log ?? '')
    const log = formatVkey({ name: origin, type: 'ed25519', publicKey })
    return { ...organisation, keys: { ...organisation.keys, log } }
  })
  const { founding: _founding, ...rest } = network
  const shared = { ...rest, origin, organisations, ...more }
  await writeFile(file, formatNetwork(shared))
  return shared
}

/** Appends `count` entries labelled as a test's to the log of a directory. */
export async function appendTestEntries(directory: string, count: number): Promise<void> {
  const entryOf = (number: number): Uint8Array => Buffer.from(JSON.stringify({ kind: 'test', number }))
  await withLog(directory, async (writer) => {
    const first = writer.head().size
    for (let at = first; at < first + count; at += 10_000) {
      const length = Math.min(10_000, first + count - at)
      await writer.append(Array.from({ length }, (_, offset) => entryOf(at + offset)))
    }
  })
}

/** Appends these entries to the log of a directory. */
export async function appendEntries(directory: string, entries: readonly Entry[]): Promise<void> {
  await withLog(directory, async (writer) => void (await writer.append(entries.map(encodeEntry))))
}

async function withLog(directory: string, work: (writer: LogWriter) => Promise<void>): Promise<void> {
  const node = await readNodeNetwork(directory)
  if (node?.signers === undefined) throw new Error(`${directory} signs no log`)
  const { origin } = node.network
  const log = join(directory, 'log')
  await mkdir(log, { recursive: true, mode: 0o700 })
  const create = !existsSync(beginMark(node.keys.path('log'), node.network))
  const options = { origin, directory: log, keysOf: indexKeys, create }
  const writer = await openDiskWriter(options, node.signers.log, { logger: silentLogger })
  try {
    await work(writer)
  } finally {
    await writer.close()
  }
}

/** Lets another node follow the network of `from`. */
export async function joinTestNetwork(directory: string, from: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await writeFile(join(directory, 'network.json'), await readFile(join(from, 'network.json')))
}
