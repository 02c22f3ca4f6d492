/**
 * Explains a request from the log alone: who could be drawn, what was drawn and why, who told what, what came of it; and computes all of it
 * again, so that an entry that does not follow from the others is named. Pure. `pyrsia explain` shows it. What it takes on trust: that a
 * block's time was what it says, and that nothing was left out; checkpoints and cosignatures say that (`verify-bundle.ts`, `log check`).
 */
import type { Entry, RevocationEntry, SelectionEntry, VerdictEntry } from '../../base/entries/entry.ts'
import type { NetworkRules } from '../../base/entries/rules.ts'
import { isSigned } from '../../base/entries/transaction.ts'
import { AppError } from '../../base/errors.ts'
import { isPresent, type Members } from '../../consensus/draft/members.ts'
import { type Blame, blamedFor, checkEnd, type EndEntry, missingBlame, takeBlame, unbuiltAfter } from './aftermath.ts'
import { type Collected, requestOf } from './collect.ts'
import { checkDraw, type DrawnAgain } from './draw.ts'
import { createMembership, type Membership, type MembersThen } from './membership.ts'
import { type AskedEntry, type Fixed, type Logged, type Problem, problemOf } from './problem.ts'
import { createSeats, type Seats } from './seats.ts'
import { checkVerdict } from './verdict.ts'
import { Withdrawn } from './withdrawn.ts'

/** An organisation as it was when the package was asked for. */
export interface MemberThen {
  readonly organisation: string
  readonly roles: readonly string[]
  /** Purl types that its nodes build. */
  readonly types: readonly string[]
  readonly nodes: number
}

/** A request, explained. */
export interface Explanation {
  readonly network: string
  readonly purl: string
  /** The request's name, hex. */
  readonly request: string
  /** Names of all requests for the package, oldest first. */
  readonly requests: readonly string[]
  readonly members: readonly MemberThen[]
  /** The draw, made again from the whole membership; undefined: there was none yet, or what it rests on is wrong. */
  readonly drawn: DrawnAgain | undefined
  /** Entries that belong to the request, itself among them, by index. */
  readonly entries: readonly { readonly index: number; readonly name: string; readonly entry: Entry }[]
  /** Entries that do not follow from the others; none: all of it was computed again and agrees. */
  readonly problems: readonly Problem[]
}

/** Explains the request of this name, or the newest for the package. @throws absent.entry if there is none */
export function explainRequest(collected: Collected, fixed: Fixed, name: string | undefined): Explanation {
  const { purl, logged } = collected
  const asked = logged.filter(isAsked)
  const found = name === undefined ? asked.at(-1) : asked.find((each) => each.name === name)
  const request =
    found?.name ?? name ?? logged.map(({ entry }) => requestOf(entry)).findLast((one) => one !== undefined)
  if (request === undefined) throw new AppError('absent.entry', `the log has no request for ${purl}`)
  const known = new Set(asked.map((each) => each.name))
  const ends = logged.filter(({ entry }) => entry.kind === 'dispute' && requestOf(entry) === request)
  const own = logged.filter((each) => {
    return each.name === request || requestOf(each.entry) === request || ends.some((end) => isBlame(each, end))
  })
  const problems = [...collected.problems, ...strays(logged, known, request)]
  const walk = new Walk(fixed, found, logged)
  const mine = new Set(own)
  for (const each of logged) {
    const { kind } = each.entry
    const always = kind === 'member' || kind === 'policy' || kind === 'revocation'
    if (always || (mine.has(each) && found !== undefined)) walk.take(each)
  }
  walk.finish()
  return {
    network: fixed.network,
    purl,
    request,
    requests: asked.map((each) => each.name),
    members: walk.atRequest === undefined ? [] : membersThen(walk.atRequest.members),
    drawn: walk.drawn,
    entries: own,
    problems: [...problems, ...walk.problems].sort((a, b) => (a.index ?? -1) - (b.index ?? -1)),
  }
}

/** Entries about the package that belong to a request that the log does not hold: one of both was changed. */
function strays(logged: readonly Logged[], known: ReadonlySet<string>, request: string): Problem[] {
  const orphans = logged.filter(({ entry }) => {
    const of = requestOf(entry)
    return of !== undefined && !known.has(of)
  })
  const blamed = logged.filter(({ entry }) => entry.kind === 'fault' && entry.fault === 'disputed')
  const baseless = blamed
    .filter((each) => !logged.some((end) => isBlame(each, end)))
    .map((each) => problemOf(each, 'evidence', 'no dispute that was upheld is among its evidence'))
  const named = orphans.map((each) => {
    const message = `it belongs to the request ${requestOf(each.entry)}, and no entry before it has this hash`
    return problemOf(each, 'request', message)
  })
  // If nothing belongs to a request and what follows belongs to none, the request is what was changed.
  const asked = logged.find((each) => each.name === request)
  if (asked === undefined || orphans.length < 2 || logged.some((each) => requestOf(each.entry) === request))
    return [...named, ...baseless]
  const message = `its hash is ${request}, which nothing after it belongs to: entry ${orphans[0]?.index} belongs to ${requestOf(orphans[0]?.entry ?? asked.entry)}`
  return [problemOf(asked, undefined, message), ...named, ...baseless]
}

