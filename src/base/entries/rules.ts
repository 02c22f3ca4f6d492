/** The network's own rules: what its authorities may change by a vote. Logged as entries of kind `policy`. */
import { z } from 'zod'
import { type Hex32, hex32, wholeNumber } from './fields.ts'

/** Recipes, limits and deadlines in force. */
export interface NetworkRules {
  /** Digests of the recipes that builders follow. Empty: any recipe. */
  readonly recipes: readonly Hex32[]
  /** From the fixing of a draw's time to the round that decides; 30 in a real network. */
  readonly beaconDelaySeconds: number
  /** How long the beacon's round is waited for after it was due. */
  readonly drawSeconds: number
  /** How long a selected builder, and then each standby, has for its commitment. */
  readonly commitSeconds: number
  /** How long builders have to reveal. */
  readonly revealSeconds: number
  /** How long an organisation's requests are counted together. */
  readonly windowSeconds: number
  /** Requests and disputes of one organisation in that time. */
  readonly requestsPerWindow: number
  /** Requests and disputes of one organisation that may be open at once. */
  readonly openRequestsMax: number
  /** Blocks from the vote that decides a change of members or rules to the block in which it holds; at least 2. */
  readonly activationBlocks: number
}

/** What a network has unless its genesis says otherwise. */
export const DEFAULT_RULES: NetworkRules = {
  recipes: [],
  beaconDelaySeconds: 30,
  drawSeconds: 600,
  commitSeconds: 3600,
  revealSeconds: 600,
  windowSeconds: 86_400,
  requestsPerWindow: 1000,
  openRequestsMax: 100,
  activationBlocks: 2,
}

const duration = z.int().min(1).max(31_536_000)

/** Schema of `NetworkRules`. */
export const networkRules: z.ZodType<NetworkRules> = z.strictObject({
  recipes: z.array(hex32).max(256),
  beaconDelaySeconds: duration,
  drawSeconds: duration,
  commitSeconds: duration,
  revealSeconds: duration,
  windowSeconds: duration,
  requestsPerWindow: wholeNumber,
  openRequestsMax: wholeNumber,
  activationBlocks: z.int().min(2).max(100_000),
})
