/** How much of an unfinished transfer a client may see: the table of `4-network.md`, "Getting it, verified". Pure. */
import { PIECE_BYTES, pieceCount } from '../../base/pieces.ts'

/**
 * What is held back until the whole digest agrees. `all`: strangers' bytes; `piece`: the last piece, the others were checked
 * against a vouched manifest; `tail`: the last `TAIL_BYTES` of what an upstream sends.
 */
export type Hold = 'all' | 'piece' | 'tail'

/** Held back of an upstream's body, bytes: a client can never take a body for complete before the digest agreed. */
export const TAIL_BYTES = 65_536

/** Bytes from the start that may be given while `writtenBytes` are here; `sizeBytes` is undefined where nobody stated it. */
export function releasableBytes(hold: Hold, writtenBytes: number, sizeBytes: number | undefined): number {
  if (hold === 'all') return 0
  if (sizeBytes === undefined) return Math.max(0, writtenBytes - (hold === 'piece' ? PIECE_BYTES : TAIL_BYTES))
  const held = hold === 'piece' ? sizeBytes - Math.max(0, pieceCount(sizeBytes) - 1) * PIECE_BYTES : TAIL_BYTES
  return Math.max(0, Math.min(writtenBytes, sizeBytes - held))
}
