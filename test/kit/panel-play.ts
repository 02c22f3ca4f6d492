/**
 * One attempt played by the rules of 2-trust.md, "Agreement", with hostile organisations and, if the attacker can do that, honest ones
 * silenced: enough to see who wins, nothing of messages or time.
 */

/** What the hostile ones on a panel do. `agree`: they all report one false result. `withhold`: they log no commitment. `spoil`: they
 * commit, and then reveal nothing that anybody agrees with, so that no standby steps in for them. */
export type Strategy = 'agree' | 'withhold' | 'spoil'

/** A panel and its enemies. */
export interface Play {
  /** The draw: organisations, best first. */
  readonly order: readonly number[]
  readonly builders: number
  readonly quorum: number
  readonly hostile: (organisation: number) => boolean
  readonly strategy: Strategy
  /** How many honest organisations the attacker silences before they commit, best ranks first. */
  readonly silenced?: number
}

/** `captured`: a false result reached the quorum. `agreed`: the honest one did. `stalled`: neither. */
export function play({
  order,
  builders,
  quorum,
  hostile,
  strategy,
  silenced = 0,
}: Play): 'captured' | 'agreed' | 'stalled' {
  let [honestVotes, falseVotes, standbysUsed, quiet] = [0, 0, 0, 0]
  let seats = builders
  for (let at = 0; at < seats; at += 1) {
    const bad = hostile(order[at] ?? -1)
    const misses = bad ? strategy === 'withhold' : quiet < silenced
    if (misses && !bad) quiet += 1
    if (misses && standbysUsed < builders - quorum) {
      standbysUsed += 1
      seats += 1
    }
    if (misses) continue
    if (!bad) honestVotes += 1
    else if (strategy === 'agree') falseVotes += 1
  }
  if (falseVotes >= quorum) return 'captured'
  return honestVotes >= quorum ? 'agreed' : 'stalled'
}
