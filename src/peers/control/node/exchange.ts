/**
 * Peer exchange, `/pyrsia/peers/1`: the asker sends its own record, the answer is the answerer's own record followed by those
 * of live peers it knows. Pure: the form of the messages. Both are lists of envelopes, each after its length in two bytes.
 */
import { AppError } from '../../../base/errors.ts'
import { RECORD_BYTES_MAX } from '../../record.ts'

/** Protocol id. */
export const EXCHANGE_PROTOCOL = '/pyrsia/peers/1'
/** Most records in an answer. */
export const EXCHANGE_RECORDS_MAX = 64
/** Most bytes of an answer. */
export const EXCHANGE_BYTES_MAX: number = EXCHANGE_RECORDS_MAX * (RECORD_BYTES_MAX + 2)

/** A list of envelopes as one message. @throws bug.assertion if there are too many or one is too long */
export function packEnvelopes(envelopes: readonly Uint8Array[]): Uint8Array {
  const fits = envelopes.length <= EXCHANGE_RECORDS_MAX && envelopes.every((one) => one.byteLength <= RECORD_BYTES_MAX)
  if (!fits) throw new AppError('bug.assertion', 'packing more records than a message may hold')
  const parts = envelopes.flatMap((envelope) => {
    const length = Buffer.alloc(2)
    length.writeUInt16BE(envelope.byteLength)
    return [length, envelope]
  })
  return Uint8Array.from(Buffer.concat(parts))
}

/** The envelopes in a message, unverified. @throws usage.message if it is malformed or too large */
export function unpackEnvelopes(message: Uint8Array): Uint8Array[] {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength)
  const envelopes: Uint8Array[] = []
  let at = 0
  while (at < bytes.byteLength) {
    const left = bytes.byteLength - at
    const lengthBytes = left >= 2 ? bytes.readUInt16BE(at) : 0
    if (lengthBytes === 0 || lengthBytes > Math.min(RECORD_BYTES_MAX, left - 2)) {
      throw new AppError('usage.message', 'reading a list of peer records: wanted a length and that many bytes')
    }
    if (envelopes.length === EXCHANGE_RECORDS_MAX) {
      throw new AppError('usage.message', `reading a list of peer records: wanted at most ${EXCHANGE_RECORDS_MAX}`)
    }
    envelopes.push(Uint8Array.from(bytes.subarray(at + 2, at + 2 + lengthBytes)))
    at += 2 + lengthBytes
  }
  return envelopes
}
