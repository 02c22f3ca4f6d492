/**
 * What the transparency log says of a file, and what that does to serving: the table "What a verdict says, and what it does to
 * serving" of `2-trust.md`. Pure. Who reads the log is `serve/rules/verdicts.ts`; which level an owner asks for is in `rules.ts`.
 */
import type { Reason } from '../base/located.ts'

/** How much a release that was built and agreed upon by several is asked for: the columns of the table. */
export type VerifiedLevel = 'enforce' | 'prefer' | 'observe'

/** What an owner may take for enough where a rebuild is enforced. */
export const ACCEPTABLE = ['witnessed', 'built-once'] as const

/** See `ACCEPTABLE`. */
export type Acceptable = (typeof ACCEPTABLE)[number]

/** What a verdict of the log says. */
export type VerdictStatus =
  /** q organisations built it from source, same bytes each, canonically equal to upstream's. */
  | 'rebuilt-equal'
  /** They agree, and upstream's bytes are something else. */
  | 'rebuilt-differs'
  /** q organisations were given this digest by the registry at a time. */
  | 'witnessed'
  /** Built from an archive that the registry itself hosts. */
  | 'repackaged'
  /** The own build of a solo network. */
  | 'built-once'
  | 'disagreed'
  | 'unbuildable'
  | 'expired'
  | 'malformed'
  /** A fresh selection found otherwise. */
  | 'disputed'
  /** f+1 organisations withdrew it. */
  | 'revoked'

/**
 * How a verdict speaks of one file. `named`: it is the file that was agreed upon, or its name is, and its bytes are held to the
 * agreed digest. `other`: under its name other bytes were agreed upon. `differs`: upstream's bytes are known, and not equal to what
 * was built. `unnamed`: the verdict is on the release and not on this file.
 */
export type VerdictFile = 'named' | 'other' | 'differs' | 'unnamed'

/** What the log says of one file. */
export interface VerdictEvidence {
  readonly status: VerdictStatus
  readonly file: VerdictFile
  /** How equal the built bytes are to upstream's (`2-trust.md`, "Canonical forms"), where something was built. */
  readonly level: string | undefined
  /** For people: which entry of which log, and what it says. No "ago", so that one entry gives one sentence. */
  readonly says: string
}

/** What is decided upon by the log. */
export interface VerdictQuestion {
  /** The release as its users write it. */
  readonly label: string
  /** Undefined: the log says nothing of it. */
  readonly evidence: VerdictEvidence | undefined
  /** Why the log that this node has does not count as the latest; undefined: it does. */
  readonly stale: string | undefined
  /** True: the owner keeps these bytes for offline use, so that they stay usable, their age shown. */
  readonly kept?: boolean
}

/** What the owner asks for. */
export interface VerdictRule {
  readonly level: VerifiedLevel
  readonly accept: readonly Acceptable[]
  /** ` (policy: ...)`, or empty where no rule says it. */
  readonly because: string
}

/** What holds where no rule says anything. */
export const DEFAULT_VERDICT_RULE: VerdictRule = { level: 'prefer', accept: [], because: '' }

/** The decision. */
export type VerdictAnswer =
  | {
      readonly kind: 'allow'
      readonly notes: readonly string[]
      /** True: the file is given only with the bytes that were agreed upon. */
      readonly binds: boolean
      /** What the strictest level would have refused it for; for records. */
      readonly would: string | undefined
    }
  | { readonly kind: 'deny'; readonly reason: Reason }

/** Decides by the table. `observe` serves everything and says what the others would have done. */
export function judgeVerdict(question: VerdictQuestion, { level, accept, because }: VerdictRule): VerdictAnswer {
  const preferred = preferDenial(question)
  const would = preferred ?? enforceDenial(question, accept)
  const denial = level === 'observe' ? undefined : level === 'prefer' ? preferred : would
  if (denial !== undefined) return { kind: 'deny', reason: { code: 'denied', message: `${denial}${because}` } }
  const passed = preferred === undefined ? undefined : `${preferred}; served, since this node only observes${because}`
  const aged =
    level === 'enforce' && question.stale !== undefined && question.kept === true
      ? `${question.label} is kept here and given although ${question.stale}`
      : undefined
  const notes = [passed ?? warningOf(question), aged].filter((note) => note !== undefined)
  const binds = level === 'enforce' || (level === 'prefer' && question.evidence?.status === 'rebuilt-equal')
  return { kind: 'allow', notes, binds, would }
}

function preferDenial({ label, evidence }: VerdictQuestion): string | undefined {
  if (evidence === undefined) return undefined
  const { status, file, says } = evidence
  if (status === 'revoked') return `${label} is revoked: ${says}`
  if (status === 'disputed') return `${label} is disputed: ${says}`
  if (status === 'rebuilt-equal' && file === 'other') {
    return `${label} has other bytes than those that were rebuilt and agreed upon: ${says}`
  }
  return undefined
}

function enforceDenial(
  { label, evidence, stale, kept }: VerdictQuestion,
  accept: readonly Acceptable[],
): string | undefined {
  const wanted = `this node serves only what was rebuilt${accept.map((each) => ` or ${WORDS[each]}`).join('')}`
  if (evidence === undefined) {
    const why = stale === undefined ? '' : `; and nobody can tell whether there is a newer one: ${stale}`
    return `${label} has no verdict in the log, and ${wanted}${why}`
  }
  const { status, file, level, says } = evidence
  const enough = status === 'rebuilt-equal' || (accept as readonly string[]).includes(status)
  if (!enough) return `${label} is ${WORDS[status]}, and ${wanted}: ${says}`
  if (file !== 'named') return `${label} is not a file that was found equal, and ${wanted}: ${says}`
  if (level !== undefined && !EQUAL_ENOUGH.includes(level)) {
    return `${label} is equal by rules for metadata only, and ${wanted}: ${says}`
  }
  return stale === undefined || kept === true ? undefined : `${label} cannot be shown to be still valid: ${stale}`
}

/** Levels that count as equal where a rebuild is enforced. */
const EQUAL_ENOUGH: readonly string[] = ['exact', 'container', 'canonical']

function warningOf({ label, evidence }: VerdictQuestion): string | undefined {
  if (evidence === undefined || !LOUD.includes(evidence.status)) return undefined
  return `WARNING: ${label} is ${WORDS[evidence.status]}: ${evidence.says}`
}

const LOUD: readonly VerdictStatus[] = ['rebuilt-differs', 'disagreed', 'malformed']

/** Each status in words, for a sentence that begins with what it is said of. */
export const WORDS: Readonly<Record<VerdictStatus, string>> = {
  'rebuilt-equal': 'rebuilt and equal to what upstream has',
  'rebuilt-differs': 'rebuilt, and what upstream has is something else',
  witnessed: 'witnessed',
  repackaged: 'repackaged from an archive of the registry',
  'built-once': 'built once, by you',
  disagreed: 'what builders disagreed on',
  unbuildable: 'what could not be built',
  expired: 'what no verdict holds for any longer',
  malformed: 'malformed',
  disputed: 'disputed',
  revoked: 'revoked',
}
