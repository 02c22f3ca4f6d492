/** Applies the rules of a format to two trees: no more of them than are needed to make the trees equal. */
import type { Change, FiredRule, Rule, Tree } from './archive.ts'
import { digestOfTree } from './canonical-form.ts'

/** What came of it. */
export interface RulesApplied {
  readonly equal: boolean
  /** Those that were needed, in the order of the format; if the trees are not equal, those that changed something. */
  readonly fired: readonly { readonly rule: Rule; readonly told: FiredRule }[]
  readonly a: Tree
  readonly b: Tree
}

/** Applies rules, first those that leave nothing out. */
export function applyRules(a: Tree, b: Tree, rules: readonly Rule[]): RulesApplied {
  const harmless = rules.filter(({ level }) => level === 'metadata')
  for (const some of [harmless, rules]) {
    const applied = applyAll(a, b, some)
    if (!applied.equal) continue
    let needed = applied.fired.map(({ rule }) => rule)
    for (const rule of applied.fired.map((each) => each.rule)) {
      const fewer = needed.filter((each) => each !== rule)
      if (applyAll(a, b, fewer).equal) needed = fewer
    }
    return applyAll(a, b, needed)
  }
  return applyAll(a, b, harmless)
}

/** All rules, one after the other, on both trees. */
export function applyAll(a: Tree, b: Tree, rules: readonly Rule[]): RulesApplied {
  const fired: { rule: Rule; told: FiredRule }[] = []
  let [left, right] = [a, b]
  for (const rule of rules) {
    const [one, other] = [rule.apply(left), rule.apply(right)]
    if (one.changes.length + other.changes.length === 0) continue
    left = one.tree
    right = other.tree
    fired.push({ rule, told: { name: rule.name, a: one.changes.map(shortened), b: other.changes.map(shortened) } })
  }
  return { equal: formOf(left) === formOf(right), fired, a: left, b: right }
}

function formOf(tree: Tree): string {
  return digestOfTree({ ...tree, attributes: {} }, false)
}

function shortened({ path, before, after }: Change): Change {
  const short = (text: string) => (text.length > 200 ? `${text.slice(0, 199)}…` : text)
  return { path, before: short(before), after: short(after) }
}
