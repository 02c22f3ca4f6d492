/** Draws by the hundred thousand under a fixed seed, for the statistics: real seeds and rankings, made-up randomness. */
import { domainHash } from '../../src/base/crypto/domain-hash.ts'
import { drawSeed } from '../../src/consensus/selection/draw-seed.ts'
import { rank } from '../../src/consensus/selection/rank.ts'
import type { BuilderOrganisation } from '../../src/consensus/selection/select.ts'

/** The ten seeds that are fixed for good: a result is the same on every machine. */
export const FIXED_SEEDS: readonly string[] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'].map((n) => `seed ${n}`)

/** What a beacon might have given for this round, 32 bytes. */
export function randomnessOf(seed: string, round: number): Uint8Array {
  return domainHash('statistics/beacon', [seed, round])
}

/** What a draw of the tests may vary. */
export interface DrawChoice {
  readonly round: number
  readonly attempt?: number
  /** Whatever the requester could shape. */
  readonly request?: string
}

/** The seed of one draw in the network of this seed. */
export function seedOfDraw(seed: string, { round, attempt = 1, request = 'request' }: DrawChoice): Uint8Array {
  return drawSeed({
    network: 'statistics.example',
    chainHash: domainHash('statistics/chain', [seed]),
    round,
    randomness: randomnessOf(seed, round),
    requestLeafHash: domainHash('statistics/request', [request]),
    attempt,
    membershipRoot: domainHash('statistics/members', []),
  })
}

/** `count` organisations whose member entries lie irregularly, as in a real log; they all build `toy`, on so many nodes each. */
export function buildersOf(count: number, nodesOf: (at: number) => number = () => 1): BuilderOrganisation[] {
  let index = 3
  return Array.from({ length: count }, (_, at) => {
    const memberIndex = index
    const nodes = Array.from({ length: nodesOf(at) }, (_, node) => ({
      node: `${at}-${node}`,
      memberIndex: memberIndex + node,
      types: ['toy'],
    }))
    index += nodes.length + ((at * 7) % 5)
    return { organisation: String(at), memberIndex, nodes }
  })
}

/** The places, best first, of organisations 0, 1, ...: the order of one draw as their numbers. */
export function orderOf(seed: Uint8Array, members: readonly BuilderOrganisation[]): number[] {
  return rank('organisation', seed, members).map(({ organisation }) => Number(organisation))
}
