/** Names and sizes of gossip. Pure, and free of libp2p, so that the main thread can check before it sends to the worker. */
import { AppError } from '../../base/errors.ts'

/** Most bytes of a gossip message. */
export const GOSSIP_BYTES_MAX = 16_384

const TOPIC = /^pyrsia\/[a-z0-9-]{1,64}\/1$/

/** @throws usage.message unless `topic` is of the form `pyrsia/<name>/1` */
export function checkTopic(topic: string): void {
  if (!TOPIC.test(topic)) {
    throw new AppError('usage.message', `wanted a topic such as pyrsia/news/1, found ${JSON.stringify(topic)}`)
  }
}

/** @throws exhausted.size if the message is too large */
export function checkMessage(message: Uint8Array): void {
  if (message.byteLength > GOSSIP_BYTES_MAX) {
    const found = message.byteLength
    throw new AppError('exhausted.size', `wanted a message of at most ${GOSSIP_BYTES_MAX} bytes, found ${found}`)
  }
}
