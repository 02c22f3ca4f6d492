/** Builders: the honest one, and each way of cheating that 2-trust.md names. A test builder: it "builds" by naming bytes after the package. */
import { type BuildResult, commitmentOf } from '../../../src/base/entries/result.ts'
import type { CommitBody, RevealBody } from '../../../src/base/entries/transaction.ts'
import { TEST_ORIGIN } from '../../kit/proof-log.ts'
import { hexOf, sampleResult } from '../../kit/sample-entries.ts'
import { type BuilderPlan, evilOf, nodeKey, truthOf } from '../scenario.ts'
import { DiskCell } from '../world/disk.ts'
import { type Attempt, seatsOf, waitingFor } from './log-view.ts'
import type { Habit, Member } from './member.ts'
import { tagOf } from './mouth.ts'

interface Secret {
  readonly salt: string
  readonly result: BuildResult
}

/** One building node of a member. */
export class Builder implements Habit {
  readonly #plan: BuilderPlan
  readonly #node: string
  readonly #key: string
  /** Written down before the commitment is sent: who forgot its salt could not reveal. */
  readonly #secrets = new DiskCell<ReadonlyMap<string, Secret>>(new Map())
  readonly #begun = new Set<string>()
  readonly #built = new Set<string>()

  constructor(plan: BuilderPlan) {
    this.#plan = plan
    this.#node = nodeKey(plan.node)
    this.#key = `${plan.node}/attestation`
  }

  forget(): void {
    this.#secrets.crash()
    this.#begun.clear()
    this.#built.clear()
  }

