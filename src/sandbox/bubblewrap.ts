/**
 * The real sandbox: each step in namespaces of its own, made by bubblewrap, with a read-only system, a fresh tree, no network, fixed
 * surroundings, and limits. What is contained how, and what is not claimed: DESIGN.md.
 */
import { execFile } from 'node:child_process'
import { chmod, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Clock, Logger, Random } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { moduleUrl } from '../base/module-url.ts'
import { type Mount, processorFiles } from './command/command.ts'
import { ETC, ETC_OF_MACHINE, INSIDE } from './command/inside.ts'
import { seccompFilter } from './command/seccomp.ts'
import type { FoundBubblewrap } from './find-bubblewrap.ts'
import { createJob } from './job/job.ts'
import { removeTree } from './job/own.ts'
import type { Sandbox } from './sandbox.ts'

/** What the sandbox is made of. */
export interface BubblewrapOptions {
  /** A folder for it alone; what earlier jobs left in it is removed. */
  readonly folder: string
  readonly bubblewrap: FoundBubblewrap
  /** Further folders of the machine that steps may read, e.g. of an interpreter that is not below `/usr`; absolute. */
  readonly readable?: readonly string[]
}

/**
 * Users that own-uid jobs run as, one after the other: between those that systemd gives to containers and those that the kernel
 * reserves, so that nobody has them.
 */
const UIDS = { first: 1_886_978_048, count: 65_536 } as const

const RUNNER = 'run-step.mjs'
const STRIP =
  'process.stdout.write(require("node:module").stripTypeScriptTypes(require("node:fs").readFileSync(process.argv[1], "utf8")))'

/** The sandbox; removes what earlier ones left. @throws unavailable.sandbox if its folder cannot be made ready */
export async function createBubblewrapSandbox(
  options: BubblewrapOptions,
  dependencies: { readonly clock: Clock; readonly random: Random; readonly logger: Logger },
): Promise<Sandbox> {
  const { folder, bubblewrap } = options
  const jobs = join(folder, 'jobs')
  const shared = join(folder, 'shared')
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await removeTree(jobs)
    await rm(shared, { recursive: true, force: true })
    await mkdir(jobs, { mode: 0o700 })
    await mkdir(shared, { mode: 0o700 })
  } catch (cause) {
    throw new AppError('unavailable.sandbox', `the folder of builds, ${folder}, cannot be made ready`, { cause })
  }
  const mounts = [
    ...(await writeShared(shared, ETC, '/etc')),
    { from: process.execPath, to: `${INSIDE.runtime}/node` },
    ...(await writeShared(shared, { [RUNNER]: await runnerSource() }, INSIDE.runtime)),
    ...[...(await presentOf(ETC_OF_MACHINE.map((name) => join('/etc', name)))), ...(options.readable ?? [])].map(
      (path) => ({ from: path, to: path }),
    ),
  ]
  const allowed = await allowedProcessors()
  const filter = seccompFilter(process.arch)
  let count = 0
  return {
    name: `bubblewrap ${bubblewrap.version}`,
    async job(job) {
      const place = join(jobs, Buffer.from(dependencies.random.bytes(12)).toString('hex'))
      await mkdir(place, { mode: 0o700 })
      const { cpuCount } = job.limits
      const processors = cpuCount < allowed.length ? turn(allowed, count * cpuCount, cpuCount) : undefined
      const uid = UIDS.first + (count % UIDS.count)
      count += 1
      const shown = await writeShared(place, processorFiles(cpuCount), '/')
      const own = { bubblewrap, folder: place, uid, processors, runner: RUNNER, filter, mounts: [...mounts, ...shown] }
      return createJob(job, own, dependencies)
    },
  }
}

/** As JavaScript: in a clone it is TypeScript, whose types would take longer to strip, at each step, than all else that it does. */
async function runnerSource(): Promise<string> {
  const path = fileURLToPath(moduleUrl('./inside/run-step.ts', import.meta.url))
  const source = await readFile(path, 'utf8')
  if (!path.endsWith('.ts')) return source
  // In a process of its own, which need not say that this part of Node may still change.
  const { stdout } = await promisify(execFile)(process.execPath, ['--no-warnings', '-e', STRIP, path], { env: {} })
  return stdout
}

async function presentOf(paths: readonly string[]): Promise<readonly string[]> {
  const present: string[] = []
  for (const path of paths) if (await stat(path).catch(() => undefined)) present.push(path)
  return present
}

/** Writes files that are shown inside, and says where. */
async function writeShared(
  folder: string,
  files: Readonly<Record<string, string>>,
  below: string,
): Promise<readonly Mount[]> {
  const mounts: Mount[] = []
  for (const [name, text] of Object.entries(files)) {
    const from = join(folder, name.replaceAll('/', '_'))
    await writeFile(from, text)
    // Whatever the node's own umask is: an own-uid step reads them as a stranger.
    await chmod(from, 0o644)
    mounts.push({ from, to: join(below, name) })
  }
  return mounts
}

/** The processors that this process may use itself, e.g. of `0-2,5`. */
async function allowedProcessors(): Promise<readonly number[]> {
  const status = await readFile('/proc/self/status', 'latin1')
  const [, list = ''] = /^Cpus_allowed_list:\s*(\S+)/m.exec(status) ?? []
  return list.split(',').flatMap((part) => {
    const [first = 0, last = first] = part.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, at) => first + at)
  })
}

/** `count` of `all` from `from` on, round and round, so that jobs at once use different ones. */
function turn(all: readonly number[], from: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, at) => all[(from + at) % all.length] ?? 0)
}
