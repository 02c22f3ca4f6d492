/**
 * Whether a newer tree begins with an older one. The answer is proven either way, because the tiles were checked against the
 * newer root: what they say of the older size is what the newer checkpoint's signers stand for. RFC 6962, 2.1.2.
 */
import { AppError } from '../../base/errors.ts'
import type { TreeHead } from '../log.ts'
import { type Hash, sameHash } from '../tree/hash.ts'
import { consistencyRows, rootRow } from '../tree/nodes.ts'
import { consistencyProof, rootOf } from '../tree/proof.ts'
import type { VerifiedFiles } from './verified-files.ts'

/** What the tiles say. */
export type Growth =
  | { readonly kind: 'consistent' }
  /** The newer tree had another root when it was as large as the older one; `proof` shows it to anybody. */
  | { readonly kind: 'contradicts'; readonly rootThen: Hash; readonly proof: readonly Hash[] }

/**
 * Compares an older head (undefined: nothing is known yet, and every tree will do) with the tree whose files these are. In any
 * case the newer tree's edge is fetched: it must exist. @throws unavailable.peer if nobody has the tiles, aborted.caller
 */
export async function checkGrowth(
  from: TreeHead | undefined,
  files: VerifiedFiles,
  signal: AbortSignal,
): Promise<Growth> {
  const { head } = files
  if (from === undefined || from.size === 0) {
    await files.nodes(rootRow(head.size), signal)
    return { kind: 'consistent' }
  }
  if (from.size > head.size) throw new AppError('bug.assertion', `wanted growth, found ${from.size} to ${head.size}`)
  const rows = [rootRow(head.size), rootRow(from.size), ...consistencyRows(from.size, head.size)]
  const read = await files.nodes(rows.flat(), signal)
  const rootThen = rootOf(from.size, read)
  if (sameHash(rootThen, from.root)) return { kind: 'consistent' }
  return { kind: 'contradicts', rootThen, proof: consistencyProof(from.size, head.size, read) }
}
