/**
 * Makes a proof file: chooses the entries that show what the log says of a package, and proves each. What is revoked or disputed is
 * among them, so that the file says no where the log does. Read by `verify/`, on whatever machine.
 */
import type { Envelope } from '../../base/crypto/dsse.ts'
import { type Entry, parseEntry, type VerdictEntry } from '../../base/entries/entry.ts'
import { entryName } from '../../base/entries/entry-name.ts'
import type { RevokedItem } from '../../base/entries/revocation-list.ts'
import { AppError, isKind } from '../../base/errors.ts'
import type { Network } from '../../base/network/network.ts'
import type { Purl } from '../../base/purl.ts'
import type { AcceptedCheckpoint, LogHit, LogReader } from '../../log/log.ts'
import { parseCheckpoint } from '../../log/note/checkpoint.ts'
import { formatTlogProof } from '../../log/proof/tlog-proof.ts'
import { completeList } from '../../log/reader/revocation-list.ts'
import { fitsProof, formatProofBundle, PROOF_ENTRIES_MAX } from '../../verify/proof-bundle.ts'

/** A proof file and what it proves. */
export interface MadeProof {
  readonly size: number
  /** Ascending. */
  readonly indexes: readonly number[]
  readonly bytes: Uint8Array
}

/** The log and the network that whoever verifies has pinned. */
export interface ProvingLog {
  readonly reader: LogReader
  readonly network: Network
  /** A builder's signed statement by the SHA-256 that its reveal names; undefined: nobody who can be asked has it. */
  statement?(name: string, signal: AbortSignal): Promise<Envelope | undefined>
  /** The summary of the verdict at this index, with the signatures of a quorum; undefined: none could be had. */
  summary?(index: number, signal: AbortSignal): Promise<Envelope | undefined>
}

/** The proof of one entry. @throws absent.entry, damaged.log */
export async function proveEntry(
  { reader, network }: ProvingLog,
  index: number,
  signal: AbortSignal,
): Promise<MadeProof> {
  const newest = newestOf(reader)
  if (index >= newest.size) {
    throw new AppError('absent.entry', `wanted entry ${index} of the log ${reader.origin}, which has ${newest.size}`)
  }
  const entry = await reader.entry(index)
  return await prove(reader, newest, [{ index, entry }, ...(await changes(reader, network, signal))])
}

/**
 * The proof of the newest verdict on a package with everything that it rests on, and of what speaks against it; if there is no
 * verdict, of the newest entry on it. @throws absent.entry if there is nothing on it; damaged.log
 */
export async function provePackage(
  { reader, network, statement, summary }: ProvingLog,
  purl: Purl,
  signal: AbortSignal,
): Promise<MadeProof> {
  const newest = newestOf(reader)
  const ofKind = (kind: string): Promise<LogHit[]> => reader.find({ purl, kind, limit: 8 }, signal)
  const [verdict] = await ofKind('verdict')
  const against = [...(await ofKind('dispute')), ...(await ofKind('revocation'))].filter(({ entry }) => decides(entry))
  const made = verdict === undefined ? [] : [verdict, ...(await grounds(reader, purl, verdict.entry, signal))]
  const chosen = [...made, ...against]
  if (chosen.length === 0) chosen.push(...(await reader.find({ purl, limit: 1 }, signal)))
  if (chosen.length === 0) throw new AppError('absent.entry', `the log ${reader.origin} has nothing on ${purl}`)
  const revoked = await revocationList(reader, newest.size, signal)
  const hits = [
    ...chosen,
    ...(revoked === undefined ? [] : [revoked.head]),
    ...(await changes(reader, network, signal)),
  ]
  const names = verdict === undefined ? [] : statementNames(verdict.entry)
  const found = await Promise.all([
    ...names.map((name) => statement?.(name, signal)),
    verdict === undefined ? undefined : summary?.(verdict.index, signal),
  ])
  const envelopes = found.filter((envelope) => envelope !== undefined)
  return await prove(reader, newest, hits, { envelopes, revocations: revoked?.list })
}

/** The statements of those who agreed; a verdict on which nobody agreed rests on none. */
function statementNames(bytes: Uint8Array): string[] {
  const { panel } = parseEntry(bytes) as VerdictEntry
  return panel.flatMap(({ agreed, envelope }) => (agreed && envelope !== null ? [envelope] : []))
}

