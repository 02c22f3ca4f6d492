/** The API's operations on builds by the trust network. Rows of the table in `routes.ts`. */
import { z } from 'zod'
import { canonicalJson, type Json } from '../../base/crypto/canonical-json.ts'
import type { DoubtView, OrderedView, SubmissionsView, SubmissionView } from '../http.ts'
import type { BuildDoor } from './parts.ts'
import type { ApiRoute } from './route.ts'

const text = z.string().min(1).max(1_024)
const reason = z.string().min(1).max(500).describe('A line for people')

/** Operations on builds. */
export const BUILD_ROUTES: readonly ApiRoute[] = [
  {
    method: 'POST',
    path: '/api/builds',
    summary: 'Asks the trust network to build a package; who asks for what is asked for already is led to that request',
    changes: true,
    body: z.strictObject({
      purl: text.optional(),
      ecosystem: text.optional().describe('With coordinates, in the place of purl'),
      coordinates: text.optional().describe('As users of the ecosystem write them'),
    }),
    replies: 'the submission; `sending` while no authority could be reached: it is tried again, also after a restart',
    handle: ({ parts, body, signal }): Promise<SubmissionView> => parts.builds.submit(body, signal),
  },
  {
    method: 'GET',
    path: '/api/builds',
    summary: 'What was asked of the trust network at this node, the newest first',
    changes: false,
    replies: 'submissions, without what the log says of them',
    handle: ({ parts }): SubmissionsView => parts.builds.list(),
  },
  {
    method: 'GET',
    path: '/api/builds/status',
    summary: 'How far a submission is: who builds it, who has committed, and the verdict',
    changes: false,
    query: z.strictObject({ id: z.string().max(64) }),
    replies: 'the submission',
    handle: ({ parts, query, signal }): Promise<SubmissionView> => parts.builds.status(query.id as string, signal),
  },
  {
    method: 'POST',
    path: '/api/builds/dispute',
    summary: 'Doubts the newest verdict on a package: other builders are drawn for it. For members',
    changes: true,
    body: z.strictObject({ purl: text, reason }),
    replies: 'what was logged; its name is that of the request that builds the package again',
    handle: ({ parts, body, signal }): Promise<DoubtView> =>
      parts.builds.dispute(body as unknown as Parameters<BuildDoor['dispute']>[0], signal),
  },
  {
    method: 'POST',
    path: '/api/builds/revoke',
    summary: 'Votes for withdrawing a package, in effect with the votes of f + 1 organisations. For authorities',
    changes: true,
    body: z.strictObject({
      purl: text,
      digests: z.array(z.string().max(200)).max(32).default([]).describe('Of its files; none: whatever its bytes'),
      reason,
    }),
    replies: 'what was logged',
    handle: ({ parts, body, signal }): Promise<DoubtView> =>
      parts.builds.revoke(body as unknown as Parameters<BuildDoor['revoke']>[0], signal),
  },
  {
    method: 'POST',
    path: '/api/transactions',
    summary: 'Has a transaction ordered that a member has signed, through whoever leads to an authority',
    changes: true,
    body: z.strictObject({ transaction: z.strictObject({ body: z.looseObject({}), signature: z.string() }) }),
    replies: 'why it changed nothing, or what was logged because of it',
    handle: ({ parts, body, signal }): Promise<OrderedView> =>
      parts.builds.order(canonicalJson(body.transaction as Json), signal),
  },
]
