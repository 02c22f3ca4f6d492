/**
 * The registry as it was: the node's own routes, look-ups and transforms of an ecosystem over what upstream says now, with everything left
 * out that was released later. Files come by digest; each is recorded with what the log said of it when the package was asked for. One for
 * each job, so no job sees what another was given. 2-trust.md, "Sandbox"; the attacks E1 to E6.
 */
import { hexOf } from '../../base/digest.ts'
import { AppError, errorChain, isKind } from '../../base/errors.ts'
import type { Got, Headers, Located, Need, Reason, Resolution } from '../../base/located.ts'
import { type Purl, purlParts } from '../../base/purl.ts'
import { REGISTRY_URL } from '../../base/rebuild/build-plan.ts'
import { collect } from '../../base/streams.ts'
import type { Asked, InputAsked, InputGiven, RecordedFile, RecordedRegistry } from '../../build/rebuild/parts.ts'
import type { Ecosystem, HiddenRelease, RequestView, ResolveContext } from '../../ecosystems/ecosystem.ts'
import { parseTarget } from '../../http/request-target.ts'
import type { LogReader } from '../../log/log.ts'
import type { RegistryReply, RegistryRequest } from '../../sandbox/sandbox.ts'
import { reasonOf } from '../../serve/reply/reasons.ts'
import { resolve } from '../../serve/resolve.ts'
import { match } from '../../serve/routing.ts'
import type { BlobInfo, Store } from '../../store/store.ts'
import { standingOf } from './dependency-levels.ts'
import { type FileDependencies, fetchFile } from './fetch-file.ts'
import { createUpstreamDocuments, type DocumentDependencies, type FoundDocument } from './upstream-documents.ts'

/** What it stands on. */
export interface AsOfDependencies extends FileDependencies, DocumentDependencies {
  readonly store: Pick<Store, 'begin' | 'lookup' | 'open'>
  readonly upstream: FileDependencies['upstream'] & DocumentDependencies['upstream']
  readonly log: Pick<LogReader, 'find'>
  readonly context: ResolveContext
}

const NEEDS_MAX = 64
const INPUT_BYTES_MAX = 512 * 1_048_576

/** The registry of one ecosystem for one job. */
export function openAsOfRegistry(ecosystem: Ecosystem, asked: Asked, deps: AsOfDependencies): RecordedRegistry {
  return new AsOfRegistry(ecosystem, asked, deps)
}

/** An answer before it is put into the form of a reply. */
type Answer =
  | { readonly kind: 'reply'; readonly status: number; readonly headers: Headers; readonly body: Uint8Array }
  | { readonly kind: 'file'; readonly blob: BlobInfo; readonly located: Located }
  | { readonly kind: 'refused'; readonly reason: Reason }

class AsOfRegistry implements RecordedRegistry {
  readonly context: ResolveContext
  readonly #ecosystem: Ecosystem
  readonly #asked: Asked
  readonly #deps: AsOfDependencies
  readonly #documents: ReturnType<typeof createUpstreamDocuments>
  readonly #records = new Map<string, RecordedFile>()
  readonly #objections = new Set<string>()
  /** What the registry itself gave to this job: nothing is asked for twice, since registries count. */
  readonly #seen = new Map<string, BlobInfo>()

  constructor(ecosystem: Ecosystem, asked: Asked, deps: AsOfDependencies) {
    this.#ecosystem = ecosystem
    this.#asked = asked
    this.#deps = deps
    this.context = deps.context
    this.#documents = createUpstreamDocuments(ecosystem, deps)
  }

