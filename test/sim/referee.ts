/**
 * The rules that must hold whatever anybody does, read from the log alone by code that shares nothing with the rules of the state
 * machine but the formats and the draw itself. Looks at every entry as it becomes durable.
 */
import type { Entry, FaultEntry, MemberEntry, SelectionEntry, VerdictEntry } from '../../src/base/entries/entry.ts'
import { nodeOf } from '../../src/base/entries/offer.ts'
import { commitmentOf } from '../../src/base/entries/result.ts'
import { hashOf } from '../../src/consensus/draft/draft.ts'
import { drawSeed } from '../../src/consensus/selection/draw-seed.ts'
import { panelSize } from '../../src/consensus/selection/panel-size.ts'
import { type BuilderOrganisation, select } from '../../src/consensus/selection/select.ts'
import { TEST_ORIGIN } from '../kit/proof-log.ts'
import { type Attempt, LogView, requestOf, type Seen, seatsOf, seeEntry, waitingFor } from './nodes/log-view.ts'
import { SIM_RULES, truthHash } from './scenario.ts'
import type { World } from './world/world.ts'

const WINDOW_SECONDS = 2_592_000
const ATTEMPTS_MAX = 3
const PROVABLE: ReadonlySet<string> = new Set([
  'equivocation',
  'copied-commitment',
  'mismatched-reveal',
  'unselected',
  'unlisted-recipe',
])

interface PurlBook {
  open: string | undefined
  live: { readonly request: string; readonly expiresSeconds: number | null } | undefined
  failures: number[]
  revoked: boolean
}

interface AskerBook {
  window: number
  used: number
  open: number
}

/** Judges a log as it grows. */
export class Referee {
  readonly seen: Seen[] = []
  readonly view: LogView = new LogView()
  readonly #world: World
  readonly #honest: ReadonlySet<string>
  readonly #names = new Set<string>()
  readonly #transactions = new Set<string>()
  readonly #builders = new Map<string, BuilderOrganisation & { nodes: BuilderOrganisation['nodes'][number][] }>()
  readonly #organisationOf = new Map<string, string>()
  readonly #purls = new Map<string, PurlBook>()
  readonly #askers = new Map<string, AskerBook>()

  /** `honest`: keys of the nodes that do what they should. */
  constructor(world: World, honest: ReadonlySet<string>) {
    this.#world = world
    this.#honest = honest
  }

  /** True if the organisation has asked for all that it may in its window. */
  usedUp(organisation: string): boolean {
    return (this.#askers.get(organisation)?.used ?? 0) >= SIM_RULES.requestsPerWindow
  }

  /** The log as it is now: it must continue what was seen before, and nothing of that may be missing. */
  look(entries: readonly Uint8Array[]): void {
    if (entries.length < this.seen.length) {
      this.#world.fail('durability', `${this.seen.length} entries were acknowledged, ${entries.length} are left`)
    }
    const last = this.seen.at(-1)
    const same = last === undefined || Buffer.compare(last.bytes, entries[last.index] ?? new Uint8Array()) === 0
    if (!same) this.#world.fail('durability', `entry ${last.index} is another than before`)
    for (const bytes of entries.slice(this.seen.length)) {
      if (this.#world.violation !== undefined) return
      const seen = seeEntry(bytes, this.seen.length)
      this.seen.push(seen)
      this.#judge(seen)
      this.view.take(seen)
    }
  }

  #want(holds: boolean, rule: string, text: string, { index }: { readonly index: number }): void {
    if (!holds) this.#world.fail(rule, `entry ${index}: ${text}`)
  }

  #judge(seen: Seen): void {
    const { entry, name } = seen
    this.#world.note(`log ${seen.index} ${describe(entry)}`)
    this.#want(!this.#names.has(name), 'logged once', 'it is in the log twice', seen)
    this.#names.add(name)
    const tx = 'tx' in entry ? entry.tx : null
    if (tx !== null) {
      const key = `${tx.body.key} ${tx.body.sequence}`
      this.#want(!this.#transactions.has(key), 'logged once', `transaction ${key} counts twice`, seen)
      this.#transactions.add(key)
    }
    const request = requestOf(entry)
    const attempt = request === undefined ? undefined : this.view.attempts.get(request)
    if (entry.kind === 'member') this.#member(entry, seen)
    else if (entry.kind === 'request' || entry.kind === 'dispute') this.#asked(entry, seen)
    else if (entry.kind === 'revocation' && entry.step === 'effective') this.#revoked(entry.purl)
    else if (request !== undefined && attempt === undefined) this.#want(false, 'request', 'about no request', seen)
    else if (attempt !== undefined) this.#about(entry, attempt, seen)
  }

