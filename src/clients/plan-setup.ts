/** What it takes to point clients at this node. Reads, writes nothing. Called by `clients.ts`. */
import { AppError } from '../base/errors.ts'
import { unifiedDiff } from '../base/text/unified-diff.ts'
import type { ClientEnvironment, ClientFile, ClientTarget, ClientUpstream } from '../ecosystems/ecosystem.ts'
import type { ClientFiles, FoundFile } from './files.ts'
import type { KnownClient, PlannedChange, SetupPlan, SetupTarget } from './plan.ts'
import { type SetupRecord, type SetupRecords, sha256 } from './record.ts'
import { bytesOf, textOf, undoneText } from './text.ts'

interface PlanningParts {
  readonly environment: ClientEnvironment
  readonly files: ClientFiles
  readonly records: SetupRecords
  readonly known: ReadonlyMap<string, KnownClient>
}

/** A file while a plan is made. */
interface Draft {
  readonly file: ClientFile
  readonly found: FoundFile | undefined
  readonly record: SetupRecord | undefined
  text: string | undefined
  clients: SetupRecord['clients']
}

/** The plan. @throws usage.request without a target, usage.config for files that cannot be parsed */
export async function planSetup(
  clients: readonly KnownClient[],
  targets: Readonly<Record<string, SetupTarget>>,
  parts: PlanningParts,
): Promise<SetupPlan> {
  const records = new Map((await parts.records.all()).map((record) => [record.path, record]))
  const drafts = new Map<string, Draft>()
  const upstreams: SetupPlan['upstreams'][number][] = []
  const afterwards: string[] = []
  const notes: string[] = []
  for (const client of clients) {
    const { setup, ecosystem } = client
    const given = targets[ecosystem]
    if (given === undefined)
      throw new AppError('usage.request', `${setup.title} has nowhere to be pointed: no ${ecosystem} endpoint`)
    const own: Draft[] = []
    for (const file of setup.files(parts.environment)) own.push(await drafted(file, drafts, records, parts))
    const behind = present(client, own, given.url)
    const target: ClientTarget = {
      url: given.url,
      defaultUpstream: given.defaultUpstream && behind.length === 0,
      behind,
    }
    let changed = false
    for (const draft of own) changed = point(client, draft, target) || changed
    upstreams.push(...behind.map((each) => ({ ...each, ecosystem, client: setup.name })))
    if (changed && setup.afterwards !== undefined) afterwards.push(setup.afterwards)
    if (changed && setup.past !== undefined) notes.push(setup.past)
  }
  const changes: PlannedChange[] = []
  for (const draft of drafts.values()) {
    const change = await changeOf(draft, parts)
    if (change !== undefined) changes.push(change)
  }
  return { direction: 'setup', changes, upstreams, afterwards, notes }
}

async function drafted(
  file: ClientFile,
  drafts: Map<string, Draft>,
  records: ReadonlyMap<string, SetupRecord>,
  parts: PlanningParts,
): Promise<Draft> {
  const known = drafts.get(file.path)
  if (known !== undefined) return known
  const found = await parts.files.read(file.path)
  const record = records.get(file.path)
  const text = found === undefined ? undefined : textOf(found.bytes, file.path)
  const draft: Draft = { file, found, record, text, clients: [...(record?.clients ?? [])] }
  drafts.set(file.path, draft)
  return draft
}

/** The registries that the client uses now, or used before it was pointed here; this node is none of them. */
function present(client: KnownClient, drafts: readonly Draft[], url: string): ClientUpstream[] {
  const earlier = drafts.flatMap((draft) => draft.record?.clients ?? []).map((each) => each.target)
  const ours = new Set([url, ...earlier.map((target) => target.url)].map(bare))
  const named = drafts.flatMap((draft) => {
    const text = draft.found === undefined ? undefined : textOf(draft.found.bytes, draft.file.path)
    return text === undefined ? [] : client.setup.upstreams(text, draft.file)
  })
  const remembered = drafts
    .flatMap((draft) => draft.record?.clients ?? [])
    .filter((each) => each.name === client.setup.name)
    .flatMap((each) => each.target.behind)
  const found = new Map<string, ClientUpstream>()
  for (const each of [...named, ...remembered]) {
    if (!ours.has(bare(each.url)) && !found.has(bare(each.url))) found.set(bare(each.url), each)
  }
  return [...found.values()]
}

/** Edits a draft; true if that changed it. */
function point(client: KnownClient, draft: Draft, target: ClientTarget): boolean {
  const { setup } = client
  const { file } = draft
  const before = draft.text
  const earlier = draft.clients.find((each) => each.name === setup.name)
  // Pointed elsewhere before (another port): that has to go, or it would stay beside the new one.
  if (earlier !== undefined && bare(earlier.target.url) !== bare(target.url) && draft.text !== undefined) {
    draft.text = setup.undo(draft.text, earlier.target, file, originalText(draft))
  }
  draft.text = setup.edit(draft.text, target, file)
  // A file that only had to be read is nobody's; one that another client was pointed here by is now this one's too.
  if (draft.text === undefined || (draft.text === before && draft.clients.length === 0)) return false
  const entry = {
    name: setup.name,
    role: file.role,
    mode: file.mode,
    target: { ...target, behind: [...target.behind] },
  }
  draft.clients = [...draft.clients.filter((each) => each.name !== setup.name), entry]
  return draft.text !== before
}

async function changeOf(draft: Draft, parts: PlanningParts): Promise<PlannedChange | undefined> {
  const { file, found, record } = draft
  if (draft.text === undefined || draft.clients.length === 0) return undefined
  const after = bytesOf(draft.text)
  const before = found?.bytes
  const untouched = record !== undefined && before !== undefined && sha256(before) === record.wrote
  const same = before !== undefined && Buffer.compare(before, after) === 0
  if (same && (record === undefined || JSON.stringify(record.clients) === JSON.stringify(draft.clients)))
    return undefined
  // The user's later edits are the new original: what stood here before ours, with them.
  const original = untouched ? record.before : base64(record === undefined ? before : undone(draft, record, parts))
  const next: SetupRecord = {
    version: 1,
    path: file.path,
    before: original,
    wrote: same && record !== undefined ? record.wrote : sha256(after),
    folders: record?.folders ?? [...(await parts.files.missingFolders(file.path))],
    clients: draft.clients,
  }
  const text = before === undefined ? undefined : textOf(before, file.path)
  const diff = unifiedDiff(file.path, text, draft.text)
  return { path: file.path, before, after, diff, mode: file.mode, record: next, folders: [] }
}

function undone(draft: Draft, record: SetupRecord, parts: PlanningParts): Uint8Array | undefined {
  if (draft.found === undefined) return undefined
  const text = undoneText(textOf(draft.found.bytes, draft.file.path), record, parts.known)
  return text === undefined ? undefined : bytesOf(text)
}

function originalText(draft: Draft): string | undefined {
  const { record } = draft
  return record === undefined || record.before === null
    ? undefined
    : textOf(Buffer.from(record.before, 'base64'), draft.file.path)
}

function base64(bytes: Uint8Array | undefined): string | null {
  return bytes === undefined ? null : Buffer.from(bytes).toString('base64')
}

function bare(url: string): string {
  return url.replace(/\/+$/, '')
}
