/**
 * `pyrsia service install` and `uninstall`: writes the units, or takes them away, and has systemd take notice. Where systemd
 * cannot be spoken to (a container, an image being built), the files are written and what is left to do is said.
 */
import { execFile } from 'node:child_process'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AppError } from '../../base/errors.ts'
import type { ServiceRequest, ServiceResult } from '../../cli/context.ts'
import { ecosystems } from '../../ecosystems/index.ts'
import type { Config } from '../config/config.ts'
import { ensureDataDirectory, writeWhole } from '../data-directory.ts'
import { configurationOf, configuredPort } from '../setup.ts'
import { serviceUnits, UNIT_NAME, type UnitsOf } from './units.ts'

const SYSTEM_UNITS = '/etc/systemd/system'
/** The folder that `StateDirectory=pyrsia` makes. */
const SYSTEM_DATA = '/var/lib/pyrsia'
const SYSTEMCTL_MS = 30_000

/** Installs. @throws usage.config where a port is free to choose, usage.request for --system without being root */
export async function installService(request: ServiceRequest, directory: string): Promise<ServiceResult> {
  const { system } = request
  const data = system ? SYSTEM_DATA : directory
  requireRoot(request)
  const units = serviceUnits({ program: program(), data, ports: portsOf(await configurationOf(data)), system })
  const folder = unitFolder(system)
  await mkdir(folder, { recursive: true })
  if (!system) await ensureDataDirectory(data)
  for (const { name, text } of units) await writeWhole(join(folder, name), text, 0o644)
  const sockets = units.map(({ name }) => name).filter((name) => name.endsWith('.socket'))
  const left = await tell(system, [['daemon-reload'], ['enable', '--now', ...sockets]])
  return { files: units.map(({ name }) => join(folder, name)), left, data }
}

/** Takes the units away; the data stay. @throws usage.request for --system without being root */
export async function uninstallService(request: ServiceRequest, directory: string): Promise<ServiceResult> {
  const { system } = request
  requireRoot(request)
  const folder = unitFolder(system)
  const names = (await readdir(folder).catch(() => [])).filter((name) => UNIT_NAME.test(name))
  const before = names.length === 0 ? [] : await tell(system, [['disable', '--now', ...names]])
  for (const name of names) await rm(join(folder, name), { force: true })
  const after = names.length === 0 ? [] : await tell(system, [['daemon-reload']])
  const left = [...before, ...after]
  return { files: names.map((name) => join(folder, name)), left, data: system ? SYSTEM_DATA : directory }
}

function requireRoot({ system, data }: ServiceRequest): void {
  if (!system) return
  if (process.getuid?.() !== 0) throw new AppError('usage.request', '--system changes the machine: run it as root')
  if (data === undefined) return
  throw new AppError('usage.request', `the data of a service of the machine lie in ${SYSTEM_DATA}: leave --data out`)
}

function unitFolder(system: boolean): string {
  return system ? SYSTEM_UNITS : join(process.env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'systemd/user')
}

/** This very installation, on this very Node. */
function program(): string[] {
  const suffix = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return [process.execPath, fileURLToPath(new URL(`../cli.${suffix}`, import.meta.url))]
}

/** @throws usage.config for a port that only a start chooses: a socket has to know it before */
function portsOf(config: Config): UnitsOf['ports'] {
  const { host, port, apiPort } = config.values
  const own = ecosystems.flatMap(({ mount }) =>
    mount.kind === 'port' ? [{ setting: mount.setting, host, port: configuredPort(mount, config) }] : [],
  )
  const ports = [{ setting: 'port', host, port }, { setting: 'api-port', host: '127.0.0.1', port: apiPort }, ...own]
  const open = ports.find((each) => each.port === 0)
  if (open === undefined) return ports
  throw new AppError('usage.config', `a service needs a fixed port, found ${open.setting} = 0`)
}

/** Runs systemctl; what it could not do is returned as commands. */
async function tell(system: boolean, commands: readonly (readonly string[])[]): Promise<string[]> {
  const left: string[] = []
  for (const words of commands) {
    const args = system ? [...words] : ['--user', ...words]
    if (left.length > 0 || !(await succeeds(args))) left.push(`systemctl ${args.join(' ')}`)
  }
  return left
}

function succeeds(args: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    execFile('systemctl', args, { timeout: SYSTEMCTL_MS }, (error) => resolve(error === null))
  })
}