/** True if this is a fault that the end of that dispute brought. */
function isBlame({ entry: fault }: Logged, { index, entry: end }: Logged): boolean {
  if (fault.kind !== 'fault' || fault.fault !== 'disputed' || end.kind !== 'dispute' || end.step !== 'upheld')
    return false
  return fault.request === end.verdictOf && fault.evidence.includes(index)
}

/** Reads the entries of one request in the order of the log. */
class Walk {
  readonly problems: Problem[] = []
  atRequest: MembersThen | undefined
  drawn: DrawnAgain | undefined
  readonly #fixed: Fixed
  readonly #asked: Logged<AskedEntry> | undefined
  readonly #membership: Membership
  #redrawn: SelectionEntry | undefined
  #selection: Logged<Extract<SelectionEntry, { outcome: 'selected' }>> | undefined
  #seats: Seats | undefined
  #verdict: Logged<VerdictEntry> | undefined
  #refused = false
  #membershipSound = true
  #end: Logged<EndEntry> | undefined
  #blame: Blame[] = []
  readonly #withdrawn: Withdrawn
  readonly #logged: readonly Logged[]

  constructor(fixed: Fixed, asked: Logged<AskedEntry> | undefined, logged: readonly Logged[]) {
    this.#fixed = fixed
    this.#asked = asked
    this.#logged = logged
    this.#withdrawn = new Withdrawn(fixed.network)
    this.#membership = createMembership(fixed.network)
  }

  take(logged: Logged): void {
    const { entry } = logged
    if (entry.kind === 'member' || entry.kind === 'policy') {
      const found = this.#membership.take({ ...logged, entry })
      this.#membershipSound &&= found.length === 0
      this.problems.push(...found)
    } else if (isAsked(logged)) this.#request(logged)
    else if (entry.kind === 'selection') this.#draw({ ...logged, entry })
    else if (entry.kind === 'verdict') this.#decided({ ...logged, entry })
    else if (entry.kind === 'dispute' && entry.step !== 'opened') this.#ended({ ...logged, entry })
    else if (entry.kind === 'revocation') this.#revoked({ ...logged, entry })
    else if (entry.kind === 'fault' && (entry.fault === 'unbuilt' || entry.fault === 'disputed')) {
      const due = this.#blame.find(({ fault }) => fault === entry.fault)
      this.problems.push(...takeBlame({ ...logged, entry }, due))
    } else if (entry.kind === 'commit' || entry.kind === 'reveal' || entry.kind === 'fault') {
      const found = this.#seats?.take({ ...logged, entry })
      this.problems.push(...(found ?? [problemOf(logged, undefined, 'nobody had been drawn yet')]))
    }
  }

  /** What had to follow from the last entries and is not there. */
  finish(): void {
    this.problems.push(...this.#blame.flatMap(missingBlame), ...this.#withdrawn.finish())
    const over = this.#verdict ?? (this.#refused ? this.#asked : undefined)
    if (over === undefined || this.#end !== undefined || this.#asked?.entry.kind !== 'dispute') return
    const doubted = this.#doubted()
    const upTo = this.#verdict?.entry.at.timeSeconds ?? 0
    const { expiresSeconds } = doubted?.entry ?? { expiresSeconds: 0 }
    const revoked = this.#logged.some(({ index, entry }) => {
      return (
        entry.kind === 'revocation' && entry.step === 'effective' && entry.digests.length === 0 && index < over.index
      )
    })
    // Nothing is said of a verdict that did not hold any more.
    if (revoked || this.#refused || (expiresSeconds !== null && expiresSeconds <= upTo)) return
    this.problems.push(problemOf(over, undefined, 'wanted the end of the dispute after it, found none'))
  }

  #doubted(): Logged<VerdictEntry> | undefined {
    const asked = this.#asked?.entry
    if (asked?.kind !== 'dispute') return undefined
    for (const each of this.#logged) {
      const { entry } = each
      if (entry.kind === 'verdict' && entry.request === asked.verdictOf) return { ...each, entry }
    }
    return undefined
  }

