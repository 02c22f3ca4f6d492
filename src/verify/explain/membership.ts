/**
 * The members over time, out of the log's entries alone: who they were when a package was asked for, by offers that the nodes signed and
 * votes that the authorities signed. Made with the rules of the state machine, so that the root is the one that it committed to. Pure.
 */
import { canonicalJson, type Json } from '../../base/crypto/canonical-json.ts'
import type { MemberEntry, PolicyEntry, Votes } from '../../base/entries/entry.ts'
import type { NetworkRules } from '../../base/entries/rules.ts'
import { changeId, isSigned } from '../../base/entries/transaction.ts'
import { type Members, membersOf, voiceOf } from '../../consensus/draft/members.ts'
import { isAcceptable, isSoundOffer, withNode, withoutNode } from '../../consensus/rules/offers.ts'
import { rootOf, setValue, type Tree } from '../../consensus/tree/tree.ts'
import { type Logged, type Problem, problemOf } from './problem.ts'

/** The members as of some entry. */
export interface MembersThen {
  readonly members: Members
  /** Hex. */
  readonly root: string
}

/** The members of a log that is read from its beginning. */
export interface Membership {
  /** Takes the next `member` or `policy` entry, and says what is wrong with it. What is wrong is applied as far as it can be. */
  take(logged: Logged<MemberEntry | PolicyEntry>): Problem[]
  /** The members now; undefined before the first entry. */
  now(): MembersThen | undefined
  /** The rules of all times, with the index of their entry, oldest first. */
  readonly rules: readonly { readonly index: number; readonly rules: NetworkRules }[]
}

/** The membership of a network before its first entry. */
export function createMembership(network: string): Membership {
  let tree: Tree
  const rules: { index: number; rules: NetworkRules }[] = []
  const put = (key: string, value: unknown): void => {
    tree = setValue(tree, Buffer.from(key), canonicalJson(value as Json))
  }
  const setRules = (index: number, given: NetworkRules): void => {
    put('rules', { rules: given, index })
    rules.push({ index, rules: given })
  }
  return {
    rules,
    now: () =>
      rules.length === 0 ? undefined : { members: membersOf(tree), root: Buffer.from(rootOf(tree)).toString('hex') },
    take(logged) {
      const { index, entry } = logged
      if (entry.kind === 'member' && entry.step === 'vote') return []
      if (entry.kind === 'policy' && entry.votes === null) {
        setRules(index, entry.rules)
        return index === 0 ? [] : [problemOf(logged, 'votes', 'wanted the votes for new rules, found none')]
      }
      if (rules.length === 0) return [problemOf(logged, undefined, 'wanted the rules of the network before it')]
      const members = membersOf(tree)
      if (entry.kind === 'member' && entry.step === 'genesis') {
        const { offer } = entry
        const name = offer.body.organisation
        put(`organisation/${name}`, withNode(members.organisations.get(name), offer.body, index, entry.at.timeSeconds))
        const sound = isSoundOffer(network, offer, members) && entry.network === network
        return sound
          ? []
          : [problemOf(logged, 'offer', `the offer of ${name} is not signed by its keys, or does not fit`)]
      }
      const votes = entry.votes as Votes
      const problems = voteProblems(logged, votes, members, network)
      const { change } = votes[0].body
      if (entry.kind === 'policy') {
        const same = change.action === 'rules' && Buffer.compare(bytesOf(change.rules), bytesOf(entry.rules)) === 0
        setRules(index, entry.rules)
        return same ? problems : [...problems, problemOf(logged, 'rules', 'they are not those that were voted on')]
      }
      if (change.action === 'rules') return [...problems, problemOf(logged, 'votes', 'found votes on rules')]
      const name = change.action === 'admit' ? change.offer.body.organisation : change.organisation
      const before = members.organisations.get(name)
      const after =
        change.action === 'admit'
          ? withNode(before, change.offer.body, index, entry.at.timeSeconds)
          : withoutNode(before, change.node, index, entry.at.timeSeconds)
      if (change.action === 'admit' && !isAcceptable(network, change.offer, members)) {
        problems.push(problemOf(logged, 'votes', `the offer of ${name} is not signed by its keys, or does not fit`))
      }
      if (after !== undefined) put(`organisation/${name}`, after)
      else problems.push(problemOf(logged, 'votes', `${name} has no such member to take out`))
      return problems
    },
  }
}

function voteProblems(logged: Logged, votes: Votes, members: Members, network: string): Problem[] {
  const { change } = votes[0].body
  const id = changeId(change)
  const voices = new Set<string>()
  const problems: Problem[] = []
  for (const tx of votes) {
    const { body } = tx
    const about = body.type === 'propose' ? changeId(body.change) : body.change
    const voice = voiceOf(members, body.key)
    if (about !== id || body.network !== network || !isSigned(tx)) {
      problems.push(
        problemOf(logged, 'votes', `the vote of the key ${body.key} is not signed by it, or for another change`),
      )
    } else if (voice !== undefined) {
      voices.add(voice)
    }
  }
  if (voices.size < members.quorum) {
    const wanted = `wanted votes of ${members.quorum} of ${members.authorities.size} authorities`
    problems.push(problemOf(logged, 'votes', `${wanted}, found ${voices.size}`))
  }
  return problems
}

function bytesOf(value: unknown): Uint8Array {
  return canonicalJson(value as Json)
}
