/** Members that ask: honestly, by grinding for other builders, in floods, and by doubting. */

import type { DisputeBody, RequestBody } from '../../../src/base/entries/transaction.ts'
import { hashOf } from '../../../src/consensus/draft/draft.ts'
import { type RequesterWay, type Scenario, truthHash } from '../scenario.ts'
import type { Attempt } from './log-view.ts'
import type { Habit, Member } from './member.ts'

/** The asking side of a member. */
export class Requester implements Habit {
  readonly #scenario: Scenario
  readonly #way: RequesterWay
  readonly #key: string
  #asked = 0
  #nextMs = 0
  /** Set by the simulation when the weather is calm: the package that must be decided. */
  last: string | undefined

  constructor(organisation: string, way: RequesterWay, scenario: Scenario) {
    this.#scenario = scenario
    this.#way = way
    this.#key = `${organisation}/attestation`
  }

  forget(): void {
    this.#nextMs = 0
  }

  act(member: Member): void {
    const { world, view } = member
    if (this.last !== undefined) {
      // Its other requests may be open still; they end, and then there is room.
      if (member.mouth.answer(`ask ${this.last} last`) === 'limit') member.mouth.forget(`ask ${this.last} last`)
      this.#ask(member, this.last, 'last')
    }
    for (const attempt of view.attempts.values()) this.#look(member, attempt)
    if (this.last !== undefined || world.nowMs() < this.#nextMs) return
    this.#asked += 1
    const purl = world.chance.pick(this.#scenario.purls)
    const [least, most] = this.#way === 'honest' ? [60_000, 240_000] : [4000, 20_000]
    this.#nextMs = world.nowMs() + world.chance.whole(least, most)
    if (this.#way !== 'honest' && this.#way !== 'doubt-everything') world.count(`plays ${this.#way}`)
    if (this.#way === 'flood')
      this.#ask(member, `pkg:toy/flood${this.#asked % 20}@${hashOf(purl).slice(0, 8)}`, this.#asked)
    else if (this.#way === 'resubmit') this.#ask(member, this.#scenario.purls[0] ?? purl, this.#asked)
    else this.#ask(member, purl, this.#asked)
  }

  #ask(member: Member, purl: string, tag: unknown): void {
    member.mouth.say<RequestBody>(`ask ${purl} ${tag}`, this.#key, { type: 'request', purl }, member.life)
  }

  /** A verdict that is not what this member's own build came to is doubted; some doubt every verdict, some ask anew at once. */
  #look(member: Member, { name, purl, verdict, agreement, closed }: Attempt): void {
    if (this.#way === 'grind (D8)' && closed) this.#ask(member, purl, name)
    if (agreement === undefined || verdict?.disputes !== null) return
    const doubts = this.#way === 'doubt-everything' || (this.#way === 'honest' && agreement !== truthHash(purl))
    if (!doubts) return
    const words = { type: 'dispute', purl, verdictOf: name, reason: 'other bytes here' } as const
    member.mouth.say<DisputeBody>(`doubt ${name}`, this.#key, words, member.life)
  }
}
