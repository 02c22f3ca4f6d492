/** `pyrsia doctor` with its effects: what is known of the node, where clients' files are, and the senses. The work is `clients/doctor/`. */
import { join, resolve } from 'node:path'
import { errorChain, isKind } from '../../base/errors.ts'
import type { DoctorRequest } from '../../cli/context.ts'
import { connectNode } from '../../cli/node-api.ts'
import type { DoctorReport } from '../../clients/clients.ts'
import { createDiskFiles } from '../../clients/disk-files.ts'
import { examine } from '../../clients/doctor/doctor.ts'
import type { NodeFacts, NodePort } from '../../clients/doctor/node-facts.ts'
import { ecosystems } from '../../ecosystems/index.ts'
import type { StatusView } from '../../http/http.ts'
import type { Config } from '../config/config.ts'
import { clientEnvironment, configurationOf, configuredPort, configuredUrl } from '../setup.ts'
import { createSenses } from './senses.ts'

/** Examines node, machine and clients. @throws usage.request, usage.config, damaged.database */
export async function runDoctor(request: DoctorRequest, directory: string): Promise<DoctorReport> {
  const config = await configurationOf(directory)
  const { node, api } = await factsOf(directory, config)
  return await examine(
    {
      ecosystems,
      stateDirectory: join(directory, 'setup'),
      environment: { ...clientEnvironment(undefined), project: resolve(request.project) },
      clients: request.clients,
      node,
    },
    {
      files: createDiskFiles(),
      senses: createSenses({ metricsUrl: api === undefined ? undefined : new URL('/metrics', api).href }),
    },
  )
}

async function factsOf(
  directory: string,
  config: Config,
): Promise<{ readonly node: NodeFacts; readonly api: string | undefined }> {
  const ports = portsOf(config)
  try {
    const api = await connectNode(directory)
    const status = await api.get<StatusView>('/api/status')
    return {
      node: {
        running: status,
        why: undefined,
        data: directory,
        endpoints: status.endpoints,
        builder: buildsReally(config),
        ports,
      },
      api: api.url,
    }
  } catch (error) {
    if (!isKind(error, 'unavailable')) throw error
    const why = errorChain(error)[0]
    return {
      node: {
        running: undefined,
        why,
        data: directory,
        endpoints: configuredUrls(config),
        builder: buildsReally(config),
        ports,
      },
      api: undefined,
    }
  }
}

function configuredUrls(config: Config): Record<string, string> {
  const fixed = ecosystems.filter(({ mount }) => configuredPort(mount, config) !== 0)
  return Object.fromEntries(fixed.map((ecosystem) => [ecosystem.id, configuredUrl(ecosystem, config)]))
}

function portsOf(config: Config): NodePort[] {
  const { values } = config
  const host = values.host === '0.0.0.0' || values.host === '::' ? '127.0.0.1' : values.host
  const own = ecosystems.flatMap(({ mount }) =>
    mount.kind === 'port' ? [{ setting: `--${mount.setting}`, host, port: configuredPort(mount, config) }] : [],
  )
  return [
    { setting: '--port', host, port: values.port },
    { setting: '--api-port', host: '127.0.0.1', port: values.apiPort },
    ...own,
  ]
}

/** A test builder builds nothing. */
function buildsReally({ values }: Config): boolean {
  return values.builder && values.testBuilder === undefined
}
