/**
 * Answers from this node's own store alone, as if there were neither upstream nor peers, and tells what the answer rests on.
 * By it `keep/sync` proves that what it fetched is enough, and learns what to pin. Used by `serve.ts` for requests with
 * `storeOnly`.
 */
import type { BlobId } from '../../base/digest.ts'
import { isKind } from '../../base/errors.ts'
import type { Got, Need } from '../../base/located.ts'
import { collect } from '../../base/streams.ts'
import type { Store } from '../../store/store.ts'
import { storedBlob } from '../find.ts'
import type { StoreOnly } from '../request.ts'
import type { Documents } from './documents.ts'

/** The documents as they are kept: nobody is asked, and each one that is used is told. */
export function keptDocuments(documents: Documents, { onUsed }: StoreOnly): Documents {
  return {
    async ask(request, options) {
      const answer = await documents.ask(request, { ...options, keptOnly: true })
      if (answer.kind === 'found') onUsed({ kind: 'document', document: answer.document })
      return answer
    },
    // Nobody is asked, beforehand either.
    prepare() {},
    kept: (key) => documents.kept(key),
  }
}

/** A small blob that the store has, or `unavailable`. @throws exhausted.size, aborted.caller */
export async function keptBlob(
  { located, bytesMax }: Need & { readonly kind: 'blob' },
  store: Store,
  { onUsed }: StoreOnly,
  signal: AbortSignal,
): Promise<Got> {
  const blob = storedBlob(located, store)
  const bytes = blob && (await read(blob.id, bytesMax, store, signal))
  if (blob === undefined || bytes === undefined) {
    return { kind: 'unavailable', reason: { code: 'unavailable', message: `${located.label} is not in the store` } }
  }
  onUsed({ kind: 'blob', blob })
  return { kind: 'blob', bytes, mediaType: blob.mediaType, origin: blob.origin }
}

async function read(id: BlobId, bytesMax: number, store: Store, signal: AbortSignal): Promise<Buffer | undefined> {
  try {
    const reader = await store.open(id)
    try {
      return await collect(reader.stream(undefined, signal), bytesMax)
    } finally {
      await reader.close()
    }
  } catch (error) {
    // Evicted or found damaged since it was looked up.
    if (isKind(error, 'absent') || isKind(error, 'damaged')) return undefined
    throw error
  }
}
