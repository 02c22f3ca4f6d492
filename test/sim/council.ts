/**
 * A second family of schedules, without a network between the nodes: under a seed members come, go and rotate their keys, rules change,
 * packages are withdrawn and doubted, while requests flow; keys that were given up go on trying. Each block is judged by the chain that
 * `src/log/policy` makes of the log, which shares nothing with the state machine but the formats, and at the end requests are explained.
 */
import type { Offer } from '../../src/base/entries/offer.ts'
import { offerMessage } from '../../src/base/entries/offer.ts'
import { type Change, changeId, type Transaction } from '../../src/base/entries/transaction.ts'
import type { LoggedEntry, State } from '../../src/consensus/draft/draft.ts'
import { requestIn } from '../../src/consensus/query.ts'
import { createStateMachine, type StateMachine } from '../../src/consensus/state.ts'
import {
  chainOf,
  type PolicyChain,
  type PolicyVersion,
  versionAt,
  withChange,
} from '../../src/log/policy/network-chain.ts'
import {
  createToyKeys,
  honest,
  namesOf,
  TOY_BEACON,
  TOY_NETWORK,
  TOY_RULES,
  TOY_START_SECONDS,
  toyOffers,
} from '../kit/consensus-network.ts'
import { explainLog } from '../kit/explained-log.ts'
import { testNetwork } from '../kit/proof-log.ts'
import { keyOf, sampleOffer, sampleResult, signerOf } from '../kit/sample-entries.ts'
import { type Mutation, mutated } from './mutations.ts'
import { type Chance, chanceOf } from './world/random.ts'

const ORGANISATIONS = 7
const AUTHORITIES = 5
const BLOCKS = 70
const EXPLAINED = 2
const machine = createStateMachine({ network: TOY_NETWORK, beacon: TOY_BEACON })
const rules = { ...TOY_RULES, requestsPerWindow: 1000, openRequestsMax: 50 }
const genesis = machine.genesis({
  offers: toyOffers({ organisations: ORGANISATIONS, authorities: AUTHORITIES }),
  rules,
  timeSeconds: TOY_START_SECONDS,
})

/** Bugs on purpose that this family must find, and the rule that each breaks. */
export const COUNCIL_MUTATIONS: Readonly<Record<string, Pick<Mutation, 'says' | 'rule' | 'before' | 'after'>>> = {
  'eternal-members': {
    says: 'who was voted out goes on as a member',
    rule: 'members',
    after(came, before) {
      const gone = came.outputs.entries.some(({ entry }) => {
        return entry.kind === 'member' && entry.step === 'active' && entry.votes[0].body.change.action === 'remove'
      })
      return gone ? { ...came, state: { ...came.state, members: before.members } } : came
    },
  },
  'lone-revocation': {
    says: 'a revocation is in force without f + 1 organisations',
    rule: 'revocation',
    after(came) {
      const entries = came.outputs.entries.map((each) => {
        const { entry } = each
        if (entry.kind !== 'revocation' || entry.step !== 'effective') return each
        return { ...each, entry: { ...entry, votes: entry.votes.slice(0, 1) } }
      })
      return { ...came, outputs: { ...came.outputs, entries } }
    },
  },
  'hasty-change': {
    says: 'a change holds in the block in which it was decided',
    rule: 'activation',
    after(came) {
      const entries = came.outputs.entries.map((each) => {
        const { entry } = each
        if (entry.kind !== 'member' || entry.step !== 'active') return each
        return { ...each, entry: { ...entry, at: { ...entry.at, heightBlock: entry.at.heightBlock - 2 } } }
      })
      return { ...came, outputs: { ...came.outputs, entries } }
    },
  },
}

/** What a schedule came to. */
export interface CouncilOutcome {
  readonly broken: { readonly rule: string; readonly text: string } | undefined
  readonly counts: ReadonlyMap<string, number>
}

/** Plays the schedule of a seed, with a bug on purpose or without. */
export async function playCouncil(seed: string, mutation?: string): Promise<CouncilOutcome> {
  const bug = mutation === undefined ? undefined : COUNCIL_MUTATIONS[mutation]
  const council = new Council(chanceOf(`council ${seed}`), bug === undefined ? machine : mutated(machine, bug))
  for (let block = 0; block < BLOCKS && council.broken === undefined; block += 1) council.block()
  if (council.broken === undefined) await council.explainAll()
  return council
}

