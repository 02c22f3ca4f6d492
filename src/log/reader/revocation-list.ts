/**
 * The complete revocation list of a light node: the entries that put something on it, shown to be all of them by the hash in the
 * newest `head` entry (`2-trust.md`, "Revocation"). Pure.
 */
import { type Entry, parseEntry } from '../../base/entries/entry.ts'
import { NO_REVOCATIONS, type RevokedItem, withRevoked } from '../../base/entries/revocation-list.ts'
import { AppError, isKind } from '../../base/errors.ts'
import type { LogHit } from '../log.ts'

/**
 * Passes if `hits` hold every revocation that the list of `head` (undefined: nothing was ever revoked) has.
 * @throws untrusted.proof if one is missing or `head` is no head
 */
export function checkRevocations(hits: readonly LogHit[], head: LogHit | undefined): void {
  completeList(hits, head)
}

/** The list of `head` in its order, out of `hits`, which may hold more. @throws as `checkRevocations` */
export function completeList(hits: readonly LogHit[], head: LogHit | undefined): RevokedItem[] {
  const stated = head === undefined ? undefined : readEntry(head.entry)
  if (head !== undefined && stated?.kind !== 'head') {
    throw new AppError('untrusted.proof', `wanted a head at entry ${head.index}, found another kind`)
  }
  const wanted = stated?.kind === 'head' ? stated.revocations : { count: 0, hash: NO_REVOCATIONS }
  const places = new Map<number, Extract<Entry, { step: 'effective' }>>()
  for (const { entry } of hits) {
    const found = readEntry(entry)
    if (found?.kind === 'revocation' && found.step === 'effective') places.set(found.place, found)
  }
  const list: RevokedItem[] = []
  let hash = NO_REVOCATIONS
  for (let place = 0; place < wanted.count; place += 1) {
    const found = places.get(place)
    if (found === undefined) {
      throw new AppError('untrusted.proof', `the revocation list has ${wanted.count} items, number ${place} is missing`)
    }
    const { purl, digests } = found
    list.push({ purl, digests })
    hash = withRevoked(hash, found)
  }
  if (hash !== wanted.hash) throw new AppError('untrusted.proof', 'the revocations are not those of the logged list')
  return list
}

function readEntry(bytes: Uint8Array): Entry | undefined {
  try {
    return parseEntry(bytes)
  } catch (error) {
    if (isKind(error, 'usage')) return undefined
    throw error
  }
}
