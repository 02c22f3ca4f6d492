/**
 * Renews a document to which upstream only ever appends (an index of tens of megabytes) by what came after the kept bytes. The
 * whole is believed only if it has the digest that upstream states for it (RFC 9530, `Repr-Digest`). Called by `refresh.ts`.
 */
import { type Digest, digestOf } from '../../base/digest.ts'
import type { StoredDocument } from '../../base/document.ts'
import { isKind } from '../../base/errors.ts'
import type { DocumentRequest, Headers } from '../../base/located.ts'
import type { ByteStream } from '../../base/streams.ts'
import type { BlobFacts, BlobInfo } from '../../store/store.ts'
import type { ServeParts } from '../parts.ts'

/** Reply headers that are kept of such a document, beside those that the request names. */
export const APPENDED_HEADERS: readonly string[] = ['repr-digest', 'accept-ranges']

/** From which byte on upstream is asked: the last that is kept, so that the part is never empty; undefined: for the whole. */
export function tailOffset(request: DocumentRequest, kept: StoredDocument | undefined): number | undefined {
  if (request.appendOnly !== true || kept?.status !== 'found' || kept.body === undefined) return undefined
  const { headers, sizeBytes } = kept
  const canAppend = headers['accept-ranges'] === 'bytes' && statedDigest(headers) !== undefined
  return canAppend && sizeBytes > 0 ? sizeBytes - 1 : undefined
}

/** The sha256 that a reply states for the whole document, if it does. */
export function statedDigest(headers: Headers): Digest | undefined {
  const base64 = /(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):/.exec(headers['repr-digest'] ?? '')?.[1]
  return base64 === undefined ? undefined : digestOf('sha256', Buffer.from(base64, 'base64').toString('hex'))
}

/**
 * The kept body with upstream's part behind it, as a blob; undefined if that is not the document that upstream has now, or it
 * does not say. Reads `tail` to its end or leaves it. @throws unavailable.upstream, exhausted.disk, exhausted.size, aborted.caller
 */
export async function storeAppended(
  kept: StoredDocument,
  tail: { readonly headers: Headers; readonly body: ByteStream },
  how: { readonly bytesMax: number; readonly facts: BlobFacts },
  { store, ledger }: Pick<ServeParts, 'store' | 'ledger'>,
): Promise<BlobInfo | undefined> {
  const digest = statedDigest(tail.headers)
  if (digest === undefined || kept.body === undefined) return undefined
  const reader = await store.open(kept.body)
  try {
    const expected = { digests: [digest], aliases: [], sizeBytes: undefined, bytesMax: how.bytesMax }
    const writer = await store.begin(expected)
    try {
      for await (const chunk of reader.stream()) await writer.write(chunk)
      let overlapBytes = 1
      for await (const chunk of tail.body) {
        ledger.received('upstream', chunk.byteLength)
        const news = chunk.subarray(overlapBytes)
        overlapBytes = Math.max(0, overlapBytes - chunk.byteLength)
        if (news.byteLength > 0) await writer.write(news)
      }
    } catch (error) {
      await writer.abort()
      throw error
    }
    return await writer.commit(how.facts)
  } catch (error) {
    // Upstream wrote it anew, or the kept bytes are damaged or gone: the whole is asked for.
    if (isKind(error, 'untrusted') || isKind(error, 'damaged') || isKind(error, 'absent')) return undefined
    throw error
  } finally {
    await reader.close()
  }
}
