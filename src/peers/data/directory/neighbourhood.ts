/**
 * The neighbourhood as the data plane uses it: live neighbours that may be asked, and the ring that rendezvous hashing works on.
 * Computed anew only after the control plane reported a change.
 */
import type { Digest } from '../../../base/digest.ts'
import type { ControlPlane, Identity, Neighbour } from '../../neighbour.ts'
import type { PeerId } from '../../peers.ts'
import { REPLICAS } from '../options.ts'
import { placeOf, type RingMember, rendezvous, ringMember } from './rendezvous.ts'

/** The live neighbourhood. */
export interface Neighbourhood {
  /** Neighbours that may be asked, in no order. */
  neighbours(): readonly Neighbour[]
  /** Everyone who keeps provider lists, this node included. */
  ring(): readonly RingMember[]
  /** The nodes that keep the provider list of `name`, this node left out. */
  replicas(name: Digest): PeerId[]
  /** The member of the private network that leads the upstream fetch of `name`; may be this node. */
  leader(name: Digest): PeerId | undefined
  /** Calls back after a change until the returned function is called. */
  watch(listener: () => void): () => void
  /** Forgets what was computed, after a peer's standing changed. */
  refresh(): void
}

/** The neighbourhood of this node; `admits` says who is neither denied nor dropped. */
export function createNeighbourhood(
  identity: Identity,
  control: ControlPlane,
  admits: (neighbour: Neighbour) => boolean,
): Neighbourhood {
  let live: readonly Neighbour[] | undefined
  let ring: readonly RingMember[] | undefined
  const refresh = (): void => {
    live = undefined
    ring = undefined
  }
  control.watch(refresh)
  const neighbours = (): readonly Neighbour[] => {
    live ??= control.neighbours().filter(admits)
    return live
  }
  const self = (): RingMember => ringMember(identity.peerId, placeOf(control.listen()))
  const dialable = (): readonly Neighbour[] => neighbours().filter((one) => one.dataPort !== undefined)
  const members = (): readonly RingMember[] => {
    ring ??= [self(), ...dialable().map((one) => ringMember(one.peerId, placeOf(one.addresses)))].sort((a, b) =>
      a.peerId < b.peerId ? -1 : 1,
    )
    return ring
  }
  return {
    neighbours,
    ring: members,
    replicas: (name) => rendezvous(name, members(), REPLICAS).filter((peerId) => peerId !== identity.peerId),
    leader(name) {
      const proved = new Set(dialable().flatMap((one) => (one.member ? [one.peerId] : [])))
      const candidates = members().filter(({ peerId }) => peerId === identity.peerId || proved.has(peerId))
      return rendezvous(name, candidates, 1)[0]
    },
    watch: (listener) => control.watch(listener),
    refresh,
  }
}