  records(): readonly RecordedFile[] {
    return [...this.#records].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, record]) => record)
  }

  objection(): string | undefined {
    const [first] = [...this.#objections].sort()
    return first
  }

  async need(need: Need, signal: AbortSignal): Promise<Got> {
    try {
      return need.kind === 'blob' ? await this.#blob(need, signal) : await this.#document(need, signal)
    } catch (error) {
      if (!(error instanceof AppError) || error.kind === 'aborted' || error.kind === 'bug') throw error
      return { kind: error.kind === 'absent' ? 'absent' : 'unavailable', reason: reasonOf(error) }
    }
  }

  async fetch(located: Located, signal: AbortSignal, how?: { readonly anew: boolean }): Promise<BlobInfo | undefined> {
    const [first] = located.digests
    const before = how?.anew === true && first !== undefined ? this.#seen.get(first) : undefined
    if (before !== undefined) return before
    const blob = await fetchFile(located, this.#ecosystem.aliases, this.#deps, signal, how)
    if (how?.anew === true && first !== undefined && blob !== undefined) this.#seen.set(first, blob)
    return blob
  }

  async answer(request: RegistryRequest, signal: AbortSignal): Promise<RegistryReply> {
    const view = this.#view(request)
    const answer = 'code' in view ? { kind: 'refused' as const, reason: view } : await this.#find(view, request, signal)
    if (answer.kind === 'file') {
      await this.#record(answer.located, answer.blob, false, signal)
      const { sizeBytes, id } = answer.blob
      const type = answer.located.mediaType ?? 'application/octet-stream'
      const headers = { 'content-type': type, 'content-length': String(sizeBytes), ...answer.located.replyHeaders }
      return { status: 200, headers, body: streamOf(id, this.#deps.store, signal) }
    }
    if (answer.kind === 'reply') return answer
    const shown = 'code' in view ? PLAIN_VIEW : view
    const { status, headers, body } = this.#ecosystem.refuse(answer.reason, shown)
    return { status, headers, body: Buffer.from(body) }
  }

  async input(asked: InputAsked, signal: AbortSignal): Promise<InputGiven> {
    const { requestPath, asOfSeconds, digests, tool } = asked
    const prefix = this.#prefix()
    const request = { method: 'GET', path: prefix + requestPath, headers: {}, body: undefined, asOfSeconds }
    const view = this.#view(request)
    if ('code' in view) return { kind: 'nothing', reason: view.message }
    const answer = await this.#find(view, request, signal, digests)
    if (answer.kind === 'refused') {
      if (answer.reason.code !== 'unavailable') return { kind: 'nothing', reason: answer.reason.message }
      throw new AppError('unavailable.upstream', `${requestPath}: ${answer.reason.message}`)
    }
    if (answer.kind === 'reply') return { kind: 'bytes', bytes: answer.body }
    await this.#record(answer.located, answer.blob, tool, signal)
    if (answer.blob.sizeBytes > INPUT_BYTES_MAX) return { kind: 'nothing', reason: `${requestPath} is too large` }
    return { kind: 'bytes', bytes: streamOf(answer.blob.id, this.#deps.store, signal) }
  }

  #prefix(): string {
    const { mount } = this.#ecosystem
    return mount.kind === 'path' ? mount.prefix : ''
  }

  /** What the ecosystem sees of a request, or why it cannot be understood. */
  #view({ method, path, headers }: Omit<RegistryRequest, 'body'>): RequestView | Reason {
    const prefix = this.#prefix()
    try {
      const target = parseTarget(path)
      if (!target.path.startsWith(prefix)) throw new AppError('usage.request', `no registry is served at ${path}`)
      const below = target.path.slice(prefix.length)
      return { method, path: below === '' ? '/' : below, query: target.query, headers, base: REGISTRY_URL, hides: true }
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      return { code: 'malformed', message: error.message }
    }
  }

  async #find(
    view: RequestView,
    { asOfSeconds }: Pick<RegistryRequest, 'asOfSeconds'>,
    signal: AbortSignal,
    digests: InputAsked['digests'] = [],
  ): Promise<Answer> {
    const ecosystem = this.#ecosystem
    try {
      const want = match({ ...view, ecosystem })
      if (want.kind === 'ping') return nativeOf(want.reply)
      if (want.kind === 'unsupported') return { kind: 'refused', reason: want.reason }
      if (want.kind === 'relay') return refused('unsupported', 'a build is given nothing but packages')
      const answer = (need: Need): Promise<Got> => this.need(need, signal)
      const options = { needsMax: NEEDS_MAX, answer, signal }
      const { resolution } = await resolve(ecosystem, want, view, this.context, options)
      if (resolution.kind === 'reply') return nativeOf(resolution.reply)
      if (resolution.kind === 'file') return await this.#file(resolution.located, asOfSeconds, digests, signal)
      if (resolution.kind !== 'document') return { kind: 'refused', reason: resolution.reason }
      return await this.#index(resolution, ecosystem.variant(view, want), asOfSeconds, signal)
    } catch (error) {
      if (!isKind(error, 'usage') && !isKind(error, 'untrusted') && !isKind(error, 'unavailable')) throw error
      if (isKind(error, 'unavailable') && error.code !== 'unavailable.upstream') throw error
      return { kind: 'refused', reason: { ...reasonOf(error), message: errorChain(error).join(': ') } }
    }
  }

  async #file(
    located: Located,
    asOfSeconds: number,
    digests: InputAsked['digests'],
    signal: AbortSignal,
  ): Promise<Answer> {
    // Who names the digest has it from a lock that lies in the source, or from an index of back then.
    const named = digests.length > 0 || located.evidence.some(({ kind }) => kind === 'client' || kind === 'name')
    if (!named && !(await this.#wasThere(located, asOfSeconds, signal))) {
      return refused('absent', `${located.label} was not released by then`)
    }
    const demanded = [...located.digests, ...digests.filter((digest) => !located.digests.includes(digest))]
    const [first, ...more] = demanded
    const blob = first === undefined ? undefined : await this.fetch({ ...located, digests: [first, ...more] }, signal)
    if (blob === undefined) return refused('absent', `${located.upstream} has no ${located.label}`)
    return { kind: 'file', blob, located }
  }

  /** Whether a file had been released by then, as far as the registry says. */
  async #wasThere(located: Located, asOfSeconds: number, signal: AbortSignal): Promise<boolean> {
    if (located.releasedAtMs !== undefined) return located.releasedAtMs <= asOfSeconds * 1000
    const { purl, upstream } = located
    const { releases } = this.#ecosystem
    if (releases === undefined || purl === undefined) return true
    const request = releases.index(purl, upstream, this.context)
    if (request === undefined) return !releases.statesTimes
    const found = await this.#documents.get(request, signal)
    if (found.kind === 'unavailable') throw new AppError('unavailable.upstream', found.reason.message)
    if (found.kind === 'absent') return false
    const { version } = purlParts(purl)
    const later = await this.#later(found, asOfSeconds, signal)
    return !later.some((hidden) => hidden.version === version)
  }

  async #index(
    resolution: Resolution & { readonly kind: 'document' },
    variant: string,
    asOfSeconds: number,
    signal: AbortSignal,
  ): Promise<Answer> {
    const { request, purl, label, listsReleases, listsPackages } = resolution
    if (listsPackages === true) return refused('unsupported', `${label} cannot be had as it was then`)
    const found = await this.#documents.get(request, signal)
    if (found.kind === 'unavailable') throw new AppError('unavailable.upstream', found.reason.message)
    if (found.kind === 'absent') return { kind: 'refused', reason: found.reason }
    const hidden = listsReleases === true ? await this.#later(found, asOfSeconds, signal) : []
    const version = versionOf(purl)
    if (version !== undefined && hidden.some((each) => each.version === version)) {
      return refused('absent', `${label} was not released by then`)
    }
    const made = await this.#documents.form(found, variant, hidden, signal)
    const encoding: Headers = made.encoding === undefined ? {} : { 'content-encoding': made.encoding }
    const headers = {
      'content-type': made.mediaType,
      'content-length': String(made.bytes.byteLength),
      ...resolution.replyHeaders,
      ...encoding,
    }
    return { kind: 'reply', status: 200, headers, body: made.bytes }
  }

  /** The releases that came later. Of one whose time is not stated nobody can tell, where the registry states times. */
  async #later(document: FoundDocument, asOfSeconds: number, signal: AbortSignal): Promise<HiddenRelease[]> {
    const states = this.#ecosystem.releases?.statesTimes === true
    const releases = await this.#documents.releases(document, signal)
    const isLater = (releasedAtMs: number | undefined): boolean =>
      releasedAtMs === undefined ? states : releasedAtMs > asOfSeconds * 1000
    return releases
      .filter(({ releasedAtMs }) => isLater(releasedAtMs))
      .map(({ version }) => ({ version, reason: 'it was released later' }))
  }

  async #record(located: Located, blob: BlobInfo, tool: boolean, signal: AbortSignal): Promise<void> {
    const { purl, label } = located
    const name = label.slice(label.lastIndexOf('/') + 1)
    const sha256 = hexOf(blob.id)
    const key = JSON.stringify([purl ?? '', name, sha256])
    const before = this.#records.get(key)
    if (before !== undefined) {
      this.#records.set(key, { ...before, tool: before.tool && tool })
      return
    }
    const { level, objection } = await standingOf({ purl, name, sha256 }, this.#asked.index, this.#deps.log, signal)
    if (objection !== undefined) this.#objections.add(objection)
    const both = (this.#records.get(key)?.tool ?? true) && tool
    this.#records.set(key, { purl, name, sha256, sizeBytes: blob.sizeBytes, tool: both, level })
  }

  async #blob(need: Need & { readonly kind: 'blob' }, signal: AbortSignal): Promise<Got> {
    const { located, bytesMax } = need
    if (need.namesOnly === true) return unavailable(`${located.label} is not kept here`)
    // What is only seen is seen at the registry; what is built from is proven by its digest wherever it lies.
    const anew = this.#ecosystem.rebuild === undefined
    const blob = await this.fetch({ ...located, bytesMax: Math.min(located.bytesMax, bytesMax) }, signal, { anew })
    if (blob === undefined) return { kind: 'absent', reason: { code: 'absent', message: `no ${located.label}` } }
    const bytes = await collect(streamOf(blob.id, this.#deps.store, signal), bytesMax)
    return { kind: 'blob', bytes, mediaType: blob.mediaType, origin: blob.origin }
  }

  async #document(need: Need & { readonly kind: 'document' }, signal: AbortSignal): Promise<Got> {
    if (need.keptOnly === true) return unavailable(`${need.request.path} is not kept here`)
    const found = await this.#documents.get(need.request, signal)
    if (found.kind !== 'found') return found
    const { mediaType, headers } = found
    const { bytes } =
      need.request.method === 'HEAD' ? found : await this.#documents.form(found, need.view ?? '', [], signal)
    const origin = { kind: 'upstream', name: need.request.upstream } as const
    return { kind: 'document', bytes, mediaType, headers, ageSeconds: 0, stale: false, origin }
  }
}

const PLAIN_VIEW: RequestView = { method: 'GET', path: '/', query: {}, headers: {}, base: REGISTRY_URL }

function refused(code: Reason['code'], message: string): Answer {
  return { kind: 'refused', reason: { code, message } }
}

function unavailable(message: string): Got {
  return { kind: 'unavailable', reason: { code: 'unavailable', message } }
}

function nativeOf({
  status,
  headers,
  body,
}: {
  readonly status: number
  readonly headers: Headers
  readonly body: Uint8Array | string
}): Answer {
  return { kind: 'reply', status, headers, body: Buffer.from(body) }
}

function versionOf(purl: Purl | undefined): string | undefined {
  return purl === undefined ? undefined : purlParts(purl).version
}

async function* streamOf(
  id: BlobInfo['id'],
  store: Pick<Store, 'open'>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const reader = await store.open(id)
  try {
    yield* reader.stream(undefined, signal)
  } finally {
    await reader.close()
  }
}
