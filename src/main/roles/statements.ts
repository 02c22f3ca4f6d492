/**
 * Builders' signed statements: blobs like any other, named by their SHA-256, which is how reveals and verdicts name them. A builder keeps
 * its own and announces it; whoever proves a verdict finds those of the others.
 */

import {
  DEPENDENCY_LIST_BYTES_MAX,
  DEPENDENCY_LIST_TYPE,
  type DependencyList,
  parseDependencyList,
} from '../../base/attestation/dependencies.ts'
import { PROVENANCE_TYPE, readProvenance } from '../../base/attestation/provenance.ts'
import { parseStatement } from '../../base/attestation/statement.ts'
import type { Clock, Logger } from '../../base/clock.ts'
import { parseCanonicalJson } from '../../base/crypto/canonical-json.ts'
import { ENVELOPE_BYTES_MAX, type Envelope, envelopeOfJson } from '../../base/crypto/dsse.ts'
import { type BlobId, blobIdOf, parseBlobId } from '../../base/digest.ts'
import { errorChain } from '../../base/errors.ts'
import { collect } from '../../base/streams.ts'
import type { Peers } from '../../peers/peers.ts'
import type { Store } from '../../store/store.ts'

/** What statements are kept in and found by. */
export interface StatementDependencies {
  readonly store: Pick<Store, 'begin' | 'lookup' | 'open' | 'pin'>
  readonly peers: Pick<Peers, 'lookup' | 'fetch'>
  readonly clock: Clock
  readonly logger: Logger
}

/** Keeping and finding statements. */
export interface Statements {
  /** Keeps one for good, for everybody; durable when it resolves. @throws exhausted.disk, unavailable.storage */
  keep(bytes: Uint8Array): Promise<void>
  /** Likewise the list of dependencies that a statement names. @throws exhausted.disk, unavailable.storage */
  keepList(bytes: Uint8Array): Promise<void>
  /** The statement of this name (SHA-256, hex), from here or from peers; undefined: nobody who answers has it. @throws aborted.caller */
  find(name: string, signal: AbortSignal): Promise<Envelope | undefined>
  /** The list of dependencies with this SHA-256 (hex): as a blob, or out of one of these statements; undefined: nobody who answers has it. @throws aborted.caller */
  findList(digest: string, statements: readonly string[], signal: AbortSignal): Promise<DependencyList | undefined>
}

const MEDIA_TYPE = 'application/vnd.dsse.envelope.v1+json'
const LABEL = 'statement'
const LOOKUP_MS = 3000
const FETCH_MS = 10_000

/** The statements of a node. */
export function createStatements(deps: StatementDependencies): Statements {
  const find: Statements['find'] = (name, signal) =>
    orNothing(name, deps, signal, async () => {
      const bytes = await blob(name, ENVELOPE_BYTES_MAX, deps, signal)
      return bytes === undefined ? undefined : envelopeOfJson(parseCanonicalJson(bytes))
    })
  return {
    keep: (bytes) => keep(bytes, { mediaType: MEDIA_TYPE, bytesMax: ENVELOPE_BYTES_MAX }, deps),
    keepList: (bytes) => keep(bytes, { mediaType: DEPENDENCY_LIST_TYPE, bytesMax: DEPENDENCY_LIST_BYTES_MAX }, deps),
    find,
    findList: (digest, statements, signal) =>
      orNothing(digest, deps, signal, async () => {
        // Most lists are short enough for the statements.
        for (const name of statements) {
          const list = listIn(await find(name, signal))
          if (list?.digest === digest) return list
        }
        const bytes = await blob(digest, DEPENDENCY_LIST_BYTES_MAX, deps, signal)
        return bytes === undefined ? undefined : parseDependencyList(bytes)
      }),
  }
}

async function orNothing<T>(
  name: string,
  { logger }: StatementDependencies,
  signal: AbortSignal,
  look: () => Promise<T | undefined>,
): Promise<T | undefined> {
  try {
    return await look()
  } catch (error) {
    if (signal.aborted) throw error
    logger.info({ name, error: errorChain(error) }, "a builder's statement could not be had")
    return undefined
  }
}

/** The list in a provenance; undefined: it is none, or names its list by digest alone. */
function listIn(envelope: Envelope | undefined): DependencyList | undefined {
  if (envelope === undefined) return undefined
  const { predicateType, predicate } = parseStatement(envelope.payload)
  return predicateType === PROVENANCE_TYPE ? readProvenance(predicate).inputs.dependencies : undefined
}

async function blob(
  hex: string,
  bytesMax: number,
  deps: StatementDependencies,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const id = parseBlobId(`sha256:${hex}`)
  return (await own(id, bytesMax, deps, signal)) ?? (await others(id, bytesMax, deps, signal))
}

async function keep(
  bytes: Uint8Array,
  { mediaType, bytesMax }: { readonly mediaType: string; readonly bytesMax: number },
  { store }: StatementDependencies,
): Promise<void> {
  const id = blobIdOf(bytes)
  const writer = await store.begin({ digests: [id], aliases: [], sizeBytes: bytes.byteLength, bytesMax })
  try {
    await writer.write(bytes)
    await writer.commit({ mediaType, share: 'world', origin: { kind: 'local' } })
  } catch (error) {
    await writer.abort()
    throw error
  }
  store.pin(id, LABEL)
}

async function own(
  id: BlobId,
  bytesMax: number,
  { store }: StatementDependencies,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  if (store.lookup(id) === undefined) return undefined
  const reader = await store.open(id)
  try {
    return await collect(reader.stream(undefined, signal), bytesMax)
  } finally {
    await reader.close()
  }
}

async function others(
  id: BlobId,
  bytesMax: number,
  deps: StatementDependencies,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const { peers, clock } = deps
  const late = new AbortController()
  const cancel = clock.after(FETCH_MS, () => late.abort())
  const within = AbortSignal.any([signal, late.signal])
  try {
    const [first, ...more] = await peers.lookup([id], { timeoutMs: LOOKUP_MS, signal: within })
    if (first === undefined) return undefined
    const transfer = await peers.fetch([first, ...more], { signal: within })
    const bytes = await collect(transfer.stream, bytesMax)
    const agrees = blobIdOf(bytes) === id
    transfer.settle(agrees)
    return agrees ? bytes : undefined
  } finally {
    cancel()
  }
}
