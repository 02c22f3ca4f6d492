/**
 * One entry of a lockfile: fetched through the read flow as a client would ask for it, then asked for again from the store
 * alone, which is the proof that it is kept and tells what has to be pinned. Called by `walk.ts`.
 */
import { algorithmOf, type BlobId, createHasher, type Digest, isStrong } from '../../base/digest.ts'
import type { DocumentKey } from '../../base/document.ts'
import { AppError, errorChain } from '../../base/errors.ts'
import { collect } from '../../base/streams.ts'
import type { Ecosystem, LockedFile } from '../../ecosystems/ecosystem.ts'
import type { BlobInfo, Store } from '../../store/store.ts'
import type { Answer, Ask, AskReadFlow, UsedFact } from './types.ts'

/** The most that is read of a reply that leads to further files, bytes. */
const LEAD_BYTES_MAX = 64 * 1_048_576
/** The most that is read of a refusal, bytes. */
const REFUSAL_BYTES_MAX = 65_536
const REASON_LENGTH_MAX = 300

/** What settling one entry works with. */
export interface SettleContext {
  readonly ecosystem: Ecosystem
  readonly platform: string
  /** False: only what is kept is looked at. */
  readonly mayFetch: boolean
  readonly ask: AskReadFlow
  readonly store: Pick<Store, 'open'>
  readonly signal: AbortSignal
  /** Told the size of each chunk that was fetched. */
  readonly onBytes: (count: number) => void
}

/** How an entry ends. */
export type Settled =
  | {
      readonly kind: 'kept'
      /** What the answer rests on, bodies of documents included. */
      readonly blobs: readonly BlobId[]
      readonly documents: readonly DocumentKey[]
      /** The located file itself; undefined for documents. */
      readonly file: BlobInfo | undefined
      /** What it leads to. */
      readonly next: readonly LockedFile[]
    }
  /** Fetched; what it leads to must be had before it can be proved (an image needs its layers). */
  | { readonly kind: 'leading'; readonly next: readonly LockedFile[] }
  | { readonly kind: 'missing'; readonly reason: string }

interface Brought {
  readonly kept: Kept
  /** Why it could not be fetched. */
  readonly reason?: string | undefined
}

interface Kept {
  readonly ok: boolean
  readonly reason: string
  readonly used: readonly UsedFact[]
  readonly file: BlobInfo | undefined
}

/** Settles one entry; whatever goes wrong with it is a reason. @throws aborted.caller, aborted.shutdown, bug.assertion */
export async function settle(file: LockedFile, context: SettleContext): Promise<Settled> {
  return await reasoned(async () => {
    if (file.leads === true && context.mayFetch)
      return { kind: 'leading', next: await follow(file, context, undefined) }
    return await settled(file, context, await bring(file, context))
  })
}

/** Settles an entry from what is kept alone, when all that it leads to was settled. @throws as `settle` */
export async function prove(file: LockedFile, context: SettleContext): Promise<Settled> {
  return await reasoned(async () => await settled(file, context, { kept: await askStore(file, context) }))
}

async function settled(file: LockedFile, context: SettleContext, { kept, reason }: Brought): Promise<Settled> {
  if (!kept.ok) return { kind: 'missing', reason: reason ?? kept.reason }
  await checkDigests(file, kept, context)
  const next = file.leads === true && !context.mayFetch ? await follow(file, context, { onUsed: () => {} }) : []
  const blobs = new Set<BlobId>()
  const documents = new Set<DocumentKey>()
  for (const used of kept.used) {
    if (used.kind === 'document') documents.add(used.document.key)
    const id = used.kind === 'blob' ? used.blob.id : used.document.body
    if (id !== undefined) blobs.add(id)
  }
  return { kind: 'kept', blobs: [...blobs], documents: [...documents], file: kept.file, next }
}

async function reasoned(work: () => Promise<Settled>): Promise<Settled> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof AppError) || error.kind === 'aborted' || error.kind === 'bug') throw error
    return { kind: 'missing', reason: errorChain(error).join(': ').slice(0, REASON_LENGTH_MAX) }
  }
}

/** What is kept after fetching, if that is allowed and needed; with the reason why fetching failed. */
async function bring(file: LockedFile, context: SettleContext): Promise<Brought> {
  const first = await askStore(file, context)
  const named = file.digests.some(isStrong) && first.file !== undefined
  if (!context.mayFetch || (first.ok && named)) return { kept: first }
  // What is named by no digest may have changed: the headers alone renew pointers and indexes.
  const renewed = first.ok ? await fetched(file, 'HEAD', context) : undefined
  if (renewed === undefined && first.ok) {
    const kept = await askStore(file, context)
    if (kept.ok) return { kept }
  }
  const reason = await fetched(file, 'GET', context)
  return { kept: await askStore(file, context), reason }
}

