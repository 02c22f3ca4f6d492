/**
 * Does one client go through the node? By its files (are they as `setup` left them, does anything count more), then by the
 * client itself: where it says that it goes, and whether what it asks arrives. A step of `doctor.ts`.
 */
import { isKind } from '../../base/errors.ts'
import { type ClientEnvironment, type ClientFile, type ClientLeak, leadsTo } from '../../ecosystems/ecosystem.ts'
import type { ClientFiles } from '../files.ts'
import type { KnownClient } from '../plan.ts'
import type { SetupRecord } from '../record.ts'
import { textOf } from '../text.ts'
import type { Checked } from './check-node.ts'
import type { Finding } from './finding.ts'
import type { NodeFacts } from './node-facts.ts'
import type { Senses } from './senses.ts'

/** What the step needs. */
export interface ClientParts {
  readonly node: NodeFacts
  /** With the project in which the doctor was asked. */
  readonly environment: ClientEnvironment & { readonly project: string }
  readonly files: ClientFiles
  readonly senses: Senses
  readonly records: readonly SetupRecord[]
}

/** A client and what it was found to be. */
export interface ClientCase {
  readonly client: KnownClient
  readonly installed: boolean
  /** The user named it. */
  readonly named: boolean
}

/** Checks one client. */
export async function checkClient(one: ClientCase, parts: ClientParts): Promise<Checked> {
  const { setup, ecosystem } = one.client
  // Those of other projects say nothing of this one.
  const present = [undefined, parts.environment.project].flatMap((project) =>
    setup.files({ ...parts.environment, project }).map(({ path }) => path),
  )
  const records = parts.records.filter(
    ({ path, clients }) => present.includes(path) && clients.some(({ name }) => name === setup.name),
  )
  const pointed = records.flatMap((record) => record.clients).find(({ name }) => name === setup.name)
  const configured = parts.node.endpoints[ecosystem]
  // A node that is down may have been started on other ports than its file says: the client was pointed there then.
  const url = parts.node.running === undefined ? (pointed?.target.url ?? configured) : configured
  const byVariables = url !== undefined && isPointedByVariables(one.client, url, parts.environment)
  if (records.length === 0 && !byVariables) return { findings: unset(one), well: [] }
  const findings: Finding[] = []
  for (const record of records) findings.push(...(await recordFindings(one.client, record, url, parts)))
  const leaks = url === undefined ? [] : await leaksOf(one.client, url, parts)
  findings.push(...leaks)
  const isClear = !findings.some(({ severity }) => severity === 'error')
  if (isClear && url !== undefined && one.installed) findings.push(...(await asked(one.client, url, parts)))
  if (findings.length > 0) return { findings, well: [] }
  if (setup.past !== undefined) {
    findings.push({
      severity: 'note',
      check: 'client.past',
      client: setup.name,
      wanted: `lockfiles of ${setup.title} that do not depend on the node`,
      found: setup.past,
      mend: 'nothing: docs/how-to/setup.md says how a locked project comes through the node',
    })
  }
  return { findings, well: [`${setup.title} goes through the node${url === undefined ? '' : ` at ${url}`}`] }
}

function unset({ client: { setup }, installed, named }: ClientCase): Finding[] {
  if (!installed && !named) return []
  return [
    {
      severity: named ? 'warning' : 'note',
      check: 'client.unset',
      client: setup.name,
      wanted: `${setup.title} pointed at the node`,
      found: installed ? 'it is installed, but was not set up' : 'it is not installed and was not set up',
      mend: `pyrsia setup ${setup.name}`,
    },
  ]
}

function isPointedByVariables({ setup }: KnownClient, url: string, { variables }: ClientEnvironment): boolean {
  const wanted = Object.entries(setup.variables?.({ url, defaultUpstream: true, behind: [] }) ?? {})
  return wanted.length > 0 && wanted.every(([name, value]) => variables[name] === value)
}

async function recordFindings(
  { setup }: KnownClient,
  record: SetupRecord,
  url: string | undefined,
  parts: ClientParts,
): Promise<Finding[]> {
  const pointed = record.clients.find(({ name }) => name === setup.name)
  if (pointed === undefined) return []
  const finding = (check: string, wanted: string, found: string): Finding => ({
    severity: 'error',
    check,
    client: setup.name,
    wanted,
    found,
    mend: `pyrsia setup ${setup.name}`,
    ...bypassOf(setup),
  })
  const file: ClientFile = { path: record.path, mode: pointed.mode, role: pointed.role }
  const intact = await isIntact(setup, file, pointed.target, parts.files)
  const { target } = pointed
  if (intact !== true) {
    return [finding('client.reset', `${record.path} to point ${setup.title} at ${target.url}`, intact)]
  }
  if (url === undefined || leadsTo(target.url, url)) return []
  return [finding('client.port', `${record.path} to point ${setup.title} at ${url}`, `it points at ${target.url}`)]
}

