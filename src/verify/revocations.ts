/**
 * Whether a package is on the complete revocation list that a proof file carries (`2-trust.md`, "Revocation"). The list is checked
 * against the hash in the newest `head` entry of the file, so nothing can be left out of it. What was revoked after that entry was
 * written is not on it: the answer holds as of then, and says when that was. Pure.
 */
import type { Digest } from '../base/digest.ts'
import type { Entry, HeadEntry } from '../base/entries/entry.ts'
import { type RevokedItem, revocationHash } from '../base/entries/revocation-list.ts'
import { AppError } from '../base/errors.ts'
import type { Subject } from './subject.ts'

/** The package at hand is not on the list. */
export interface NotRevoked {
  /** Index of the `head` entry. */
  readonly index: number
  /** Items of the list. */
  readonly count: number
  /** When the entry was written, in seconds since 1970. */
  readonly asOfSeconds: number
}

interface Logged {
  readonly index: number
  readonly entry: Entry | undefined
}

/**
 * Looks for the subject in the list. `logged` are entries whose place in the log is proven. Undefined if there is no list, or nothing
 * to look for in it. @throws untrusted.malformed for a list without a `head`; untrusted.proof if it is not the one that the head states;
 * untrusted.revoked if the package is on it, with these bytes or whatever its bytes
 */
export function checkRevocationList(
  list: readonly RevokedItem[] | undefined,
  logged: readonly Logged[],
  subject: Subject | undefined,
  asked: readonly Digest[],
): NotRevoked | undefined {
  if (list === undefined) return undefined
  const head = newestHead(logged)
  if (head === undefined) {
    throw new AppError('untrusted.malformed', 'verifying a proof: wanted a head entry for its list of revocations')
  }
  const { count, hash } = head.entry.revocations
  if (count !== list.length || hash !== revocationHash(list)) {
    const found = `found another of ${list.length}`
    throw new AppError(
      'untrusted.proof',
      `verifying a proof: wanted the list of ${count} revocations that entry ${head.index} states, ${found}`,
    )
  }
  if (subject === undefined) return undefined
  const place = list.findIndex(
    ({ purl, digests }) =>
      purl === subject.purl &&
      (digests.length === 0 || asked.length === 0 || asked.some((digest) => digests.includes(digest))),
  )
  if (place >= 0) {
    const message = `verifying a proof: ${subject.purl} is number ${place} on the list of revocations of entry ${head.index}`
    throw new AppError('untrusted.revoked', message, { data: { index: head.index } })
  }
  return { index: head.index, count, asOfSeconds: head.entry.at.timeSeconds }
}

function newestHead(logged: readonly Logged[]): { index: number; entry: HeadEntry } | undefined {
  let newest: { index: number; entry: HeadEntry } | undefined
  for (const { index, entry } of logged) {
    if (entry?.kind === 'head' && index >= (newest?.index ?? 0)) newest = { index, entry }
  }
  return newest
}
