/** `pyrsia attest`: shows what builders signed, and verifies it offline with every check listed. */
import { join } from 'node:path'
import { canonicalJson, type Json } from '../../base/crypto/canonical-json.ts'
import { AppError } from '../../base/errors.ts'
import type { LogProofView, SubmissionView } from '../../http/http.ts'
import type { CliContext, CommonOptions } from '../context.ts'
import { json, plainText, table } from '../format.ts'
import { readText, writeBytes } from '../offline/files.ts'
import type { AttestationView, AttestReport } from './attest-view.ts'

/** Options of `attest show`. */
export interface AttestShowOptions extends CommonOptions {
  /** A folder into which each envelope is written. */
  readonly output?: string
}

/** Options of `attest verify`. */
export interface AttestVerifyOptions extends CommonOptions {
  readonly network?: string
  readonly artifact?: string
  readonly purl?: string
}

const FILE_BYTES_MAX = 4_194_304

/** Shows the attestations of a build, a package or a file. @throws absent.entry, absent.submission, unavailable.node, usage.request, untrusted.* */
export async function attestShow(context: CliContext, of: string, options: AttestShowOptions): Promise<void> {
  const found = await context.attestations.read(await bytesOf(context, of, options))
  if (found.length === 0) {
    throw new AppError(
      'absent.entry',
      `nothing that builders signed about ${of} could be had: ask again, or a node that is connected`,
    )
  }
  const { output } = options
  if (output !== undefined)
    for (const one of found) await writeBytes(fileOf(output, one), only(canonicalJson(one.envelope)))
  if (options.json) context.out(json(found))
  else context.out(found.map((one) => shown(one, output)).join('\n'))
}

/** Verifies a proof or an envelope; prints every check. @throws untrusted.* with the first that does not hold; usage.*, absent.network */
export async function attestVerify(context: CliContext, file: string, options: AttestVerifyOptions): Promise<void> {
  const { network, artifact, purl, data } = options
  const report = await context.attestations.verify({ file, network, artifact, purl, data })
  const { failure } = report
  const reason = failure && { code: failure.code, message: failure.message }
  context.out(options.json ? json({ ...report, failure: reason, holds: failure === undefined }) : verified(report))
  if (failure !== undefined) throw failure
}

/** A package URL or the id of a submission is asked of the node, everything else is a file. */
async function bytesOf(context: CliContext, of: string, { data }: CommonOptions): Promise<Uint8Array> {
  const isId = /^[0-9a-f]{16}$/.test(of)
  if (!of.startsWith('pkg:') && !isId) return Buffer.from(await readText(of, FILE_BYTES_MAX))
  const node = await context.connect(data)
  const purl = isId ? (await node.get<SubmissionView>('/api/builds/status', { id: of })).purl : of
  const { proof } = await node.get<LogProofView>('/api/log/proof', { purl })
  return Buffer.from(proof)
}

function fileOf(folder: string, { kind, name, organisation }: AttestationView): string {
  return join(folder, `${kind}-${organisation ?? name.slice(0, 16)}.dsse.json`)
}

function shown(one: AttestationView, folder: string | undefined): string {
  const { kind, purl, organisation, network, name, keyIds } = one
  const { subject = [], predicateType = '' } = one.statement as { subject?: Json[]; predicateType?: string }
  const whose =
    kind === 'summary' ? 'verification summary' : `${kind}${organisation === undefined ? '' : `, by ${organisation}`}`
  const lines = [
    `${purl}: ${whose}`,
    `  network   ${network}`,
    `  predicate ${predicateType}`,
    ...subject.map((file) => `  subject   ${subjectText(file)}`),
    ...inputs(one.statement).map((line) => `  ${line}`),
    `  envelope  sha256:${name}`,
    ...keyIds.map((id) => `  key       ${id}`),
    ...(folder === undefined ? [] : [`  written   ${fileOf(folder, one)}`]),
  ]
  return `${lines.map(plainText).join('\n')}\n`
}

function subjectText(file: Json): string {
  const { name, digest } = file as { name: string; digest: Record<string, string> }
  return `${name} ${Object.entries(digest)
    .map(([algorithm, hex]) => `${algorithm}:${hex}`)
    .join(' ')}`
}

interface Shown {
  readonly predicate?: {
    readonly buildDefinition?: {
      readonly resolvedDependencies?: readonly { name?: string; uri?: string; digest: Record<string, string> }[]
    }
    readonly runDetails?: {
      readonly builder?: { readonly version?: Record<string, string> }
      readonly metadata?: Record<string, string>
    }
    readonly verifiedLevels?: readonly string[]
  }
}

/** The source and what else went in, where the predicate is one that says it. */
function inputs(statement: Json): string[] {
  const { buildDefinition, runDetails, verifiedLevels } = (statement as Shown).predicate ?? {}
  const all = buildDefinition?.resolvedDependencies ?? []
  const named = all.filter(({ name }) => ['source', 'recipe', 'lock', 'dependencies'].includes(name ?? ''))
  const { sandbox, toolchains } = runDetails?.builder?.version ?? {}
  const times = runDetails?.metadata
  return [
    ...named.map(
      ({ name = '', uri, digest }) =>
        `${name.padEnd(9)} ${uri ?? ''} ${Object.entries(digest)
          .map((pair) => pair.join(':'))
          .join(' ')}`,
    ),
    ...(all.length > named.length
      ? [`inputs    ${all.length - named.length} files of the registry, each by its sha256 (--json)`]
      : []),
    ...(sandbox === undefined ? [] : [`sandbox   ${sandbox}; ${toolchains}`]),
    ...(times === undefined ? [] : [`built     ${times.startedOn} to ${times.finishedOn}`]),
    ...(verifiedLevels === undefined ? [] : [`says      ${verifiedLevels.join(', ')}`]),
  ]
}

function verified({ checks, failure, remarks }: AttestReport): string {
  const mark = (holds: boolean | undefined): string => (holds === undefined ? '-' : holds ? 'yes' : 'NO')
  const rows = checks.map(({ name, holds, found }) => [mark(holds), name, found].map(plainText))
  const lines = [...(failure === undefined ? ['All checks hold'] : []), ...remarks.map((remark) => `! ${remark}`)]
  return `${table(rows)}${lines.map((line) => `${plainText(line)}\n`).join('')}`
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
