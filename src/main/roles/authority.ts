/**
 * The authority of a network of one: runs the embedded engine over the log of this node, brings the beacon's rounds that draws wait for,
 * and takes transactions of others, after a look that costs less than ordering them would.
 */
import { join } from 'node:path'
import type { Clock, Logger } from '../../base/clock.ts'
import type { Signer } from '../../base/crypto/ed25519.ts'
import { type BeaconBody, isSigned, parseTransaction, type Transaction } from '../../base/entries/transaction.ts'
import { AppError, errorChain } from '../../base/errors.ts'
import type { Network } from '../../base/network/network.ts'
import type { Beacon } from '../../beacon/beacon.ts'
import { chainOf } from '../../beacon/chain-of.ts'
import { createMember, type Member } from '../../build/member.ts'
import type { Ordered } from '../../build/ordering.ts'
import type { Consensus, EntryLog, Receipt } from '../../consensus/consensus.ts'
import { membersIn, nextSequence } from '../../consensus/query.ts'
import { openDiskJournal } from '../../consensus/solo/disk-journal.ts'
import { type SoloBehaviour, startSolo } from '../../consensus/solo.ts'
import { createStateMachine, type Genesis } from '../../consensus/state.ts'
import { bringRounds } from '../../keep/draws/bring-rounds.ts'
import { createTokenBucket, type TokenBucket } from '../../peers/data/token-bucket.ts'
import { beaconConstants } from '../network/open-beacon.ts'

/** What the authority stands on. */
export interface AuthorityDependencies {
  /** The data directory. */
  readonly directory: string
  readonly network: Network
  readonly genesis: Genesis
  /** The log that this node signs; it must not sign at once. */
  readonly log: EntryLog
  readonly beacon: Beacon
  /** The consensus key of this node. */
  readonly signer: Signer
  readonly clock: Clock
  readonly logger: Logger
}

/** An authority that runs. */
export interface Authority extends AsyncDisposable {
  /** Says things with this authority's own key. */
  readonly member: Member
  /** Orders what this node itself has signed. @throws usage.transaction, exhausted.queue, exhausted.disk, unavailable.storage, aborted.caller */
  order(transaction: Uint8Array, signal: AbortSignal): Promise<Ordered>
  /** The same for transactions of others; what cannot count is not even ordered. @throws exhausted.quota too */
  orderForeign(transaction: Uint8Array, signal: AbortSignal): Promise<Ordered>
  /** Why nothing is ordered any more, for a person; undefined: all is well. */
  failure(): string | undefined
}

/** A check of the beacon's proof costs some 30 ms: so many may others' organisations ask for in a minute, each. */
const BEACONS_PER_MINUTE = 6
/** Empty blocks keep deadlines moving; among few they may be moved often. */
const LOCAL_IDLE_MS = 2000

/** Starts the engine, from its genesis or from where it was. @throws what `startSolo` throws */
export async function startAuthority(deps: AuthorityDependencies): Promise<Authority> {
  const { network, genesis, log, clock, logger, directory, beacon, signer } = deps
  const machine = createStateMachine({ network: network.origin, beacon: beaconConstants(chainOf(network.beacon)) })
  const journal = await openDiskJournal(join(directory, 'consensus'))
  const behaviour: Partial<SoloBehaviour> = network.beacon.kind === 'local' ? { idleMs: LOCAL_IDLE_MS } : {}
  const engine = await startSolo({ ...behaviour, genesis }, { machine, journal, log, clock, logger })
  const order = async (transaction: Uint8Array, signal: AbortSignal): Promise<Ordered> =>
    orderedOf(await engine.submit(transaction, signal))
  const member = createMember(network.origin, signer, { ordering: { order, ask: noWish }, clock })
  const rounds = bringRounds({
    beacon,
    waiting: () => engine.state().scalars.rounds,
    watch: (listener) => engine.watch(listener),
    async bring({ round, randomness, signature }, signal) {
      const given = { round, randomness: hex(randomness), proof: hex(signature) }
      await member.send<BeaconBody>({ type: 'beacon', ...given }, signal)
    },
    clock,
    logger,
  })
  const mayCheckBeacon = createBeaconLimit({ clock })
  return {
    member,
    order,
    async orderForeign(bytes, signal) {
      const transaction = parseTransaction(bytes)
      const refusal = glance(engine, transaction)
      if (refusal !== undefined) return { refusal, entries: [] }
      if (transaction.body.type === 'beacon' && !mayCheckBeacon(organisationOf(engine, transaction))) {
        throw new AppError(
          'exhausted.quota',
          'an organisation brings more rounds of the beacon than are checked for it',
        )
      }
      return await order(bytes, signal)
    },
    failure() {
      const stopped = engine.failure()
      return stopped && `Nothing is ordered any more, start this node again: ${errorChain(stopped).join(': ')}`
    },
    async [Symbol.asyncDispose]() {
      await rounds.stop()
      await engine.close()
    },
  }
}

/** Whether an organisation may still have a round checked. */
export function createBeaconLimit(deps: { readonly clock: Clock }): (organisation: string) => boolean {
  const buckets = new Map<string, TokenBucket>()
  return (organisation) => {
    let bucket = buckets.get(organisation)
    if (bucket === undefined) {
      const rate = { unitsPerSecond: BEACONS_PER_MINUTE / 60, burstUnits: BEACONS_PER_MINUTE }
      bucket = createTokenBucket(rate, deps)
      // As many as there are organisations: strangers were turned away before.
      buckets.set(organisation, bucket)
    }
    return bucket.tryTake(1)
  }
}

/** Why the state machine would refuse it whatever it says: then it need not fill a block, nor use up the sender's sequence. */
function glance(engine: Consensus, transaction: Transaction): string | undefined {
  const { network, key, sequence } = transaction.body
  if (network !== engine.constants.network) return 'network'
  if (!membersIn(engine.state()).senders.has(key)) return 'key'
  if (sequence < nextSequence(engine.state(), key)) return 'sequence'
  return isSigned(transaction) ? undefined : 'signature'
}

function organisationOf(engine: Consensus, { body }: Transaction): string {
  return membersIn(engine.state()).senders.get(body.key)?.organisation ?? ''
}

function orderedOf({ refusal, entries }: Receipt): Ordered {
  return { refusal, entries: entries.map(({ index, name }) => ({ index, name })) }
}

function noWish(): Promise<never> {
  return Promise.reject(new AppError('bug.assertion', 'a member asks with its own key'))
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
