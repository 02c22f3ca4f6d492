/**
 * Transactions: what members ask of the network. Each is signed with one of the sender's keys and is kept whole inside the entry that
 * it caused, so that anybody verifies who said what from the log alone. `sequence` must rise with every transaction of a key, which
 * makes each count once.
 */
import { hash } from 'node:crypto'
import { z } from 'zod'
import { canonicalJson, type Json, parseCanonicalText, rememberedText, rememberText } from '../crypto/canonical-json.ts'
import { type Signer, verifyEd25519 } from '../crypto/ed25519.ts'
import { AppError } from '../errors.ts'
import {
  digestText,
  type Hex32,
  type Hex64,
  hex32,
  hex64,
  hexBytes,
  organisationName,
  originText,
  purlText,
  remark,
  wholeNumber,
} from './fields.ts'
import { type Offer, offer } from './offer.ts'
import { type BuildResult, buildResult } from './result.ts'
import { type NetworkRules, networkRules } from './rules.ts'

/** Bytes of a transaction: a verdict or a fault that holds one must still fit into an entry. */
export const TRANSACTION_BYTES_MAX = 40_960

/** What every transaction says. */
export interface Sender {
  readonly network: string
  /** The public key that signs. */
  readonly key: Hex32
  /** Higher than in every earlier transaction of this key. */
  readonly sequence: number
}

/** Asks for a package to be built; nothing but its name. */
export interface RequestBody extends Sender {
  readonly type: 'request'
  readonly purl: string
}

/** Brings the beacon's round that draws are waiting for. */
export interface BeaconBody extends Sender {
  readonly type: 'beacon'
  readonly round: number
  readonly randomness: Hex32
  /** The beacon's own signature. */
  readonly proof: string
}

/** Binds a builder to a result that it does not tell yet. */
export interface CommitBody extends Sender {
  readonly type: 'commit'
  /** Name of the request: the hash of its entry's leaf. */
  readonly request: Hex32
  readonly attempt: number
  readonly commitment: Hex32
}

/** Tells the result that was committed to. */
export interface RevealBody extends Sender {
  readonly type: 'reveal'
  readonly request: Hex32
  readonly attempt: number
  readonly salt: Hex32
  readonly result: BuildResult
  /** SHA-256 of the builder's signed statement (a DSSE envelope), if there is one. */
  readonly envelope?: Hex32
}

/** Doubts a live verdict: another selection builds the package again. */
export interface DisputeBody extends Sender {
  readonly type: 'dispute'
  readonly purl: string
  /** The request whose verdict is doubted. */
  readonly verdictOf: Hex32
  readonly reason: string
}

/** What may be changed by a vote of the authorities. */
export type Change =
  | { readonly action: 'admit'; readonly offer: Offer }
  | {
      readonly action: 'remove'
      readonly organisation: string
      /** One node; without it the whole organisation. */
      readonly node?: Hex32
      /** Makes two removals of the same member different. */
      readonly serial: number
    }
  | { readonly action: 'rules'; readonly rules: NetworkRules; readonly serial: number }

/** Proposes a change and votes for it. */
export interface ProposeBody extends Sender {
  readonly type: 'propose'
  readonly change: Change
}

/** Votes for a change that was proposed. */
export interface VoteBody extends Sender {
  readonly type: 'vote'
  /** `changeId` of the change. */
  readonly change: Hex32
}

/** Votes for withdrawing a package, or certain files of it. */
export interface RevokeBody extends Sender {
  readonly type: 'revoke'
  readonly purl: string
  /** The files' digests in ascending order; empty: the package whatever its bytes. */
  readonly digests: readonly string[]
  readonly reason: string
}

/** Any body. */
export type TransactionBody =
  | RequestBody
  | BeaconBody
  | CommitBody
  | RevealBody
  | DisputeBody
  | ProposeBody
  | VoteBody
  | RevokeBody

/** A body with the signature of its key. */
export interface Transaction<T extends TransactionBody = TransactionBody> {
  readonly body: T
  readonly signature: Hex64
}

const DOMAIN = 'pyrsia.transaction/1\n'

/** `body` without the sender's key, signed by `signer`. */
export function signTransaction<T extends TransactionBody>(body: Omit<T, 'key'>, signer: Signer): Transaction<T> {
  const whole = { ...body, key: Buffer.from(signer.publicKey).toString('hex') } as T
  return { body: whole, signature: Buffer.from(signer.sign(messageOf(whole))).toString('hex') }
}

const BEFORE_BODY = '{"body":'.length
const AFTER_BODY = ',"signature":""}'.length + 128

