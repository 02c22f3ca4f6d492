/**
 * Checkpoints that lack cosignatures as yet: gossip brings them one by one, and together they may count. Bounded by signer, so
 * that one authority that signs a thousand forks takes nothing from what the others sign. In memory; not for one size only.
 */
import { isKind } from '../../base/errors.ts'
import { type JudgedCheckpoint, judgeCheckpoint, type LogKeys, mergeCheckpoints } from './judge.ts'

/** Texts of one organisation that are kept. */
const TEXTS_PER_SIGNER = 4

/** The checkpoints that wait. */
export class PendingCheckpoints {
  readonly #keys: LogKeys
  /** By text, oldest first. */
  readonly #kept = new Map<string, JudgedCheckpoint>()

  constructor(keys: LogKeys) {
    this.#keys = keys
  }

  /** All that is known of this checkpoint, the new signatures included. */
  add(found: JudgedCheckpoint): JudgedCheckpoint {
    const before = this.#kept.get(found.text)
    const merged = before === undefined ? found : mergeCheckpoints(before, found, this.#keys)
    this.#kept.delete(found.text)
    this.#kept.set(found.text, merged)
    for (const signer of merged.signers) this.#bound(signer)
    return merged
  }

  /** Forgets those that are not larger than what was accepted. */
  forgetUpTo(size: number): void {
    for (const [text, { size: kept }] of this.#kept) if (kept <= size) this.#kept.delete(text)
  }

  /** Those that count by the keys as they are now, oldest first: a change of members may have come since. */
  countingNow(): JudgedCheckpoint[] {
    return this.list().flatMap((kept) => {
      try {
        const judged = judgeCheckpoint(Buffer.from(kept.note), this.#keys)
        return judged.counts ? [judged] : []
      } catch (error) {
        // Nobody who signed it is a member any more.
        if (!isKind(error, 'untrusted')) throw error
        this.#kept.delete(kept.text)
        return []
      }
    })
  }

  /** What waits, oldest first. */
  list(): readonly JudgedCheckpoint[] {
    return [...this.#kept.values()]
  }

  /** The oldest go first, those that others signed as well last of all. */
  #bound(signer: string): void {
    const own = [...this.#kept].filter(([, { signers }]) => signers.includes(signer))
    if (own.length <= TEXTS_PER_SIGNER) return
    const alone = own.find(([, { signers }]) => signers.length === 1)
    this.#kept.delete((alone ?? own[0])?.[0] ?? '')
  }
}
