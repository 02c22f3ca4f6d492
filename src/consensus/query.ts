/** Looking into a state without changing it: for whoever builds, shows or decides what to submit next. */
import type { Json } from '../base/crypto/canonical-json.ts'
import type { Hex32 } from '../base/entries/fields.ts'
import { decode, type State } from './draft/draft.ts'
import { type Members, membersOf } from './draft/members.ts'
import { unpackPurl } from './draft/purl-record.ts'
import type { ChangeRecord, PurlRecord, RequestRecord } from './draft/records.ts'
import { unpackRequest } from './draft/request-record.ts'
import { getValue } from './tree/tree.ts'

/** A request, from its entry until some time after its verdict. */
export function requestIn(state: State, name: Hex32): RequestRecord | undefined {
  const packed = read<Json>(state, `request/${name}`)
  return packed === undefined ? undefined : unpackRequest(packed)
}

/** What is known of a purl, as of its last change: a verdict in it may have expired since. */
export function purlIn(state: State, purl: string): PurlRecord | undefined {
  const packed = read<Json>(state, `purl/${purl}`)
  return packed === undefined ? undefined : unpackPurl(packed)
}

/** A change that is voted on. */
export function changeIn(state: State, id: Hex32): ChangeRecord | undefined {
  return read<ChangeRecord>(state, `change/${id}`)
}

/** Members and rules that are in force. */
export function membersIn(state: State): Members {
  return membersOf(state.members)
}

/** The lowest sequence that the next transaction of a key may have. */
export function nextSequence(state: State, key: Hex32): number {
  return (read<number>(state, `sequence/${key}`) ?? -1) + 1
}

function read<T>(state: State, key: string): T | undefined {
  const bytes = getValue(state.work, Buffer.from(key))
  return bytes === undefined ? undefined : (decode(bytes) as T)
}
