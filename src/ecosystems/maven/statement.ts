/**
 * What a repository states of a file: reply headers and the checksum files beside it, the strongest that there is. What was
 * stated once is kept and believed for good. Several repositories are asked in order: only "does not exist" leads to the next
 * one, never a failure, or an outage of a company's repository would send its private names to strangers.
 */
import { ALGORITHMS, type Algorithm, algorithmOf, type Digest } from '../../base/digest.ts'
import type { DocumentRequest, Evidence, Got, Headers, Need, Resolution } from '../../base/located.ts'
import { releaseTime } from '../../base/releases.ts'
import type { ResolveContext } from '../ecosystem.ts'
import { CHECKSUM_HEADERS, hasStrong, headerChecksums, readChecksum } from './formats/checksums.ts'
import { type FilePlace, isSnapshot } from './names.ts'

/** The largest file that is served, bytes. */
export const FILE_BYTES_MAX: number = 16 * 1024 ** 3
const SMALL_BYTES_MAX = 1024 ** 2
const STRONG: readonly Algorithm[] = ['sha512', 'sha256']

/** Only what is kept is looked at. */
const KEPT = { keptOnly: true, isOutage: true } as const

/** What a repository states of a file. */
export interface Statement {
  readonly upstream: string
  readonly digests: readonly [Digest, ...Digest[]]
  readonly evidence: readonly Evidence[]
  /** The file's Last-Modified. */
  readonly releasedAtMs: number | undefined
}

/** What is kept of the repositories' statements, however old: nobody is asked. */
export function* keptStatement(
  place: FilePlace,
  upstreams: readonly string[],
  context: ResolveContext,
): Generator<Need, Statement | undefined, Got> {
  for (const upstream of upstreams) {
    const head = yield { kind: 'document', request: headRequest(place, upstream, context), keptOnly: true }
    if (head.kind === 'document') return found(yield* statementOf(place, upstream, head.headers, KEPT, context))
  }
  // A repository that does not answer HEAD.
  const [only, ...others] = upstreams
  if (only === undefined || others.length > 0) return undefined
  return found(yield* statementOf(place, only, {}, KEPT, context))
}

function found(stated: Statement | Failure | undefined): Statement | undefined {
  return stated === undefined || 'kind' in stated ? undefined : stated
}

/** What the repositories state now, of the first that has the file. */
export function* askedStatement(
  place: FilePlace,
  upstreams: readonly string[],
  context: ResolveContext,
): Generator<Need, Statement | Resolution, Got> {
  let reason = `${place.file} is in no repository`
  for (const upstream of upstreams) {
    // Where it most likely is, everything that may be needed is asked for at once: one round trip instead of three.
    const isLast = upstream === upstreams.at(-1)
    const soon = isLast ? STRONG.map((each) => besideRequest(place, `${place.path}.${each}`, upstream, context)) : []
    const head = yield { kind: 'document', request: headRequest(place, upstream, context), soon }
    if (head.kind === 'unavailable') return head
    if (head.kind === 'absent' && head.refused === true) {
      // Some repositories answer GET only.
      const stated = yield* statementOf(place, upstream, {}, { keptOnly: false, isOutage: false }, context)
      if (stated !== undefined) return stated
      if (upstreams.length > 1) return refusal(`${place.file}: ${head.reason.message}`)
    }
    if (head.kind === 'document') {
      const stated = yield* statementOf(
        place,
        upstream,
        head.headers,
        { keptOnly: false, isOutage: head.stale },
        context,
      )
      return stated ?? untrusted(`${place.file}: ${upstream} states no checksum for it, so it cannot be checked`)
    }
    reason = head.kind === 'absent' ? `${place.file}: ${head.reason.message}` : reason
  }
  return absent(reason)
}

type Failure = Resolution & { readonly kind: 'unavailable' }

/** The digests of a file, strongest first: of the headers, then of the checksum files until one of them is strong. */
function* statementOf(
  place: FilePlace,
  upstream: string,
  headers: Headers,
  asking: { readonly keptOnly: boolean; readonly isOutage: boolean },
  context: ResolveContext,
): Generator<Need, Statement | Failure | undefined, Got> {
  const { keptOnly } = asking
  let { isOutage } = asking
  const evidence: Evidence[] = headerChecksums(headers).map((digest) => {
    return { kind: 'header', digest, statedBy: `x-checksum header of ${place.file} at ${upstream}` }
  })
  let missed: Failure | undefined
  for (const algorithm of ALGORITHMS) {
    if (hasStrong(evidence.map(({ digest }) => digest))) break
    const isWeak = algorithm === 'sha1' || algorithm === 'md5'
    if (isWeak && evidence.length > 0) break
    const path = `${place.path}.${algorithm}`
    const asked = besideRequest(place, path, upstream, context)
    const got = yield { kind: 'document', request: asked, ...(keptOnly ? ({ keptOnly } as const) : {}) }
    if (got.kind === 'unavailable' && !keptOnly && !isWeak) missed ??= got
    if (got.kind === 'document' && !got.stale) isOutage = false
    const digest = got.kind === 'document' ? readChecksum(got.bytes, algorithm) : undefined
    if (digest !== undefined)
      evidence.push({ kind: 'index', digest, statedBy: `${place.file}.${algorithm} at ${upstream}` })
  }
  // What cannot be asked now may be stronger than what can: who breaks it off shall not choose what bytes are held against.
  // In an outage nobody chooses: all that is known then was kept here or comes from a trusted peer.
  if (missed !== undefined && !(isOutage && evidence.length > 0)) return missed
  const digests = ALGORITHMS.flatMap(
    (each) => evidence.find(({ digest }) => algorithmOf(digest) === each)?.digest ?? [],
  )
  const [first, ...others] = digests
  if (first === undefined) return undefined
  return { upstream, digests: [first, ...others], evidence, releasedAtMs: releaseTime(headers['last-modified']) }
}

function headRequest(place: FilePlace, upstream: string, context: ResolveContext): DocumentRequest {
  const keepHeaders = [...CHECKSUM_HEADERS, 'last-modified']
  // The size that a peer knows of it is the file's own.
  const beside = besideRequest(place, place.path, upstream, context)
  return { ...beside, method: 'HEAD', keepHeaders, bytesMax: FILE_BYTES_MAX }
}

/** A signature or checksum beside a file, or the file's own headers. */
export function besideRequest(
  place: FilePlace,
  path: string,
  upstream: string,
  context: ResolveContext,
): DocumentRequest {
  return { ...smallRequest(path, upstream, context), ...(isSnapshot(place.version) ? { unshared: true } : {}) }
}

/** A small document of an upstream. */
export function smallRequest(path: string, upstream: string, context: ResolveContext): DocumentRequest {
  return {
    upstream,
    path,
    method: 'GET',
    headers: {},
    keepHeaders: [],
    bytesMax: SMALL_BYTES_MAX,
    freshSeconds: context.freshSeconds,
    staleSeconds: 0,
    immutable: false,
  }
}

/** How a request ends that a repository would not answer. */
export function refusal(message: string): Resolution {
  return { kind: 'unavailable', reason: { code: 'unavailable', message } }
}

function untrusted(message: string): Resolution {
  return { kind: 'unavailable', reason: { code: 'untrusted', message } }
}

function absent(message: string): Resolution {
  return { kind: 'absent', reason: { code: 'absent', message } }
}