/** True if the transaction's key signed its body. */
export function isSigned(transaction: Transaction): boolean {
  const { body, signature } = transaction
  const read = rememberedText(transaction)
  // Canonical, with two members: the body is everything between.
  const text = read?.slice(BEFORE_BODY, read.length - AFTER_BODY)
  const message = text === undefined ? messageOf(body) : Buffer.from(DOMAIN + text)
  return verifyEd25519(Buffer.from(body.key, 'hex'), message, Buffer.from(signature, 'hex'))
}

/** The transaction as canonical JSON. */
export function encodeTransaction(transaction: Transaction): Uint8Array {
  return canonicalJson(transaction as unknown as Json)
}

/** The transaction in these bytes, well-formed; its signature is not looked at. @throws usage.transaction */
export function parseTransaction(bytes: Uint8Array): Transaction {
  let read: { readonly value: Json; readonly text: string }
  try {
    read = parseCanonicalText(bytes, { bytesMax: TRANSACTION_BYTES_MAX })
  } catch (cause) {
    throw new AppError('usage.transaction', 'wanted a transaction as canonical JSON', { cause })
  }
  const found = transactionSchema.safeParse(read.value)
  if (found.success) {
    // What was read, not the schema's copy of it: its members are in order, and every one is what was signed.
    const transaction = read.value as unknown as Transaction
    rememberText(transaction, read.text)
    // A builder's commitment is to the result's text.
    if (transaction.body.type === 'reveal') rememberText(transaction.body.result, resultText(read.text))
    return transaction
  }
  throw new AppError('usage.transaction', `found a malformed transaction: ${z.prettifyError(found.error)}`)
}

/** The result in the text of a reveal: quotes within a text are escaped, and what stands before and after it has no members of its own. */
function resultText(text: string): string {
  return text.slice(text.indexOf(RESULT) + RESULT.length, text.lastIndexOf(AFTER_RESULT))
}

const RESULT = ',"result":'
const AFTER_RESULT = ',"salt":"'

/** The name of a change: what votes refer to. */
export function changeId(change: Change): Hex32 {
  return hash('sha256', Buffer.concat([CHANGE_DOMAIN, canonicalJson(change as unknown as Json)]), 'hex')
}

const CHANGE_DOMAIN = Buffer.from('pyrsia.change/1\n', 'utf8')

function messageOf(body: TransactionBody): Uint8Array {
  return Buffer.concat([Buffer.from(DOMAIN), canonicalJson(body as unknown as Json)])
}

const sender = { network: originText, key: hex32, sequence: wholeNumber }
const ofRequest = { ...sender, request: hex32, attempt: wholeNumber }
const digests = z
  .array(digestText)
  .max(32)
  .refine((list) => list.every((digest, at) => at === 0 || (list[at - 1] ?? '') < digest), 'digests in ascending order')
const change = z.discriminatedUnion('action', [
  z.strictObject({ action: z.literal('admit'), offer }),
  z.strictObject({
    action: z.literal('remove'),
    organisation: organisationName,
    node: hex32.exactOptional(),
    serial: wholeNumber,
  }),
  z.strictObject({ action: z.literal('rules'), rules: networkRules, serial: wholeNumber }),
])
const bodies = {
  request: z.strictObject({ ...sender, type: z.literal('request'), purl: purlText }),
  beacon: z.strictObject({
    ...sender,
    type: z.literal('beacon'),
    round: wholeNumber,
    randomness: hex32,
    proof: hexBytes,
  }),
  commit: z.strictObject({ ...ofRequest, type: z.literal('commit'), commitment: hex32 }),
  reveal: z.strictObject({
    ...ofRequest,
    type: z.literal('reveal'),
    salt: hex32,
    result: buildResult,
    envelope: hex32.exactOptional(),
  }),
  dispute: z.strictObject({
    ...sender,
    type: z.literal('dispute'),
    purl: purlText,
    verdictOf: hex32,
    reason: remark,
  }),
  propose: z.strictObject({ ...sender, type: z.literal('propose'), change }),
  vote: z.strictObject({ ...sender, type: z.literal('vote'), change: hex32 }),
  revoke: z.strictObject({ ...sender, type: z.literal('revoke'), purl: purlText, digests, reason: remark }),
}
const transactionSchema: z.ZodType<Transaction> = z.strictObject({
  body: z.discriminatedUnion('type', [
    bodies.request,
    bodies.beacon,
    bodies.commit,
    bodies.reveal,
    bodies.dispute,
    bodies.propose,
    bodies.vote,
    bodies.revoke,
  ]),
  signature: hex64,
})

/** The schema of transactions of this type. */
export function transactionOf<T extends TransactionBody['type']>(
  type: T,
): z.ZodType<Transaction<Extract<TransactionBody, { type: T }>>> {
  return z.strictObject({ body: bodies[type], signature: hex64 }) as unknown as z.ZodType<
    Transaction<Extract<TransactionBody, { type: T }>>
  >
}
