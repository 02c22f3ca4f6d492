/**
 * Reads one record of an OSV database (OSV schema 1.x). What the node needs of it is taken out; what another program may ask for
 * by the OSV API is kept in short. Pure; called by the import.
 */
import { z } from 'zod'
import type { Advisory, AdvisoryEvent, Severity } from './advisory.ts'

/** What a record says of one package. */
export interface AffectedPackage {
  /** As OSV calls it, without what follows a colon (`Debian:12`). */
  readonly ecosystem: string
  readonly name: string
  readonly advisory: Advisory
}

/** A record. */
export interface OsvRecord {
  readonly id: string
  readonly modified: string
  readonly affected: readonly AffectedPackage[]
  /** The record as the OSV API gives it, without details and with at most 20 references. */
  readonly shown: Readonly<Record<string, unknown>>
}

const SUMMARY_LENGTH_MAX = 300
const VERSIONS_MAX = 20_000
const EVENTS_MAX = 2_000
const REFERENCES_MAX = 20

const text = z.string().max(1_024)
const event = z.object({
  introduced: text.optional(),
  fixed: text.optional(),
  last_affected: text.optional(),
  limit: text.optional(),
})
const affected = z.object({
  package: z.object({ ecosystem: text, name: text }).optional(),
  ranges: z
    .array(z.object({ type: z.string(), events: z.array(event).max(EVENTS_MAX) }))
    .max(1_000)
    .nullish(),
  versions: z.array(text).max(VERSIONS_MAX).nullish(),
  database_specific: z.object({ severity: z.string().optional() }).loose().nullish(),
})
const record = z.object({
  id: z.string().min(1).max(200),
  modified: z.string().max(64).default(''),
  published: z.string().max(64).optional(),
  withdrawn: z.string().optional(),
  aliases: z.array(text).max(1_000).nullish(),
  summary: z.string().optional(),
  details: z.string().optional(),
  severity: z
    .array(z.object({ type: text, score: text }))
    .max(20)
    .nullish(),
  affected: z.array(affected).max(10_000).nullish(),
  references: z.array(z.object({ type: text, url: z.string().max(2_048) })).nullish(),
  database_specific: z.object({ severity: z.string().optional() }).loose().nullish(),
})

/** The record in a parsed JSON document; undefined if it is none, or was withdrawn. */
export function readOsvRecord(value: unknown): OsvRecord | undefined {
  const read = record.safeParse(value)
  if (!read.success || read.data.withdrawn !== undefined) return undefined
  const { id, modified, published, aliases, summary, details, references } = read.data
  const shortly = (summary ?? details?.split('\n', 1)[0] ?? '').slice(0, SUMMARY_LENGTH_MAX)
  const packages: AffectedPackage[] = []
  for (const each of read.data.affected ?? []) {
    if (each.package === undefined) continue
    const stated = each.database_specific?.severity ?? read.data.database_specific?.severity
    const advisory: Advisory = {
      id,
      summary: shortly,
      severity: severityOf(id, stated),
      aliases: aliases ?? [],
      modified,
      versions: each.versions ?? [],
      ranges: (each.ranges ?? []).filter(({ type }) => type !== 'GIT').map(({ events }) => events.flatMap(eventsOf)),
    }
    packages.push({ ecosystem: each.package.ecosystem.split(':')[0] ?? '', name: each.package.name, advisory })
  }
  const shown = {
    ...{ id, modified, published, aliases, summary: shortly, severity: read.data.severity },
    affected: read.data.affected?.map(({ package: named, ranges, versions }) => ({ package: named, ranges, versions })),
    references: references?.slice(0, REFERENCES_MAX),
  }
  return { id, modified, affected: packages, shown }
}

function eventsOf(found: z.infer<typeof event>): AdvisoryEvent[] {
  const events: AdvisoryEvent[] = []
  if (found.introduced !== undefined) events.push({ kind: 'introduced', version: found.introduced })
  if (found.fixed !== undefined) events.push({ kind: 'fixed', version: found.fixed })
  if (found.last_affected !== undefined) events.push({ kind: 'lastAffected', version: found.last_affected })
  if (found.limit !== undefined) events.push({ kind: 'limit', version: found.limit })
  return events
}

/** Reports of malicious packages carry no severity: nothing is worse. */
function severityOf(id: string, stated: string | undefined): Severity {
  if (id.startsWith('MAL-')) return 'critical'
  const lower = stated?.toLowerCase()
  if (lower === 'medium') return 'moderate'
  return lower === 'low' || lower === 'moderate' || lower === 'high' || lower === 'critical' ? lower : 'unknown'
}