/** True if the file is as `setup` would write it; else what is wrong. */
async function isIntact(
  setup: KnownClient['setup'],
  file: ClientFile,
  target: Parameters<KnownClient['setup']['edit']>[1],
  files: ClientFiles,
): Promise<true | string> {
  try {
    const found = await files.read(file.path)
    if (found === undefined) return 'it was set up, but the file is gone'
    const text = textOf(found.bytes, file.path)
    return setup.edit(text, target, file) === text ? true : 'it was set up, and reset since: it no longer points there'
  } catch (error) {
    if (isKind(error, 'usage')) return error.message
    throw error
  }
}

async function leaksOf({ setup }: KnownClient, url: string, parts: ClientParts): Promise<Finding[]> {
  const { doctor } = setup
  if (doctor === undefined) return []
  const { environment } = parts
  const places = [...setup.files({ ...environment, project: undefined }), ...doctor.files(environment)]
  const seen = new Set<string>()
  const files: { readonly file: ClientFile; readonly text: string }[] = []
  try {
    for (const file of places) {
      if (seen.has(file.path)) continue
      seen.add(file.path)
      const found = await parts.files.read(file.path)
      if (found !== undefined) files.push({ file, text: textOf(found.bytes, file.path) })
    }
    const leaks = doctor.leaks({ url, files, variables: environment.variables })
    return leaks.map((leak) => leakFinding(setup, leak, url))
  } catch (error) {
    if (!isKind(error, 'usage')) throw error
    const wanted = `configuration of ${setup.title} that can be read`
    const mend = 'correct the file by hand'
    return [{ severity: 'warning', check: 'client.unreadable', client: setup.name, wanted, found: error.message, mend }]
  }
}

function leakFinding(setup: KnownClient['setup'], leak: ClientLeak, url: string): Finding {
  return {
    severity: leak.replaces ? 'error' : 'warning',
    check: leak.replaces ? 'client.elsewhere' : 'client.leak',
    client: setup.name,
    wanted: `${setup.title} to ask the node at ${url} and nobody else`,
    found: `${leak.where} ${leak.replaces ? 'sends it to' : 'also has it ask'} ${leak.found}`,
    mend: leak.mend,
  }
}

/** What the client says, and whether it comes here; nothing where the node is down, or the client cannot be asked. */
async function asked({ setup, ecosystem }: KnownClient, url: string, parts: ClientParts): Promise<Finding[]> {
  const { where, ask } = setup.doctor ?? {}
  const { node, senses, environment } = parts
  const said =
    where === undefined ? undefined : await senses.run(where.program ?? setup.program, where.args, environment.project)
  const places = said?.code === 0 ? (where?.read(said.stdout) ?? []) : []
  const strange = places.filter((place) => !leadsTo(place, url))
  const finding = (check: string, wanted: string, found: string): Finding => ({
    severity: 'error',
    check,
    client: setup.name,
    wanted,
    found,
    mend: `pyrsia setup ${setup.name}; then see which of its files or variables counts more`,
    ...bypassOf(setup),
  })
  if (strange.length > 0) {
    const line = `${where?.program ?? setup.program} ${where?.args.join(' ')}`
    return [finding('client.elsewhere', `${line} to answer ${url}`, `it answers ${strange.join(', ')}`)]
  }
  if (ask === undefined || node.running === undefined) return []
  const before = (await senses.requestCounts())[ecosystem] ?? 0
  const ran = await senses.run(setup.program, ask, environment.project)
  const after = (await senses.requestCounts())[ecosystem] ?? 0
  if (ran === undefined || after > before) return []
  const line = `${setup.program} ${ask.join(' ')}`
  return [finding('client.silent', `the requests of ${line} to arrive at the node`, 'none arrived')]
}

function bypassOf(setup: KnownClient['setup']): Pick<Finding, 'bypass'> {
  return setup.doctor === undefined ? {} : { bypass: setup.doctor.bypass }
}
