/**
 * What the read flow's steps know of the policy and of released files; types only. `guard.ts` and `released.ts` make them,
 * `serve.ts` hands them to the steps.
 */
import type { Digest } from '../../base/digest.ts'
import type { StoredDocument } from '../../base/document.ts'
import type { Evidence, Located, Reason } from '../../base/located.ts'
import type { Purl } from '../../base/purl.ts'
import type { Ecosystem, HiddenRelease, RelayBody } from '../../ecosystems/ecosystem.ts'
import type { ReleaseAnswer, VerifiedAnswer } from '../../policy/policy.ts'
import type { FileFinding } from './findings.ts'

/** What the policy keeps from the clients of an index. */
export interface Held {
  readonly hidden: readonly HiddenRelease[]
  /** Set if no release is left: the index itself is refused. */
  readonly all: Reason | undefined
  /** One line for the client's user; undefined if nothing is hidden. */
  readonly notice: string | undefined
  /** True: releases are hidden that will be there again as soon as upstream can be asked; clients must ask again each time. */
  readonly passing?: true
}

/** The policy as the read flow's steps ask it. */
export interface Guard {
  /** Why the package must not be asked for at all. */
  admit(ecosystem: Ecosystem, purl: Purl): Reason | undefined
  /** Why this upstream must not be asked for the package. */
  forbidden(ecosystem: Ecosystem, purl: Purl, upstream: string): Reason | undefined
  /** What may be told to this upstream of a body that is passed on. @throws usage.request */
  tellable(ecosystem: Ecosystem, sent: RelayBody, upstream: string): RelayBody
  /** What is to be left out of an index of the package's releases. @throws untrusted.reply if the index is malformed; aborted.caller */
  held(document: StoredDocument, ecosystem: Ecosystem, purl: Purl, signal: AbortSignal): Promise<Held>
  /** True if of some package of this ecosystem releases may be left out, by rules or for want of a verdict. */
  mayHide(ecosystem: Ecosystem): boolean
  /** The decision on a file; one that belongs to no release is allowed. @throws aborted.caller */
  judge(
    located: Pick<Located, 'ecosystem' | 'purl' | 'upstream' | 'releasedAtMs'>,
    signal: AbortSignal,
  ): Promise<ReleaseAnswer>
  /** The decision on a release whatever its files: by the rules, then by what the log says of it. @throws aborted.caller */
  decide(
    release: Pick<Located, 'ecosystem' | 'upstream'> & { readonly purl: Purl },
    signal: AbortSignal,
  ): Promise<ReleaseAnswer>
  /** Passes on that the log says nothing of a release that was asked for, if its name is one that others may hear. */
  lacks(located: Pick<Located, 'ecosystem' | 'purl' | 'upstream' | 'unshared'>): void
  /** What the log says of a file, and what the policy makes of it. @throws aborted.caller */
  verify(
    located: Pick<Located, 'ecosystem' | 'purl' | 'label' | 'path' | 'tellsOf'> & {
      readonly digests: readonly Digest[]
      /** Others are asked for what a light log does not hold, whatever the policy demands. */
      readonly patient?: boolean
    },
    signal: AbortSignal,
  ): Promise<Verified & FileVerdict>
}

/** What the log says of a file, and what the policy makes of that. */
export interface FileVerdict {
  readonly answer: VerifiedAnswer
  /** Undefined: nothing. */
  readonly finding: FileFinding | undefined
  /** Why what the log says cannot be taken for the latest; undefined: it can. */
  readonly stale: string | undefined
}

/** What the log does to a file: the policy's answer, and what is demanded of its bytes besides. */
export interface Verified {
  readonly answer: VerifiedAnswer
  /** What the log states of the bytes; the file is given only if they have these digests. */
  readonly evidence: readonly Evidence[]
}

/** Nothing is hidden. */
export const NOTHING_HELD: Held = { hidden: [], all: undefined, notice: undefined }

/** The policy on lists of many packages' releases. */
export interface Listed {
  /** What is to be left out of the list; nothing if the policy hides nothing there. @throws untrusted.reply if it is malformed; aborted.caller */
  held(document: StoredDocument, ecosystem: Ecosystem, signal: AbortSignal): Promise<Held>
}

/** A released file for which upstream stated another digest than before. */
export interface ReleaseConflict {
  readonly purl: Purl
  readonly label: string
  readonly upstream: string
  readonly seen: readonly Digest[]
  readonly seenAtMs: number
  readonly found: readonly Digest[]
  /** Who states the new one. */
  readonly statedBy: string
  readonly firstAtMs: number
  readonly lastAtMs: number
  readonly count: number
}

/** The memory of released files; it lies in the store's notebook, whose bounds it has. */
export interface ReleasedFiles {
  /**
   * Why the file must not be given: its digests are not those of before. Remembers the digests of a file that is seen for the
   * first time. With `accepted` (the owner's exception) the new digests take the place of the old ones.
   */
  conflict(located: Located, accepted: boolean): Reason | undefined
  /**
   * What was seen of the file, all of which its bytes must have: upstream could state a weaker digest than before, of other
   * bytes, and contradict nothing.
   */
  pins(located: Located): readonly Evidence[]
  /** Conflicts, the latest first, at most 100. */
  conflicts(): readonly ReleaseConflict[]
  /** How many there are. */
  conflictCount(): number
}

/** The memory of what bytes are known as. */
export interface KnownNames {
  /** Remembers upstream's word for a file, allowed or not. */
  noteStated(located: Pick<Located, 'purl' | 'upstream' | 'evidence'>): void
  /** Remembers what bytes were given out as on a client's word alone, if nothing is known of them. */
  noteGiven(located: Pick<Located, 'purl' | 'upstream' | 'evidence'>, id: Digest): void
  /** Why bytes that only the client vouches for must not be given under this name: they are known as something denied. @throws aborted.caller */
  unnamed(
    located: Pick<Located, 'ecosystem' | 'purl' | 'label' | 'digests' | 'evidence'>,
    signal: AbortSignal,
  ): Promise<Reason | undefined>
}

/** What decides at the check step, beside the parts. */
export interface CheckRules {
  readonly guard: Guard
  readonly known: KnownNames
  readonly released: ReleasedFiles
}
