/** Recycled 1 MiB buffers for writers and readers: allocating them anew costs more than filling them. */
import { PIECE_BYTES } from '../../base/pieces.ts'

const KEPT_COUNT_MAX = 24
/** Smaller buffers are cheap to make and would waste a recycled one. */
const SMALL_BYTES = 65_536

/** A bounded stock of buffers of `PIECE_BYTES`. */
export class BufferPool {
  readonly #kept: Buffer[] = []

  /** A buffer of at least `sizeBytes` (at most `PIECE_BYTES`) with arbitrary content. */
  take(sizeBytes: number): Buffer {
    if (sizeBytes <= SMALL_BYTES) return Buffer.allocUnsafeSlow(sizeBytes)
    return this.#kept.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES)
  }

  /** Takes a buffer back; whoever gave it must not touch it again. */
  give(buffer: Buffer): void {
    if (buffer.byteLength === PIECE_BYTES && this.#kept.length < KEPT_COUNT_MAX) this.#kept.push(buffer)
  }
}
