/**
 * The 1 MiB buffers that pieces are received into, shared by all transfers and bounded in all. A transfer leases a number of
 * them before it starts and can then never wait for another transfer's, so none can block each other.
 */
import { PIECE_BYTES } from '../../../base/pieces.ts'

const SPARE_MAX = 16

/** The slots of one transfer. */
export interface SlotLease {
  /** A slot of `PIECE_BYTES`; undefined if all of the lease are in use. */
  take(): Buffer | undefined
  give(slot: Buffer): void
  /** Returns the lease. Slots given later are let go. */
  close(): void
}

/** All slots. */
export interface SlotPool {
  /** Leases `slots` slots; undefined if fewer are free. */
  lease(slots: number): SlotLease | undefined
}

/** A pool of at most `slotsMax` slots; memory is taken when it is first needed. */
export function createSlotPool(slotsMax: number): SlotPool {
  const spare: Buffer[] = []
  let free = slotsMax
  return {
    lease(leased) {
      if (free < leased) return undefined
      let available = leased
      let closed = false
      free -= leased
      return {
        take() {
          if (closed || available === 0) return undefined
          available -= 1
          return spare.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES)
        },
        give(slot) {
          available += 1
          if (spare.length < SPARE_MAX) spare.push(slot)
        },
        close() {
          if (!closed) free += leased
          closed = true
        },
      }
    },
  }
}
