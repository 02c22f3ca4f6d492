/**
 * Finds out whether this machine can run builds: bubblewrap is there, and the kernel lets this user make its namespaces. Asked once
 * at the start of a builder, and by the doctor.
 */
import { execFile } from 'node:child_process'
import { readlink, stat } from 'node:fs/promises'
import { AppError } from '../base/errors.ts'
import { commandOf, confinementOf, type SandboxPrograms, type SandboxWay } from './command/command.ts'
import { INSIDE } from './command/inside.ts'

/** How bubblewrap is installed where packages are Debian's. */
export const INSTALL_LINE = 'apt-get install bubblewrap'

/** A bubblewrap that works here. */
export interface FoundBubblewrap {
  readonly kind: 'found'
  readonly programs: SandboxPrograms
  readonly version: string
  /** How it is started; DESIGN.md, "Two ways". */
  readonly way: SandboxWay
  readonly system: SystemTree
}

/** What was found. */
export type BubblewrapFinding =
  | FoundBubblewrap
  /** `reason`: why no builds can run here; `advice`: what the owner may do. */
  | { readonly kind: 'missing'; readonly reason: string; readonly advice: string }

/** The machine's programs and libraries, as they are shown inside. */
export interface SystemTree {
  readonly folders: readonly string[]
  readonly links: ReadonlyArray<readonly [path: string, target: string]>
}

const PLACES = ['/usr/bin', '/bin', '/usr/sbin', '/sbin', '/usr/local/bin']
const SYSTEM = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32']
const NAMESPACES_ADVICE =
  'let this user make namespaces (sysctl kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns), or run the node where it may'
const OLDEST = [0, 8] as const
const TRIAL_MS = 10_000
/** A user for the trial alone. */
const TRIAL_UID = 1_886_978_047
const TRIAL_LIMITS = {
  cpuCount: 1,
  memoryBytes: 1 << 28,
  processCount: 64,
  diskBytes: 1 << 20,
  stepSeconds: 10,
  logBytes: 1024,
}

/** Looks in the usual places, and starts a trial. `path` overrides where bubblewrap is looked for. */
export async function findBubblewrap(path?: string): Promise<BubblewrapFinding> {
  const bubblewrap = path === undefined ? await findProgram('bwrap') : (await isThere(path)) ? path : undefined
  if (bubblewrap === undefined) return missing('bubblewrap is not installed', INSTALL_LINE)
  const said = await run([bubblewrap, '--version'])
  const [, version = '', major = '0', minor = '0'] = /^bubblewrap ((\d+)\.(\d+)\S*)/.exec(said.output) ?? []
  if (version === '') return missing(`${bubblewrap} does not say which version it is`, INSTALL_LINE)
  if (Number(major) === OLDEST[0] && Number(minor) < OLDEST[1]) {
    return missing(`bubblewrap ${version} cannot forbid namespaces inside its own`, 'install bubblewrap 0.8 or newer')
  }
  const [setpriv, prlimit, taskset] = await Promise.all(['setpriv', 'prlimit', 'taskset'].map(findProgram))
  if (setpriv === undefined || prlimit === undefined || taskset === undefined) {
    return missing('setpriv, prlimit or taskset is not installed', 'apt-get install util-linux')
  }
  return await tryIt({ bubblewrap, setpriv, prlimit, taskset }, version)
}

async function tryIt(programs: SandboxPrograms, version: string): Promise<BubblewrapFinding> {
  // Root has no `user` way: files of the kernel ask who one is outside, so a build would be root to them.
  const way: SandboxWay = process.getuid?.() === 0 ? 'own-uid' : 'user'
  const system = await systemTree()
  const inside = { programs, limits: TRIAL_LIMITS, directory: '/', processors: undefined }
  const tried = await run(
    commandOf({
      ...{ way, programs, uid: TRIAL_UID, system, limits: TRIAL_LIMITS, descriptors: {} },
      mounts: [{ from: '/usr', to: INSIDE.job }],
      program: [...confinementOf(inside), 'true'],
    }),
  )
  if (tried.exitCode === 0) return { kind: 'found', programs, version, way, system }
  const complaint = tried.output.trim().split('\n').at(-1) ?? ''
  return missing(`bubblewrap cannot make a sandbox here: ${complaint}`, NAMESPACES_ADVICE)
}

/** What works. @throws unavailable.sandbox with the reason and what may be done */
export async function requireBubblewrap(path?: string): Promise<FoundBubblewrap> {
  const found = await findBubblewrap(path)
  if (found.kind === 'found') return found
  throw new AppError('unavailable.sandbox', `no builds can run on this machine: ${found.reason} (${found.advice})`)
}

function missing(reason: string, advice: string): BubblewrapFinding {
  return { kind: 'missing', reason, advice }
}

/** Merged or not, `/bin` and its like look inside as they do outside. */
async function systemTree(): Promise<SystemTree> {
  const folders = ['/usr']
  const links: Array<readonly [string, string]> = []
  for (const path of SYSTEM) {
    const target = await readlink(path).catch(() => undefined)
    if (target !== undefined) links.push([path, target])
    else if (await isThere(path)) folders.push(path)
  }
  return { folders, links }
}

async function findProgram(name: string): Promise<string | undefined> {
  for (const place of PLACES) if (await isThere(`${place}/${name}`)) return `${place}/${name}`
  return undefined
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}

/** Runs with an empty environment; output is what it printed on both. */
function run(argv: readonly [string, ...string[]]): Promise<{ readonly exitCode: number; readonly output: string }> {
  const [program, ...args] = argv
  const options = { env: { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin' }, timeout: TRIAL_MS, cwd: '/' }
  return new Promise((resolve) => {
    execFile(program, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code
      const output = `${stdout}${stderr}`
      resolve({
        exitCode: typeof code === 'number' ? code : -1,
        output: output === '' ? String(error?.message ?? '') : output,
      })
    })
  })
}
