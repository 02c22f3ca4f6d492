/** The record of a request, its seats packed: it is read and written with every vote. The order of a seat's fields is part of the state's format. */
import type { Json } from '../../base/crypto/canonical-json.ts'
import type { RequestRecord, Seat } from './records.ts'

type PackedSeat = readonly [
  Seat['organisation'],
  Seat['node'],
  Seat['memberIndex'],
  Seat['stage'],
  Seat['commitment'],
  Seat['commit'],
  Seat['reveal'],
  Seat['agreement'],
  Seat['envelope'],
  readonly [sandbox: string, ...toolchains: string[]] | null,
]

/** The record as it is kept. */
export function packRequest(record: RequestRecord): Json {
  // In the order of canonical JSON, which is then the engine's own writer's work.
  const packed: Record<keyof RequestRecord, unknown> = {
    attempt: record.attempt,
    builders: record.builders,
    deadline: record.deadline,
    disputes: record.disputes,
    drawSeconds: record.drawSeconds,
    faults: record.faults,
    heightBlock: record.heightBlock,
    index: record.index,
    membershipRoot: record.membershipRoot,
    organisation: record.organisation,
    phase: record.phase,
    purl: record.purl,
    quorum: record.quorum,
    rebuilt: record.rebuilt,
    redraws: record.redraws,
    round: record.round,
    seats: record.seats.map(packSeat),
    selection: record.selection,
    standbys: record.standbys.map(packSeat),
  }
  return packed as unknown as Json
}

/** The record of what `packRequest` made. */
export function unpackRequest(json: Json): RequestRecord {
  const packed = json as unknown as RequestRecord & { seats: readonly PackedSeat[]; standbys: readonly PackedSeat[] }
  return { ...packed, seats: packed.seats.map(unpackSeat), standbys: packed.standbys.map(unpackSeat) }
}

function packSeat(seat: Seat): PackedSeat {
  const { organisation, node, memberIndex, stage, commitment, commit, reveal, agreement, envelope, environment } = seat
  const where = environment === null ? null : ([environment.sandbox, ...environment.toolchains] as const)
  return [organisation, node, memberIndex, stage, commitment, commit, reveal, agreement, envelope, where]
}

function unpackSeat(packed: PackedSeat): Seat {
  const [organisation, node, memberIndex, stage, commitment, commit, reveal, agreement, envelope, where] = packed
  const [sandbox = '', ...toolchains] = where ?? []
  const environment = where === null ? null : { toolchains, sandbox }
  return { organisation, node, memberIndex, stage, commitment, commit, reveal, agreement, envelope, environment }
}
