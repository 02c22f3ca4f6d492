/**
 * `pyrsia verify` and `pyrsia log check`: judge files alone. No node need run, nobody is asked; what is trusted is a `network.json`.
 * The proof itself is judged by `verify/`; whether its verdict speaks for the artefact is judged here.
 */

import { join } from 'node:path'
import { type Json, parseCanonicalJson } from '../../base/crypto/canonical-json.ts'
import { createHasher, type Digest } from '../../base/digest.ts'
import { AppError } from '../../base/errors.ts'
import type { Network } from '../../base/network/network.ts'
import { NETWORK_BYTES_MAX, parseNetwork } from '../../base/network/parse-network.ts'
import { checkNetworkKeys } from '../../base/network/rules.ts'
import { readVkey } from '../../base/network/vkey.ts'
import { parsePurl } from '../../base/purl.ts'
import type { LogCheckReport, VerifyReport, VerifyRequest } from '../../cli/context.ts'
import { readBytes, readText } from '../../cli/offline/files.ts'
import { checkLog, checkRecord } from '../../log/disk/check-log.ts'
import { nodeLogFiles } from '../../log/disk/files.ts'
import { logLayout } from '../../log/disk/layout.ts'
import { WORDS } from '../../policy/verdict.ts'
import { type FileFinding, findingOf } from '../../serve/rules/findings.ts'
import { PROOF_BYTES_MAX } from '../../verify/proof-bundle.ts'
import { type VerifiedProof, verifyProofBundle } from '../../verify/verify-bundle.ts'
import { beginMark, wasBegun } from '../log/begun.ts'
import { readNodeNetwork } from './node-network.ts'

/** Verdicts that speak for an artefact which they name as equal. */
const FOR_IT = ['rebuilt-equal', 'witnessed', 'repackaged', 'built-once'] as const

/**
 * Judges an artefact by a proof at `nowSeconds`.
 * @throws untrusted.* with the reason for a no; usage.network, usage.key, absent.network, usage.purl, usage.request
 */
export async function verifyFile(request: VerifyRequest, directory: string, nowSeconds: number): Promise<VerifyReport> {
  const network = await pinnedNetwork(request.network, directory)
  const proof = Buffer.from(await readText(request.proof, PROOF_BYTES_MAX))
  const digests = request.file === undefined ? undefined : await digestsOf(request.file)
  const found = verifyProofBundle(proof, network, {
    nowSeconds,
    digests,
    purl: request.purl === undefined ? undefined : parsePurl(request.purl),
    ageSecondsMax: request.latest ? network.freshnessSeconds : undefined,
  })
  return reportOf(found, digests, request, nowSeconds)
}

/**
 * Checks the log of a data directory from its entries, and the record without which the node would not open it.
 * @throws absent.network, absent.entry if it has no log; usage.network, unavailable.storage
 */
export async function checkOwnLog(directory: string): Promise<LogCheckReport> {
  const found = await readNodeNetwork(directory)
  if (found === undefined) throw new AppError('absent.network', `${directory} has no network.json, and so no log`)
  const { network, own } = found
  const layout = logLayout(join(directory, 'log'), network.origin)
  const shown = await nodeLogFiles.names(layout.served)
  if (shown.length === 0 && !(await wasBegun(beginMark(found.keys.path('log'), network)))) {
    const why = 'it was never started with this network, or keeps the log light'
    throw new AppError('absent.entry', `the node of ${directory} has no copy of the log ${network.origin}: ${why}`)
  }
  const key = own?.keys.log ?? network.organisations[0]?.keys.log
  const checked = await checkLog(layout.served, key === undefined ? {} : { key: readVkey(key) })
  const { checkpoint, entries } = checked
  const problems = [...checked.problems, ...(await checkRecord(layout, network.origin))]
  return { directory: layout.served, origin: checkpoint?.origin, size: checkpoint?.size ?? 0, entries, problems }
}

/** The network of a file, its keys looked at, or of a data directory. @throws absent.network, usage.network, usage.key, usage.request */
export async function pinnedNetwork(file: string | undefined, directory: string): Promise<Network> {
  if (file === undefined) {
    const found = await readNodeNetwork(directory)
    if (found !== undefined) return found.network
    throw new AppError('absent.network', `${directory} has no network.json: name one with --network`)
  }
  const network = parseNetwork(await readText(file, NETWORK_BYTES_MAX))
  checkNetworkKeys(network)
  return network
}

/** The strong digests of a file. @throws usage.request if it cannot be read */
export async function digestsOf(file: string): Promise<Digest[]> {
  const hasher = createHasher(['sha256', 'sha512', 'sha1'])
  for await (const chunk of readBytes(file)) hasher.update(chunk)
  const digests = hasher.digests()
  // Strong ones alone: who can choose an artefact could make a weak digest fit.
  return [...digests.values()].filter((digest) => !digest.startsWith('sha1:'))
}

function reportOf(
  found: VerifiedProof,
  digests: readonly Digest[] | undefined,
  { latest }: VerifyRequest,
  nowSeconds: number,
): VerifyReport {
  const { subject, origin, solo } = found
  const verdict = subject?.verdict
  const finding =
    subject === undefined || verdict === undefined
      ? undefined
      : findingOf(
          { verdicts: [{ index: subject.index, entry: verdict }], disputes: [], revocations: [] },
          { digests: digests ?? [], name: undefined },
          { origin, solo },
          nowSeconds,
        )
  if (digests !== undefined) demandVerdict(subject?.purl, finding)
  const remarks = [
    ...(finding === undefined && digests !== undefined ? ['the log holds no verdict on it: nobody built it'] : []),
    ...(verdict !== undefined && found.builders === undefined
      ? ["what the builders signed is not in the file: the verdict is the authorities' word"]
      : []),
    ...(subject === undefined
      ? []
      : [
          found.notRevoked === undefined
            ? 'whether it was revoked is not known: the file carries no list of revocations'
            : `whether it was revoked after the list of entry ${found.notRevoked.index} is not known`,
        ]),
    ...(latest ? [] : ['as of then: what the log says of it since is not known']),
    ...(solo ? ['the network is of one node: what it says was built once, by its owner'] : []),
  ]
  return {
    origin,
    solo,
    size: found.size,
    timeSeconds: found.timeSeconds,
    cosigners: [...found.cosigners].map(([organisation, timeSeconds]) => ({ organisation, timeSeconds })),
    quorum: found.quorum,
    entries: found.entries.map(({ index, bytes }) => ({ index, entry: parseCanonicalJson(bytes) as Json })),
    subject:
      subject === undefined ? undefined : { purl: subject.purl, index: subject.index, says: finding?.evidence.says },
    digests: subject?.digests ?? [],
    builders: found.builders?.map(({ organisation, stated }) => ({ organisation, stated })),
    summarisedBy: found.summarisedBy,
    notRevoked: found.notRevoked,
    remarks,
  }
}

/** A proof that holds can still say no. @throws untrusted.verdict */
function demandVerdict(purl: string | undefined, finding: FileFinding | undefined): void {
  if (finding === undefined) return
  const { status, file, says } = finding.evidence
  if ((FOR_IT as readonly string[]).includes(status) && file === 'named') return
  const why = file === 'named' ? WORDS[status] : 'not the artefact that was found equal'
  throw new AppError('untrusted.verdict', `verifying an artefact: ${purl ?? 'it'} is ${why}: ${says}`)
}
