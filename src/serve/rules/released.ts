/**
 * Immutable things stay immutable: which digests upstream stated for a released file when it was first seen here, and whoever
 * states others later is refused, kept as evidence and reported. Tags and snapshots (`Located.mutable`) are none of its business.
 */
import { algorithmOf, type Digest } from '../../base/digest.ts'
import type { Evidence, Located, Reason } from '../../base/located.ts'
import { type Purl, purlParts } from '../../base/purl.ts'
import type { Store } from '../../store/store.ts'
import type { ServeParts } from '../parts.ts'
import type { ReleaseConflict, ReleasedFiles } from './rules.ts'

interface Seen {
  readonly digests: readonly Digest[]
  readonly atMs: number
}

const SEEN = 'serve.released'
const CONFLICTS = 'serve.conflicts'
const SHOWN_MAX = 100
/** Characters of a digest that a sentence shows. */
const SHOWN_LENGTH = 23
/** Conflicts that are kept. */
const KEPT_MAX = 10_000

/** The memory over the store's notebook. */
export function createReleasedFiles({
  store,
  clock,
  logger,
}: Pick<ServeParts, 'store' | 'clock' | 'logger'>): ReleasedFiles {
  const { notebook } = store
  const conflicts = new Map(notebook.entries(CONFLICTS) as Array<readonly [string, ReleaseConflict]>)

  function report(
    key: string,
    located: Located & { readonly purl: Purl },
    seen: Seen,
    stated: readonly Digest[],
  ): Reason {
    const nowMs = clock.nowMs()
    const { purl, label, upstream } = located
    const before = conflicts.get(key)
    const statedBy = upstreamEvidence(located).find(({ digest }) => stated.includes(digest))?.statedBy ?? upstream
    const conflict: ReleaseConflict = {
      ...{ purl, label, upstream, found: stated, statedBy, lastAtMs: nowMs },
      seen: seen.digests,
      seenAtMs: seen.atMs,
      firstAtMs: before?.firstAtMs ?? nowMs,
      count: (before?.count ?? 0) + 1,
    }
    // Who asks a thousand times shall not write a thousand times.
    if (before === undefined || before.found.join() !== stated.join()) {
      notebook.set(CONFLICTS, key, conflict)
      logger.error({ ...conflict }, 'a released file has changed upstream')
    }
    conflicts.delete(key)
    conflicts.set(key, conflict)
    const [oldest] = conflicts.keys()
    if (conflicts.size > KEPT_MAX && oldest !== undefined && conflicts.delete(oldest))
      notebook.delete(CONFLICTS, oldest)
    const message = `${label} of ${purl} was ${short(seen.digests)} when it was first seen, now ${statedBy} states ${short(stated)}: a released file never changes, so it is refused`
    return { code: 'untrusted', message }
  }

  return {
    conflict(located, accepted) {
      const { purl, label } = located
      if (purl === undefined || located.mutable === true || purlParts(purl).version === undefined) return undefined
      const stated = [...new Set(upstreamEvidence(located).map(({ digest }) => digest))]
      if (stated.length === 0) return undefined
      const key = `${purl} ${label}`
      const seen = notebook.get(SEEN, key) as Seen | undefined
      const known = seen === undefined ? [] : knownOf(seen.digests, store)
      const anchored = stated.some((digest) => known.includes(digest))
      // Where nothing that is stated was seen before, only the bytes can tell; the owner's exception is for other bytes too.
      const changed = differs(known, stated) || (accepted && seen !== undefined && !anchored)
      if (seen === undefined || (accepted && changed)) {
        // An exception that was made for another reason covers this too: it must not pass in silence.
        if (changed) logger.warn({ purl, label, seen, stated }, 'an exception let a released file change upstream')
        notebook.set(SEEN, key, { digests: stated, atMs: clock.nowMs() })
        if (conflicts.delete(key)) notebook.delete(CONFLICTS, key)
        return undefined
      }
      if (changed) return report(key, { ...located, purl }, seen, stated)
      const more = stated.filter((digest) => !seen.digests.includes(digest))
      if (anchored && more.length > 0) notebook.set(SEEN, key, { ...seen, digests: [...seen.digests, ...more] })
      return undefined
    },
    pins(located) {
      const { purl, label, upstream } = located
      if (purl === undefined || located.mutable === true || upstreamEvidence(located).length === 0) return []
      const seen = notebook.get(SEEN, `${purl} ${label}`) as Seen | undefined
      const statedBy = `${upstream} when the file was first seen`
      return (seen?.digests ?? []).map((digest) => ({ kind: 'index', digest, statedBy }))
    },
    conflicts: () => [...conflicts.values()].slice(-SHOWN_MAX).reverse(),
    conflictCount: () => conflicts.size,
  }
}

function short([digest = '']: readonly string[]): string {
  return `${digest.slice(0, SHOWN_LENGTH)}...`
}

/** Upstream's own word; what a client claims or a request names proves nothing about upstream. */
function upstreamEvidence({ evidence }: Located): Evidence[] {
  return evidence.filter(({ kind }) => kind === 'index' || kind === 'header')
}

/** What was seen, and what the stored bytes have besides. */
function knownOf(seen: readonly Digest[], store: Pick<Store, 'lookup'>): Digest[] {
  const stored = seen.map((digest) => store.lookup(digest)).find((blob) => blob !== undefined)
  return [...seen, ...(stored?.names ?? [])]
}

/** True if one function gives two digests. */
function differs(known: readonly Digest[], stated: readonly Digest[]): boolean {
  return stated.some((digest) => {
    const same = known.filter((other) => algorithmOf(other) === algorithmOf(digest))
    return same.length > 0 && !same.includes(digest)
  })
}
