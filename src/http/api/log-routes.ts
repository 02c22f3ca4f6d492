/** The API's operations on the transparency log, as JSON for people and programs of this machine. Rows of the table in `routes.ts`. */
import { z } from 'zod'
import { AppError } from '../../base/errors.ts'
import type { LogCheckpointView, NetworkView } from '../http.ts'
import type { LogQuestion } from './parts.ts'
import type { ApiRoute } from './route.ts'

/** Entries of one reply. */
const ENTRIES_MAX = 1_000

const text = z.string().max(1_024)
const index = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER)

/** Operations on the log. */
export const LOG_ROUTES: readonly ApiRoute[] = [
  {
    method: 'GET',
    path: '/api/log/checkpoint',
    summary: 'The newest checkpoint of the log, who cosigned it, and whether it counts as the latest',
    changes: false,
    replies: 'the checkpoint',
    handle: ({ parts }) => parts.logDoor.checkpoint() satisfies LogCheckpointView,
  },
  {
    method: 'GET',
    path: '/api/log/entries',
    summary: `Entries of the log in order, at most ${ENTRIES_MAX}`,
    changes: false,
    query: z.strictObject({
      from: index.default(0).describe('Index of the first one'),
      to: index.optional().describe('Index after the last one'),
    }),
    replies: 'entries; fewer if the log is shorter',
    handle({ parts, query, signal }) {
      const from = query.from as number
      const to = Math.min((query.to as number | undefined) ?? from + ENTRIES_MAX, from + ENTRIES_MAX)
      return parts.logDoor.entries(from, to, signal)
    },
  },
  {
    method: 'GET',
    path: '/api/log/find',
    summary: 'What the log has on a package, newest first',
    changes: false,
    query: z.strictObject({
      purl: text.optional(),
      ecosystem: text.optional().describe('With coordinates, in the place of purl'),
      coordinates: text.optional().describe('As users of the ecosystem write them'),
      latest: z.enum(['true', 'false']).optional().describe('The newest entry alone'),
    }),
    replies: 'entries',
    handle: ({ parts, query: { latest, ...question }, signal }) =>
      parts.logDoor.find({ ...(question as LogQuestion), latest: latest === 'true' }, signal),
  },
  {
    method: 'GET',
    path: '/api/log/members',
    summary: 'The trust network: its members, their keys, and the digest that people compare',
    changes: false,
    replies: 'the network',
    handle: ({ parts }) => parts.logDoor.network() satisfies NetworkView,
  },
  {
    method: 'GET',
    path: '/api/log/proof',
    summary: 'The proof of what the log says of a package, or of one entry, to be verified offline',
    changes: false,
    query: z.strictObject({ purl: text.optional(), index: index.optional() }),
    replies: 'the proof file, and which entries it proves',
    handle({ parts, query: { purl, index: at }, signal }) {
      if ((purl === undefined) === (at === undefined)) {
        throw new AppError('usage.request', 'wanted either purl or index, found both or neither')
      }
      return parts.logDoor.proof(at === undefined ? { purl: purl as string } : { index: at as number }, signal)
    },
  },
]
