/**
 * Pieces that were checked a moment ago, in memory: blobs of one piece, and pieces of which readers want only a part, such as the end
 * of a large index. Keyed by what they are the bytes of, so nothing here can be out of date, whatever becomes of the file.
 */
import type { Clock } from '../../../base/clock.ts'
import type { BlobId } from '../../../base/digest.ts'

/** Both generations together, bytes. */
const KEPT_BYTES_MAX = 32 * 1_048_576
/** What was not asked for between two sweeps goes with the second. */
const SWEEP_MS = 30_000
/** What a piece costs beside its bytes. */
const OVERHEAD_BYTES = 256

/** A bounded memory of checked pieces in two generations; what is not asked for is gone after a minute. */
export class CheckedPieces {
  readonly #clock: Clock
  #young = new Map<string, Buffer>()
  #old = new Map<string, Buffer>()
  #youngBytes = 0
  #cancelSweep: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The piece, never to be written to; undefined if it is not kept. */
  get(id: BlobId, index: number): Buffer | undefined {
    const key = `${id} ${index}`
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old !== undefined) this.#add(key, old)
    return old
  }

  /** Keeps a copy of a piece that has just been checked. */
  put(id: BlobId, index: number, piece: Uint8Array): void {
    const copy = Buffer.allocUnsafeSlow(piece.byteLength)
    copy.set(piece)
    this.#add(`${id} ${index}`, copy)
  }

  /** Forgets everything. */
  clear(): void {
    this.#cancelSweep?.()
    this.#cancelSweep = undefined
    this.#age()
    this.#age()
  }

  #add(key: string, piece: Buffer): void {
    if (this.#youngBytes + piece.byteLength + OVERHEAD_BYTES > KEPT_BYTES_MAX / 2) this.#age()
    if (!this.#young.has(key)) this.#youngBytes += piece.byteLength + OVERHEAD_BYTES
    this.#young.set(key, piece)
    this.#cancelSweep ??= this.#clock.after(SWEEP_MS, () => this.#sweep())
  }

  #sweep(): void {
    this.#cancelSweep = undefined
    this.#age()
    if (this.#old.size > 0) this.#cancelSweep = this.#clock.after(SWEEP_MS, () => this.#sweep())
  }

  #age(): void {
    this.#old = this.#young
    this.#young = new Map()
    this.#youngBytes = 0
  }
}