/** Asks as a client does and reads the reply to its end; the reason if it is a refusal. */
async function fetched(file: LockedFile, method: 'GET' | 'HEAD', context: SettleContext): Promise<string | undefined> {
  const answer = await context.ask({ ...requestOf(file, context), method })
  if (answer.status !== 200) return await reasonOf(answer)
  if (typeof answer.body !== 'object' || answer.body instanceof Uint8Array) return undefined
  if (method === 'HEAD') {
    await answer.body[Symbol.asyncIterator]().return?.()
    return undefined
  }
  for await (const chunk of answer.body) context.onBytes(chunk.byteLength)
  return undefined
}

async function askStore(file: LockedFile, context: SettleContext): Promise<Kept> {
  const used: UsedFact[] = []
  const storeOnly = { onUsed: (each: UsedFact) => void used.push(each) }
  const answer = await context.ask({ ...requestOf(file, context), method: 'HEAD', storeOnly })
  if (typeof answer.body === 'object' && !(answer.body instanceof Uint8Array)) {
    await answer.body[Symbol.asyncIterator]().return?.()
  }
  const ok = answer.status === 200
  const last = used.at(-1)
  const located = ok && last?.kind === 'blob' ? last.blob : undefined
  return { ok, reason: ok ? '' : await reasonOf(answer), used, file: located }
}

/** What the answer to it leads to. @throws absent.document if it cannot be had; untrusted.reply */
async function follow(
  file: LockedFile,
  context: SettleContext,
  storeOnly: Ask['storeOnly'],
): Promise<readonly LockedFile[]> {
  const asked = { ...requestOf(file, context), method: 'GET' } as const
  const answer = await context.ask(storeOnly === undefined ? asked : { ...asked, storeOnly })
  if (answer.status !== 200) throw new AppError('absent.document', await reasonOf(answer))
  const bytes = await bytesOf(answer.body, LEAD_BYTES_MAX)
  if (storeOnly === undefined) context.onBytes(bytes.byteLength)
  const mediaType = answer.headers['content-type'] ?? 'application/octet-stream'
  return context.ecosystem.follow?.(file, { bytes, mediaType }, context.platform) ?? []
}

/**
 * Holds the lockfile's digests against the bytes: several of one function are alternatives. @throws untrusted.digest
 */
async function checkDigests(file: LockedFile, { file: blob }: Kept, context: SettleContext): Promise<void> {
  if (blob === undefined || file.digests.length === 0) return
  const wanted = Map.groupBy(file.digests, algorithmOf)
  const known = new Map(blob.names.map((name) => [algorithmOf(name), name]))
  const unknown = [...wanted.keys()].filter((algorithm) => !known.has(algorithm))
  if (unknown.length > 0) {
    const hasher = createHasher(unknown)
    const reader = await context.store.open(blob.id)
    try {
      for await (const chunk of reader.stream(undefined, context.signal)) hasher.update(chunk)
    } finally {
      await reader.close()
    }
    for (const [algorithm, digest] of hasher.digests()) known.set(algorithm, digest)
  }
  for (const [algorithm, alternatives] of wanted) {
    const found = known.get(algorithm) as Digest
    if (alternatives.includes(found)) continue
    throw new AppError('untrusted.digest', `the lockfile wants ${alternatives.join(' or ')}, the registry has ${found}`)
  }
}

function requestOf(file: LockedFile, { ecosystem, signal }: SettleContext) {
  const at = file.requestPath.indexOf('?')
  const path = at < 0 ? file.requestPath : file.requestPath.slice(0, at)
  const query = at < 0 ? {} : Object.fromEntries(new URLSearchParams(file.requestPath.slice(at + 1)))
  return { ecosystem, path, query, headers: file.headers ?? {}, signal }
}

/** What a refusal says, whatever format its clients want it in. */
async function reasonOf({ status, statusText, body }: Answer): Promise<string> {
  const text = Buffer.from(await bytesOf(body, REFUSAL_BYTES_MAX)).toString('utf8')
  const said = messageIn(text) ?? statusText ?? (text.trimStart().startsWith('<') ? undefined : text.trim())
  return (said === undefined || said === '' ? `the node answers ${status}` : said).slice(0, REASON_LENGTH_MAX)
}

function messageIn(text: string): string | undefined {
  try {
    return findMessage(JSON.parse(text), 0)
  } catch {
    return undefined
  }
}

function findMessage(value: unknown, depth: number): string | undefined {
  if (typeof value !== 'object' || value === null || depth > 4) return undefined
  for (const key of ['message', 'error', 'detail', 'errors', '0']) {
    const found = (value as Record<string, unknown>)[key]
    if (typeof found === 'string') return found
    const below = findMessage(found, depth + 1)
    if (below !== undefined) return below
  }
  return undefined
}

async function bytesOf(body: Answer['body'], bytesMax: number): Promise<Uint8Array> {
  if (body === undefined) return new Uint8Array(0)
  if (typeof body === 'string') return Buffer.from(body)
  return body instanceof Uint8Array ? body : await collect(body, bytesMax)
}
