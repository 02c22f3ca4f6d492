/** The API's operations that keep whole lockfiles for offline use. Rows of the table in `routes.ts`. */
import { z } from 'zod'
import type { SyncListView } from '../http.ts'
import type { ApiRoute } from './route.ts'

/** The largest lockfile, bytes. */
export const LOCKFILE_BYTES_MAX = 33_554_432
/** As JSON a text may take twice its bytes, and more where it is strange. */
const SYNC_BODY_BYTES_MAX = 3 * LOCKFILE_BYTES_MAX

const path = z
  .string()
  .min(1)
  .max(4096)
  .regex(/^(?:\/|[A-Za-z]:[\\/])/)
  .describe('Absolute path of the lockfile')
const id = z.string().min(1).max(64).describe('The run')

/** Operations on lockfiles. */
export const OFFLINE_ROUTES: readonly ApiRoute[] = [
  {
    method: 'GET',
    path: '/api/syncs',
    summary: 'Lockfiles that are kept for offline use',
    changes: false,
    replies: 'the lockfiles',
    handle: ({ parts }) => ({ synced: parts.sync.list() }) satisfies SyncListView,
  },
  {
    method: 'POST',
    path: '/api/syncs',
    summary: 'Begins to fetch and pin what a lockfile wants, or with `checkOnly` to look what of it is missing',
    changes: true,
    bodyBytesMax: SYNC_BODY_BYTES_MAX,
    body: z.strictObject({
      path,
      text: z.string().max(LOCKFILE_BYTES_MAX).describe('The lockfile'),
      platform: z
        .string()
        .max(100)
        .regex(/^[a-z0-9]+\/[a-z0-9]+(?:\/[a-z0-9]+)?$/)
        .optional()
        .describe('os/architecture, where entries differ by it; default: this machine'),
      checkOnly: z.boolean().optional(),
    }),
    replies: 'the run; it goes on when the caller leaves',
    handle: ({ parts, body }) =>
      parts.sync.begin({
        path: body.path as string,
        bytes: Buffer.from(body.text as string),
        platform: body.platform as string | undefined,
        checkOnly: body.checkOnly === true,
      }),
  },
  {
    method: 'DELETE',
    path: '/api/syncs',
    summary: 'Lets go what is kept for a lockfile; it may be evicted from then on',
    changes: true,
    query: z.strictObject({ path }),
    replies: 'the lockfile',
    handle: ({ parts, query }) => parts.sync.remove(query.path as string),
  },
  {
    method: 'GET',
    path: '/api/syncs/run',
    summary: 'A run over a lockfile: how far it is, and what is missing',
    changes: false,
    query: z.strictObject({
      id,
      waitMs: z.coerce
        .number()
        .int()
        .min(0)
        .max(5000)
        .default(0)
        .describe('Answer when the run has ended, at the latest after so long'),
    }),
    replies: 'the run',
    handle: ({ parts, query, signal }) => parts.sync.job(query.id as string, query.waitMs as number, signal),
  },
  {
    method: 'DELETE',
    path: '/api/syncs/run',
    summary: 'Cancels a run; what it has fetched stays',
    changes: true,
    query: z.strictObject({ id }),
    replies: 'the run',
    handle: ({ parts, query }) => parts.sync.cancel(query.id as string),
  },
]
