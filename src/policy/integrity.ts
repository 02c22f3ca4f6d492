/**
 * The policy of a node that knows no log yet: every file needs at least one digest that somebody stated for it. Files whose
 * only evidence is weak (sha1, md5) are allowed and noted: old releases have nothing better. Pure.
 */
import { isStrong } from '../base/digest.ts'
import type { Policy } from './policy.ts'

/** The integrity policy. */
export const integrityPolicy: Policy = {
  revision: 'integrity-1',
  decide({ label, evidence }) {
    if (evidence.length === 0) {
      return {
        kind: 'deny',
        reason: { code: 'denied', message: `${label}: nobody states a digest for it, so its bytes cannot be checked` },
      }
    }
    if (evidence.some(({ digest }) => isStrong(digest))) return { kind: 'allow', notes: [] }
    const stated = evidence.map(({ digest, statedBy }) => `${digest} (${statedBy})`).join(', ')
    return { kind: 'allow', notes: [`${label}: only weak digests are stated: ${stated}`] }
  },
}
