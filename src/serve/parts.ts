/**
 * What the read flow is made of: the parts it is handed, its limits, and the one effectful function that it does not own
 * (`Transform`, a worker pool of `main/`). Values and types only; every step file takes what it needs of them.
 */
import type { Clock, Logger, Random } from '../base/clock.ts'
import type { Purl } from '../base/purl.ts'
import type { Ecosystem, Transformed, TransformFacts } from '../ecosystems/ecosystem.ts'
import type { Peers } from '../peers/peers.ts'
import type { Policy } from '../policy/policy.ts'
import type { Store } from '../store/store.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { Ledger } from './ledger.ts'
import type { TrustedLog } from './rules/verdicts.ts'

/** One document to be put into a client's format, off the loop that serves. */
export interface TransformJob {
  /** Id of the ecosystem whose `transform` is called. */
  readonly ecosystem: string
  /** Size of the document, for choosing where it runs. */
  readonly sizeBytes: number
  /** Reads the document; called only when the job's turn has come, so that waiting jobs hold no bytes. */
  readonly load: (signal: AbortSignal) => Promise<Uint8Array>
  readonly facts: TransformFacts
  readonly variant: string
}

/**
 * Runs an ecosystem's `transform` once; bounded in jobs, queue and time.
 * @throws untrusted.reply if the document is malformed; exhausted.queue; unavailable.timeout; aborted.caller
 */
export type Transform = (job: TransformJob, signal: AbortSignal) => Promise<Transformed>

/** Bounds of the read flow. */
export interface ServeLimits {
  /** Needs that one resolution may ask for. */
  readonly needsMax: number
  /** Documents asked of upstream at a time. */
  readonly refreshesMax: number
  /** Blobs fetched at a time, and how many more may wait for their turn. */
  readonly transfersMax: number
  readonly transfersWaitingMax: number
  /** Largest view that is put into memory for a resolution, bytes. */
  readonly viewBytesMax: number
  /** How long peers are asked who has something. */
  readonly lookupMs: number
  /** The same when nobody else is left who could be asked. */
  readonly patientLookupMs: number
  /** The same for a client that has nowhere else to go: a loaded peer answers late, one that holds nothing at once. */
  readonly lastLookupMs: number
  /** How long peers' answers are waited for before upstream is asked as well. */
  readonly headStartMs: number
  /** How long a client waits for upstream when a kept document, however old, could be given. */
  readonly staleWaitMs: number
  /** How long "does not exist" is believed. */
  readonly absentSeconds: number
  /** How long a document is not asked for again that came malformed, too large, too slowly or not whole. */
  readonly badReplyMs: number
  /** A document's body that takes longer must come at this rate at least, on the average. */
  readonly bodyPatienceMs: number
  readonly bodyBytesPerSecondMin: number
  /** How long a transfer goes on after its last client left. */
  readonly lingerMs: number
  /** A transfer without clients is finished if no more than this is missing, bytes. */
  readonly finishBytesMax: number
  /** Sources that one transfer opens before it gives up. */
  readonly opensMax: number
  /** How long strangers' bytes, which no client may see before the end, are awaited while upstream could be asked. */
  readonly strangerPatienceMs: number
  /** From this size on a neighbour may be asked to fetch for the neighbourhood, bytes. */
  readonly followBytesMin: number
}

/** Bounds that suit a node for a team. */
export const SERVE_LIMITS: ServeLimits = {
  needsMax: 16,
  refreshesMax: 512,
  transfersMax: 64,
  transfersWaitingMax: 2_048,
  viewBytesMax: 64 * 1_048_576,
  lookupMs: 300,
  patientLookupMs: 700,
  lastLookupMs: 4_000,
  headStartMs: 150,
  staleWaitMs: 2_500,
  absentSeconds: 60,
  badReplyMs: 10_000,
  bodyPatienceMs: 15_000,
  bodyBytesPerSecondMin: 16_384,
  lingerMs: 10_000,
  finishBytesMax: 16 * 1_048_576,
  opensMax: 12,
  strangerPatienceMs: 3_000,
  followBytesMin: 8 * 1_048_576,
}

/** What the read flow is told once. */
export interface ServeOptions {
  /** All ecosystems; a neighbour's request (`lead`) names one by its id. */
  readonly ecosystems: readonly Ecosystem[]
  /** For how long mutable documents are fresh, seconds. */
  readonly freshSeconds: number
  /** Names of the configured upstreams. */
  readonly upstreams: readonly string[]
  readonly limits?: Partial<ServeLimits>
}

/** What the read flow is handed. */
export interface ServeDependencies {
  readonly store: Store
  /** Undefined: this node knows no peers. */
  readonly peers: Peers | undefined
  readonly upstream: Upstream
  readonly policy: Policy
  /** The transparency log, whose verdicts count; undefined: this node has none. */
  readonly log?: TrustedLog | undefined
  /** Told of releases that clients ask for and of which the log says nothing, as far as others may hear of them. */
  readonly lacking?: ((release: Purl) => void) | undefined
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly transform: Transform
}

/** What every step gets: the dependencies, the limits in force, and the counters. */
export interface ServeParts extends ServeDependencies {
  readonly limits: ServeLimits
  readonly ledger: Ledger
}
