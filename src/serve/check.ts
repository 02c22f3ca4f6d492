/**
 * Step 2: may this file be given at all? Asks the policy, also for what else the bytes are known as, compares with what was
 * seen of a released file before, looks at what the transparency log says of it, and makes `Cleared`, which the later steps demand.
 */
import type { Brand } from '../base/brand.ts'
import type { BlobId } from '../base/digest.ts'
import type { StoredDocument } from '../base/document.ts'
import type { Evidence, Located, Reason } from '../base/located.ts'
import type { ShareLevel } from '../base/share.ts'
import type { BlobInfo } from '../store/store.ts'
import type { ServeParts } from './parts.ts'
import type { CheckRules } from './rules/rules.ts'
import { shareOf } from './rules/share-of.ts'

/** Who may be asked for the bytes: everybody, or peers only (what upstream has no name for). */
export type AskableSources = 'all' | 'peers'

/** A located file that the policy allows, with what its bytes may be shared as. Only `check` and `checkKeptBody` make one. */
export type Cleared = Brand<
  {
    readonly located: Located
    readonly share: ShareLevel
    readonly sources: AskableSources
    /** What the policy remarked, for the client's user. */
    readonly notes: readonly string[]
  },
  'Cleared'
>

/** How the check ends. */
export type Checked =
  | { readonly kind: 'cleared'; readonly cleared: Cleared }
  | { readonly kind: 'denied'; readonly reason: Reason }

/**
 * Decides on a file that was located. A file of an upstream that is not configured is shared with nobody.
 * @throws aborted.caller
 */
export async function check(
  located: Located,
  parts: Pick<ServeParts, 'policy' | 'upstream' | 'logger' | 'clock'>,
  { guard, known, released }: CheckRules,
  signal: AbortSignal,
): Promise<Checked> {
  const { ecosystem, purl, label, evidence } = located
  const answer = parts.policy.decide({ ecosystem, purl, label, evidence })
  if (answer.kind === 'deny') return { kind: 'denied', reason: answer.reason }
  known.noteStated(located)
  const judged = await guard.judge(located, signal)
  if (judged.kind === 'deny') return { kind: 'denied', reason: judged.reason }
  const unnamed = await known.unnamed(located, signal)
  if (unnamed !== undefined) return { kind: 'denied', reason: unnamed }
  const exception = purl === undefined ? undefined : parts.policy.exceptionFor(purl, parts.clock.nowMs())
  const conflict = released.conflict(located, exception !== undefined)
  if (conflict !== undefined) return { kind: 'denied', reason: conflict }
  const verified = await guard.verify(located, signal)
  if (verified.finding === undefined) guard.lacks(located)
  if (verified.answer.kind === 'deny') return { kind: 'denied', reason: verified.answer.reason }
  if (verified.answer.would !== undefined) {
    parts.logger.debug(
      { label, would: verified.answer.would },
      'a file that would be refused where verdicts are enforced',
    )
  }
  if (verified.answer.exception !== undefined) {
    parts.logger.warn(
      { purl, label, exception: verified.answer.exception },
      'an exception let through what the log denies',
    )
  }
  if (judged.exception !== undefined) {
    parts.logger.warn({ purl, label, exception: judged.exception }, 'an exception let through what a rule denies')
  } else if (answer.notes.length + judged.notes.length > 0) {
    parts.logger.debug({ label, notes: [...answer.notes, ...judged.notes] }, 'the policy allowed a file with notes')
  }
  const share = shareOf(located, parts)
  const notes = [...judged.notes, ...verified.answer.notes]
  const pinned = pinnedTo(located, [...released.pins(located), ...verified.evidence])
  return { kind: 'cleared', cleared: { located: pinned, share, sources: 'all', notes } as unknown as Cleared }
}

/** The file with what was seen of it, and what the log states of its bytes: who fetches it demands those digests as well. */
function pinnedTo(located: Located, evidence: readonly Evidence[]): Located {
  const added = evidence.filter(({ digest }) => !located.digests.includes(digest))
  if (added.length === 0) return located
  const digests = [
    ...new Set([...located.digests, ...added.map(({ digest }) => digest)]),
  ] as unknown as Located['digests']
  return { ...located, digests, evidence: [...located.evidence, ...added] }
}

/**
 * Clears the body of a document that a trusted peer keeps: its word for the document is its word for the digest, and
 * upstream, which knows documents by path only, cannot be asked for this body.
 */
export function checkKeptBody(
  document: StoredDocument & { readonly body: BlobId },
  ecosystem: string,
  bytesMax: number,
  share: ShareLevel,
): Cleared {
  const evidence = [{ kind: 'index', digest: document.body, statedBy: 'a trusted peer' }] as const
  const located: Located = {
    ...nameless(ecosystem, `document ${document.key}`, document.upstream),
    digests: [document.body],
    sizeBytes: document.sizeBytes,
    bytesMax,
    mediaType: document.mediaType,
    evidence,
  }
  return { located, share, sources: 'peers', notes: [] } as unknown as Cleared
}

/**
 * Clears a blob that this node verified once and must fetch again: the digests are its own. `located` tells where upstream
 * had it; without, only peers can be asked.
 */
export function checkOwnBlob(
  blob: Pick<BlobInfo, 'id' | 'names' | 'sizeBytes' | 'share' | 'mediaType'>,
  located: Located | undefined,
): Cleared {
  const digests = [blob.id, ...blob.names.filter((name) => name !== blob.id)] as const
  const wanted: Located = {
    ...(located ?? nameless('', blob.id, '')),
    digests,
    sizeBytes: blob.sizeBytes,
    bytesMax: blob.sizeBytes,
    mediaType: blob.mediaType,
    evidence: located?.evidence ?? [{ kind: 'name', digest: blob.id, statedBy: 'this node' }],
  }
  const sources = located === undefined ? 'peers' : 'all'
  return { located: wanted, share: blob.share, sources, notes: [] } as unknown as Cleared
}

function nameless(ecosystem: string, label: string, upstream: string) {
  return { ecosystem, purl: undefined, label, upstream, path: '', requestHeaders: {}, replyHeaders: {}, requires: [] }
}
