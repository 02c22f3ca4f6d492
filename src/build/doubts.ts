/** Doubting a verdict, and voting for withdrawing a package: what members alone may say. */

import { parseEntry } from '../base/entries/entry.ts'
import type { Hex32 } from '../base/entries/fields.ts'
import type { DisputeBody, RevokeBody } from '../base/entries/transaction.ts'
import { AppError } from '../base/errors.ts'
import { parsePurl } from '../base/purl.ts'
import type { Member } from './member.ts'
import type { Ordered } from './ordering.ts'
import type { WatchedLog } from './watch.ts'

/** What was logged. */
export interface DoubtView {
  readonly purl: string
  /** Index in the log of the entry. */
  readonly index: number
  /** Name of the entry: of a dispute, the request that builds the package again. */
  readonly name: Hex32
}

/** Doubts the newest verdict on a package: another selection builds it again. @throws usage.purl, absent.entry, denied.network, unavailable.peer */
export async function dispute(
  about: { readonly purl: string; readonly reason: string },
  { log, member }: { readonly log: WatchedLog; readonly member: Member | undefined },
  signal: AbortSignal,
): Promise<DoubtView> {
  const purl = parsePurl(about.purl)
  const [newest] = await log.find({ purl, kind: 'verdict', limit: 1 }, signal)
  const verdict = newest && parseEntry(newest.entry)
  if (verdict?.kind !== 'verdict') throw new AppError('absent.entry', `the log has no verdict on ${purl}`)
  const said = { type: 'dispute', purl, verdictOf: verdict.request, reason: about.reason } as const
  const ordered = await mine(member, 'a builder or an authority').send<DisputeBody>(said, signal)
  return logged(purl, 'the dispute of', ordered)
}

/**
 * Votes for withdrawing a package; in effect with the votes of f + 1 organisations. `digests`: of its files, none: whatever its bytes.
 * @throws usage.purl, denied.network, unavailable.peer
 */
export async function revoke(
  about: { readonly purl: string; readonly digests: readonly string[]; readonly reason: string },
  { member }: { readonly member: Member | undefined },
  signal: AbortSignal,
): Promise<DoubtView> {
  const purl = parsePurl(about.purl)
  const said = { type: 'revoke', purl, digests: about.digests.toSorted(), reason: about.reason } as const
  return logged(purl, 'the withdrawal of', await mine(member, 'an authority').send<RevokeBody>(said, signal))
}

function mine(member: Member | undefined, who: string): Member {
  if (member !== undefined) return member
  throw new AppError('denied.network', `wanted the key of ${who} of the network, this node has none`)
}

function logged(purl: string, what: string, { refusal, entries }: Ordered): DoubtView {
  const [entry] = entries
  if (refusal === undefined && entry !== undefined) return { purl, index: entry.index, name: entry.name }
  throw new AppError('denied.network', `the network did not take ${what} ${purl}: ${refusal ?? 'it logged nothing'}`, {
    data: { refusal },
  })
}
