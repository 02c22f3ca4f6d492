/** What the log says of the request that a job answers: when it was, and which rules held. */
import { type Entry, parseEntry } from '../../base/entries/entry.ts'
import { entryName } from '../../base/entries/entry-name.ts'
import type { Hex32 } from '../../base/entries/fields.ts'
import { AppError, isKind } from '../../base/errors.ts'
import { parsePurl } from '../../base/purl.ts'
import type { LogHit, LogReader } from '../../log/log.ts'
import type { Job } from '../builder.ts'
import type { Asked } from './parts.ts'

const LOOKED_AT_MAX = 200

/** The request of a job. @throws absent.entry if the log does not have it; damaged.log, aborted.caller */
export async function askedBy(job: Job, log: Pick<LogReader, 'find'>, signal: AbortSignal): Promise<Asked> {
  for (const kind of ['request', 'dispute']) {
    for (const { index, entry } of await log.find({ purl: job.purl, kind, limit: LOOKED_AT_MAX }, signal)) {
      const parsed = entryName(entry) === job.request ? readEntry(entry) : undefined
      if (parsed === undefined) continue
      return { purl: parsePurl(job.purl), index, requestedAtSeconds: parsed.at.timeSeconds }
    }
  }
  throw new AppError('absent.entry', `the log has no request ${job.request} for ${job.purl}`)
}

/** Digests of the recipes that builders follow, by the rules in force at the request; empty: any recipe. @throws damaged.log, aborted.caller */
export async function recipesInForce(
  asked: Asked,
  log: Pick<LogReader, 'find'>,
  signal: AbortSignal,
): Promise<readonly Hex32[]> {
  const hits: LogHit[] = await log.find({ kind: 'policy', before: asked.index, limit: 1 }, signal)
  const entry = hits[0] === undefined ? undefined : readEntry(hits[0].entry)
  return entry?.kind === 'policy' ? entry.rules.recipes : []
}

function readEntry(bytes: Uint8Array): Entry | undefined {
  try {
    return parseEntry(bytes)
  } catch (error) {
    if (isKind(error, 'usage')) return undefined
    throw error
  }
}
