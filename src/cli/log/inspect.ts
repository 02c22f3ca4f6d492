/** `pyrsia inspect-log`: what the transparency log holds, as JSON, CSV or a table. */
import { AppError } from '../../base/errors.ts'
import type { LogCheckpointView, LogEntriesView, LogEntryView, NetworkView } from '../../http/http.ts'
import type { CliContext, CommonOptions } from '../context.ts'
import { json, plainText, showSeconds, table } from '../format.ts'
import { networkText } from './network.ts'
import { purlOf, summaryOf, textAt } from './summary.ts'

/** Options of the listings. */
export interface InspectOptions extends CommonOptions {
  /** `table` (the default), `csv` or `json`. */
  readonly format?: string
  /** Columns, separated by commas. */
  readonly fields?: string
  /** The newest entry alone. */
  readonly latest?: boolean
  readonly from?: string
  readonly to?: string
}

const FORMATS = ['table', 'csv', 'json'] as const
/** Columns with names of their own; any other field is a dotted path into the entry. */
const COLUMNS: Readonly<Record<string, (row: LogEntryView) => string>> = {
  index: ({ index }) => String(index),
  kind: ({ entry }) => textAt(entry, 'kind') ?? '',
  time: ({ entry }) => timeOf(entry),
  purl: ({ entry }) => purlOf(entry) ?? '',
  summary: ({ entry }) => summaryOf(entry),
}
const DEFAULT_FIELDS = Object.keys(COLUMNS).join(',')
/** Entries of one reply of the node. */
const PAGE = 1_000

/** What the log has on a package. @throws unavailable.node, usage.purl, usage.request, usage.config, absent.entry if nothing */
export async function inspectPackage(
  context: CliContext,
  ecosystem: string,
  coordinates: string,
  options: InspectOptions,
): Promise<void> {
  const show = shower(options)
  const node = await context.connect(options.data)
  const latest = options.latest === true ? 'true' : undefined
  const found = await node.get<LogEntriesView>('/api/log/find', { ecosystem, coordinates, latest })
  if (found.entries.length === 0) {
    const nothing = `the log ${found.origin} has nothing on ${ecosystem} ${coordinates}`
    throw new AppError('absent.entry', `${nothing}; its entries are of one exact version each`)
  }
  context.out(show(found.entries))
}

/** Entries in order. @throws unavailable.node, usage.config */
export async function inspectEntries(context: CliContext, options: InspectOptions): Promise<void> {
  const show = shower(options)
  const node = await context.connect(options.data)
  const rows: LogEntryView[] = []
  const to = options.to === undefined ? Number.POSITIVE_INFINITY : Number(options.to)
  for (let from = Number(options.from ?? 0); from < to; from += PAGE) {
    const query = { from: String(from), to: String(Math.min(to, from + PAGE)) }
    const { entries, size } = await node.get<LogEntriesView>('/api/log/entries', query)
    rows.push(...entries)
    if (from + PAGE >= size) break
  }
  context.out(show(rows))
}

/** The trust network as the node has it. @throws unavailable.node */
export async function inspectMembers(context: CliContext, options: CommonOptions): Promise<void> {
  const node = await context.connect(options.data)
  const found = await node.get<NetworkView>('/api/log/members')
  if (options.json) {
    context.out(json(found))
    return
  }
  const solo = found.network.organisations.length === 1
  context.out(networkText({ ...found, file: `${node.url}api/log/members`, solo, notes: [] }, context.nowMs()))
}

/** The newest checkpoint. @throws unavailable.node */
export async function inspectCheckpoint(context: CliContext, options: CommonOptions): Promise<void> {
  const node = await context.connect(options.data)
  const found = await node.get<LogCheckpointView>('/api/log/checkpoint')
  context.out(options.json ? json(found) : `${checkpointText(found, context.nowMs())}${noteText(found)}`)
}

/** A checkpoint for people. */
export function checkpointText(found: LogCheckpointView, nowMs: number): string {
  const { origin, network, solo, mode, size, root, cosignatures, quorum, timeSeconds, stale, notes } = found
  const age = (seconds: number): string => `${showSeconds(nowMs / 1000 - seconds)} ago`
  const lines = [
    `Log        ${origin} of the network ${network}, held ${mode === 'full' ? 'in full' : 'lightly'}`,
    `Size       ${size} entries${root === undefined ? '' : `, root ${root}`}`,
    `Worth      ${solo ? 'built once, by you: nobody else vouches for it' : `${quorum.k} of ${quorum.of} authorities must cosign`}`,
    ...cosignatures.map(({ name, timeSeconds: seconds }) => `Cosigned   by ${name} ${age(seconds)}`),
    ...(timeSeconds === undefined
      ? []
      : [`Age        ${age(timeSeconds)}, by the median of the authorities among those`]),
    ...(stale === undefined ? [] : [`! ${stale}`]),
    ...notes.map((note) => `! ${note}`),
  ]
  return `${lines.map(plainText).join('\n')}\n`
}

function noteText({ note }: LogCheckpointView): string {
  if (note === undefined) return ''
  return `\n${note.split('\n').map(plainText).join('\n')}`
}

/** How rows are shown. @throws usage.config for another format or no field */
function shower({ json: asJson, format = asJson ? 'json' : 'table', fields = DEFAULT_FIELDS }: InspectOptions) {
  if (!(FORMATS as readonly string[]).includes(format)) {
    throw new AppError('usage.config', `--format: wanted one of ${FORMATS.join(', ')}, found ${JSON.stringify(format)}`)
  }
  const names = fields.split(',').map((field) => field.trim())
  if (names.includes(''))
    throw new AppError('usage.config', `--fields: wanted names and commas, found ${JSON.stringify(fields)}`)
  const cell = (row: LogEntryView, name: string): string => COLUMNS[name]?.(row) ?? textAt(row.entry, name) ?? ''
  return (rows: readonly LogEntryView[]): string => {
    if (format === 'json') return json(fields === DEFAULT_FIELDS ? rows : rows.map((row) => picked(row, names, cell)))
    const cells = [names, ...rows.map((row) => names.map((name) => cell(row, name)))]
    return format === 'csv' ? cells.map((row) => `${row.map(csvCell).join(',')}\n`).join('') : table(cells)
  }
}

function picked(row: LogEntryView, names: readonly string[], cell: (row: LogEntryView, name: string) => string) {
  return Object.fromEntries(names.map((name) => [name, cell(row, name)]))
}

/** A cell of CSV (RFC 4180); one that a spreadsheet would compute is text instead. */
function csvCell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

function timeOf(entry: LogEntryView['entry']): string {
  const seconds = Number(textAt(entry, 'at.timeSeconds'))
  return Number.isFinite(seconds) && seconds < 253_402_300_800
    ? new Date(seconds * 1000).toISOString().slice(0, 19)
    : ''
}
