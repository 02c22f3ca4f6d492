/**
 * Step 3: where are the bytes? The store, a transfer that runs already, or elsewhere (peers and upstream, in the order of
 * `transfer/seek.ts`). Makes `Source`. Keeps the promise that a file whose parts cannot be had is not given while upstream
 * cannot be asked.
 */

import type { Brand } from '../base/brand.ts'
import { algorithmOf, type Digest, isBlobId, isStrong } from '../base/digest.ts'
import { isKind } from '../base/errors.ts'
import type { Located, Reason, Reference } from '../base/located.ts'
import type { BlobInfo, Store } from '../store/store.ts'
import type { Cleared } from './check.ts'
import type { ServeParts } from './parts.ts'
import type { SeekOptions } from './transfer/seek.ts'
import type { Transfer } from './transfer/transfer.ts'
import type { Transfers } from './transfer/transfers.ts'

/** Where a cleared file's bytes are. Only `find` makes one. */
export type Source = Brand<
  { readonly cleared: Cleared } & (
    | { readonly kind: 'stored'; readonly blob: BlobInfo }
    | { readonly kind: 'running'; readonly transfer: Transfer }
    | { readonly kind: 'elsewhere'; readonly seek: SeekOptions }
  ),
  'Source'
>

/** How the search ends. */
export type Found = Source | { readonly kind: 'nowhere'; readonly reason: Reason }

/** Digests that are looked up one by one after the batch; more missing parts than this end the search at once. */
const SINGLE_LOOKUPS_MAX = 64

/** Looks in the order of the module's head. @throws aborted.caller */
export async function find(
  cleared: Cleared,
  seek: SeekOptions,
  parts: ServeParts,
  transfers: Transfers,
  signal: AbortSignal,
): Promise<Found> {
  const { located } = cleared
  const askable = parts.upstream.askable(located.upstream) && !seek.unaskable.has(located.upstream)
  if (!askable && located.requires.length > 0) {
    const missing = await firstMissing(located.requires, parts, signal)
    if (missing !== undefined) {
      const message = `${located.label}: ${located.upstream} cannot be asked, and ${missing.digest}, which it needs, is neither in the store nor at a peer`
      return { kind: 'nowhere', reason: { code: 'unavailable', message } }
    }
  }
  const blob = storedBlob(located, parts.store)
  if (blob !== undefined) return { cleared, kind: 'stored', blob } as unknown as Source
  const transfer = transfers.running(located)
  if (transfer !== undefined) return { cleared, kind: 'running', transfer } as unknown as Source
  return { cleared, kind: 'elsewhere', seek } as unknown as Source
}

/** Looks in the store alone; what the file refers to must be there too. */
export function findStored(cleared: Cleared, store: Pick<Store, 'lookup'>): Found {
  const { located } = cleared
  const missing = located.requires.find(({ digest }) => store.lookup(digest) === undefined)
  const blob = storedBlob(located, store)
  if (blob !== undefined && missing === undefined) return { cleared, kind: 'stored', blob } as unknown as Source
  const what = blob === undefined ? 'it' : `${missing?.digest}, which it needs,`
  return { kind: 'nowhere', reason: { code: 'unavailable', message: `${located.label}: ${what} is not in the store` } }
}

/**
 * The stored blob that satisfies every digest that is stated. By weak digests alone only a blob that came from the same
 * upstream or a trusted peer: anybody can make another file with the same weak digest.
 */
export function storedBlob(
  located: Pick<Located, 'upstream'> & { readonly digests: readonly Digest[] },
  store: Pick<Store, 'lookup'>,
): BlobInfo | undefined {
  const strong = located.digests.filter(isStrong)
  for (const name of strong.length > 0 ? strong : located.digests) {
    const blob = store.lookup(name)
    if (blob === undefined || !satisfies(blob, located.digests)) continue
    if (strong.length > 0 || cameFrom(blob, located.upstream)) return blob
  }
  return undefined
}

function satisfies(blob: BlobInfo, digests: readonly Digest[]): boolean {
  return digests.every((digest) => {
    const known = blob.names.find((name) => algorithmOf(name) === algorithmOf(digest))
    return known === undefined || known === digest
  })
}

function cameFrom({ origin }: BlobInfo, upstream: string): boolean {
  if (origin.kind === 'upstream') return origin.name === upstream
  return origin.kind === 'peer' && origin.trusted
}

async function firstMissing(
  requires: readonly Reference[],
  parts: Pick<ServeParts, 'store' | 'peers' | 'limits'>,
  signal: AbortSignal,
): Promise<Reference | undefined> {
  const { store, peers, limits } = parts
  let missing = requires.filter(({ digest }) => store.lookup(digest) === undefined)
  if (missing.length === 0 || peers === undefined) return missing[0]
  const ask = async (names: readonly Digest[]) => {
    try {
      return await peers.lookup(names, { timeoutMs: limits.lookupMs, signal })
    } catch (error) {
      if (isKind(error, 'aborted')) throw error
      return []
    }
  }
  const held = new Set<Digest>((await ask(missing.map(({ digest }) => digest))).map(({ id }) => id))
  missing = missing.filter(({ digest }) => !held.has(digest))
  if (missing.length > SINGLE_LOOKUPS_MAX) return missing[0]
  // The batch may have been answered early by one peer, and tells nothing of names that are no blob ids.
  const single = await Promise.all(
    missing.map(async (reference) => {
      const found = await ask([reference.digest])
      return found.some(({ id }) => !isBlobId(reference.digest) || id === reference.digest)
    }),
  )
  return missing.find((_, index) => single[index] !== true)
}
