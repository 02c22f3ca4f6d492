/**
 * Checks the selection behind a verdict: that it answers the verdict's request, that its randomness is the pinned beacon's, of a round that
 * nobody could know when the draw was fixed, and that the seed follows from them. Pure. The ranking itself can be repeated only by who has
 * the whole membership of that time.
 */

import type { Entry, SelectionEntry, VerdictEntry } from '../base/entries/entry.ts'
import { entryName } from '../base/entries/entry-name.ts'
import { AppError } from '../base/errors.ts'
import { roundAfter } from '../base/network/beacon-schedule.ts'
import type { Network } from '../base/network/network.ts'
import { chainOf } from '../beacon/chain-of.ts'
import { drawSeed } from '../consensus/selection/draw-seed.ts'

/** A selection that names builders. */
export type Selected = Extract<SelectionEntry, { outcome: 'selected' }>

interface Logged {
  readonly index: number
  readonly bytes: Uint8Array
  readonly entry: Entry | undefined
}

/** The selection that the verdict names, checked. @throws untrusted.builders with what is missing or wrong */
export function selectionOf(logged: readonly Logged[], network: Network, verdict: VerdictEntry): Selected {
  const request = logged.find(({ bytes }) => entryName(bytes) === verdict.request)?.entry
  const asked =
    request?.kind === 'request' || (request?.kind === 'dispute' && request.step === 'opened') ? request : undefined
  if (asked?.purl !== verdict.purl || asked.attempt !== verdict.attempt)
    throw refused('wanted the request of the verdict')
  const selection = logged.find(({ index }) => index === verdict.selection)?.entry
  if (selection?.kind !== 'selection' || selection.outcome !== 'selected') {
    throw refused('wanted the selection of the verdict')
  }
  const { attempt, beacon } = selection
  if (selection.request !== verdict.request || attempt !== verdict.attempt || selection.purl !== verdict.purl) {
    throw refused('found the selection of another request')
  }
  if (selection.quorum !== verdict.quorum || selection.builders !== verdict.builders) {
    throw refused(`wanted the quorum ${selection.quorum} of ${selection.builders} that was selected`)
  }
  checkRandomness(selection, network)
  const seed = drawSeed({
    network: network.origin,
    chainHash: Buffer.from(beacon.chainHash, 'hex'),
    round: beacon.round,
    randomness: Buffer.from(beacon.randomness, 'hex'),
    requestLeafHash: Buffer.from(verdict.request, 'hex'),
    attempt,
    membershipRoot: Buffer.from(asked.membershipRoot, 'hex'),
  })
  if (Buffer.from(seed).toString('hex') !== selection.seed)
    throw refused('the seed does not follow from what was drawn')
  return selection
}

/** The randomness is what the network's beacon proves for the round, and the round came out after the draw's time. */
function checkRandomness({ beacon, round, drawSeconds }: Selected, network: Network): void {
  const chain = chainOf(network.beacon)
  const chainHash = Buffer.from(chain.chainHash).toString('hex')
  if (chainHash !== beacon.chainHash) {
    throw refused(`wanted randomness of the chain ${chainHash}, found ${beacon.chainHash}`)
  }
  if (beacon.round !== round || round < roundAfter(chain.schedule, drawSeconds)) {
    throw refused(`found round ${beacon.round}, which was out before the draw was fixed`)
  }
  let proven: Uint8Array
  try {
    proven = chain.verify(round, Buffer.from(beacon.proof, 'hex'))
  } catch (error) {
    throw new AppError('untrusted.builders', "verifying a verdict: the randomness is not the beacon's", {
      cause: error,
    })
  }
  if (Buffer.from(proven).toString('hex') !== beacon.randomness)
    throw refused('found other randomness than the beacon gave')
}

function refused(found: string): AppError {
  return new AppError('untrusted.builders', `verifying a verdict: ${found}`)
}