/** The complete list of the newest `head`, which shows what is not on it; undefined: the log has no head, or too long a list. */
async function revocationList(
  reader: LogReader,
  size: number,
  signal: AbortSignal,
): Promise<{ readonly head: LogHit; readonly list: readonly RevokedItem[] } | undefined> {
  const [head] = await reader.find({ kind: 'head', before: size, limit: 1 }, signal)
  if (head === undefined) return undefined
  try {
    const list = completeList(await reader.revocations(signal), head)
    return fitsProof(list) ? { head, list } : undefined
  } catch (error) {
    // Whoever verifies would refuse it: better a proof that does not speak of revocations.
    if (isKind(error, 'untrusted')) return undefined
    throw error
  }
}

function newestOf(reader: LogReader): AcceptedCheckpoint {
  const newest = reader.newest()
  if (newest !== undefined && newest.size > 0) return newest
  throw new AppError('absent.entry', `the log ${reader.origin} has no entries yet`)
}

/** What a verdict rests on: its request, its selection, and what its builders told. */
async function grounds(reader: LogReader, purl: Purl, bytes: Uint8Array, signal: AbortSignal): Promise<LogHit[]> {
  const verdict = parseEntry(bytes) as VerdictEntry
  const indexes = [verdict.selection, ...verdict.panel.map(({ reveal }) => reveal)].filter((index) => index !== null)
  const size = newestOf(reader).size
  const named = indexes.filter((index) => index < size)
  const hits = await Promise.all(named.map(async (index) => ({ index, entry: await reader.entry(index) })))
  const asked = [
    ...(await reader.find({ purl, kind: 'request' }, signal)),
    ...(await reader.find({ purl, kind: 'dispute' }, signal)),
  ]
  return [...hits, ...asked.filter(({ entry }) => entryName(entry) === verdict.request)]
}

/** Changes of members that `network.json` does not know: without them newer signatures could not be judged. */
async function changes(reader: LogReader, network: Network, signal: AbortSignal): Promise<LogHit[]> {
  const { checkpoint } = network
  const known =
    checkpoint === undefined ? 0 : parseCheckpoint(checkpoint.slice(0, checkpoint.lastIndexOf('\n\n') + 1)).size
  const found: LogHit[] = []
  for (let before: number | undefined; found.length < PROOF_ENTRIES_MAX; ) {
    const hits = await reader.find({ kind: 'member', limit: 100, ...(before === undefined ? {} : { before }) }, signal)
    found.push(...hits.filter(({ index, entry }) => index >= known && isChange(entry)))
    before = hits.at(-1)?.index
    if (hits.length < 100 || before === undefined || before <= known) return found
  }
  return found
}

function isChange(bytes: Uint8Array): boolean {
  const entry = parsed(bytes)
  return entry?.kind === 'member' && entry.step === 'active'
}

function decides(bytes: Uint8Array): boolean {
  const entry = parsed(bytes)
  return (
    (entry?.kind === 'revocation' && entry.step === 'effective') ||
    (entry?.kind === 'dispute' && entry.step === 'upheld')
  )
}

function parsed(bytes: Uint8Array): Entry | undefined {
  try {
    return parseEntry(bytes)
  } catch {
    return undefined
  }
}

async function prove(
  reader: LogReader,
  newest: AcceptedCheckpoint,
  hits: readonly LogHit[],
  {
    envelopes = [],
    revocations,
  }: { envelopes?: readonly Envelope[]; revocations?: readonly RevokedItem[] | undefined } = {},
): Promise<MadeProof> {
  const byIndex = new Map(hits.filter(({ index }) => index < newest.size).map((hit) => [hit.index, hit.entry]))
  const indexes = [...byIndex.keys()].sort((a, b) => a - b)
  const checkpoint = Buffer.from(newest.note)
  const entries = await Promise.all(
    indexes.map(async (index) => {
      const hashes = await reader.inclusion(index, newest.size)
      return { entry: byIndex.get(index) ?? new Uint8Array(), proof: formatTlogProof({ index, hashes, checkpoint }) }
    }),
  )
  return { size: newest.size, indexes, bytes: formatProofBundle({ entries, envelopes, revocations }) }
}
