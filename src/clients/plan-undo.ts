/** What it takes to restore clients: byte for byte where nobody changed the file since, else by taking just our keys away. Called by `clients.ts`. */

import { unifiedDiff } from '../base/text/unified-diff.ts'
import type { ClientEnvironment } from '../ecosystems/ecosystem.ts'
import type { ClientFiles } from './files.ts'
import type { KnownClient, PlannedChange, SetupPlan } from './plan.ts'
import { type SetupRecord, type SetupRecords, sha256 } from './record.ts'
import { bytesOf, textOf, undoneText } from './text.ts'

interface UndoParts {
  readonly environment: ClientEnvironment
  readonly files: ClientFiles
  readonly records: SetupRecords
  readonly known: ReadonlyMap<string, KnownClient>
}

/** The plan. @throws usage.config for a changed file that can no longer be parsed */
export async function planUndo(clients: readonly KnownClient[], parts: UndoParts): Promise<SetupPlan> {
  const names = new Set(clients.map((client) => client.setup.name))
  const { environment } = parts
  // A project's own files are undone alone; without one, everything that points these clients here is.
  const within = environment.project === undefined ? undefined : pathsOf(clients, environment)
  const records = (await parts.records.all()).filter(
    (record) => record.clients.some((client) => names.has(client.name)) && (within?.has(record.path) ?? true),
  )
  const changes: PlannedChange[] = []
  const notes: string[] = []
  for (const record of records) {
    const remaining = record.clients.filter((client) => !names.has(client.name))
    if (remaining.length > 0) {
      const others = remaining.map((client) => client.name).join(', ')
      notes.push(`${record.path} stays as it is: ${others} was pointed here by it too`)
    }
    changes.push(await restored(record, remaining, parts))
  }
  for (const { setup } of clients) {
    const pointed = records.some((record) => record.clients.some((client) => client.name === setup.name))
    if (!pointed) notes.push(`${setup.title} was not set up: nothing to undo`)
  }
  const touched = new Set(records.flatMap((record) => record.clients.map((client) => client.name)))
  const afterwards = clients.flatMap(({ setup }) =>
    setup.afterwards !== undefined && touched.has(setup.name) ? [setup.afterwards] : [],
  )
  return { direction: 'undo', changes, upstreams: [], afterwards, notes }
}

function pathsOf(clients: readonly KnownClient[], environment: ClientEnvironment): Set<string> {
  return new Set(clients.flatMap(({ setup }) => setup.files(environment).map(({ path }) => path)))
}

async function restored(
  record: SetupRecord,
  remaining: SetupRecord['clients'],
  parts: UndoParts,
): Promise<PlannedChange> {
  const { path, folders } = record
  const before = (await parts.files.read(path))?.bytes
  const mode = record.clients[0]?.mode ?? 0o600
  if (remaining.length > 0) {
    return { path, before, after: before, diff: '', mode, record: { ...record, clients: remaining }, folders: [] }
  }
  const after = before === undefined ? undefined : original(before, record, parts)
  const text = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : textOf(bytes, path))
  return { path, before, after, diff: unifiedDiff(path, text(before), text(after)), mode, record: undefined, folders }
}

function original(bytes: Uint8Array, record: SetupRecord, parts: UndoParts): Uint8Array | undefined {
  if (sha256(bytes) === record.wrote) return record.before === null ? undefined : Buffer.from(record.before, 'base64')
  const text = undoneText(textOf(bytes, record.path), record, parts.known)
  return text === undefined ? undefined : bytesOf(text)
}
