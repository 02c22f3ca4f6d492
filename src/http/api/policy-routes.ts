/**
 * The API's operations on the policy, and the two of the OSV API (`/v1/query`, `/v1/querybatch`) that let clients ask this node
 * for known vulnerabilities. Rows of the table in `routes.ts`.
 */
import { z } from 'zod'
import type { PolicyView } from '../http.ts'
import type { OsvQuery } from './parts.ts'
import type { ApiRoute } from './route.ts'

/** Queries of one batch, as the OSV API allows. */
const BATCH_MAX = 1_000
const BATCH_BYTES_MAX = 1_048_576
const QUERY_BYTES_MAX = 65_536

const text = z.string().max(1_024)
const query = z.looseObject({
  version: text.optional(),
  package: z
    .looseObject({ name: text.optional(), ecosystem: text.optional(), purl: text.optional() })
    .optional()
    .describe('By name and ecosystem as OSV calls it, or by purl'),
})

/** Operations on the policy. */
export const POLICY_ROUTES: readonly ApiRoute[] = [
  {
    method: 'GET',
    path: '/api/policy',
    summary:
      'The rules in force, the exceptions from them, the advisories that are held, and released files that changed',
    changes: false,
    replies: 'the policy',
    handle: ({ parts }) => parts.policy.view() satisfies PolicyView,
  },
  {
    method: 'POST',
    path: '/api/policy/reload',
    summary: 'Reads the policy file again; if it cannot be read, the rules from before stay in force',
    changes: true,
    replies: 'the policy',
    handle: ({ parts }) => parts.policy.reload(),
  },
  {
    method: 'GET',
    path: '/api/policy/check',
    summary: 'What the policy says of a package or a release, and why',
    changes: false,
    query: z.strictObject({ purl: text }),
    replies: 'the decision',
    handle: ({ parts, query: { purl }, signal }) => parts.policy.check(purl as string, signal),
  },
  {
    method: 'POST',
    path: '/api/policy/exceptions',
    summary: 'Lets a release or a package through for a time, whatever the rules say; recorded',
    changes: true,
    body: z.strictObject({
      purl: text,
      untilMs: z.int().min(0).describe('When it ends, milliseconds since 1970'),
      reason: z.string().min(1).max(500),
    }),
    replies: 'the exception',
    handle: ({ parts, body }) =>
      parts.policy.allow(body as { readonly purl: string; readonly untilMs: number; readonly reason: string }),
  },
  {
    method: 'POST',
    path: '/v1/query',
    summary: 'Known vulnerabilities of a package or a version, as the OSV API answers',
    changes: false,
    bodyBytesMax: QUERY_BYTES_MAX,
    body: query,
    replies: 'vulns; nothing if none is known',
    handle({ parts, body }) {
      const vulns = parts.policy.vulnerabilities(body as OsvQuery)
      return vulns.length === 0 ? {} : { vulns }
    },
  },
  {
    method: 'POST',
    path: '/v1/querybatch',
    summary: 'The same for many at once; of each only id and time of change',
    changes: false,
    bodyBytesMax: BATCH_BYTES_MAX,
    body: z.looseObject({ queries: z.array(query).max(BATCH_MAX) }),
    replies: 'results in the order of the queries',
    handle({ parts, body }) {
      const results = (body.queries as readonly OsvQuery[]).map((each) => {
        const vulns = parts.policy.vulnerabilities(each)
        return vulns.length === 0 ? {} : { vulns: vulns.map(({ id, modified }) => ({ id, modified })) }
      })
      return { results }
    },
  },
]
