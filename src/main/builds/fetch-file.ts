/** Has a file in the store by its digests: from there, or from upstream, every byte hashed on its way in. */
import type { Clock } from '../../base/clock.ts'
import { type Algorithm, type Digest, isStrong } from '../../base/digest.ts'
import { AppError, isKind } from '../../base/errors.ts'
import type { Located } from '../../base/located.ts'
import { collect } from '../../base/streams.ts'
import type { BlobInfo, Store } from '../../store/store.ts'
import type { Upstream } from '../../upstream/upstream.ts'

/** What files are had with. */
export interface FileDependencies {
  readonly store: Pick<Store, 'begin' | 'lookup'>
  readonly upstream: Pick<Upstream, 'request' | 'config'>
  readonly clock: Clock
}

const TRIES_MAX = 3
const PAUSE_MS = 1_000

/** The blob; undefined if upstream does not have it. `anew`: upstream is asked though it is kept here. @throws unavailable.upstream, untrusted.digest, untrusted.size, exhausted.disk, aborted.caller */
export async function fetchFile(
  located: Located,
  aliases: readonly Algorithm[],
  deps: FileDependencies,
  signal: AbortSignal,
  { anew = false }: { readonly anew?: boolean } = {},
): Promise<BlobInfo | undefined> {
  const here = anew ? undefined : stored(located.digests, deps.store)
  if (here !== undefined) return here
  for (let tries = 1; ; tries++) {
    try {
      return await download(located, aliases, deps, signal)
    } catch (error) {
      if (!isKind(error, 'unavailable') || tries === TRIES_MAX) throw error
      await deps.clock.sleep(PAUSE_MS * tries, signal)
    }
  }
}

/** A blob that has all the strong digests. */
function stored(digests: readonly Digest[], store: Pick<Store, 'lookup'>): BlobInfo | undefined {
  const strong = digests.filter(isStrong)
  const [first] = strong
  const found = first === undefined ? undefined : store.lookup(first)
  return found !== undefined && strong.every((digest) => found.names.includes(digest)) ? found : undefined
}

async function download(
  located: Located,
  aliases: readonly Algorithm[],
  { store, upstream }: FileDependencies,
  signal: AbortSignal,
): Promise<BlobInfo | undefined> {
  const { path, requestHeaders: headers, digests, bytesMax, mediaType, label } = located
  const asked = { upstream: located.upstream, method: 'GET', path, headers, interactive: false, signal } as const
  const reply = await upstream.request(asked)
  if (reply.status !== 200) {
    await collect(reply.body, 1_048_576).catch(() => {})
    if (reply.status === 404 || reply.status === 410) return undefined
    throw new AppError('unavailable.upstream', `${label} of ${located.upstream}: found status ${reply.status}`)
  }
  const writer = await store.begin({ digests, aliases, sizeBytes: located.sizeBytes ?? reply.sizeBytes, bytesMax })
  try {
    for await (const chunk of reply.body) await writer.write(chunk)
  } catch (error) {
    await writer.abort()
    throw error
  }
  const share = upstream.config(located.upstream)?.share ?? 'none'
  return await writer.commit({ mediaType, share, origin: { kind: 'upstream', name: located.upstream } })
}
