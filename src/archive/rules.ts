/** Applies the rules of a format to two trees: no more of them than are needed to make the trees equal. */
import type { Change, Difference, FiredRule, Rule, Tree } from './archive.ts'
import { differencesOf } from './differences.ts'

/** What came of it. */
export interface RulesApplied {
  /** Those that were needed, in the order of the format. */
  readonly fired: readonly { readonly rule: Rule; readonly told: FiredRule }[]
  /** What is left. */
  readonly differences: readonly Difference[]
  readonly differenceCount: number
}

/**
 * Applies as few rules as leave the fewest differences: those that leave something out only where all is equal with them. Of layers nothing
 * is taken away, so this is not for them.
 */
export function applyRules(a: Tree, b: Tree, rules: readonly Rule[]): RulesApplied {
  const harmless = applyAll(
    a,
    b,
    rules.filter(({ level }) => level === 'metadata'),
  )
  const whole = harmless.differenceCount === 0 ? harmless : applyAll(a, b, rules)
  let best = whole.differenceCount === 0 ? whole : harmless
  for (const { rule } of best.fired) {
    const rest = best.fired.map((each) => each.rule).filter((each) => each !== rule)
    const fewer = applyAll(a, b, rest)
    if (fewer.differenceCount <= best.differenceCount) best = fewer
  }
  return best
}

/** All rules, one after the other, on both trees. */
function applyAll(a: Tree, b: Tree, rules: readonly Rule[]): RulesApplied {
  const fired: { rule: Rule; told: FiredRule }[] = []
  let [left, right] = [a, b]
  for (const rule of rules) {
    const [one, other] = [rule.apply(left), rule.apply(right)]
    if (one.changes.length + other.changes.length === 0) continue
    left = one.tree
    right = other.tree
    fired.push({ rule, told: { name: rule.name, a: one.changes.map(shortened), b: other.changes.map(shortened) } })
  }
  const { list, count } = differencesOf(left, right, false)
  return { fired, differences: list, differenceCount: count }
}

function shortened({ path, before, after }: Change): Change {
  const short = (text: string) => (text.length > 200 ? `${text.slice(0, 199)}…` : text)
  return { path, before: short(before), after: short(after) }
}
