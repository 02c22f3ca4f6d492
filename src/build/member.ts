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
const JUMPS_MS = [0, 3_600_000, 2_592_000_000]

/**
 * The member of this key. Sequences are milliseconds since 1970, so that nothing need be remembered: after a restart the clock is ahead of
 * what was sent before; where it is not, the network says so and the key jumps ahead.
 */
export function createMember(network: string, signer: Signer, deps: { ordering: Ordering; clock: Clock }): Member {
  let last = 0
  let turn: Promise<unknown> = Promise.resolve()
  const send = async <T extends TransactionBody>(said: Said<T>, signal: AbortSignal): Promise<Ordered> => {
    let ordered: Ordered = { refusal: 'sequence', entries: [] }
    for (const jumpMs of JUMPS_MS) {
      last = Math.max(last, Math.floor(deps.clock.nowMs())) + 1 + jumpMs
      const body = { ...said, network, sequence: last } as unknown as Omit<T, 'key'>
      ordered = await deps.ordering.order(encodeTransaction(signTransaction<T>(body, signer)), signal)
      if (ordered.refusal !== 'sequence') break
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
