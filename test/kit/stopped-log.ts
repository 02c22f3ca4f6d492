/** Appends test entries to the log of a node that is stopped, with the node's own keys; the node cosigns them when it starts again. */
import { join } from 'node:path'
import { silentLogger } from '../../src/base/clock.ts'
import { type Entry, encodeEntry } from '../../src/base/entries/entry.ts'
import type { Network } from '../../src/base/network/network.ts'
import { readVkey } from '../../src/base/network/vkey.ts'
import { openDiskWriter } from '../../src/log/disk.ts'
import { cosign } from '../../src/log/note/cosignature.ts'
import { formatNote, parseNote } from '../../src/log/note/note.ts'
import { readNodeNetwork } from '../../src/main/network/node-network.ts'
import { keysOf } from './test-log.ts'

/** Appends to the log of the solo network in `data`. */
export async function appendToStopped(data: string, entries: readonly Entry[]): Promise<Network> {
  const { network, signers } = await soloOf(data)
  const options = { origin: network.origin, directory: join(data, 'log'), keysOf, create: false }
  const writer = await openDiskWriter(options, signers.log, { logger: silentLogger })
  try {
    await writer.append(entries.map(encodeEntry))
  } finally {
    await writer.close()
  }
  return network
}

/** The note with the node's own cosignature in the place of all others, as if made at `timeSeconds`. */
export async function cosignedAt(data: string, note: string, timeSeconds: number): Promise<string> {
  const { own, signers } = await soloOf(data)
  const { text, signatures } = parseNote(Buffer.from(note))
  const { name } = readVkey(own.keys.cosigner ?? '')
  const others = signatures.filter((line) => line.name !== name)
  const bytes = formatNote({ text, signatures: [...others, cosign(text, name, signers.cosigner, timeSeconds)] })
  return Buffer.from(bytes).toString('utf8')
}

async function soloOf(data: string) {
  const found = await readNodeNetwork(data)
  if (found?.signers === undefined || found.own === undefined)
    throw new Error(`${data} holds no solo network with its keys`)
  return { network: found.network, own: found.own, signers: found.signers }
}
