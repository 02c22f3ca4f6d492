/** What the API shows of the transparency log of a running node. Built by `wire.ts`. */
import type { Clock } from '../../base/clock.ts'
import { type Json, parseCanonicalJson } from '../../base/crypto/canonical-json.ts'
import { AppError } from '../../base/errors.ts'
import { isSolo, networkDigest } from '../../base/network/network.ts'
import { type Purl, parsePurl } from '../../base/purl.ts'
import { ecosystems } from '../../ecosystems/index.ts'
import type { LogDoor, LogQuestion } from '../../http/api/parts.ts'
import type { LogCheckpointView, LogEntriesView, LogEntryView } from '../../http/http.ts'
import type { LogHit } from '../../log/log.ts'
import { staleness, type TrustedLog } from '../../serve/rules/verdicts.ts'
import { type ProvingLog, proveEntry, provePackage } from './make-proof.ts'

/** Entries on one package that are shown. */
const ABOUT_MAX = 32

/** The log of a running node, and what is wrong with its network or its keys, in sentences. */
export interface ShownLog {
  readonly trusted: TrustedLog
  readonly network: { readonly notes: readonly string[] }
}

/** The door to a log; `signed` finds what builders signed, for proofs. */
export function createLogDoor(
  shown: ShownLog,
  { nowMs }: Pick<Clock, 'nowMs'>,
  signed: Pick<ProvingLog, 'statement' | 'summary'> = {},
): LogDoor {
  const log = shown.trusted
  const { reader, network, timeOf } = log
  const proving = { ...log, ...signed }
  const size = (): number => reader.newest()?.size ?? 0
  const checkpoint = (): LogCheckpointView => {
    const newest = reader.newest()
    const timeSeconds = newest && timeOf(newest)
    const { origin, name, quorum } = network
    return {
      origin,
      network: name,
      solo: isSolo(network),
      mode: reader.mode,
      size: size(),
      root: newest === undefined ? undefined : Buffer.from(newest.root).toString('base64'),
      note: newest?.note,
      cosignatures: newest?.cosignatures ?? [],
      quorum,
      timeSeconds,
      stale: staleness(network, timeSeconds, Math.floor(nowMs() / 1000)),
      notes: shown.network.notes,
    }
  }
  const entriesOf = (hits: readonly LogHit[]): LogEntriesView => ({
    origin: network.origin,
    size: size(),
    entries: hits.map(viewOf),
  })
  return {
    checkpoint,
    async entries(from, to, signal) {
      const hits: LogHit[] = []
      for await (const hit of reader.entries(from, Math.min(to, size()), signal)) hits.push(hit)
      return entriesOf(hits)
    },
    async find(question, signal) {
      const purl = purlOf(question)
      const limit = question.latest === true ? 1 : 1_000
      return entriesOf(await reader.find({ purl, limit }, signal))
    },
    network: () => ({ network, digest: networkDigest(network) }),
    async proof(of, signal) {
      const made =
        'index' in of
          ? await proveEntry(proving, of.index, signal)
          : await provePackage(proving, parsePurl(of.purl), signal)
      return { size: made.size, indexes: made.indexes, proof: Buffer.from(made.bytes).toString('utf8') }
    },
    async about(purl, signal) {
      const hits = size() === 0 ? [] : await reader.find({ purl, limit: ABOUT_MAX }, signal)
      return { checkpoint: checkpoint(), entries: hits.map(viewOf) }
    },
  }
}

/** The package of a question. @throws usage.purl, usage.request */
export function purlOf({ purl, ecosystem, coordinates }: LogQuestion): Purl {
  if (purl !== undefined) return parsePurl(purl)
  const found = ecosystems.find(({ id }) => id === ecosystem)
  if (found === undefined || coordinates === undefined) {
    const known = ecosystems.map(({ id }) => id).join(', ')
    throw new AppError(
      'usage.request',
      `wanted a purl, or one of ${known} with coordinates, found ${ecosystem ?? 'neither'}`,
    )
  }
  return coordinates.startsWith('pkg:') ? parsePurl(coordinates) : found.coordinates.toPurl(coordinates)
}

/** An entry is canonical JSON; what is not was written by something else, and is shown as base64. */
function viewOf({ index, entry }: LogHit): LogEntryView {
  let value: Json
  try {
    value = parseCanonicalJson(entry)
  } catch {
    value = { kind: 'unknown', base64: Buffer.from(entry).toString('base64') }
  }
  return { index, entry: value }
}
