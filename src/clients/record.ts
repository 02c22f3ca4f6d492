/**
 * What is remembered of a changed file, so that it can be restored: a small JSON file each, below the data directory.
 * If it is lost, the change has to be taken back by hand; who can change it can decide what an undo writes, as can whoever
 * can change the configuration itself (both are the user's, mode 0600).
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { wrapError } from '../base/errors.ts'
import type { ClientTarget, ClientUpstream } from '../ecosystems/ecosystem.ts'
import type { ClientFiles } from './files.ts'

/** A client that a file points here. */
export interface PointedClient {
  readonly name: string
  /** Role and mode of the file, as the client's setup knows it. */
  readonly role: string
  readonly mode: number
  readonly target: ClientTarget
}

/** What is remembered of one file. */
export interface SetupRecord {
  readonly version: 1
  readonly path: string
  /** The original bytes, base64; null: there was no file. */
  readonly before: string | null
  /** Sha256 of what was written, hex. */
  readonly wrote: string
  /** Folders that were made for it, deepest first. */
  readonly folders: readonly string[]
  readonly clients: readonly PointedClient[]
}

const upstream: z.ZodType<ClientUpstream> = z.object({ name: z.string(), url: z.string() })

const schema: z.ZodType<SetupRecord> = z.object({
  version: z.literal(1),
  path: z.string(),
  before: z.string().nullable(),
  wrote: z.string(),
  folders: z.array(z.string()),
  clients: z.array(
    z.object({
      name: z.string(),
      role: z.string(),
      mode: z.number(),
      target: z.object({ url: z.string(), defaultUpstream: z.boolean(), behind: z.array(upstream) }),
    }),
  ),
})

/** The records of all changed files. */
export interface SetupRecords {
  /** @throws damaged.database if a record cannot be read */
  all(): Promise<SetupRecord[]>
  save(record: SetupRecord): Promise<void>
  drop(path: string): Promise<void>
}

/** Records as files in `folder`. */
export function createRecords(folder: string, files: ClientFiles): SetupRecords {
  const fileOf = (path: string) => `${folder}/${sha256(new TextEncoder().encode(path)).slice(0, 32)}.json`
  return {
    async all() {
      const names = (await files.list(folder)).filter((name) => /^[0-9a-f]{32}\.json$/.test(name)).sort()
      const records: SetupRecord[] = []
      for (const name of names) {
        const found = await files.read(`${folder}/${name}`)
        if (found === undefined) continue
        try {
          records.push(schema.parse(JSON.parse(new TextDecoder().decode(found.bytes))))
        } catch (cause) {
          throw wrapError(cause, 'damaged.database', `${folder}/${name} is no record of a setup`, { name })
        }
      }
      return records
    },
    async save(record) {
      await files.write(fileOf(record.path), new TextEncoder().encode(`${JSON.stringify(record, null, 2)}\n`), 0o600)
    },
    async drop(path) {
      await files.remove(fileOf(path), [])
    },
  }
}

/** Sha256 in hex. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
