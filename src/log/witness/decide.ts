/**
 * What a witness answers to `add-checkpoint` (C2SP tlog-witness), as a pure decision over the request, the keys that it trusts
 * for the origin, and what it cosigned last. The checks stand in the order of the specification; after one that failed nothing
 * is signed. Recording and signing is `witness.ts`.
 */
import { isKind } from '../../base/errors.ts'
import type { Vkey } from '../../base/network/vkey.ts'
import type { TreeHead } from '../log.ts'
import { openNote } from '../note/note.ts'
import { EMPTY_ROOT, sameHash } from '../tree/hash.ts'
import { verifyConsistency } from '../tree/proof.ts'
import type { AddCheckpoint } from './request.ts'

/** Why a checkpoint is not cosigned. */
export interface WitnessRefusal {
  readonly kind: 'refuse'
  readonly status: 400 | 403 | 404 | 409 | 422
  /** One sentence for the log's operator. */
  readonly reason: string
  /** The size last cosigned, where that is what the client must know (409). */
  readonly size?: number
}

/** The decision. `cosign`: `next` may be signed once it has taken the place of what was last cosigned. */
export type WitnessDecision = WitnessRefusal | { readonly kind: 'cosign'; readonly next: TreeHead }

/** What the witness knows of the origin of a request. */
export interface WitnessedLog {
  /** Keys of the log; undefined: the origin is not one of this witness. */
  readonly keys: readonly Vkey[] | undefined
  /** What was last cosigned; undefined: nothing. */
  readonly last: TreeHead | undefined
}

/** Decides; never throws. */
export function decideAddCheckpoint(request: AddCheckpoint, { keys, last }: WitnessedLog): WitnessDecision {
  const { checkpoint, oldSize, proof, note } = request
  if (keys === undefined) return refuse(404, `no log with the origin ${checkpoint.origin} is witnessed here`)
  try {
    openNote(note, keys)
  } catch (error) {
    if (!isKind(error, 'untrusted')) throw error
    return refuse(403, 'no valid signature of a trusted key of this log')
  }
  if (oldSize > checkpoint.size) return refuse(400, `the old size ${oldSize} is above the new one, ${checkpoint.size}`)
  const lastSize = last?.size ?? 0
  if (oldSize !== lastSize) {
    return { ...refuse(409, `the latest cosigned checkpoint has the size ${lastSize}`), size: lastSize }
  }
  if (checkpoint.size === 0 && !sameHash(checkpoint.root, EMPTY_ROOT)) {
    return refuse(422, 'a tree without entries has the hash of nothing as its root')
  }
  if (oldSize === 0) {
    if (proof.length > 0) return refuse(422, 'from the old size 0 there is nothing to prove')
  } else if (!proves(request, last)) {
    return refuse(422, 'the checkpoint is not proven to be consistent with the one last cosigned')
  }
  return { kind: 'cosign', next: { size: checkpoint.size, root: checkpoint.root } }
}

function proves({ checkpoint, proof }: AddCheckpoint, last: TreeHead | undefined): boolean {
  if (last === undefined) return false
  try {
    // Sizes that are equal demand an empty proof and equal roots.
    verifyConsistency({ size1: last.size, root1: last.root, size2: checkpoint.size, root2: checkpoint.root, proof })
    return true
  } catch (error) {
    if (isKind(error, 'untrusted')) return false
    throw error
  }
}

function refuse(status: WitnessRefusal['status'], reason: string): WitnessRefusal {
  return { kind: 'refuse', status, reason }
}
