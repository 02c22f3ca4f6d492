/**
 * One memory of peers for two planes: `PeerHost.remember` keeps one value per peer, of which the control plane has the record
 * (where to find it again) and the data plane the facts (rates, faults). Neither knows of the other's half. Pure.
 */
import { z } from 'zod'
import type { PeerHost, PeerId } from './peers.ts'

/** Peers that are read at the start; the ledger bounds facts, `RECORDS_KEPT` records. */
const PEERS_MAX = 20_000
/** Records that are kept; the oldest go first. */
const RECORDS_KEPT = 1_024
/** Records that a start begins with, the newest first. */
const RECORDS_MAX = 256

const shape = z.object({
  record: z.base64().max(8192).optional(),
  recordAtMs: z.number().optional(),
  facts: z.unknown().optional(),
})

interface Remembered {
  readonly record?: string | undefined
  readonly recordAtMs?: number | undefined
  readonly facts?: unknown
}

/** The two halves of one memory. */
export interface SharedMemory {
  /** `host` for the data plane: it remembers and recalls facts only. */
  readonly dataHost: PeerHost
  /** Keeps the newest record (its envelope) of a peer that this node was connected to. */
  rememberRecord(peerId: PeerId, envelope: Uint8Array, nowMs: number): void
  /** The envelopes that were kept, newest first. */
  recallRecords(): Uint8Array[]
}

/**
 * Reads what `host` remembers and shares it out; what cannot be read is forgotten. `onLost` is told what could not be written (a
 * full disk): that must neither end a request of a peer nor the node.
 */
export function shareMemory(host: PeerHost, onLost: (error: unknown) => void = () => {}): SharedMemory {
  const known = new Map<PeerId, Remembered>()
  for (const [peerId, value] of host.recall()) {
    const found = shape.safeParse(value)
    if (found.success && known.size < PEERS_MAX) known.set(peerId, found.data)
  }
  const remember = (peerId: PeerId, half: Remembered): void => {
    const whole = { ...known.get(peerId), ...half }
    const empty = whole.record === undefined && whole.facts === undefined
    if (empty) known.delete(peerId)
    else known.set(peerId, whole)
    try {
      host.remember(peerId, empty ? undefined : whole)
    } catch (error) {
      onLost(error)
    }
  }
  const trimRecords = (): void => {
    const records = [...known].filter(([, { record }]) => record !== undefined)
    if (records.length <= RECORDS_KEPT) return
    records.sort(([, a], [, b]) => (b.recordAtMs ?? 0) - (a.recordAtMs ?? 0))
    const gone = { record: undefined, recordAtMs: undefined }
    for (const [peerId] of records.slice(RECORDS_KEPT / 2)) remember(peerId, gone)
  }
  return {
    dataHost: {
      lookup: (name, asker) => host.lookup(name, asker),
      open: (id, range, asker, signal) => host.open(id, range, asker, signal),
      pieces: (id, asker) => host.pieces(id, asker),
      document: (key, asker) => host.document(key, asker),
      logFile: (request, asker) => host.logFile(request, asker),
      transact: (message, asker, signal) => host.transact(message, asker, signal),
      lead: (request, asker, signal) => host.lead(request, asker, signal),
      shareable: () => host.shareable(),
      remember: (peerId, facts) => remember(peerId, { facts }),
      recall: () =>
        [...known].flatMap(([peerId, { facts }]) => (facts === undefined ? [] : [[peerId, facts] as const])),
    },
    rememberRecord(peerId, envelope, nowMs) {
      remember(peerId, { record: Buffer.from(envelope).toString('base64'), recordAtMs: nowMs })
      trimRecords()
    },
    recallRecords() {
      const records = [...known.values()].filter(({ record }) => record !== undefined)
      records.sort((a, b) => (b.recordAtMs ?? 0) - (a.recordAtMs ?? 0))
      return records.slice(0, RECORDS_MAX).map(({ record }) => Uint8Array.from(Buffer.from(record ?? '', 'base64')))
    },
  }
}
