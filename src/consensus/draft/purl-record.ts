/**
 * What is known of a purl, packed: there is one for every package that was ever asked for, and all are held in memory. The order of the
 * fields is part of the state's format.
 */
import type { Json } from '../../base/crypto/canonical-json.ts'
import type { Hex32 } from '../../base/entries/fields.ts'
import type { LiveVerdict, PurlRecord } from './records.ts'

type PackedLive = readonly [string, number, LiveVerdict['outcome'], string, number | null, readonly number[]]
type Packed = readonly [string | null, PackedLive | null, readonly number[], readonly number[], boolean]

/** The record as an array, its hashes in base64. */
export function packPurl({ open, live, attempts, disputes, revoked }: PurlRecord): Json {
  const packed: Packed = [
    open === null ? null : short(open),
    live === null
      ? null
      : [short(live.request), live.index, live.outcome, short(live.files), live.expiresSeconds, live.agreed],
    attempts,
    disputes,
    revoked,
  ]
  return packed
}

/** The record of an array that `packPurl` made. */
export function unpackPurl(json: Json): PurlRecord {
  const [open, live, attempts, disputes, revoked] = json as unknown as Packed
  return {
    open: open === null ? null : long(open),
    live: live === null ? null : unpackLive(live),
    attempts,
    disputes,
    revoked,
  }
}

function unpackLive([request, index, outcome, files, expiresSeconds, agreed]: PackedLive): LiveVerdict {
  return { request: long(request), index, outcome, files: long(files), expiresSeconds, agreed }
}

function short(hex: Hex32): string {
  return Buffer.from(hex, 'hex').toString('base64url')
}

function long(base64: string): Hex32 {
  return Buffer.from(base64, 'base64url').toString('hex')
}
