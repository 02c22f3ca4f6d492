/**
 * Topics on top of gossipsub: names, sizes and rates are checked before a message is passed on, and every message carries its
 * author's signature (StrictSign), which gossipsub verified before it asks here.
 */
import { type Message, type TopicValidatorFn, TopicValidatorResult } from '@libp2p/gossipsub'
import type { PeerId as Libp2pPeerId } from '@libp2p/interface'
import type { Clock } from '../../../base/clock.ts'
import { AppError, wrapError } from '../../../base/errors.ts'
import type { ControlLimits } from '../options.ts'
import { checkMessage, checkTopic, GOSSIP_BYTES_MAX } from '../topics.ts'
import type { Host } from './host.ts'
import { RateLimit } from './rate.ts'

/** Topic of renewed peer records. */
export const RECORD_TOPIC = 'pyrsia/record/1'

/** Gets the messages of a topic. False: the message is not worth passing on. */
export type TopicListener = (message: Uint8Array, from: string) => boolean

/** See the module head. */
export class Gossip {
  readonly #host: Host
  readonly #clock: Clock
  readonly #topicsMax: number
  readonly #rate: RateLimit
  readonly #welcome: (peerId: string) => boolean

  constructor(
    options: { readonly limits: ControlLimits; readonly welcome: (peerId: string) => boolean },
    dependencies: { readonly host: Host; readonly clock: Clock },
  ) {
    this.#host = dependencies.host
    this.#clock = dependencies.clock
    this.#welcome = options.welcome
    this.#topicsMax = options.limits.topicsMax
    this.#rate = new RateLimit({ perPeriod: options.limits.gossipPerSecondMax, periodMs: 1000, keysMax: 1024 })
  }

  /** Listens to a topic; a second listener replaces the first. @throws usage.message, exhausted.queue */
  subscribe(topic: string, listener: TopicListener): void {
    checkTopic(topic)
    const { pubsub } = this.#host.services
    if (!pubsub.topicValidators.has(topic) && pubsub.topicValidators.size >= this.#topicsMax) {
      throw new AppError('exhausted.queue', `wanted at most ${this.#topicsMax} topics, found one more: ${topic}`)
    }
    pubsub.topicValidators.set(topic, this.#validator(listener))
    pubsub.subscribe(topic)
  }

  unsubscribe(topic: string): void {
    this.#host.services.pubsub.unsubscribe(topic)
    this.#host.services.pubsub.topicValidators.delete(topic)
  }

  /** Sends a message to whoever subscribed. @throws usage.message, exhausted.size, unavailable.peer */
  async publish(topic: string, message: Uint8Array): Promise<void> {
    checkTopic(topic)
    checkMessage(message)
    try {
      await this.#host.services.pubsub.publish(topic, message)
    } catch (error) {
      throw wrapError(error, 'unavailable.peer', `publishing on ${topic}`)
    }
  }

  /** Messages reach their listener here and not by an event, because only here gossipsub waits for a verdict. */
  #validator(listener: TopicListener): TopicValidatorFn {
    return (passedOnBy: Libp2pPeerId, message: Message) => {
      if (message.type !== 'signed' || message.data.byteLength > GOSSIP_BYTES_MAX) return TopicValidatorResult.Reject
      const from = message.from.toString()
      if (!this.#welcome(from)) return TopicValidatorResult.Reject
      if (!this.#rate.allow(passedOnBy.toString(), this.#clock.monotonicMs())) return TopicValidatorResult.Ignore
      return listener(message.data, from) ? TopicValidatorResult.Accept : TopicValidatorResult.Ignore
    }
  }
}
