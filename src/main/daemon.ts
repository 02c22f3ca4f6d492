/**
 * The running node as a process: reads its configuration, starts it, says where it is, and stops it in order on SIGTERM or
 * SIGINT. A node starts in any circumstances: without peers, bootstrap or upstream; what that means is in its status.
 */
import { hostname, networkInterfaces } from 'node:os'
import { join, resolve } from 'node:path'
import { AppError, errorChain } from '../base/errors.ts'
import { ecosystems } from '../ecosystems/index.ts'
import { type Config, type ConfigInput, readConfig, readEarly } from './config/config.ts'
import { defaultDataDirectory } from './config/default-directory.ts'
import { portSettings, SETTINGS } from './config/settings.ts'
import { createSettingsDoor } from './config/settings-door.ts'
import { assembleUpstreams } from './config/upstreams.ts'
import {
  apiToken,
  ensureDataDirectory,
  readClientUpstreams,
  readConfigFile,
  readNetworkKey,
  readSecretFile,
  removeNodeFile,
  writeNodeFile,
} from './data-directory.ts'
import { createLogSink, type LogSink, systemClock, systemRandom, trustSystemCertificates } from './effects.ts'
import type { NodeOptions } from './node-options.ts'
import { readPolicyFile } from './policy/node-policy.ts'
import { showProgress } from './progress.ts'
import { inheritedSockets } from './systemd/activation.ts'
import { type RunningNode, startNode } from './wire.ts'

/** How `pyrsia start` was called. */
export interface DaemonOptions {
  /** By setting name. */
  readonly flags: ConfigInput['flags']
  /** Print the readiness line as JSON. */
  readonly json: boolean
  readonly version: string
}

/** How long replies may go on after the first signal. */
const DRAIN_MS = 5_000
/** Stopping that takes longer than this is given up. */
const STOP_MS = 15_000
const EXIT_BUG = 70
/** What a person types: a clone has no `pyrsia` in PATH, and its files end in `.ts`. */
const PROGRAM = import.meta.url.endsWith('.ts') ? 'bin/pyrsia' : 'pyrsia'

/** Runs a node until it is told to stop; resolves with the exit code. @throws what `startNode` throws, and usage.config */
export async function runDaemon(options: DaemonOptions): Promise<number> {
  const { file, node } = await configure(options)
  // A person who watches the terminal reads the greeting; the log's JSON is for programs.
  const person = !options.json && process.stderr.isTTY
  const sink = createLogSink(node.config.values.logLevel, person)
  catchBugs(sink)
  const stop = stopSignal(sink)
  trustSystemCertificates()
  let running: RunningNode
  try {
    running = await startNode(node, { clock: systemClock, random: systemRandom, logger: sink.logger, process: usage })
  } catch (error) {
    sink.flush()
    throw error
  }
  const { endpoints, peerId, listen } = running
  await writeNodeFile(node.directory, { api: endpoints.api ?? '', pid: process.pid, version: options.version })
  if (!person) sink.logger.info({ endpoints, peerId, listen, configuration: file, pid: process.pid }, 'ready')
  process.stdout.write(options.json ? `${JSON.stringify({ endpoints, peerId, listen })}\n` : greeting(running, node))
  const hide = showProgress(() => running.traffic(), process.stderr, systemClock)
  // Of a terminal it says that the user has gone: then it ends the node, as it does by default.
  // What is wrong with the file stands in the log and in `pyrsia policy show`.
  if (!process.stderr.isTTY) process.on('SIGHUP', () => void running.reloadPolicy().catch(() => undefined))
  await stop.asked
  hide()
  await shutDown(running, node, sink)
  return 0
}

async function shutDown(running: RunningNode, node: NodeOptions, sink: LogSink): Promise<void> {
  sink.logger.info({ drainMs: DRAIN_MS }, 'stopping')
  await removeNodeFile(node.directory)
  const late = setTimeout(() => {
    sink.logger.error({ stopMs: STOP_MS }, 'stopping takes too long and is given up')
    sink.flush()
    process.exit(EXIT_BUG)
  }, STOP_MS)
  await running.stop(DRAIN_MS)
  clearTimeout(late)
  sink.logger.info({}, 'stopped')
  sink.flush()
}

