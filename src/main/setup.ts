/**
 * `pyrsia setup` with its effects: where the node's endpoints are (from the running node, else from its configuration), which
 * files clients have, and what becomes of the registries that they used until now. The work is `clients/`.
 */
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { AppError, isKind } from '../base/errors.ts'
import type { SetupRequest, SetupResult } from '../cli/context.ts'
import { connectNode } from '../cli/node-api.ts'
import { createClients } from '../clients/clients.ts'
import { createDiskFiles } from '../clients/disk-files.ts'
import type { SetupTarget } from '../clients/plan.ts'
import { type ClientEnvironment, clientPathOf, type Ecosystem } from '../ecosystems/ecosystem.ts'
import { ecosystems } from '../ecosystems/index.ts'
import type { StatusView } from '../http/http.ts'
import { type Config, readConfig } from './config/config.ts'
import { portSettings } from './config/settings.ts'
import { ensureDataDirectory, keepClientUpstreams, readConfigFile } from './data-directory.ts'

/** Plans, and unless `dryRun` applies. @throws usage.config, usage.request, conflict.changed, unavailable.node if no endpoint is known */
export async function runSetup(request: SetupRequest, directory: string): Promise<SetupResult> {
  const project = request.project === undefined ? undefined : resolve(request.project)
  const clients = createClients(
    { ecosystems, stateDirectory: join(directory, 'setup'), environment: clientEnvironment(project) },
    { files: createDiskFiles() },
  )
  if (project !== undefined) requireProjectFiles(request.clients, project)
  const plan = request.undo
    ? await clients.undo(request.clients)
    : await clients.plan(request.clients, await targetsOf(directory))
  if (!request.dryRun) {
    await ensureDataDirectory(directory)
    // First the upstreams: a client that is pointed here while its company's mirror is forgotten would go to strangers.
    if (plan.upstreams.length > 0) {
      await keepClientUpstreams(
        directory,
        plan.upstreams.map(({ name, url }) => ({ name, url })),
      )
    }
    await clients.apply(plan)
  }
  const mirrors = plan.upstreams.map(
    ({ client, name, url }) =>
      `${client} used ${url}: it becomes this node's upstream ${name}, shared with nobody, at the next start`,
  )
  return {
    changes: plan.changes.map(({ path, diff }) => ({ path, diff })),
    afterwards: plan.afterwards,
    notes: [...plan.notes, ...mirrors],
  }
}

/** This user on this machine. */
export function clientEnvironment(project: string | undefined): ClientEnvironment {
  const variables: Record<string, string> = {}
  for (const [name, value] of Object.entries(process.env)) if (value !== undefined) variables[name] = value
  return {
    home: homedir(),
    user: process.getuid?.() === 0 ? 'root' : 'user',
    platform: process.platform,
    variables,
    project,
  }
}

/** The configuration that a node of this data directory would start with. @throws usage.config */
export async function configurationOf(directory: string): Promise<Config> {
  const path = join(directory, 'config.toml')
  const text = await readConfigFile(path)
  const file = text === undefined ? undefined : { path, text }
  return readConfig({ flags: {}, environment: process.env, file, ports: portSettings(ecosystems) })
}

async function targetsOf(directory: string): Promise<Record<string, SetupTarget>> {
  const config = await configurationOf(directory)
  const running = await runningEndpoints(directory)
  const targets: Record<string, SetupTarget> = {}
  for (const ecosystem of ecosystems) {
    const url = running?.[ecosystem.id] ?? configuredUrl(ecosystem, config)
    if (url !== undefined) targets[ecosystem.id] = { url, defaultUpstream: hasDefaultUpstream(ecosystem, config) }
  }
  return targets
}

/** Variables that point these clients at the node, touching no file. @throws usage.request for a client that has none, unavailable.node */
export async function setupVariables(names: readonly string[], directory: string): Promise<Record<string, string>> {
  const targets = await targetsOf(directory)
  const variables: Record<string, string> = {}
  for (const name of names) {
    const found = ecosystems.flatMap(({ id, clients }) =>
      clients.flatMap((setup) => (setup.name === name ? [{ id, setup }] : [])),
    )[0]
    const target = found === undefined ? undefined : targets[found.id]
    if (found?.setup.variables === undefined || target === undefined) {
      throw new AppError(
        'usage.request',
        `${name.slice(0, 100)} cannot be pointed at a node by variables: use its files`,
      )
    }
    Object.assign(variables, found.setup.variables({ ...target, behind: [] }))
  }
  return variables
}

async function runningEndpoints(directory: string): Promise<StatusView['endpoints'] | undefined> {
  try {
    return (await (await connectNode(directory)).get<StatusView>('/api/status')).endpoints
  } catch (error) {
    if (isKind(error, 'unavailable')) return undefined
    throw error
  }
}

/** The port of a mount; 0: it is free to choose. */
export function configuredPort(mount: Ecosystem['mount'], { values, ports }: Pick<Config, 'values' | 'ports'>): number {
  return mount.kind === 'path' ? values.port : (ports[mount.setting] ?? mount.defaultPort)
}

/** Where the node will listen when it is started. @throws unavailable.node for a port that is only known then */
export function configuredUrl({ id, mount }: Ecosystem, { values, ports }: Config): string {
  const port = configuredPort(mount, { values, ports })
  if (port === 0) throw new AppError('unavailable.node', `the port of ${id} is free to choose: start the node first`)
  const host = values.host === '0.0.0.0' || values.host === '::' ? '127.0.0.1' : values.host
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}${clientPathOf(mount)}`
}

/** @throws usage.request for a client without configuration of a project's own */
function requireProjectFiles(names: readonly string[], project: string): void {
  for (const setup of ecosystems.flatMap(({ clients }) => clients)) {
    const [own] = setup.files(clientEnvironment(project))
    if (!names.includes(setup.name) || own?.path !== setup.files(clientEnvironment(undefined))[0]?.path) continue
    throw new AppError('usage.request', `${setup.title} has no configuration of a project's own: leave --project out`)
  }
}

function hasDefaultUpstream({ upstreams }: Ecosystem, { values, upstreamEntries }: Config): boolean {
  const replaced = new Set([
    ...values.upstream.map(({ name }) => name),
    ...upstreamEntries.filter(({ url }) => url !== undefined).map(({ name }) => name),
  ])
  return !upstreams.some(({ name }) => replaced.has(name))
}
