/**
 * Reads `policy.toml`: a default and a list of `[[rule]]` tables. Unknown keys and rules that could never do anything are
 * refused, because a rule that is silently ignored protects nobody. Pure; `main/` reads the file.
 */
import { parse as parseToml } from 'smol-toml'
import { z } from 'zod'
import { AppError } from '../base/errors.ts'
import { SEVERITIES } from '../base/osv/advisory.ts'
import { type Comparator, namePattern, type Rule, type Rules } from './rules.ts'
import { ACCEPTABLE } from './verdict.ts'

/** Rules of one file. */
const RULES_MAX = 10_000
/** Stars of one name pattern: each multiplies the time that matching may take. */
const STARS_MAX = 3
const UNIT_SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 } as const

const name = z
  .string()
  .min(1)
  .max(512)
  .refine((text) => text.split('*').length - 1 <= STARS_MAX, `wanted at most ${STARS_MAX} stars in a name`)
const duration = z.string().regex(/^\d{1,6}\s?[smhdw]$/, 'wanted a duration such as 12h or 7d')

const ruleTable = z.strictObject({
  title: z.string().min(1).max(200).optional(),
  ecosystem: z.string().min(1).max(64).optional(),
  names: z.array(name).min(1).max(10_000).optional(),
  versions: z.array(z.string().min(1).max(512)).min(1).max(1_000).optional(),
  access: z.enum(['allow', 'block', 'private']).optional(),
  upstreams: z.array(z.string().min(1).max(256)).max(100).optional(),
  'min-age': duration.optional(),
  'unknown-age': z.enum(['allow', 'deny']).optional(),
  vulnerable: z.enum(['block', 'warn', 'ignore']).optional(),
  'min-severity': z.enum(SEVERITIES).optional(),
  verified: z.enum(['enforce', 'prefer', 'observe']).optional(),
  accept: z.array(z.enum(ACCEPTABLE)).min(1).max(2).optional(),
  reason: z.string().min(1).max(500).optional(),
})
const policyFile = z.strictObject({
  default: z.enum(['allow', 'deny']).default('allow'),
  rule: z.array(ruleTable).max(RULES_MAX).default([]),
})

/** How an ecosystem spells a name, in which `*` stands for any text. */
export type SpellName = (ecosystem: string, name: string) => string

/** The rules in the text of a policy file. `ecosystems` are the ids that a rule may name. @throws usage.config */
export function readRules(
  text: string,
  path: string,
  ecosystems: readonly string[],
  spell: SpellName = (_, name) => name,
): Rules {
  let table: unknown
  try {
    table = parseToml(text)
  } catch (cause) {
    throw new AppError('usage.config', `cannot read ${path} as TOML`, { cause })
  }
  const read = policyFile.safeParse(table)
  if (!read.success) {
    throw new AppError('usage.config', `cannot use ${path}: ${z.prettifyError(read.error).slice(0, 2_000)}`)
  }
  const rules = read.data.rule.map((each, index) => readRule(each, index, path, ecosystems, spell))
  return { fallback: read.data.default, rules }
}

function readRule(
  table: z.infer<typeof ruleTable>,
  index: number,
  path: string,
  ecosystems: readonly string[],
  spell: SpellName,
): Rule {
  const title = table.title ?? `rule ${index + 1}`
  const refuse = (message: string): never => {
    throw new AppError('usage.config', `cannot use ${path}: ${title}: ${message}`)
  }
  const { access, ecosystem, vulnerable, verified } = table
  if (ecosystem !== undefined && !ecosystems.includes(ecosystem)) {
    refuse(`wanted one of the ecosystems ${ecosystems.join(', ')}, found ${JSON.stringify(ecosystem)}`)
  }
  const says = [access, table['min-age'], vulnerable, verified]
  if (says.every((each) => each === undefined)) refuse('wanted one of access, min-age, vulnerable and verified')
  if (table.versions !== undefined && (access === undefined || access === 'private')) {
    refuse('versions belong to access = "allow" or "block"')
  }
  if (access === 'private' && table.names === undefined) refuse('access = "private" wants names')
  if (table.upstreams !== undefined && access !== 'private') refuse('upstreams belong to access = "private"')
  if (table['unknown-age'] !== undefined && table['min-age'] === undefined) refuse('unknown-age belongs to min-age')
  if (table['min-severity'] !== undefined && vulnerable === undefined) refuse('min-severity belongs to vulnerable')
  if (table.accept !== undefined && verified !== 'enforce') refuse('accept belongs to verified = "enforce"')
  return {
    title,
    written: Object.entries(table)
      .filter(([key]) => key !== 'title')
      .map(([key, value]) => `${key} = ${JSON.stringify(value)}`)
      .join(', '),
    ecosystem,
    names: table.names?.map(namePattern),
    respelled: respelled(table.names ?? [], ecosystems, spell),
    versions: table.versions?.map((text) => readRange(text, refuse)),
    access,
    upstreams: table.upstreams ?? [],
    ageSecondsMin: table['min-age'] === undefined ? undefined : secondsOf(table['min-age']),
    unknownAge: table['unknown-age'] ?? 'deny',
    vulnerable,
    severityMin: table['min-severity'] ?? 'low',
    verified,
    accept: table.accept ?? [],
    reason: table.reason,
  }
}

/** The names as those ecosystems have them that spell one of them in another way. */
function respelled(
  names: readonly string[],
  ecosystems: readonly string[],
  spell: SpellName,
): NonNullable<Rule['respelled']> {
  const patterns = new Map<string, readonly RegExp[]>()
  for (const ecosystem of ecosystems) {
    const own = names.map((each) => spell(ecosystem, each))
    if (own.some((each, index) => each !== names[index])) patterns.set(ecosystem, own.map(namePattern))
  }
  return patterns
}

/** `1.2.3`, `<2`, `>=1.0 <1.4.2`. Ranges as package managers write them (`^1.2`, `1.*`, `[1,2)`) would match nothing. */
function readRange(text: string, refuse: (message: string) => never): Comparator[] {
  return text
    .trim()
    .split(/\s+/)
    .map((part) => {
      const found = /^(?<operator><=|>=|<|>|=)?(?<version>[^<>=\s^~*|,;()[\]{}"']+)$/.exec(part)
      const version =
        found?.groups?.version ?? refuse(`wanted a range such as ">=1.0 <1.4", found ${JSON.stringify(text)}`)
      return { operator: (found?.groups?.operator ?? '=') as Comparator['operator'], version }
    })
}

function secondsOf(text: string): number {
  return Number.parseInt(text, 10) * UNIT_SECONDS[text.slice(-1) as keyof typeof UNIT_SECONDS]
}
