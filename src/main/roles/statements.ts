/**
 * Builders' signed statements: blobs like any other, named by their SHA-256, which is how reveals and verdicts name them. A builder keeps
 * its own and announces it; whoever proves a verdict finds those of the others.
 */

import { DEPENDENCY_LIST_BYTES_MAX, DEPENDENCY_LIST_TYPE } from '../../base/attestation/dependencies.ts'
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
}

const MEDIA_TYPE = 'application/vnd.dsse.envelope.v1+json'
const LABEL = 'statement'
const LOOKUP_MS = 3000
const FETCH_MS = 10_000

/** The statements of a node. */
export function createStatements(deps: StatementDependencies): Statements {
  return {
    keep: (bytes) => keep(bytes, { mediaType: MEDIA_TYPE, bytesMax: ENVELOPE_BYTES_MAX }, deps),
    keepList: (bytes) => keep(bytes, { mediaType: DEPENDENCY_LIST_TYPE, bytesMax: DEPENDENCY_LIST_BYTES_MAX }, deps),
    async find(name, signal) {
      const id = parseBlobId(`sha256:${name}`)
      try {
        const bytes = (await own(id, deps, signal)) ?? (await others(id, deps, signal))
        return bytes === undefined ? undefined : envelopeOfJson(parseCanonicalJson(bytes))
      } catch (error) {
        if (signal.aborted) throw error
        deps.logger.info({ name, error: errorChain(error) }, "a builder's statement could not be had")
        return undefined
      }
    },
  }
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

async function own(id: BlobId, { store }: StatementDependencies, signal: AbortSignal): Promise<Uint8Array | undefined> {
  if (store.lookup(id) === undefined) return undefined
  const reader = await store.open(id)
  try {
    return await collect(reader.stream(undefined, signal), ENVELOPE_BYTES_MAX)
  } finally {
    await reader.close()
  }
}

async function others(id: BlobId, deps: StatementDependencies, signal: AbortSignal): Promise<Uint8Array | undefined> {
  const { peers, clock } = deps
  const late = new AbortController()
  const cancel = clock.after(FETCH_MS, () => late.abort())
  const within = AbortSignal.any([signal, late.signal])
  try {
    const [first, ...more] = await peers.lookup([id], { timeoutMs: LOOKUP_MS, signal: within })
    if (first === undefined) return undefined
    const transfer = await peers.fetch([first, ...more], { signal: within })
    const bytes = await collect(transfer.stream, ENVELOPE_BYTES_MAX)
    const agrees = blobIdOf(bytes) === id
    transfer.settle(agrees)
    return agrees ? bytes : undefined
  } finally {
    cancel()
  }
}
