/**
 * The API's table of operations. The dispatcher in `api.ts` runs it, `openapi.ts` describes it and `docs/reference/api.md` is
 * generated from that: one row is the whole of an operation.
 */
import { z } from 'zod'
import { type BlobId, parseBlobId, parseDigest } from '../../base/digest.ts'
import { AppError } from '../../base/errors.ts'
import { parsePurl } from '../../base/purl.ts'
import type { Store } from '../../store/store.ts'
import type { BlobsView, CacheView, ConfigChanged, ConfigView, PeersView, PingView, WhyView } from '../http.ts'
import { BUILD_ROUTES } from './build-routes.ts'
import { LOG_ROUTES } from './log-routes.ts'
import { OFFLINE_ROUTES } from './offline-routes.ts'
import { POLICY_ROUTES } from './policy-routes.ts'
import type { ApiRoute } from './route.ts'
import { statusOf } from './status.ts'

const DEFAULT_PIN = 'api'

const named = z.strictObject({
  name: z.string().max(512).describe('A digest (algorithm:hex) or a package URL that was served before'),
})
const pinned = named.extend({ label: z.string().min(1).max(100).optional().describe('Who pins; default api') })

/** Every operation that answers JSON. */
export const API_ROUTES: readonly ApiRoute[] = [
  {
    method: 'GET',
    path: '/api/ping',
    summary: 'Says that the node is up',
    changes: false,
    replies: 'name, version and process id',
    handle: ({ parts }) => ({ name: 'pyrsia', version: parts.version, pid: parts.pid }) satisfies PingView,
  },
  {
    method: 'GET',
    path: '/api/status',
    summary: 'The state of the node: endpoints, peers, upstreams, store, transfers, and notes on what does not work',
    changes: false,
    replies: 'the status',
    handle: ({ parts }) => statusOf(parts),
  },
  {
    method: 'GET',
    path: '/api/peers',
    summary: 'The peers with their standing and their faults',
    changes: false,
    replies: 'peers',
    handle: ({ parts }) => ({ peers: parts.peers.list() }) satisfies PeersView,
  },
  {
    method: 'GET',
    path: '/api/config',
    summary: 'The settings in force and where each came from',
    changes: false,
    replies: 'file and settings',
    handle: ({ parts }) => ({ file: parts.settings.path, settings: parts.settings.show() }) satisfies ConfigView,
  },
  {
    method: 'PUT',
    path: '/api/config',
    summary: 'Changes the configuration file; in force from the next start on',
    changes: true,
    body: z.strictObject({
      host: z.string().min(1).max(253).optional(),
      port: z.int().min(0).max(65_535).optional(),
      diskspace: z.string().max(32).optional().describe('A size such as 10GB'),
    }),
    replies: 'the file that was changed',
    async handle({ parts, body }) {
      await parts.settings.edit(body)
      return { file: parts.settings.path, restart: true } satisfies ConfigChanged
    },
  },
  {
    method: 'DELETE',
    path: '/api/config',
    summary: 'Takes out of the configuration file what PUT wrote',
    changes: true,
    replies: 'the file that was changed',
    async handle({ parts }) {
      await parts.settings.remove()
      return { file: parts.settings.path, restart: true } satisfies ConfigChanged
    },
  },
  {
    method: 'GET',
    path: '/api/cache',
    summary: 'Stored blobs in the order of their ids',
    changes: false,
    query: z.strictObject({
      after: z.string().max(100).optional().describe('The last id of the page before'),
      limit: z.coerce.number().int().min(1).max(1000).default(100),
    }),
    replies: 'usage and blobs; `next` is the `after` of the next page',
    handle({ parts, query }) {
      const limit = query.limit as number
      const after = query.after === undefined ? undefined : parseBlobId(query.after as string)
      const blobs = parts.store.list({ limit, ...(after === undefined ? {} : { after }) })
      const next = blobs.length === limit ? blobs.at(-1)?.id : undefined
      return { usage: parts.store.usage(), blobs, next } satisfies CacheView
    },
  },
  {
    method: 'GET',
    path: '/api/why',
    summary: 'Where the bytes of a package came from, who vouched for them, what the log says, and how old that is',
    changes: false,
    query: z.strictObject({ purl: z.string().max(1024) }),
    replies: 'what was served under the package URL, newest first',
    async handle({ parts, query, signal }) {
      const purl = parsePurl(query.purl as string)
      const served = parts.serve.why(purl)
      const log = await parts.logDoor.about(purl, signal)
      if (served.length === 0 && log.entries.length === 0) {
        throw new AppError('absent.blob', `nothing was served as ${purl}, and the log says nothing of it`)
      }
      return { purl, served, log } satisfies WhyView
    },
  },
  {
    method: 'POST',
    path: '/api/cache/gc',
    summary: 'Evicts the least recently used blobs',
    changes: true,
    body: z.strictObject({
      toBytes: z.int().min(0).optional().describe('Down to so many bytes; default: the low watermark'),
    }),
    replies: 'what was removed',
    handle: ({ parts, body }) => parts.store.collect(body),
  },
  {
    method: 'POST',
    path: '/api/cache/scrub',
    summary: 'Reads stored blobs again; damaged ones leave service and are fetched anew',
    changes: true,
    body: z.strictObject({ digest: z.string().max(200).optional().describe('Only this blob') }),
    replies: 'what was checked and what is damaged',
    handle({ parts, body, signal }) {
      const only = body.digest === undefined ? {} : { id: single(parts.store, body.digest as string) }
      return parts.store.scrub({ ...only, signal })
    },
  },
  {
    method: 'POST',
    path: '/api/cache/pin',
    summary: 'Keeps blobs from being evicted',
    changes: true,
    body: pinned,
    replies: 'the blobs',
    handle: ({ parts, body }) =>
      onEach(parts.store, body, (id) => parts.store.pin(id, (body.label as string | undefined) ?? DEFAULT_PIN)),
  },
  {
    method: 'DELETE',
    path: '/api/cache/pin',
    summary: 'Lets blobs be evicted again',
    changes: true,
    query: pinned,
    replies: 'the blobs',
    handle: ({ parts, query }) =>
      onEach(parts.store, query, (id) => parts.store.unpin(id, (query.label as string | undefined) ?? DEFAULT_PIN)),
  },
  {
    method: 'POST',
    path: '/api/cache/remove',
    summary: 'Removes blobs from the store',
    changes: true,
    body: named,
    replies: 'the blobs',
    handle: ({ parts, body }) => onEach(parts.store, body, (id) => parts.store.remove(id)),
  },
  ...BUILD_ROUTES,
  ...LOG_ROUTES,
  ...OFFLINE_ROUTES,
  ...POLICY_ROUTES,
]

async function onEach(
  store: Store,
  named: Readonly<Record<string, unknown>>,
  act: (id: BlobId) => void | Promise<void>,
): Promise<BlobsView> {
  const ids = idsOf(store, named.name as string)
  for (const id of ids) await act(id)
  return { ids }
}

/** The stored blobs of a digest or a package URL. @throws usage.digest, usage.purl, absent.blob */
function idsOf(store: Store, name: string): BlobId[] {
  if (!name.startsWith('pkg:')) return [single(store, name)]
  const served = store.served(parsePurl(name)).map(({ id }) => id)
  const ids = [...new Set(served)].filter((id) => store.lookup(id) !== undefined)
  if (ids.length === 0) throw new AppError('absent.blob', `nothing that was served as ${name} is stored`)
  return ids
}

function single(store: Store, name: string): BlobId {
  const found = store.lookup(parseDigest(name))
  if (found === undefined) throw new AppError('absent.blob', `no blob ${name} is stored`)
  return found.id
}
