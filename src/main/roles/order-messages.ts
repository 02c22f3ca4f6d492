/**
 * What nodes say to each other about the order of a trust network, over the data plane: canonical JSON, bounded by the peers. A signed
 * transaction proves itself whoever passes it on; a bare wish (`ask`) is taken up by a member in its own name. `hops` says how often it
 * may still be passed on. Pure.
 */
import { z } from 'zod'
import { canonicalJson, parseCanonicalJson } from '../../base/crypto/canonical-json.ts'
import { hex32, originText, purlText, wholeNumber } from '../../base/entries/fields.ts'
import { AppError, ERROR_CODES, type ErrorCode } from '../../base/errors.ts'
import type { Ordered } from '../../build/ordering.ts'
import { TRANSACTION_MESSAGE_BYTES_MAX } from '../../peers/peers.ts'

/** How often a message is passed on at most: to a peer, to another, to an authority. */
export const HOPS_MAX = 2

/** A message. */
export type OrderMessage = { readonly network: string; readonly hops: number } & (
  | { readonly transaction: string }
  | { readonly purl: string }
)

const head = { network: originText, hops: z.int().min(0).max(HOPS_MAX) }
const messageShape = z.union([
  z.strictObject({ ...head, transaction: z.base64().max(56_000) }),
  z.strictObject({ ...head, purl: purlText }),
])
const answerShape = z.union([
  z.strictObject({
    refusal: z.string().max(100).nullable(),
    entries: z.array(z.strictObject({ index: wholeNumber, name: hex32 })).max(100),
  }),
  z.strictObject({ error: z.string().max(100) }),
])

/** The message's bytes. */
export function formatMessage(message: OrderMessage): Uint8Array {
  return canonicalJson({ ...message })
}

/** The message in these bytes. @throws usage.message */
export function parseMessage(bytes: Uint8Array): OrderMessage {
  return parse(messageShape, bytes, 'a message for the order')
}

/** The answer to a message: what came of it, or the code of the error. */
export function formatAnswer(answer: Ordered | { readonly error: ErrorCode }): Uint8Array {
  if ('error' in answer) return canonicalJson({ error: answer.error })
  const entries = answer.entries.map(({ index, name }) => ({ index, name }))
  return canonicalJson({ refusal: answer.refusal ?? null, entries })
}

/** What the answer says. @throws usage.message; the error that it names, unavailable.peer for one that is not known */
export function parseAnswer(bytes: Uint8Array, peerId: string): Ordered {
  const answer = parse(answerShape, bytes, 'an answer about the order')
  if ('entries' in answer) return { refusal: answer.refusal ?? undefined, entries: answer.entries }
  const code = answer.error in ERROR_CODES ? (answer.error as ErrorCode) : 'unavailable.peer'
  throw new AppError(code, `${peerId} could not have it ordered: ${answer.error}`)
}

function parse<T>(shape: z.ZodType<T>, bytes: Uint8Array, what: string): T {
  try {
    return shape.parse(parseCanonicalJson(bytes, { bytesMax: TRANSACTION_MESSAGE_BYTES_MAX }))
  } catch (cause) {
    throw new AppError('usage.message', `wanted ${what}, found ${bytes.byteLength} bytes that are none`, { cause })
  }
}
