/**
 * What the main thread and the worker say to one another. Both ends are this program, so the types are the contract; the
 * bounds are not: calls carry a number and are limited in count, events are told again only after the last was taken.
 */
import type { ErrorCode } from '../../base/errors.ts'
import type { Neighbour } from '../neighbour.ts'
import type { PeerId } from '../peers.ts'
import type { ControlLimits, ControlTiming } from './options.ts'

/** Calls whose reply is awaited at a time. */
export const CALLS_MAX = 256
/** Gossip messages, dial-back requests and log lines on their way to the main thread that it has not taken yet. */
export const EVENTS_MAX = 256

/** What the worker is started with. */
export interface WorkerStart {
  /** Ed25519 seed. Secret. */
  readonly seed: Uint8Array
  readonly listen: readonly string[]
  readonly bootstrap: readonly string[]
  readonly trustPeers: readonly PeerId[]
  readonly allowPeers: readonly PeerId[]
  readonly denyPeers: readonly PeerId[]
  readonly networkKey: Uint8Array | undefined
  readonly zone: string | undefined
  readonly mdns: boolean
  readonly dataPort: number | undefined
  readonly known: readonly Uint8Array[]
  readonly topics: readonly string[]
  readonly limits: ControlLimits
  readonly timing: ControlTiming
}

/** To the worker. */
export type Command =
  | { readonly kind: 'publish'; readonly call: number; readonly topic: string; readonly message: Uint8Array }
  | { readonly kind: 'dial-back'; readonly call: number; readonly peerId: PeerId }
  /** The caller of a dial-back left. */
  | { readonly kind: 'abandon'; readonly call: number }
  | { readonly kind: 'subscribe'; readonly topic: string }
  | { readonly kind: 'unsubscribe'; readonly topic: string }
  | { readonly kind: 'drop'; readonly peerId: PeerId }
  /** The main thread took this many bounded events. */
  | { readonly kind: 'taken'; readonly events: number }
  /** The main thread took the last neighbourhood. */
  | { readonly kind: 'seen' }
  | { readonly kind: 'stop' }

/** An error as it crosses threads. */
export interface PlainError {
  readonly code: ErrorCode
  readonly message: string
}

/** Events that are dropped, and counted, when the main thread does not keep up. */
export type BoundedEvent =
  | { readonly kind: 'message'; readonly topic: string; readonly message: Uint8Array; readonly from: PeerId }
  | { readonly kind: 'dial-back'; readonly peerId: PeerId; readonly host: string; readonly port: number }
  | { readonly kind: 'remember'; readonly peerId: PeerId; readonly envelope: Uint8Array }
  | {
      readonly kind: 'log'
      readonly level: 'debug' | 'info' | 'warn' | 'error'
      readonly facts: Readonly<Record<string, string>>
      readonly text: string
    }

/** From the worker. */
export type Report =
  | { readonly kind: 'ready'; readonly listen: readonly string[] }
  | { readonly kind: 'failed'; readonly error: PlainError }
  | { readonly kind: 'reply'; readonly call: number; readonly error: PlainError | undefined }
  /** The whole neighbourhood; not sent again before the last one was `seen`. */
  | { readonly kind: 'neighbours'; readonly neighbours: readonly Neighbour[]; readonly listen: readonly string[] }
  | { readonly kind: 'dialled' }
  | { readonly kind: 'stopped' }
  | BoundedEvent
