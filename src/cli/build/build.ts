/** `pyrsia build` asks the trust network for a package, `build status` shows how far that is, `dispute` and `revoke` doubt what it said. */
import { AppError } from '../../base/errors.ts'
import type { DoubtView, SubmissionsView, SubmissionView } from '../../http/http.ts'
import type { CliContext, CommonOptions, NodeApi } from '../context.ts'
import { json, plainText, showSeconds } from '../format.ts'

/** Options of `build`. */
export interface BuildOptions extends CommonOptions {
  readonly watch?: boolean
}

/** Options of `build status`. */
export interface StatusOptions extends CommonOptions {
  readonly id?: string
}

/** Options of `dispute` and `revoke`. */
export interface DoubtOptions extends CommonOptions {
  readonly reason: string
  readonly digest?: readonly string[]
}

const LOOK_MS = 500
const OVER: readonly SubmissionView['state'][] = ['denied', 'refused', 'decided']

/**
 * Asks; with `watch` waits for what comes of it.
 * @throws unavailable.node, usage.purl, usage.request; denied.network if the network does not take it; with `watch` untrusted.verdict
 */
export async function build(
  context: CliContext,
  body: { readonly ecosystem: string; readonly coordinates: string },
  options: BuildOptions,
): Promise<void> {
  const node = await context.connect(options.data)
  let view = await node.change<SubmissionView>('POST', '/api/builds', { body })
  if (options.watch) view = await watched(context, node, view)
  else if (view.state === 'denied') throw denied(view)
  context.out(options.json ? json(view) : statusText(view, context.nowMs()))
  if (options.watch) demandEqual(view)
}

/** Shows one submission, or lists them. @throws unavailable.node, absent.submission */
export async function buildStatus(context: CliContext, options: StatusOptions): Promise<void> {
  const node = await context.connect(options.data)
  if (options.id !== undefined) {
    const view = await statusOf(node, options.id)
    context.out(options.json ? json(view) : statusText(view, context.nowMs()))
    return
  }
  const found = await node.get<SubmissionsView>('/api/builds')
  const lines = found.submissions.map(({ id, purl, submittedSeconds }) =>
    plainText(`${id}  ${purl}  ${showSeconds(context.nowMs() / 1000 - submittedSeconds)} ago`),
  )
  context.out(options.json ? json(found) : `${lines.length === 0 ? 'Nothing was asked for here' : lines.join('\n')}\n`)
}

/** Lists the recipes of this Pyrsia; no node need run. @throws usage.config */
export async function recipes(
  context: CliContext,
  options: CommonOptions & { readonly mappings?: string },
): Promise<void> {
  const rows = await context.recipes(options.mappings)
  const lines = rows.map(({ ecosystem, recipe, version, mapping, digest }) =>
    plainText(`${digest}  ${ecosystem}  ${recipe} ${version}${mapping === undefined ? '' : ` with ${mapping}`}`),
  )
  context.out(options.json ? json({ recipes: rows }) : `${lines.join('\n')}\n`)
}

/** @throws unavailable.node, usage.purl, absent.entry, denied.network */
export async function dispute(context: CliContext, purl: string, options: DoubtOptions): Promise<void> {
  const node = await context.connect(options.data)
  const body = { purl, reason: options.reason }
  const found = await node.change<DoubtView>('POST', '/api/builds/dispute', { body })
  const text = `Disputed ${found.purl} in entry ${found.index}: other builders are drawn for it`
  context.out(options.json ? json(found) : `${plainText(text)}\n`)
}

/** @throws unavailable.node, usage.purl, denied.network */
export async function revoke(context: CliContext, purl: string, options: DoubtOptions): Promise<void> {
  const node = await context.connect(options.data)
  const body = { purl, reason: options.reason, digests: options.digest ?? [] }
  const found = await node.change<DoubtView>('POST', '/api/builds/revoke', { body })
  const text = `Voted in entry ${found.index} for withdrawing ${found.purl}`
  context.out(options.json ? json(found) : `${plainText(text)}\n`)
}

async function watched(context: CliContext, node: NodeApi, first: SubmissionView): Promise<SubmissionView> {
  let view = first
  while (!OVER.includes(view.state)) {
    context.progress(progressText(view))
    await context.sleep(LOOK_MS)
    view = await statusOf(node, view.id)
  }
  context.progress(undefined)
  if (view.state === 'denied') throw denied(view)
  return view
}

function statusOf(node: NodeApi, id: string): Promise<SubmissionView> {
  return node.get<SubmissionView>('/api/builds/status', { id })
}

function denied({ reason }: SubmissionView): AppError {
  return new AppError('denied.network', reason ?? 'the network does not take it')
}

function demandEqual({ purl, state, verdict }: SubmissionView): void {
  if (verdict?.relation === 'equal') return
  const found =
    state === 'refused'
      ? 'too few organisations build it'
      : `${verdict?.outcome}, ${verdict?.relation ?? 'nothing agreed'}`
  throw new AppError('untrusted.verdict', `building ${purl}: wanted a verdict that says equal, found: ${found}`)
}

const WORDS: Readonly<Record<SubmissionView['state'], string>> = {
  sending: 'no authority was reached yet, it is tried again',
  denied: 'the network does not take it',
  ordered: 'asked for',
  drawing: 'waits for the draw of its builders',
  committing: 'is being built',
  revealing: 'was built, results are being told',
  refused: 'too few organisations build this: nobody was drawn',
  decided: 'has a verdict',
}

function progressText({ purl, state, panel, builders, here }: SubmissionView): string {
  const done = panel.filter((seat) => seat.state === 'committed' || seat.state === 'revealed').length
  const count = state === 'committing' ? ` (${done} of ${builders})` : ''
  const own = here === undefined ? '' : `; here: ${here}`
  return plainText(`${purl} ${WORDS[state]}${count}${own}`)
}

function statusText(view: SubmissionView, nowMs: number): string {
  const { id, purl, submittedSeconds, state, reason, request, attempt, builders, quorum, panel, verdict } = view
  const lines = [
    `${purl} ${WORDS[state]}`,
    `  id        ${id}, ${showSeconds(nowMs / 1000 - submittedSeconds)} ago${attempt === undefined ? '' : `, attempt ${attempt}`}`,
    ...(reason === undefined ? [] : [`  reason    ${reason}`]),
    ...(request === undefined ? [] : [`  build     ${request}, for pyrsia explain`]),
    ...(quorum === undefined ? [] : [`  quorum    ${quorum} of ${builders}`]),
    ...panel.map((seat) => `  builder   ${seat.organisation}: ${seat.state}${seat.standby ? ' (standby)' : ''}`),
    ...(verdict === undefined
      ? []
      : [
          `  verdict   ${verdict.outcome}${verdict.relation === null ? '' : `, ${verdict.relation}`} in entry ${verdict.index}`,
          ...(verdict.agreed.length === 0 ? [] : [`  agreed    ${verdict.agreed.join(', ')}`]),
        ]),
  ]
  return `${lines.map((line) => plainText(line)).join('\n')}\n`
}
