/** `pyrsia explain`: how a build came about, step by step, with what each step was made from; computed again with `--verify`. */
import type { Entry } from '../../base/entries/entry.ts'
import { AppError } from '../../base/errors.ts'
import type { LogEntryView } from '../../http/http.ts'
import type { CliContext, CommonOptions } from '../context.ts'
import { json, plainText } from '../format.ts'
import type { DrawView, ExplainReport } from './explain-view.ts'

/** Options of `explain`. */
export interface ExplainOptions extends CommonOptions {
  readonly verify?: boolean
  readonly log?: string
  readonly network?: string
}

/** Explains. @throws usage.request, absent.entry, absent.network, damaged.log, untrusted.entry with --verify if an entry does not follow from the others */
export async function explain(context: CliContext, wanted: string, options: ExplainOptions): Promise<void> {
  const { log, network, data, verify = false } = options
  const found = await context.explain({ wanted, log, network, data })
  if (options.json) {
    const { problems, ...told } = found
    context.out(json(verify ? { ...told, verified: problems.length === 0, problems } : told))
  } else {
    context.out(explainText(found, verify))
  }
  if (!verify || found.problems.length === 0) return
  const [first] = found.problems
  const count = found.problems.length
  const message = `${count} ${count === 1 ? 'thing does' : 'things do'} not follow from the log: ${problemText(first)}`
  throw new AppError('untrusted.entry', message)
}

function explainText(found: ExplainReport, verify: boolean): string {
  const { purl, request, requests, network, source, members, drawn, entries } = found
  const others = requests.filter((name) => name !== request)
  const lines = [
    `Package    ${purl}`,
    `Build      ${request}`,
    ...others.map((name) => `Other      ${name}`),
    `Log        ${network}, from ${source}`,
    '',
    `Members when it was asked for: ${members.length} organisations`,
    ...members.map(
      ({ organisation, roles, types, nodes }) =>
        `  ${organisation}: ${roles.join(', ')}${types.length === 0 ? '' : `; builds ${types.join(', ')}`}; ${nodes} ${nodes === 1 ? 'node' : 'nodes'}`,
    ),
    ...entries.flatMap((each) => ['', ...entryLines(each, drawn)]),
    ...(verify ? ['', ...verifyLines(found)] : []),
  ]
  return `${lines.map(plainText).join('\n')}\n`
}

function verifyLines({ problems, entries, members }: ExplainReport): string[] {
  if (problems.length > 0) return [`No: ${problems.length} found`, ...problems.map((each) => `  ${problemText(each)}`)]
  return [
    `Yes: ${entries.length} entries and the ${members.length} members follow from what was signed: membership, round, beacon, seed, ranking,`,
    'commitments, results, faults and verdict were computed again and agree. That the log is whole is what its checkpoint says:',
    'pyrsia log check, pyrsia proof.',
  ]
}

function problemText(problem: ExplainReport['problems'][number] | undefined): string {
  if (problem === undefined) return 'nothing'
  const { index, kind, field, problem: message } = problem
  return `entry ${index ?? '?'} (${kind})${field === undefined ? '' : `, ${field}`}: ${message}`
}

/** An entry with what it was made from. */
function entryLines({ index, entry: value }: LogEntryView, drawn: DrawView | undefined): string[] {
  const entry = value as unknown as Entry
  const when = 'at' in entry ? `${timeText(entry.at.timeSeconds)}, block ${entry.at.heightBlock}` : ''
  const head = (what: string): string => `${String(index).padStart(6)}  ${when}  ${what}`
  switch (entry.kind) {
    case 'request':
      return [
        head(`asked for, attempt ${entry.attempt}, by the key ${entry.tx.body.key}`),
        `        membership ${entry.membershipRoot}`,
      ]
    case 'dispute':
      return entry.step === 'opened'
        ? [head(`the verdict on ${entry.verdictOf} is doubted: ${entry.tx.body.reason}`)]
        : [head(`dispute ${entry.step}`)]
    case 'selection':
      return selectionLines(head, entry, drawn)
    case 'commit':
      return [head(`${entry.organisation} bound itself to ${entry.tx.body.commitment}`)]
    case 'reveal': {
      const { result } = entry.tx.body
      const files = 'files' in result ? result.files.map(({ name, sha256 }) => `        ${name} sha256:${sha256}`) : []
      const { sandbox, toolchains } = result.environment
      const made = `        with ${toolchains.join(', ') || 'no toolchain'}; sandbox ${sandbox}`
      return [head(`${entry.organisation} told: ${result.outcome}`), ...files, made]
    }
    case 'fault':
      return [head(`fault of ${entry.organisation}: ${entry.fault}`)]
    case 'verdict': {
      const alike = entry.panel.filter(({ agreed }) => agreed).map(({ organisation }) => organisation)
      const relation = entry.relation === null ? '' : `, upstream ${entry.relation} (${entry.level})`
      return [
        head(`verdict: ${entry.outcome}${relation}`),
        `        alike: ${alike.join(', ') || 'nobody'}; ${entry.quorum} of ${entry.builders} had to be`,
      ]
    }
    default:
      return [head(entry.kind)]
  }
}

function selectionLines(
  head: (what: string) => string,
  entry: Extract<Entry, { kind: 'selection' }>,
  drawn: DrawView | undefined,
): string[] {
  const time = `        time of the draw ${timeText(entry.drawSeconds)}, decided by round ${entry.round}`
  if (entry.outcome === 'redrawn') return [head('the block after it came too late: drawn anew'), time]
  const { beacon, seed, organisations, eligible, passedOver, passedOverCount } = entry
  const ranks = new Map(
    [...(drawn?.result.selected ?? []), ...(drawn?.result.standbys ?? []), ...(drawn?.result.passedOver ?? [])].map(
      ({ organisation, rank }) => [organisation, rank],
    ),
  )
  const place = (organisation: string): string => {
    const rank = ranks.get(organisation)
    return rank === undefined ? '' : ` (rank ${rank + 1})`
  }
  const made = [
    time,
    `        beacon     chain ${beacon.chainHash}`,
    `        randomness ${beacon.randomness}`,
    `        seed       ${seed}`,
    `        eligible   ${eligible} of ${organisations} organisations`,
  ]
  const left = [
    ...passedOver.map(
      ({ organisation, reason }) => `        not drawn  ${organisation}${place(organisation)}: ${reason}`,
    ),
    ...(passedOverCount > passedOver.length ? [`        not drawn  ${passedOverCount - passedOver.length} more`] : []),
  ]
  if (entry.outcome === 'refused') return [head('refused: too few build this type'), ...made, ...left]
  const { builders, quorum, selected, standbys } = entry
  return [
    head(`${builders} drawn, ${quorum} must agree`),
    ...made,
    ...selected.map(
      ({ organisation, node }) => `        drawn      ${organisation}${place(organisation)}, node ${node}`,
    ),
    ...standbys.map(
      ({ organisation, node }) => `        standby    ${organisation}${place(organisation)}, node ${node}`,
    ),
    ...left,
  ]
}

function timeText(seconds: number): string {
  return seconds < 253_402_300_800 ? new Date(seconds * 1000).toISOString().slice(0, 19) : String(seconds)
}