  act(member: Member): void {
    for (const attempt of member.view.attempts.values()) {
      if (attempt.selection === undefined) continue
      if (attempt.closed && this.#plan.way !== 'tell-early-and-late') continue
      const seated = seatsOf(attempt).some(({ node }) => node === this.#node)
      this.#behave(member, attempt, seated)
    }
  }

  #behave(member: Member, attempt: Attempt, seated: boolean): void {
    const { purl, commits } = attempt
    const { way } = this.#plan
    const truth = truthOf(purl)
    if (way === 'vote-unselected (F4)') {
      if (!seated) member.world.count('plays vote-unselected (F4)')
      this.#vote(member, attempt, truth, !seated)
      return
    }
    if (!seated) return
    if (way !== 'honest' && !commits.has(this.#node)) member.world.count(`seats ${way}`)
    if (way === 'honest') this.#vote(member, attempt, truth)
    else if (way === 'collude (D1, D9)') this.#vote(member, attempt, evilOf(purl))
    else if (way === 'collude-until-doubted (D9)') {
      this.#vote(member, attempt, attempt.disputes === undefined ? evilOf(purl) : truth)
    } else if (way === 'claim-upstream (D10)') this.#vote(member, attempt, upstreamOf(purl, truth))
    else if (way === 'lie-about-toolchains') this.#vote(member, attempt, UNABLE)
    else if (way === 'equivocate (D7)') this.#equivocate(member, attempt)
    else if (way === 'tell-early-and-late') this.#hurryAndDawdle(member, attempt, truth)
    else if (way === 'withhold-reveal (D2)' && !commits.has(this.#node)) this.#vote(member, attempt, truth)
    else if (way.startsWith('copy')) this.#copy(member, attempt)
  }

  /** Builds, commits, and reveals when all seats have. `pushy`: without a seat, and without waiting. */
  #vote(member: Member, attempt: Attempt, result: BuildResult, pushy = false): void {
    const { name, commits, missed, missedReveal, reveals } = attempt
    if (!commits.has(this.#node) && !missed.has(this.#node)) {
      if (!this.#built.has(name)) this.#build(member, name)
      else this.#commit(member, attempt, this.#secretOf(name, result, member))
      if (!pushy) return
    }
    const secret = this.#secrets.value.get(name)
    const isTime = commits.has(this.#node) && waitingFor(attempt).length === 0
    if (secret === undefined || !(isTime || pushy) || reveals.has(this.#node) || missedReveal.has(this.#node)) return
    this.#reveal(member, attempt, secret)
  }

  #build(member: Member, name: string): void {
    if (this.#begun.has(name)) return
    this.#begun.add(name)
    const done = () => {
      this.#built.add(name)
      this.act(member)
    }
    member.world.after(member.world.chance.whole(...this.#plan.buildMs), done, member.life)
  }

  #secretOf(name: string, result: BuildResult, member: Member): Secret {
    const known = this.#secrets.value.get(name)
    if (known !== undefined) return known
    const secret = { salt: member.world.chance.hex(), result }
    this.#secrets.value = new Map(this.#secrets.value).set(name, secret)
    this.#secrets.sync(this.#secrets.value)
    return secret
  }

  #commit(member: Member, { name: request, attempt }: Attempt, secret: Secret, tag = ''): void {
    const commitment = commitmentOf({ network: TEST_ORIGIN, request, attempt, builder: this.#node, ...secret })
    const words = { type: 'commit', request, attempt, commitment } as const
    member.mouth.say<CommitBody>(tagOf('commit', request, `${this.#node}${tag}`), this.#key, words, member.life)
  }

  #reveal(member: Member, { name: request, attempt }: Attempt, secret: Secret, tag = ''): void {
    const words = { type: 'reveal', request, attempt, ...secret } as const
    member.mouth.say<RevealBody>(tagOf('reveal', request, `${this.#node}${tag}`), this.#key, words, member.life)
  }

  #equivocate(member: Member, attempt: Attempt): void {
    const { name, purl } = attempt
    const other = { salt: hexOf(`other salt ${name}`), result: evilOf(purl) }
    this.#vote(member, attempt, truthOf(purl))
    if (!attempt.commits.has(this.#node)) return
    member.world.count('plays equivocate')
    this.#commit(member, attempt, other, 'other')
    if (attempt.reveals.size > 0) this.#reveal(member, attempt, other, 'other')
  }

  #hurryAndDawdle(member: Member, attempt: Attempt, truth: BuildResult): void {
    const { name, missed, missedReveal, closed } = attempt
    const secret = this.#secretOf(name, truth, member)
    const isOdd = Number.parseInt(name.slice(0, 1), 16) % 2 === 1
    this.#reveal(member, attempt, secret, 'early')
    if (isOdd && !missed.has(this.#node)) return
    member.world.count('plays tell-early-and-late')
    this.#commit(member, attempt, secret)
    if (missedReveal.has(this.#node) || closed) this.#reveal(member, attempt, secret, 'late')
  }

  /** Takes somebody else's commitment, of this request or of another, and later tells what its owner tells. */
  #copy(member: Member, attempt: Attempt): void {
    const here = this.#plan.way === 'copy-commitment (D3)'
    const sources = [...member.view.attempts.values()].filter((other) => (other === attempt) === here)
    const { name: request } = attempt
    for (const source of sources) {
      for (const [node, { tx }] of source.commits) {
        if (node === this.#node && here) continue
        member.world.count(`plays ${this.#plan.way}`)
        const { commitment } = tx.body
        const words = { type: 'commit', request, attempt: attempt.attempt, commitment } as const
        member.mouth.say<CommitBody>(tagOf('copy', request, this.#node), this.#key, words, member.life)
        const told = source.reveals.get(node)?.tx.body
        if (told !== undefined && waitingFor(attempt).length === 0) {
          this.#reveal(member, attempt, { salt: told.salt, result: told.result }, 'copy')
        }
        return
      }
    }
  }
}

const UNABLE: BuildResult = {
  outcome: 'unbuildable',
  reason: 'the toolchain that it declared is not there',
  environment: { toolchains: ['other 0.1'], sandbox: 'none' },
}

function upstreamOf(purl: string, truth: BuildResult): BuildResult {
  const differs = truth.outcome === 'built' && truth.files[0]?.sha256 !== truth.files[0]?.upstream?.sha256
  return differs ? sampleResult(`upstream of ${purl}`) : truth
}
