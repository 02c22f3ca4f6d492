/**
 * The policy of a node without rules: every file needs at least one digest that somebody stated for it. Files whose only
 * evidence is weak (sha1, md5) are allowed and noted: old releases have nothing better. Pure.
 */
import { isStrong } from '../base/digest.ts'
import type { Policy, PolicyAnswer, PolicyQuestion } from './policy.ts'
import { DEFAULT_VERDICT_RULE, judgeVerdict } from './verdict.ts'

/** The integrity policy. */
export const integrityPolicy: Policy = {
  revision: 'integrity-1',
  decide: decideOnEvidence,
  admit: () => ({ kind: 'allow', notes: [] }),
  mayAsk: () => undefined,
  isPrivate: () => false,
  keepsNames: () => false,
  interest: () => ({ releases: false, times: false }),
  hides: () => false,
  judge: ({ releases }) => ({
    byVersion: new Map(releases.map(({ version }) => [version, { kind: 'allow', notes: [] }])),
    validUntilMs: Number.POSITIVE_INFINITY,
  }),
  exceptionFor: () => undefined,
  verifiedLevel: () => DEFAULT_VERDICT_RULE.level,
  enforces: () => false,
  judgeVerdict: (_package, _release, verdict) => judgeVerdict(verdict, DEFAULT_VERDICT_RULE),
}

/** Denies a file for which nobody states a digest, and notes one for which all digests are weak. */
export function decideOnEvidence({ label, evidence }: PolicyQuestion): PolicyAnswer {
  if (evidence.length === 0) {
    const message = `${label}: nobody states a digest for it, so its bytes cannot be checked`
    return { kind: 'deny', reason: { code: 'denied', message } }
  }
  if (evidence.some(({ digest }) => isStrong(digest))) return { kind: 'allow', notes: [] }
  const stated = evidence.map(({ digest, statedBy }) => `${digest} (${statedBy})`).join(', ')
  return { kind: 'allow', notes: [`${label}: only weak digests are stated: ${stated}`] }
}
