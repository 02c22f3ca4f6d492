/**
 * A witness: cosigns checkpoints of the logs that it was told of, each consistent with the one before (C2SP tlog-witness). What
 * it cosigned last is on the disk before any answer, put there by compare-and-swap, so that two requests at once cannot roll it
 * back. `http/` puts it behind `add-checkpoint`; the node's own log is cosigned by the same steps.
 */
import type { Signer } from '../../base/crypto/ed25519.ts'
import { AppError } from '../../base/errors.ts'
import type { Vkey } from '../../base/network/vkey.ts'
import type { CosignerStore } from '../log.ts'
import { cosign } from '../note/cosignature.ts'
import { formatSignatureLine } from '../note/signature-line.ts'
import { decideAddCheckpoint } from './decide.ts'
import { type AddCheckpoint, parseAddCheckpoint } from './request.ts'

/** What a witness answers. */
export interface WitnessReply {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422 | 503
  readonly mediaType: string
  readonly body: string
}

/** A log that is witnessed: its origin and the keys that sign for it. */
export interface WitnessLog {
  readonly origin: string
  readonly keys: readonly Vkey[]
}

/** A witness. */
export interface Witness {
  /** Its name and public key, for others to verify by. */
  readonly key: Vkey
  /** Origins that it cosigns. */
  readonly origins: readonly string[]
  /** Answers one request. Never throws but for a store that is damaged. @throws damaged.cosigner */
  addCheckpoint(body: Uint8Array): Promise<WitnessReply>
}

/** Counters and time. */
export interface WitnessDependencies {
  readonly store: Pick<CosignerStore, 'last' | 'advance'>
  readonly signer: Signer
  readonly nowSeconds: () => number
  /** Told of each answer, for metrics. */
  readonly onAnswer?: (status: WitnessReply['status']) => void
}

const TEXT = 'text/plain; charset=utf-8'
/** tlog-witness: the type of the body of a 409. */
const SIZE_TYPE = 'text/x.tlog.size'

/** A witness of these logs that signs as `key.name`; `key` must be the cosignature key of `signer`. */
export function createWitness(
  options: { readonly key: Vkey; readonly logs: readonly WitnessLog[] },
  dependencies: WitnessDependencies,
): Witness {
  const { key } = options
  const logs = new Map(options.logs.map(({ origin, keys }) => [origin, keys]))
  const { store, signer, nowSeconds, onAnswer = () => {} } = dependencies

  async function answer(body: Uint8Array): Promise<WitnessReply> {
    let request: AddCheckpoint
    try {
      request = parseAddCheckpoint(body)
    } catch (error) {
      if (error instanceof AppError && error.kind === 'usage') return text(400, error.message)
      throw error
    }
    const { origin } = request.checkpoint
    const keys = logs.get(origin)
    const last = keys === undefined ? undefined : store.last(origin)
    const decision = decideAddCheckpoint(request, { keys, last })
    if (decision.kind === 'refuse') {
      if (decision.size === undefined) return text(decision.status, decision.reason)
      return { status: 409, mediaType: SIZE_TYPE, body: `${decision.size}\n` }
    }
    try {
      await store.advance(origin, last, decision.next)
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      // Another request was quicker: the client must learn the size that holds now.
      if (error.code === 'conflict.changed') {
        return { status: 409, mediaType: SIZE_TYPE, body: `${store.last(origin)?.size ?? 0}\n` }
      }
      if (error.kind === 'untrusted') return text(422, error.message)
      if (error.kind === 'unavailable' || error.kind === 'exhausted') return text(503, error.message)
      throw error
    }
    const line = formatSignatureLine(cosign(request.note.text, key.name, signer, nowSeconds()))
    return { status: 200, mediaType: TEXT, body: line }
  }

  return {
    key,
    origins: [...logs.keys()],
    async addCheckpoint(body) {
      const reply = await answer(body)
      onAnswer(reply.status)
      return reply
    },
  }
}

function text(status: WitnessReply['status'], reason: string): WitnessReply {
  return { status, mediaType: TEXT, body: `${reason}\n` }
}
