/** Signs transactions with one key of a member and has them ordered, one after the other, each with a higher sequence than the last. */
import type { Clock } from '../base/clock.ts'
import type { Signer } from '../base/crypto/ed25519.ts'
import type { Hex32 } from '../base/entries/fields.ts'
import { encodeTransaction, signTransaction, type TransactionBody } from '../base/entries/transaction.ts'
import type { Ordered, Ordering } from './ordering.ts'

/** What a member says, without what the key adds. */
export type Said<T extends TransactionBody> = Omit<T, 'key' | 'network' | 'sequence'>

/** One key of a member. */
export interface Member {
  /** Its public key, hex. */
  readonly key: Hex32
  /** Signs and has it ordered. @throws what `Ordering.order` throws */
  send<T extends TransactionBody>(said: Said<T>, signal: AbortSignal): Promise<Ordered>
  /** By which it has things ordered. */
  readonly ordering: Ordering
}

/** What a key has to jump over if its sequence was used up ahead of time, in milliseconds: a clock that was wrong for an hour, a month. */
const JUMP_MAX_MS = 2_592_000_000
const JUMPS_MS = [0, 3_600_000, JUMP_MAX_MS]

/**
 * The member of this key. Sequences are milliseconds since 1970, so that nothing need be remembered: after a restart the clock is ahead of
 * what was sent before; where it is not, the network says so and the key jumps ahead. All jumps are from the clock: whoever says so falsely on the
 * way to the order, however often, gets nothing signed that the largest jump of a later day does not reach.
 */
export function createMember(network: string, signer: Signer, deps: { ordering: Ordering; clock: Clock }): Member {
  let last = 0
  let turn: Promise<unknown> = Promise.resolve()
  const send = async <T extends TransactionBody>(said: Said<T>, signal: AbortSignal): Promise<Ordered> => {
    const nowMs = Math.floor(deps.clock.nowMs())
    let sequence = Math.min(last, nowMs + JUMP_MAX_MS)
    last = Math.max(sequence, nowMs) + 1
    let ordered: Ordered = { refusal: 'sequence', entries: [] }
    for (const jumpMs of JUMPS_MS) {
      sequence = Math.max(sequence, nowMs + jumpMs) + 1
      const body = { ...said, network, sequence } as unknown as Omit<T, 'key'>
      ordered = await deps.ordering.order(encodeTransaction(signTransaction<T>(body, signer)), signal)
      if (ordered.refusal === 'sequence') continue
      last = sequence
      break
    }
    return ordered
  }
  return {
    key: Buffer.from(signer.publicKey).toString('hex'),
    ordering: deps.ordering,
    async send(said, signal) {
      // Two at a time could overtake each other, and the first would be refused.
      const mine = turn.then(() => send(said, signal))
      turn = mine.catch(() => {})
      return await mine
    },
  }
}
