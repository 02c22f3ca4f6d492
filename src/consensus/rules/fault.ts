/** Faults: each of a node in a request is logged once. */
import type { Fault, FaultEntry } from '../../base/entries/entry.ts'
import type { Hex32 } from '../../base/entries/fields.ts'
import type { Draft } from '../draft/draft.ts'
import type { RequestRecord } from '../draft/records.ts'

/** Faults of nodes without a seat that are logged per request; there could be as many as there are members. */
export const UNSELECTED_MAX = 16

/** Logs a fault, unless it is logged; the record then remembers that it is. */
export function logFault(
  draft: Draft,
  request: Hex32,
  record: RequestRecord,
  who: { readonly organisation: string; readonly node: Hex32 },
  fault: Fault,
  shown: Partial<Pick<FaultEntry, 'tx' | 'evidence'>> = {},
): RequestRecord {
  if (isLogged(record, who.node, fault)) return record
  const { purl, attempt } = record
  const { tx = null, evidence = [] } = shown
  const { organisation, node } = who
  draft.log({ kind: 'fault', v: 1, at: draft.at, purl, request, attempt, fault, organisation, node, tx, evidence })
  return { ...record, faults: [...record.faults, `${fault}/${node}`] }
}

/** True if this fault of the node is logged for the request, or, for nodes without a seat, enough are. */
export function isLogged({ faults }: RequestRecord, node: Hex32, fault: Fault): boolean {
  const full =
    fault === 'unselected' && faults.filter((each) => each.startsWith('unselected/')).length >= UNSELECTED_MAX
  return full || faults.includes(`${fault}/${node}`)
}