class Council implements CouncilOutcome {
  readonly counts = new Map<string, number>()
  broken: CouncilOutcome['broken']
  readonly #chance: Chance
  readonly #machine: StateMachine
  readonly #keys = createToyKeys()
  readonly #log: LoggedEntry[] = [...genesis.outputs.entries]
  /** By organisation the name of its present node's keys. */
  readonly #node = new Map(namesOf(ORGANISATIONS).map((name) => [name, name]))
  /** Names of keys that were given up. */
  readonly #former: string[] = []
  readonly #joining = new Map<string, () => void>()
  readonly #decided = new Map<string, number>()
  #state: State = genesis.state
  #chain: PolicyChain = chainOf(founders())
  #serial = 0

  constructor(chance: Chance, playing: StateMachine) {
    this.#chance = chance
    this.#machine = playing
  }

  /** One block of whatever chance has them do. */
  block(): void {
    const { at } = this.#state
    const next = { heightBlock: at.heightBlock + 1, timeSeconds: at.timeSeconds + this.#chance.whole(1, 25) }
    const given = [...this.#duties(), ...this.#wishes()]
    const { state, entries, steps } = this.#machine.block(this.#state, next, given)
    given.forEach((tx, place) => {
      const { refusal } = steps[place] ?? {}
      this.#count(refusal === undefined ? `taken ${tx.body.type}` : `refused ${refusal}`)
      this.#want(refusal !== undefined || this.#speaks(tx), 'members', `a key that is nobody's counts: ${tx.body.type}`)
    })
    this.#state = state
    for (const logged of entries) {
      this.#log.push(logged)
      this.#judge(logged)
    }
  }

  /** Some requests, explained from the log alone. */
  async explainAll(): Promise<void> {
    const asked = this.#log.filter(({ entry }) => {
      return entry.kind === 'request' || (entry.kind === 'dispute' && entry.step === 'opened')
    })
    for (const { name, entry } of this.#chance.shuffle(asked).slice(0, EXPLAINED)) {
      if (!('purl' in entry)) continue
      const [problem] = (await explainLog(this.#log, name)).problems
      this.#want(problem === undefined, 'explained', `${entry.purl}: entry ${problem?.index} ${problem?.problem}`)
      this.#count('explained')
    }
  }

  #version(): PolicyVersion {
    return versionAt(this.#chain, Number.MAX_SAFE_INTEGER)
  }

  #speaks({ body }: Transaction): boolean {
    const members = [...this.#version().members.values()].flat()
    return members.some(({ attestation, consensus }) => body.key === attestation || body.key === consensus)
  }

  #judge({ entry, index }: LoggedEntry): void {
    if (entry.kind === 'member' && entry.step === 'active') {
      const { body } = entry.votes[0]
      const height = this.#decided.get(changeId(body.change)) ?? 0
      this.#want(entry.at.heightBlock >= height + rules.activationBlocks, 'activation', `entry ${index} is too early`)
      try {
        this.#chain = withChange(this.#chain, index, entry)
      } catch (error) {
        this.#want(false, 'chain', `entry ${index}: ${error instanceof Error ? error.message : error}`)
      }
      this.#joining.get(changeId(body.change))?.()
      this.#count(`active ${body.change.action}`)
    }
    if (entry.kind === 'member' && entry.step === 'vote') {
      const { body } = entry.tx
      this.#decided.set(body.type === 'propose' ? changeId(body.change) : body.change, entry.at.heightBlock)
    }
    if (entry.kind === 'policy') this.#count('active rules')
    if (entry.kind !== 'revocation' || entry.step !== 'effective') return
    const { authorities } = this.#version()
    const voters = new Set(
      entry.votes.flatMap((place) => {
        const vote = this.#log[place]?.entry
        return vote?.kind === 'revocation' && vote.step === 'vote' ? [vote.organisation] : [`this block ${place}`]
      }),
    )
    this.#want(voters.size > Math.floor((authorities - 1) / 3), 'revocation', `entry ${index}: ${voters.size} voted`)
    this.#count('revoked')
  }

  /** What is done whatever chance says: beacons are brought, those on panels commit and reveal, open changes find votes. */
  #duties(): Transaction[] {
    const given: Transaction[] = []
    const { rounds, changes } = this.#state.scalars
    const [round] = rounds
    const due = round !== undefined && this.#state.at.timeSeconds > TOY_START_SECONDS - 1000 + round * 3
    if (due && this.#node.get('a') === 'a') given.push(this.#keys.beacon(round))
    for (const { name, entry } of this.#log) {
      if (entry.kind !== 'selection' || entry.outcome !== 'selected') continue
      const record = requestIn(this.#state, entry.request)
      for (const { node, stage, organisation } of record?.seats ?? []) {
        // Whoever rotated its key in between has lost the seat: its node is gone.
        const key = [this.#node.get(organisation) ?? '', ...this.#former].find(
          (one) => keyOf(`${one}/attestation`) === node,
        )
        if (key === undefined || this.#chance.hit(0.3)) continue
        const result = entry.purl.includes('torn') && name < '8' ? sampleResult('evil', 'upstream') : honest()
        if (stage === 'waiting') given.push(this.#keys.commit(key, entry.request, result, entry.attempt))
        if (stage === 'committed') given.push(this.#keys.reveal(key, entry.request, result, entry.attempt))
      }
    }
    for (const { id } of changes) {
      const change = this.#changes.get(id)
      for (const voter of this.#authorities()) {
        if (change !== undefined && this.#chance.hit(0.25)) given.push(this.#keys.vote(voter, change))
      }
    }
    return given
  }

  #wishes(): Transaction[] {
    const { chance } = { chance: this.#chance }
    const given: Transaction[] = []
    const purl = `pkg:toy/${chance.pick(['plain', 'torn', 'other'])}@${chance.whole(1, 4)}`
    const asker = chance.pick([...this.#node.values()])
    if (chance.hit(0.5)) given.push(this.#keys.request(asker, purl))
    const verdict = this.#log.findLast(({ entry }) => entry.kind === 'verdict' && entry.agreed !== null)?.entry
    if (verdict?.kind === 'verdict' && chance.hit(0.2)) {
      given.push(this.#keys.dispute(asker, verdict.purl, verdict.request))
    }
    if (chance.hit(0.15)) given.push(this.#keys.revoke(chance.pick(this.#authorities()), purl))
    if (chance.hit(0.2)) given.push(this.#keys.propose(chance.pick(this.#authorities()), this.#change()))
    // Keys that were given up go on trying.
    const former = this.#former.length === 0 ? undefined : chance.pick(this.#former)
    if (former !== undefined && chance.hit(0.5)) {
      given.push(this.#keys.request(former, purl), this.#keys.revoke(former, purl))
      const open = [...this.#changes.values()].at(-1)
      if (open !== undefined) given.push(this.#keys.vote(former, open))
    }
    return given
  }

  /** Names of the keys of those that are authorities by the chain. */
  #authorities(): string[] {
    const { members } = this.#version()
    return [...this.#node].flatMap(([name, node]) => {
      return members.get(name)?.some(({ consensus }) => consensus === keyOf(`${node}/consensus`)) ? [node] : []
    })
  }

  #change(): Change {
    this.#serial += 1
    const serial = this.#serial
    const names = [...this.#node.keys()]
    const what = this.#chance.pick(['admit', 'rotate', 'rotate', 'remove', 'rules'] as const)
    const organisation = what === 'admit' ? `new${serial}` : this.#chance.pick(names.filter((name) => name !== 'a'))
    if (what === 'rules')
      return this.#known({ action: 'rules', rules: { ...rules, commitSeconds: 90 + serial }, serial })
    if (what === 'remove' && names.length > 5) {
      const change = this.#known({ action: 'remove', organisation, serial })
      this.#joining.set(changeId(change), () => this.#leave(organisation))
      return change
    }
    const to = what === 'admit' ? organisation : `${organisation}-${serial}`
    const from = this.#node.get(organisation)
    const more = from === undefined ? {} : { replaces: keyOf(`${from}/attestation`) }
    const plain = sampleOffer(to, { network: TOY_NETWORK, organisation, serial, ...more })
    const change = this.#known({ action: 'admit', offer: from === undefined ? plain : sponsored(plain, from) })
    this.#joining.set(changeId(change), () => {
      this.#leave(organisation)
      this.#node.set(organisation, to)
    })
    return change
  }

  readonly #changes = new Map<string, Change>()

  #known(change: Change): Change {
    this.#changes.set(changeId(change), change)
    return change
  }

  #leave(organisation: string): void {
    const node = this.#node.get(organisation)
    if (node !== undefined) this.#former.push(node)
    this.#node.delete(organisation)
  }

  #want(holds: boolean, rule: string, text: string): void {
    if (!holds) this.broken ??= { rule, text }
  }

  #count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1)
  }
}

function sponsored(offer: Offer, node: string): Offer {
  const key = `${node}/attestation`
  const signature = Buffer.from(signerOf(key).sign(offerMessage(offer.body))).toString('hex')
  return { ...offer, proofs: [...offer.proofs, { key: keyOf(key), signature }] }
}

/** `network.json` of the toy network. */
function founders(): ReturnType<typeof testNetwork> {
  const all = testNetwork(namesOf(ORGANISATIONS))
  const organisations = all.organisations.map((each, at) => {
    return at < AUTHORITIES
      ? each
      : { ...each, roles: ['builder' as const], keys: { attestation: each.keys.attestation ?? '' } }
  })
  return { ...all, organisations }
}
