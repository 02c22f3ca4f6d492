/** The API's operations for offline use: whole lockfiles, and air-gap bundles. Rows of the table in `routes.ts`. */
import { z } from 'zod'
import { streamOf } from '../../base/streams.ts'
import type { AuditView, BundlesView, SyncListView } from '../http.ts'
import { ApiBytes, type ApiRoute } from './route.ts'

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

/** Operations on lockfiles and bundles. */
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
    method: 'POST',
    path: '/api/audit',
    summary: 'What the log says of each release that a lockfile names, or without one of everything that was given out',
    changes: true,
    bodyBytesMax: SYNC_BODY_BYTES_MAX,
    body: z.strictObject({
      path: path.optional(),
      text: z.string().max(LOCKFILE_BYTES_MAX).optional().describe('The lockfile; with path'),
    }),
    replies:
      'a row for each release; what was withdrawn after it had been given out, and what was built with such a thing',
    handle: ({ parts, body, signal }): Promise<AuditView> => parts.audit.audit(body, signal),
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
  {
    method: 'GET',
    path: '/api/bundles',
    summary: 'Bundles that were imported',
    changes: false,
    replies: 'the bundles',
    handle: ({ parts }) => ({ imported: parts.bundles.list() }) satisfies BundlesView,
  },
  {
    method: 'POST',
    path: '/api/bundles/export',
    summary: 'Writes an air-gap bundle of what is pinned under labels, or of everything',
    // It changes nothing, but gives away all that the node keeps.
    changes: true,
    body: z.strictObject({
      labels: z.array(z.string().min(1).max(8192)).max(1000).optional().describe('Labels of pins'),
      all: z.boolean().optional().describe('Everything that is stored'),
    }),
    replies: 'the bundle, a tar archive',
    async handle({ parts, body, signal }) {
      const labels = (body.labels as string[] | undefined) ?? []
      const selection = body.all === true ? ({ all: true } as const) : ({ all: false, labels } as const)
      return new ApiBytes('application/x-tar', await parts.bundles.export(selection, signal))
    },
  },
  {
    method: 'POST',
    path: '/api/bundles/import',
    summary: 'Takes in an air-gap bundle: every blob verified; documents only if its signer is trusted',
    changes: true,
    takesBytes: true,
    replies: 'what was imported',
    handle: ({ parts, bytes, signal }) => parts.bundles.import(bytes ?? streamOf(), signal),
  },
  {
    method: 'DELETE',
    path: '/api/bundles',
    summary: 'Lets go what an import pinned',
    changes: true,
    query: z.strictObject({ label: z.string().min(1).max(200).describe('The label of the import') }),
    replies: 'the bundle',
    handle: ({ parts, query }) => parts.bundles.remove(query.label as string),
  },
]
