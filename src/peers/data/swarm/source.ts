/** One peer as a source of one transfer: how long its pieces take, and when it is no use any more. */
import { PIECE_BYTES } from '../../../base/pieces.ts'
import type { PeerId } from '../../peers.ts'
import type { PeerClient } from '../client/peer-client.ts'

const SAMPLES_MAX = 32
const SAMPLES_FOR_P90 = 5
/** A span should take about this long, so that work can be spread again soon. */
const SPAN_MS = 250
const SPAN_PIECES_MAX = 8

/** A source. Owned by its transfer. */
export class Source {
  readonly client: PeerClient
  /** False once it was given up in this transfer. */
  live = true
  /** Failures in a row without a byte received. */
  failures = 0
  receivedBytes = 0
  readonly #samplesMs: number[] = []
  readonly #expectedMs: number | undefined

  constructor(client: PeerClient, rateBytesPerSecond: number | undefined) {
    this.client = client
    this.#expectedMs = rateBytesPerSecond === undefined ? undefined : (PIECE_BYTES / rateBytesPerSecond) * 1000
  }

  get peerId(): PeerId {
    return this.client.peerId
  }

  /** A whole piece took this long. */
  sample(elapsedMs: number): void {
    this.#samplesMs.push(elapsedMs)
    if (this.#samplesMs.length > SAMPLES_MAX) this.#samplesMs.shift()
  }

  /** Usual time of a piece in milliseconds; undefined before anything is known. */
  get pieceMs(): number | undefined {
    if (this.#samplesMs.length === 0) return this.#expectedMs
    return this.#samplesMs.reduce((sum, sample) => sum + sample, 0) / this.#samplesMs.length
  }

  /** A piece that takes longer than this is late: the 90th percentile, at least `minMs`. */
  lateAfterMs(minMs: number): number {
    if (this.#samplesMs.length < SAMPLES_FOR_P90) return Math.max(minMs, 3 * (this.pieceMs ?? minMs))
    const sorted = this.#samplesMs.toSorted((a, b) => a - b)
    return Math.max(minMs, sorted[Math.ceil(sorted.length * 0.9) - 1] ?? minMs)
  }

  /** Pieces to ask for in one range while there are other sources. */
  get spanPieces(): number {
    const pieceMs = this.pieceMs
    if (pieceMs === undefined) return 1
    return Math.max(1, Math.min(SPAN_PIECES_MAX, Math.round(SPAN_MS / Math.max(pieceMs, 1))))
  }
}
