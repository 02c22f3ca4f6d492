/** A log in memory with test entries and the network whose log it is, for tests of whoever asks it. */

import { signerOfSeed } from '../../src/base/crypto/ed25519.ts'
import { type Entry, encodeEntry, parseEntry } from '../../src/base/entries/entry.ts'
import { entryKeys } from '../../src/base/entries/entry-keys.ts'
import type { Network } from '../../src/base/network/network.ts'
import type { AcceptedCheckpoint, EntryKeys, LogWriter } from '../../src/log/log.ts'
import { createMemoryWriter } from '../../src/log/memory.ts'
import { cosign } from '../../src/log/note/cosignature.ts'
import { formatNote, parseNote } from '../../src/log/note/note.ts'
import type { TrustedLog } from '../../src/serve/rules/verdicts.ts'
import { sampleNetwork, sampleSeed } from './sample-network.ts'

/** A log that a test appends to. */
export interface TestLog extends TrustedLog {
  readonly reader: LogWriter
  /** Appends entries; the checkpoint over them is cosigned at `cosignedSeconds`, by nobody if that is undefined. */
  append(...entries: readonly Entry[]): Promise<void>
}

/** What may be chosen. */
export interface TestLogOptions {
  /** 1: a solo network. Default: 4. */
  readonly authorities?: number
  readonly freshnessSeconds?: number
  readonly expires?: number
  /** When checkpoints are cosigned, seconds since 1970, one time per cosigner. */
  readonly cosignedSeconds: readonly number[]
}

/** A log without entries. */
export function testLog(options: TestLogOptions): TestLog {
  const { authorities = 4, cosignedSeconds, ...about } = options
  const network = sampleNetwork({ authorities, ...about })
  const reader = createMemoryWriter({ origin: network.origin, keysOf }, signerOfSeed(sampleSeed(0, 'log')))
  const cosignatures = cosignedSeconds.map((timeSeconds, index) => ({
    name: `org-${index}.example/cosigner`,
    timeSeconds,
  }))
  return {
    reader,
    network,
    timeOf: medianOf,
    async append(...entries) {
      await reader.append(entries.map(encodeEntry))
      const newest = reader.newest()
      if (newest !== undefined) await reader.publish({ ...newest, cosignatures })
    },
  }
}

/** The median of all times, as if there were no witnesses. */
export function medianOf({ cosignatures }: Pick<AcceptedCheckpoint, 'cosignatures'>): number | undefined {
  const times = cosignatures.map(({ timeSeconds }) => timeSeconds).sort((a, b) => a - b)
  return times[Math.floor((times.length - 1) / 2)]
}

/** What the log's index finds an entry by. */
export function keysOf(bytes: Uint8Array): EntryKeys {
  const entry = parseEntry(bytes)
  return { kind: entry.kind, ...entryKeys(entry) }
}

/** A log whose newest checkpoint the first `cosigners` organisations of a sample network cosigned. */
export async function cosignedLog(options: {
  readonly network: Network
  readonly cosigners: number
  /** So often the first of them signs again, each time a second later. */
  readonly repeats?: number | undefined
  readonly timeSeconds: number
  readonly entries: readonly Entry[]
}): Promise<TrustedLog & { readonly reader: LogWriter }> {
  const { network, cosigners, repeats = 0, timeSeconds, entries } = options
  const reader = createMemoryWriter({ origin: network.origin, keysOf }, signerOfSeed(sampleSeed(0, 'log')))
  await reader.append(entries.map(encodeEntry))
  const newest = reader.newest()
  if (newest === undefined) return { reader, network, timeOf: medianOf }
  const note = parseNote(Buffer.from(newest.note))
  const names = Array.from({ length: cosigners }, (_none, index) => `org-${index}.example/cosigner`)
  const lines = names.map((name, index) =>
    cosign(note.text, name, signerOfSeed(sampleSeed(index, 'cosigner')), timeSeconds),
  )
  const again = Array.from({ length: repeats }, (_none, at) =>
    cosign(note.text, names[0] ?? '', signerOfSeed(sampleSeed(0, 'cosigner')), timeSeconds + 1 + at),
  )
  const bytes = formatNote({ text: note.text, signatures: [...note.signatures, ...lines, ...again] })
  const cosignatures = names.map((name) => ({ name, timeSeconds }))
  await reader.publish({ ...newest, note: Buffer.from(bytes).toString('utf8'), cosignatures })
  return { reader, network, timeOf: medianOf }
}