  #ended(logged: Logged<EndEntry>): void {
    const asked = this.#asked
    if (asked === undefined) return
    if (this.#end !== undefined || (this.#verdict === undefined && !this.#refused)) {
      const why = this.#end === undefined ? 'before its verdict' : `though entry ${this.#end.index} ended it`
      this.problems.push(problemOf(logged, undefined, `the dispute ends ${why}`))
      return
    }
    this.#end = logged
    const doubted = this.#doubted()
    this.problems.push(...checkEnd(logged, asked, doubted, this.#verdict?.entry))
    const members = this.#membership.now()?.members
    if (doubted !== undefined) this.#blame.push(blamedFor(logged, doubted, this.#verdict ?? logged, members))
  }

  #revoked(logged: Logged<RevocationEntry>): void {
    const sound = this.#membershipSound
    this.problems.push(...this.#withdrawn.take(logged, sound ? this.#membership.now()?.members : undefined))
  }

  #request(logged: Logged<AskedEntry>): void {
    const { tx, purl, membershipRoot, attempt } = logged.entry
    const { body } = tx
    const sound = this.problems.length === 0
    this.atRequest = this.#membership.now()
    if (sound && this.atRequest !== undefined && this.atRequest.root !== membershipRoot) {
      const wanted = `wanted ${this.atRequest.root}, which the entries before it come to, found ${membershipRoot}`
      this.problems.push(problemOf(logged, 'membershipRoot', wanted))
    }
    if (body.purl !== purl)
      this.problems.push(problemOf(logged, 'purl', `${body.purl} is what was signed, found ${purl}`))
    if (body.network !== this.#fixed.network || !isSigned(tx)) {
      this.problems.push(problemOf(logged, 'tx', 'it is not signed by the key in it, or for another network'))
    }
    if (sound && !this.atRequest?.members.senders.has(body.key)) {
      this.problems.push(problemOf(logged, 'tx.body.key', `${body.key} was no key of a member`))
    }
    if (attempt < 1 || attempt > 3) this.problems.push(problemOf(logged, 'attempt', `wanted 1 to 3, found ${attempt}`))
  }

  #draw(logged: Logged<SelectionEntry>): void {
    const asked = this.#asked
    if (asked === undefined) return
    const { entry } = logged
    if (this.#selection !== undefined) {
      this.problems.push(problemOf(logged, undefined, `builders had been drawn in entry ${this.#selection.index}`))
      return
    }
    const members = this.problems.length === 0 ? this.#membership.now()?.members : undefined
    const rules = this.#rulesBetween(asked.index, logged.index)
    const { problems, again } = checkDraw(logged, { fixed: this.#fixed, asked, members, rules, redrawn: this.#redrawn })
    this.problems.push(...problems)
    this.#refused = entry.outcome === 'refused'
    if (entry.outcome === 'redrawn') this.#redrawn = entry
    else this.drawn = again
    if (entry.outcome !== 'selected') return
    this.#selection = { ...logged, entry }
    const rulesInForce = () => this.#rulesBetween(asked.index, Number.POSITIVE_INFINITY)
    this.#seats = createSeats({ network: this.#fixed.network, asked, selection: this.#selection, rulesInForce })
  }

  #decided(logged: Logged<VerdictEntry>): void {
    const asked = this.#asked
    if (asked === undefined) return
    if (this.#verdict !== undefined) {
      this.problems.push(
        problemOf(logged, undefined, `the verdict was entry ${this.#verdict.index}: there is only one`),
      )
      return
    }
    this.#verdict = logged
    const seats = this.#seats?.seats ?? []
    this.problems.push(...checkVerdict(logged, { asked, selection: this.#selection, seats }))
    this.#blame.push(unbuiltAfter(logged, seats))
    this.#seats?.close()
  }

  /** Rules that were in force at some time between two entries. */
  #rulesBetween(from: number, to: number): NetworkRules[] {
    const all = this.#membership.rules
    const first = all.findLastIndex(({ index }) => index < from)
    return all.slice(Math.max(0, first)).flatMap((each) => (each.index < to ? [each.rules] : []))
  }
}

function isAsked(logged: Logged): logged is Logged<AskedEntry> {
  const { entry } = logged
  return entry.kind === 'request' || (entry.kind === 'dispute' && entry.step === 'opened')
}

function membersThen({ organisations }: Members): MemberThen[] {
  return [...organisations.values()]
    .map(({ name, nodes }) => {
      const present = nodes.filter(isPresent)
      return {
        organisation: name,
        roles: [...new Set(present.flatMap(({ roles }) => roles))].sort(),
        types: [...new Set(present.flatMap(({ builds }) => builds.map(({ type }) => type)))].sort(),
        nodes: present.length,
      }
    })
    .filter(({ nodes }) => nodes > 0)
    .sort((a, b) => (a.organisation < b.organisation ? -1 : 1))
}
