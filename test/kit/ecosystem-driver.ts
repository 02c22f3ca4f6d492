/**
 * Drives one ecosystem as the core does, with scripted answers in the place of store, peers and upstream: routes, resolve,
 * transform, refuse. Synchronous and without effects.
 */
import { AppError } from '../../src/base/errors.ts'
import type { Got, Headers, NativeReply, Need, Resolution, Want } from '../../src/base/located.ts'
import type { Ecosystem, RequestView, ResolveContext } from '../../src/ecosystems/ecosystem.ts'

/** More needs than this for one request are a loop. */
const NEEDS_MAX = 16

/** Answers what an ecosystem asks. */
export type Answer = (need: Need) => Got

/** What came of a request. */
export interface Driven {
  readonly want: Want | undefined
  readonly resolution: Resolution | undefined
  /** Everything that was asked for, in order. */
  readonly needs: readonly Need[]
  /** The reply, unless it is a file or is relayed. */
  readonly reply: NativeReply | undefined
}

/** A request of a client below the mount; the path may carry a query. */
export function requestOf(target: string, headers: Headers = {}, method = 'GET'): RequestView {
  const [path = '', query = ''] = target.split('?', 2)
  return { method, path, query: Object.fromEntries(new URLSearchParams(query)), headers, base: 'http://127.0.0.1:4873' }
}

/** A context in which the ecosystem's own upstreams are configured. */
export function contextOf(ecosystem: Ecosystem): ResolveContext {
  return { upstreams: ecosystem.upstreams.map((upstream) => upstream.name), freshSeconds: 300 }
}

/** What a request asks for; undefined if no route matches. @throws usage.request */
export function wantOf(ecosystem: Ecosystem, request: RequestView): Want | undefined {
  for (const route of ecosystem.routes) {
    const match = route.methods.includes(request.method) ? route.pattern.exec(request.path) : null
    if (match !== null) return route.want({ ...match.groups }, request)
  }
  return undefined
}

/** Takes a request through all steps. Names that the ecosystem refuses end in its reply for malformed requests. */
export function drive(ecosystem: Ecosystem, request: RequestView, answer: Answer): Driven {
  const needs: Need[] = []
  let want: Want | undefined
  try {
    want = wantOf(ecosystem, request)
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'usage.request') throw error
    const reply = ecosystem.refuse({ code: 'malformed', message: error.message }, request)
    return { want, resolution: undefined, needs, reply }
  }
  if (want === undefined) {
    const reply = ecosystem.refuse({ code: 'unsupported', message: 'no such endpoint' }, request)
    return { want, resolution: undefined, needs, reply }
  }
  if (want.kind === 'ping') return { want, resolution: undefined, needs, reply: want.reply }
  if (want.kind === 'relay') return { want, resolution: undefined, needs, reply: undefined }
  if (want.kind === 'unsupported') {
    return { want, resolution: undefined, needs, reply: ecosystem.refuse(want.reason, request) }
  }
  const recorded: Answer = (need) => {
    needs.push(need)
    return answer(need)
  }
  const resolution = resolveWant(ecosystem, want, request, recorded)
  return { want, resolution, needs, reply: replyOf(ecosystem, want, request, resolution, answer) }
}

/** Runs `resolve` to its end. */
export function resolveWant(ecosystem: Ecosystem, want: Want, request: RequestView, answer: Answer): Resolution {
  const asking = ecosystem.resolve(want, request, contextOf(ecosystem))
  let step = asking.next()
  for (let asked = 0; !step.done; asked += 1) {
    if (asked === NEEDS_MAX) throw new Error(`${ecosystem.id} asked more than ${NEEDS_MAX} times for ${request.path}`)
    step = asking.next(answer(step.value))
  }
  return step.value
}

/** Answers out of a table: documents by `METHOD path`, blobs by digest; views are made by the ecosystem itself. */
export function scripted(
  ecosystem: Ecosystem,
  documents: Readonly<Record<string, { readonly body?: string | Uint8Array; readonly headers?: Headers }>>,
  blobs: Readonly<Record<string, string | Uint8Array>> = {},
): Answer {
  return (need) => {
    const origin = { kind: 'upstream', name: 'scripted' } as const
    const reason = { code: 'absent', message: 'not in the script' } as const
    if (need.kind === 'blob') {
      const body = blobs[need.located.digests[0]]
      if (body === undefined) return { kind: 'absent', reason }
      return { kind: 'blob', bytes: Buffer.from(body), mediaType: undefined, origin }
    }
    const found = documents[`${need.request.method} ${need.request.path}`]
    if (found === undefined) return { kind: need.keptOnly ? 'unavailable' : 'absent', reason }
    const headers = found.headers ?? {}
    const mediaType = headers['content-type'] ?? 'application/json'
    let bytes: Uint8Array = Buffer.from(found.body ?? '')
    if (need.view !== undefined) bytes = ecosystem.transform(bytes, { mediaType, headers }, need.view).bytes
    return { kind: 'document', bytes, mediaType, headers, ageSeconds: 0, stale: false, origin }
  }
}

function replyOf(
  ecosystem: Ecosystem,
  want: Want,
  request: RequestView,
  resolution: Resolution,
  answer: Answer,
): NativeReply | undefined {
  if (resolution.kind === 'file') return undefined
  if (resolution.kind === 'reply') return resolution.reply
  if (resolution.kind !== 'document') return ecosystem.refuse(resolution.reason, request)
  const got = answer({ kind: 'document', request: resolution.request })
  if (got.kind === 'absent' || got.kind === 'unavailable') return ecosystem.refuse(got.reason, request)
  if (got.kind === 'blob') throw new Error('a document was asked for, a blob answered')
  const variant = ecosystem.variant(request, want)
  const facts = { mediaType: got.mediaType, headers: got.headers }
  const made =
    variant === ''
      ? { bytes: got.bytes, mediaType: got.mediaType, encoding: undefined }
      : ecosystem.transform(got.bytes, facts, variant)
  return {
    status: 200,
    headers: {
      ...resolution.replyHeaders,
      'content-type': made.mediaType,
      ...(made.encoding === undefined ? {} : { 'content-encoding': made.encoding }),
    },
    body: made.bytes,
  }
}
