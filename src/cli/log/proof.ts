/** `pyrsia proof` writes what the log says of a package into a file, `pyrsia verify` judges such a file offline, `log check` a log. */
import { AppError } from '../../base/errors.ts'
import type { LogProofView } from '../../http/http.ts'
import type { CliContext, CommonOptions, LogCheckReport, VerifyReport } from '../context.ts'
import { json, plainText, showBytes, showSeconds } from '../format.ts'
import { writeBytes } from '../offline/files.ts'
import { summaryOf } from './summary.ts'

/** Options of `proof`. */
export interface ProofOptions extends CommonOptions {
  readonly output: string
}

/** Options of `verify`. */
export interface VerifyOptions extends CommonOptions {
  readonly proof: string
  readonly purl?: string
  readonly network?: string
  /** The checkpoint must be fresh enough for "latest" and "not revoked". */
  readonly latest?: boolean
}

/** Writes a proof. @throws unavailable.node, usage.purl, absent.entry, usage.request if it cannot be written */
export async function proof(context: CliContext, of: string, options: ProofOptions): Promise<void> {
  const node = await context.connect(options.data)
  const query = /^\d{1,16}$/.test(of) ? { index: of } : { purl: of }
  const found = await node.get<LogProofView>('/api/log/proof', query)
  const bytes = Buffer.from(found.proof)
  await writeBytes(options.output, only(bytes))
  const done = { file: options.output, sizeBytes: bytes.byteLength, size: found.size, indexes: found.indexes }
  if (options.json) {
    context.out(json(done))
    return
  }
  const entries = found.indexes.length === 1 ? 'entry' : 'entries'
  context.out(
    `${plainText(`Proved ${entries} ${found.indexes.join(', ')} of ${found.size} in ${options.output} (${showBytes(bytes.byteLength)})`)}\n`,
  )
}

/**
 * Judges an artefact by a proof; no node need run, nobody is asked.
 * @throws untrusted.* with the reason for a no; usage.network, absent.network, usage.purl, usage.request
 */
export async function verify(context: CliContext, file: string | undefined, options: VerifyOptions): Promise<void> {
  const { proof: from, purl, network, latest, data } = options
  const found = await context.networks.verify({ file, proof: from, purl, network, latest: latest === true, data })
  context.out(options.json ? json(found) : verifiedText(found, context.nowMs()))
}

/** Checks the log of the data directory from its entries. @throws untrusted.log if it is not sound; absent.network, damaged.log */
export async function logCheck(context: CliContext, options: CommonOptions): Promise<void> {
  const found = await context.networks.checkLog(options.data)
  if (options.json) context.out(json(found))
  if (found.problems.length > 0) {
    if (!options.json)
      context.out(found.problems.map(({ path, problem }) => `! ${plainText(`${path}: ${problem}`)}\n`).join(''))
    const count = found.problems.length === 1 ? '1 problem' : `${found.problems.length} problems`
    throw new AppError('damaged.log', `the log in ${found.directory} has ${count}: see docs/how-to/run-a-log.md`)
  }
  if (!options.json) context.out(checkText(found))
}

function verifiedText(found: VerifyReport, nowMs: number): string {
  const { subject, notRevoked, summarisedBy } = found
  const lines = [
    subject === undefined ? 'Yes: the log holds these entries' : `Yes: ${subject.purl}`,
    ...(found.digests.length === 0
      ? ['! no artefact was compared']
      : found.digests.map((digest) => `  bytes     ${digest}`)),
    ...(subject?.says === undefined ? [] : [`  verdict   ${subject.says}`]),
    ...(summarisedBy === undefined ? [] : [`  summary   SLSA_BUILD_REPRODUCED, signed by ${summarisedBy.join(', ')}`]),
    ...(notRevoked === undefined
      ? []
      : [
          `  revoked   not as of ${showSeconds(nowMs / 1000 - notRevoked.asOfSeconds)} ago (entry ${notRevoked.index}: the complete list has ${notRevoked.count})`,
        ]),
    ...found.entries.map(({ index, entry }) => `  entry     ${index}: ${summaryOf(entry)}`),
    `  log       ${found.origin}, ${found.size} entries${found.solo ? ' (built once, by one node: nobody else vouches for it)' : ''}`,
    ...found.cosigners.map(({ organisation }) => `  cosigned  by ${organisation}`),
    `  as of     ${showSeconds(nowMs / 1000 - found.timeSeconds)} ago (${found.quorum.k} of ${found.quorum.of} had to cosign)`,
    ...found.remarks.map((remark) => `! ${remark}`),
  ]
  return `${lines.map(plainText).join('\n')}\n`
}

function checkText({ directory, origin, size, entries }: LogCheckReport): string {
  return `${plainText(`The log ${origin ?? '?'} in ${directory} is sound: ${entries} of ${size} entries hash to its checkpoint`)}\n`
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