  #about(entry: Entry, attempt: Attempt, seen: Seen): void {
    if (entry.kind === 'selection') this.#selection(entry, attempt, seen)
    else if (entry.kind === 'commit') this.#commit(entry.tx.body, attempt, seen)
    else if (entry.kind === 'reveal') this.#reveal(entry.tx.body, attempt, seen)
    else if (entry.kind === 'verdict') this.#verdict(entry, attempt, seen)
    else if (entry.kind === 'fault') this.#fault(entry, attempt, seen)
  }

  #member(entry: MemberEntry, seen: Seen): void {
    if (entry.step !== 'genesis') return
    const { body } = entry.offer
    for (const key of [body.keys.attestation, body.keys.consensus]) {
      if (key !== undefined) this.#organisationOf.set(key, body.organisation)
    }
    if (!body.roles.includes('builder')) return
    const { organisation } = body
    const known = this.#builders.get(organisation) ?? { organisation, memberIndex: seen.index, nodes: [] }
    known.nodes.push({ node: nodeOf(body), memberIndex: seen.index, types: body.builds.map(({ type }) => type) })
    this.#builders.set(organisation, known)
  }

  #asked(entry: Entry & { kind: 'request' | 'dispute' }, seen: Seen): void {
    const { purl, at } = entry
    const book = this.#purl(purl, at.timeSeconds)
    if (entry.kind === 'dispute' && entry.step !== 'opened') {
      this.#world.count(`dispute ${entry.step}`)
      if (entry.step !== 'upheld') return
      this.#want(book.live?.request === entry.verdictOf, 'dispute', 'a verdict that does not hold is overturned', seen)
      book.live = undefined
      book.failures.push(at.timeSeconds)
      return
    }
    this.#want(book.open === undefined, 'one open request', `${purl} has another`, seen)
    if (entry.kind === 'request') {
      this.#want(book.live === undefined && !book.revoked, 'one verdict that holds', `${purl} has one`, seen)
      this.#want(entry.attempt === book.failures.length + 1, 'attempts', `attempt ${entry.attempt}`, seen)
    } else {
      this.#want(book.live?.request === entry.verdictOf, 'dispute', 'about a verdict that does not hold', seen)
    }
    this.#want(entry.attempt <= ATTEMPTS_MAX, 'attempts', `attempt ${entry.attempt}`, seen)
    book.open = seen.name
    this.#limit(entry.tx.body.key, at.timeSeconds, seen)
  }

  #limit(key: string, atSeconds: number, seen: Seen): void {
    const organisation = this.#organisationOf.get(key) ?? ''
    const window = Math.floor(atSeconds / SIM_RULES.windowSeconds)
    const before = this.#askers.get(organisation) ?? { window, used: 0, open: 0 }
    const used = (before.window === window ? before.used : 0) + 1
    const book = { window, used, open: before.open + 1 }
    this.#askers.set(organisation, book)
    this.#want(organisation !== '', 'members', 'asked by nobody', seen)
    const fits = used <= SIM_RULES.requestsPerWindow && book.open <= SIM_RULES.openRequestsMax
    this.#want(fits, 'limits', `${organisation} has ${used} requests in its window, ${book.open} open`, seen)
  }

  #close(attempt: Attempt): void {
    const book = this.#purls.get(attempt.purl)
    if (book?.open === attempt.name) book.open = undefined
    const asker = this.#askers.get(this.#organisationOf.get(attempt.asker) ?? '')
    if (asker !== undefined) asker.open -= 1
  }

  /** Draws again, from members and request as they are logged. */
  #selection(entry: SelectionEntry, attempt: Attempt, seen: Seen): void {
    this.#want(attempt.selection === undefined && !attempt.closed, 'selection', 'a second one', seen)
    if (entry.outcome === 'redrawn') {
      this.#world.count('redrawn')
      return
    }
    const hex = (text: string) => Buffer.from(text, 'hex')
    const { beacon, round } = entry
    this.#want(beacon.round === round, 'selection', 'another round than was fixed', seen)
    const seed = drawSeed({
      network: TEST_ORIGIN,
      chainHash: hex(beacon.chainHash),
      round,
      randomness: hex(beacon.randomness),
      requestLeafHash: hex(attempt.name),
      attempt: attempt.attempt,
      membershipRoot: hex(attempt.membershipRoot),
    })
    const members = [...this.#builders.values()]
    const drawn = select({ seed, members, ecosystemType: 'toy', requestIndex: attempt.index })
    if (entry.outcome === 'refused') {
      this.#want(drawn.kind === 'refused', 'selection', 'refused though enough build it', seen)
      this.#close(attempt)
      return
    }
    if (drawn.kind === 'refused') {
      this.#want(false, 'selection', 'too few build it', seen)
      return
    }
    const places = (seats: readonly { organisation: string; node: string }[]) =>
      seats.map(({ organisation, node }) => `${organisation} ${node}`).join()
    this.#want(places(entry.selected) === places(drawn.selected), 'selection', 'others than the seed says', seen)
    this.#want(
      places(entry.standbys) === places(drawn.standbys),
      'selection',
      'other standbys than the seed says',
      seen,
    )
    const size = panelSize(members.length, drawn.counts.eligible)
    this.#want(entry.quorum === size.quorum && entry.builders === size.builders, 'quorum', `q = ${entry.quorum}`, seen)
    this.#want(entry.standbys.length <= size.builders - size.quorum, 'standbys', `${entry.standbys.length}`, seen)
    const organisations = [...entry.selected, ...entry.standbys].map(({ organisation }) => organisation)
    this.#want(new Set(organisations).size === organisations.length, 'D4', 'an organisation has two seats', seen)
    this.#world.count('selections')
  }

  #commit({ key }: { readonly key: string }, attempt: Attempt, seen: Seen): void {
    const seated = seatsOf(attempt).some(({ node }) => node === key)
    this.#want(seated, 'seats', 'a commitment of somebody without a seat counts', seen)
    const waits = waitingFor(attempt).some(({ node }) => node === key)
    this.#want(waits && !attempt.closed, 'commit in time', 'a late or second commitment counts', seen)
  }

  #reveal(body: Extract<Entry, { kind: 'reveal' }>['tx']['body'], attempt: Attempt, seen: Seen): void {
    const { key, request, salt, result } = body
    const committed = attempt.commits.get(key)
    this.#want(!attempt.closed && waitingFor(attempt).length === 0, 'commit, then reveal', 'told too early', seen)
    const opened = commitmentOf({ network: TEST_ORIGIN, request, attempt: attempt.attempt, builder: key, result, salt })
    this.#want(committed?.tx.body.commitment === opened, 'D3', 'it is not what was committed to', seen)
    const counts = !attempt.reveals.has(key) && !attempt.missedReveal.has(key) && !attempt.faulty.has(key)
    this.#want(counts, 'D7', 'a second result, or one of a cheat, counts', seen)
  }

  #verdict(entry: VerdictEntry, attempt: Attempt, seen: Seen): void {
    this.#want(attempt.verdict === undefined && !attempt.closed, 'one verdict', 'a second one for one attempt', seen)
    const { selection } = attempt
    this.#want(entry.quorum === (selection?.quorum ?? 0), 'quorum', `q = ${entry.quorum}`, seen)
    this.#want(waitingFor(attempt).length === 0, 'one verdict', 'before all seats were waited for', seen)
    const telling = [...attempt.reveals].filter(([node]) => !attempt.faulty.has(node))
    const unheard = [...attempt.commits.keys()].filter((node) => {
      return !attempt.reveals.has(node) && !attempt.missedReveal.has(node) && !attempt.faulty.has(node)
    })
    const enough = attempt.commits.size - attempt.faulty.size >= entry.quorum && selection !== undefined
    this.#want(!enough || unheard.length === 0, 'one verdict', 'before all that committed were heard', seen)
    const counts = new Map<string, number>()
    for (const [, { agreement }] of telling) counts.set(agreement, (counts.get(agreement) ?? 0) + 1)
    const due = [...counts].find(([, count]) => selection !== undefined && count >= selection.quorum)?.[0]
    const agreed = entry.agreed === null ? undefined : hashOf(entry.agreed)
    this.#want(
      agreed === due,
      'agreement',
      agreed === undefined ? 'q agree, and it says no' : 'without q of the selected',
      seen,
    )
    const holders = entry.panel.filter((one) => one.agreed).map(({ node }) => node)
    const right = telling.filter(([, { agreement }]) => agreement === due).map(([node]) => node)
    const expected = agreed === undefined ? [] : right
    this.#want(holders.sort().join() === expected.sort().join(), 'agreement', 'it names others than agreed', seen)
    if (agreed !== undefined) this.#truth(attempt, agreed, holders, seen)
    this.#world.count(`verdict ${entry.outcome}`)
    this.#settle(entry, attempt, seen)
  }

  /** Attacks D1 and D2: what is not true is agreed on only if a whole quorum lies. */
  #truth(attempt: Attempt, agreed: string, holders: readonly string[], seen: Seen): void {
    if (agreed === truthHash(attempt.purl)) return
    const quorum = attempt.selection?.quorum ?? 0
    const liars = holders.filter((node) => !this.#honest.has(node)).length
    this.#want(liars >= quorum, 'D1', `${liars} of ${quorum} that collude were enough`, seen)
    this.#world.count('captured')
  }

  #settle(entry: VerdictEntry, attempt: Attempt, seen: Seen): void {
    this.#close(attempt)
    if (attempt.disputes !== undefined) return
    const book = this.#purl(attempt.purl, entry.at.timeSeconds)
    const holds = entry.agreed !== null && 'files' in entry.agreed
    if (holds) {
      book.live = { request: attempt.name, expiresSeconds: entry.expiresSeconds }
      book.failures = []
    } else {
      book.failures.push(entry.at.timeSeconds)
    }
    this.#want(book.failures.length <= ATTEMPTS_MAX + 1, 'attempts', `${book.failures.length} failed`, seen)
  }

  #fault({ fault, node, organisation }: FaultEntry, attempt: Attempt, seen: Seen): void {
    this.#world.count(`fault ${fault}`)
    this.#want(
      !attempt.faults.has(`${fault}/${node}`) || fault === 'disputed',
      'logged once',
      `${fault} of ${organisation}`,
      seen,
    )
    const waits = fault !== 'missed-commit' || waitingFor(attempt).some((seat) => seat.node === node)
    this.#want(waits, 'seats', `${organisation} is said to have missed, and had no seat`, seen)
    const framed = this.#honest.has(node) && PROVABLE.has(fault)
    this.#want(!framed, 'nobody is framed', `the honest ${organisation} is blamed for ${fault}`, seen)
  }

  #revoked(purl: string): void {
    const book = this.#purl(purl, 0)
    book.live = undefined
    book.revoked = true
  }

  #purl(purl: string, nowSeconds: number): PurlBook {
    const book = this.#purls.get(purl) ?? { open: undefined, live: undefined, failures: [], revoked: false }
    this.#purls.set(purl, book)
    book.failures = book.failures.filter((seconds) => seconds > nowSeconds - WINDOW_SECONDS)
    const { live } = book
    if (live !== undefined && live.expiresSeconds !== null && live.expiresSeconds <= nowSeconds) book.live = undefined
    return book
  }
}

function describe(entry: Entry): string {
  if (entry.kind === 'fault') return `fault ${entry.fault} of ${entry.organisation} in ${entry.request.slice(0, 8)}`
  if (entry.kind === 'commit' || entry.kind === 'reveal') {
    return `${entry.kind} of ${entry.organisation} in ${entry.tx.body.request.slice(0, 8)}`
  }
  if (entry.kind === 'selection' || entry.kind === 'verdict')
    return `${entry.kind} ${entry.outcome} in ${entry.request.slice(0, 8)}`
  if (entry.kind === 'request') return `request for ${entry.purl}, attempt ${entry.attempt}`
  return entry.kind === 'dispute' ? `dispute ${entry.step} of ${entry.purl}` : entry.kind
}
