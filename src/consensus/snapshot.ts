/** A whole state as bytes and back. A snapshot is only believed if its root is the one that is expected. */
import { hash } from 'node:crypto'
import { canonicalJson, type Json, parseCanonicalJson } from '../base/crypto/canonical-json.ts'
import type { At } from '../base/entries/fields.ts'
import { AppError } from '../base/errors.ts'
import { type Constants, type State, stateRoot } from './draft/draft.ts'
import type { Scalars } from './draft/records.ts'
import { type ByteReader, dumpTree, loadTree, readerOf } from './tree/snapshot.ts'

const FORMAT = 'pyrsia.state/1'
const HEAD_BYTES_MAX = 1 << 20

/** The state in pieces: 4 bytes of length, a canonical-JSON head with format, network, block, singletons and root, its SHA-256, the two trees. */
export function* dumpState(constants: Constants, state: State): Generator<Uint8Array> {
  const root = Buffer.from(stateRoot(constants, state)).toString('hex')
  const { scalars, at } = state
  const head = canonicalJson({ format: FORMAT, network: constants.network, at, scalars, root } as unknown as Json)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(head.length)
  yield length
  yield head
  // The block is not part of the root.
  yield hash('sha256', head, 'buffer')
  yield* dumpTree(state.members)
  yield* dumpTree(state.work)
}

/** The state of a snapshot. @throws damaged.snapshot if it is malformed, of another network, or its root is not what it says */
export function loadState(constants: Constants, pieces: Iterable<Uint8Array>): State {
  const reader = readerOf(pieces)
  const head = readHead(reader)
  if (head.format !== FORMAT || head.network !== constants.network) {
    throw new AppError(
      'damaged.snapshot',
      `wanted a snapshot of ${constants.network}, found one of ${String(head.network)}`,
    )
  }
  const state = {
    members: loadTree(reader),
    work: loadTree(reader),
    scalars: head.scalars as Scalars,
    at: head.at as At,
  }
  const root = Buffer.from(stateRoot(constants, state)).toString('hex')
  if (!reader.atEnd() || root !== head.root) {
    throw new AppError('damaged.snapshot', `wanted a snapshot with the root ${String(head.root)}, found ${root}`)
  }
  return state
}

function readHead(reader: ByteReader): Record<string, unknown> {
  const length = reader.uint32()
  if (length > HEAD_BYTES_MAX) throw new AppError('damaged.snapshot', `found ${length} bytes before a snapshot`)
  const bytes = reader.take(length)
  if (!reader.take(32).equals(hash('sha256', bytes, 'buffer'))) {
    throw new AppError('damaged.snapshot', 'wanted the head of a snapshot with its hash')
  }
  try {
    return parseCanonicalJson(bytes, { bytesMax: HEAD_BYTES_MAX }) as Record<string, unknown>
  } catch (cause) {
    throw new AppError('damaged.snapshot', 'wanted the head of a snapshot', { cause })
  }
}
