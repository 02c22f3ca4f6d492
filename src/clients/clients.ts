/**
 * Pointing stock clients at this node, and restoring them: plan, show, apply. What to write is the ecosystems' business
 * (`ClientSetup`, pure); here are the reading, the records and the order of writes. Called by `pyrsia setup`.
 * A plan changes nothing; applying it writes the record first, so that a crash between leaves an undo that works.
 */
import { AppError } from '../base/errors.ts'
import type { ClientEnvironment, Ecosystem } from '../ecosystems/ecosystem.ts'
import type { ClientFiles } from './files.ts'
import type { KnownClient, SetupPlan, SetupTarget } from './plan.ts'
import { planSetup } from './plan-setup.ts'
import { planUndo } from './plan-undo.ts'
import { createRecords } from './record.ts'

/** What `doctor/` reports. */
export type { DoctorReport, Finding } from './doctor/finding.ts'

/** A client on this machine. */
export interface FoundClient {
  readonly name: string
  readonly title: string
  readonly ecosystem: string
  readonly installed: boolean
  /** The file that names its registry. */
  readonly path: string
  /** True if `setup` has pointed it here and it was not undone. */
  readonly configured: boolean
}

/** Setting up and undoing. */
export interface Clients {
  /** Names that `plan` takes. */
  readonly names: readonly string[]
  /** What it takes to point these clients at `targets` (by ecosystem id). @throws usage.request, usage.config, damaged.database */
  plan(names: readonly string[], targets: Readonly<Record<string, SetupTarget>>): Promise<SetupPlan>
  /** What it takes to restore these clients. @throws usage.request, usage.config, damaged.database */
  undo(names: readonly string[]): Promise<SetupPlan>
  /** Does what a plan says. @throws conflict.changed if a file is no longer as it was planned with, usage.config, exhausted.disk */
  apply(plan: SetupPlan): Promise<void>
  /** Which clients there are. */
  find(): Promise<FoundClient[]>
}

/** The clients of `ecosystems` in `environment`; records are kept below `stateDirectory`. */
export function createClients(
  options: {
    readonly ecosystems: readonly Ecosystem[]
    readonly stateDirectory: string
    readonly environment: ClientEnvironment
  },
  dependencies: { readonly files: ClientFiles },
): Clients {
  const { environment } = options
  const { files } = dependencies
  const records = createRecords(options.stateDirectory, files)
  const known = new Map<string, KnownClient>()
  for (const ecosystem of options.ecosystems) {
    for (const setup of ecosystem.clients) known.set(setup.name, { ecosystem: ecosystem.id, setup })
  }

  function chosen(names: readonly string[]): KnownClient[] {
    return [...new Set(names)].map((name) => {
      const client = known.get(name)
      if (client !== undefined) return client
      throw new AppError('usage.request', `wanted one of ${[...known.keys()].join(', ')}, found ${name.slice(0, 100)}`)
    })
  }

  async function apply(plan: SetupPlan): Promise<void> {
    for (const change of plan.changes) {
      const found = await files.read(change.path)
      if (!sameBytes(found?.bytes, change.before)) {
        throw new AppError(
          'conflict.changed',
          `${change.path} changed since the plan was made: nothing more is written`,
        )
      }
      if (change.record !== undefined) await records.save(change.record)
      if (!sameBytes(change.before, change.after)) {
        if (change.after === undefined) await files.remove(change.path, change.folders)
        else await files.write(change.path, change.after, change.mode)
      }
      if (change.record === undefined) await records.drop(change.path)
    }
  }

  async function find(): Promise<FoundClient[]> {
    const pointed = new Set((await records.all()).flatMap((record) => record.clients.map((client) => client.name)))
    const folders = (environment.variables.PATH ?? '').split(':').filter((folder) => folder.startsWith('/'))
    const found: FoundClient[] = []
    for (const { ecosystem, setup } of known.values()) {
      const places = [...folders, '/usr/sbin', '/usr/local/sbin'].map((folder) => `${folder}/${setup.program}`)
      const installed = (await Promise.all(places.map((place) => files.isProgram(place)))).includes(true)
      const path = setup.files(environment)[0]?.path ?? ''
      const { name, title } = setup
      found.push({ name, title, ecosystem, installed, path, configured: pointed.has(name) })
    }
    return found
  }

  return {
    names: [...known.keys()],
    plan: async (names, targets) => await planSetup(chosen(names), targets, { environment, files, records, known }),
    undo: async (names) => await planUndo(chosen(names), { environment, files, records, known }),
    apply,
    find,
  }
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return Buffer.compare(a, b) === 0
}