async function configure(
  options: DaemonOptions,
): Promise<{ readonly file: string; readonly config: Config; readonly node: NodeOptions }> {
  const environment = process.env
  const early = { flags: options.flags, environment }
  const directory = resolve(readEarly(SETTINGS.data, early) ?? defaultDataDirectory(environment))
  const named = readEarly(SETTINGS.config, early)
  const file = resolve(named ?? join(directory, 'config.toml'))
  const text = await readConfigFile(file)
  if (text === undefined && named !== undefined) {
    throw new AppError('usage.config', `there is no configuration file ${file} (--config)`)
  }
  const ports = portSettings(ecosystems)
  const config = readConfig({ ...early, file: text === undefined ? undefined : { path: file, text }, ports })
  await ensureDataDirectory(directory)
  const upstreams = await assembleUpstreams(config, ecosystems, await readClientUpstreams(directory), {
    file: (path) => readSecretFile(resolve(path)),
    variable: (name) => environment[name],
  })
  const { networkKey } = config.values
  const node: NodeOptions = {
    directory,
    config,
    upstreams,
    networkKey: networkKey === undefined ? undefined : await readNetworkKey(resolve(networkKey), process.platform),
    proxy: proxyOf(environment),
    apiToken: await apiToken(directory),
    policyFile: await readPolicyFile(config.values.policy, directory),
    settings: createSettingsDoor(file, config, ports),
    version: options.version,
    pid: process.pid,
    sockets: inheritedSockets(environment, process.pid),
    ownHosts: ownHosts(),
  }
  return { file, config, node }
}

function proxyOf(environment: NodeJS.ProcessEnv): NodeOptions['proxy'] {
  const either = (name: string): string | undefined => environment[name] ?? environment[name.toLowerCase()]
  const http = either('HTTP_PROXY')
  const https = either('HTTPS_PROXY')
  const noProxy = either('NO_PROXY')
  return {
    ...(http === undefined ? {} : { http }),
    ...(https === undefined ? {} : { https }),
    ...(noProxy === undefined ? {} : { noProxy }),
  }
}

function ownHosts(): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address))
  return [hostname(), ...addresses]
}

function usage(): { readonly residentBytes: number; readonly cpuSeconds: number } {
  const { user, system } = process.cpuUsage()
  return { residentBytes: process.memoryUsage.rss(), cpuSeconds: (user + system) / 1e6 }
}

/** Resolves `asked` at the first SIGTERM or SIGINT; the second one ends the process at once. */
function stopSignal(sink: LogSink): { readonly asked: Promise<void> } {
  const { promise, resolve: ask } = Promise.withResolvers<void>()
  let signals = 0
  const onSignal = (name: NodeJS.Signals): void => {
    signals++
    if (signals === 1) {
      ask()
      return
    }
    sink.logger.warn({ signal: name }, 'stopped at once by a second signal')
    sink.flush()
    process.exit(name === 'SIGINT' ? 130 : 143)
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  return { asked: promise }
}

/** An error that nobody caught leaves the process in a state that nobody thought of: say so and end; the store recovers. */
function catchBugs(sink: LogSink): void {
  const end = (error: unknown): void => {
    const stack = error instanceof Error ? error.stack : undefined
    sink.logger.error({ error: errorChain(error), stack }, 'an error was not handled: a bug in Pyrsia')
    sink.flush()
    process.exit(EXIT_BUG)
  }
  process.on('uncaughtException', end)
  process.on('unhandledRejection', end)
}

function greeting(running: RunningNode, { version, directory, config }: NodeOptions): string {
  const width = Math.max(...Object.keys(running.endpoints).map((name) => name.length))
  const lines = [
    `Pyrsia ${version} is ready, with its data in ${directory}.`,
    ...Object.entries(running.endpoints).map(([name, url]) => `  ${name.padEnd(width)}  ${url}`),
    'Other nodes reach this one with --peer and',
    ...running.listen.map((address) => `  ${address}`),
    ...(config.values.offline ? ['It was started with --offline and asks no upstream.'] : []),
    'To try it:',
    ...running.tryLines.map((line) => `  ${line.replaceAll('{program}', PROGRAM)}`),
    `Stop it with Ctrl-C; ${PROGRAM} status tells how it is.`,
  ]
  return `${lines.join('\n')}\n`
}
