/**
 * The revocations of one package, computed again: each vote is of an authority of its time, f + 1 of them are on a revocation and no fewer,
 * and it comes as soon as they are; and the list of all revocations, which each `head` must state. Pure. 2-trust.md, "Revocation".
 */
import type { Entry, RevocationEntry } from '../../base/entries/entry.ts'
import { NO_REVOCATIONS, withRevoked } from '../../base/entries/revocation-list.ts'
import { isSigned } from '../../base/entries/transaction.ts'
import { type Members, voiceOf } from '../../consensus/draft/members.ts'
import { differences, type Logged, type Problem, problemOf } from './problem.ts'

interface Target {
  readonly votes: { readonly organisation: string; readonly index: number; readonly reason: string }[]
  effective: boolean
}

/** Checks the revocations of a package in the order of the log. */
export class Withdrawn {
  readonly #network: string
  readonly #targets = new Map<string, Target>()
  /** A vote that was enough: what it brings must come next. */
  #due: Logged | undefined

  constructor(network: string) {
    this.#network = network
  }

  /** Takes the next one. `members` are those of then; undefined if what the log has of them is wrong. */
  take(logged: Logged<RevocationEntry>, members: Members | undefined): Problem[] {
    const { entry } = logged
    const { digests } = entry.step === 'vote' ? entry.tx.body : entry
    const key = digests.join()
    const target = this.#targets.get(key) ?? { votes: [], effective: false }
    this.#targets.set(key, target)
    const isEffective = entry.step === 'effective'
    const problems = isEffective ? [] : this.finish()
    this.#due = undefined
    if (members === undefined) return problems
    if (isEffective) return effectiveProblems({ ...logged, entry }, target, members)
    problems.push(...voteProblems({ ...logged, entry }, target, members, this.#network))
    target.votes.push({ organisation: entry.organisation, index: logged.index, reason: entry.tx.body.reason })
    if (!target.effective && counted(target, members).length >= members.oneHonest) this.#due = logged
    return problems
  }

  /** What is missing at the end of the log. */
  finish(): Problem[] {
    if (this.#due === undefined) return []
    return [
      problemOf(this.#due, undefined, 'with this vote enough are for it: wanted the revocation after it, found none'),
    ]
  }
}

/** The list of all revocations of a log: tells what is wrong with an entry that adds to it or states it. */
export function createList(): (logged: Logged<Entry>) => Problem[] {
  let list = { count: 0, hash: NO_REVOCATIONS }
  return (logged) => {
    const { entry } = logged
    if (entry.kind === 'head') return differences(logged, { revocations: list })
    if (entry.kind !== 'revocation' || entry.step !== 'effective') return []
    const problems = differences(logged, { place: list.count })
    list = { count: list.count + 1, hash: withRevoked(list.hash, entry) }
    return problems
  }
}

function counted({ votes }: Target, { authorities }: Members): Target['votes'] {
  return votes.filter(({ organisation }) => authorities.has(organisation))
}

function voteProblems(
  logged: Logged<Extract<RevocationEntry, { step: 'vote' }>>,
  target: Target,
  members: Members,
  network: string,
): Problem[] {
  const { tx, organisation } = logged.entry
  const problems: Problem[] = []
  if (tx.body.network !== network || !isSigned(tx)) {
    problems.push(problemOf(logged, 'tx', 'it is not signed by the key in it, or for another network'))
  }
  const voice = voiceOf(members, tx.body.key)
  if (voice !== organisation) {
    problems.push(
      problemOf(logged, 'organisation', `the key is that of ${voice ?? 'no authority'}, found ${organisation}`),
    )
  }
  if (target.effective || target.votes.some((vote) => vote.organisation === organisation)) {
    problems.push(problemOf(logged, undefined, `${organisation} had voted for it, or it was revoked already`))
  }
  return problems
}

function effectiveProblems(
  logged: Logged<Extract<RevocationEntry, { step: 'effective' }>>,
  target: Target,
  members: Members,
): Problem[] {
  const votes = counted(target, members)
  const problems = differences(logged, {
    votes: votes.map(({ index }) => index),
    reason: target.votes.at(-1)?.reason ?? null,
  })
  if (votes.length < members.oneHonest) {
    problems.push(problemOf(logged, 'votes', `wanted votes of ${members.oneHonest} authorities, found ${votes.length}`))
  }
  if (target.effective) problems.push(problemOf(logged, undefined, 'it was revoked already'))
  target.effective = true
  return problems
}
