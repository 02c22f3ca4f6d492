/** `pyrsia policy`: what the rules are, what they say of a release, and letting one through for a time. */
import { AppError } from '../../base/errors.ts'
import type { PolicyCheckView, PolicyView } from '../../http/http.ts'
import type { PolicyException } from '../../policy/policy.ts'
import type { CliContext, CommonOptions } from '../context.ts'
import { json, plainText, showSeconds } from '../format.ts'

/** Options of `policy allow`. */
export interface AllowOptions extends CommonOptions {
  /** A span such as `2d`, or a date. */
  readonly until: string
  readonly reason: string
}

const UNIT_MS = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const

/** Shows the policy. @throws unavailable.node */
export async function policyShow(context: CliContext, options: CommonOptions): Promise<void> {
  const node = await context.connect(options.data)
  const found = await node.get<PolicyView>('/api/policy')
  context.out(options.json ? json(found) : policyText(found, context.nowMs()))
}

/** Has the node read the policy file again. @throws usage.config if it cannot: the rules from before stay; unavailable.node */
export async function policyReload(context: CliContext, options: CommonOptions): Promise<void> {
  const node = await context.connect(options.data)
  const found = await node.change<PolicyView>('POST', '/api/policy/reload')
  if (options.json) context.out(json(found))
  else {
    const rules = found.present
      ? `${found.rules.length} rules are in force`
      : 'there is no such file: everything is allowed'
    context.out(`${plainText(`Read ${found.file} again: ${rules}`)}\n`)
  }
}

/** Says whether a release may be had. @throws denied.policy if not; unavailable.node, usage.purl */
export async function policyCheck(context: CliContext, purl: string, options: CommonOptions): Promise<void> {
  const node = await context.connect(options.data)
  const found = await node.get<PolicyCheckView>('/api/policy/check', { purl })
  if (options.json) context.out(json(found))
  if (!found.allowed) throw new AppError('denied.policy', `${found.purl} is denied: ${found.notes.join('; ')}`)
  if (options.json) return
  context.out(`${plainText(`${found.purl} is allowed`)}\n`)
  for (const note of found.notes) context.out(`! ${plainText(note)}\n`)
}

/** Records an exception. @throws unavailable.node, usage.config, usage.purl, usage.request */
export async function policyAllow(context: CliContext, purl: string, options: AllowOptions): Promise<void> {
  const untilMs = readUntil(options.until, context.nowMs())
  const node = await context.connect(options.data)
  const body = { purl, untilMs, reason: options.reason }
  const made = await node.change<PolicyException>('POST', '/api/policy/exceptions', { body })
  if (options.json) context.out(json(made))
  else context.out(`${plainText(exceptionText(made, context.nowMs()))}\nThis is recorded: pyrsia policy show\n`)
}

/** `90m`, `12h`, `2d`, `1w` from now, or a date such as `2026-12-01` or `2026-12-01T10:00Z`. @throws usage.config */
export function readUntil(text: string, nowMs: number): number {
  const span = /^(\d{1,4})([mhdw])$/.exec(text)
  if (span !== null) return nowMs + Number(span[1]) * UNIT_MS[span[2] as keyof typeof UNIT_MS]
  const untilMs = /^\d{4}-\d\d-\d\d(?:T[\d:.]+Z)?$/.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isFinite(untilMs)) {
    throw new AppError(
      'usage.config',
      `--until: wanted a span such as 2d or a date such as 2026-12-01, found ${JSON.stringify(text)}`,
    )
  }
  return untilMs
}

/** The policy for people. */
export function policyText(found: PolicyView, nowMs: number): string {
  const { advisories } = found
  const imported = advisories.importedAtMs
  const lines = [
    `Rules        ${found.file}${found.present ? '' : ' (not there: everything is allowed)'}`,
    `Read         ${age(nowMs, found.readAtMs)}`,
    ...(found.broken === undefined
      ? []
      : [
          `! it could not be read again ${age(nowMs, found.broken.atMs)}, so these are the rules from before: ${found.broken.reason}`,
        ]),
    ...(found.present ? [`By default   ${found.default}`] : []),
    ...found.rules.map(({ title, text }) => `  ${title}: ${text}`),
    imported === undefined
      ? 'Advisories   none imported'
      : `Advisories   ${advisories.records} for ${advisories.packages} packages, imported ${age(nowMs, imported)} from ${advisories.source ?? '?'}`,
    ...section(
      'Exceptions',
      found.exceptions.map((each) => exceptionText(each, nowMs)),
    ),
    ...section(
      'Released files that changed upstream, which are refused',
      found.conflicts.map(
        ({ purl, label, upstream, seen, seenAtMs, found: stated, statedBy, count, lastAtMs }) =>
          `${purl} ${label}: ${seen[0]} was seen ${age(nowMs, seenAtMs)}; ${upstream} (${statedBy}) now says ${stated[0]}; asked for ${count} times, last ${age(nowMs, lastAtMs)}`,
      ),
    ),
    ...found.remarks.map((remark) => `! ${remark}`),
  ]
  return `${lines.map(plainText).join('\n')}\n`
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [title, ...lines.map((line) => `  ${line}`)]
}

function exceptionText({ purl, reason, madeAtMs, untilMs }: PolicyException, nowMs: number): string {
  const end = untilMs > nowMs ? `for another ${showSeconds((untilMs - nowMs) / 1000)}` : `ended ${age(nowMs, untilMs)}`
  return `${purl} is let through ${end}: ${reason} (made ${age(nowMs, madeAtMs)})`
}

function age(nowMs: number, atMs: number): string {
  return `${showSeconds((nowMs - atMs) / 1000)} ago`
}
