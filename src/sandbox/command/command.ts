/**
 * The command line that starts one step: bubblewrap with every namespace of its own, the mounts, the kernel's limits, and the runner
 * inside. Pure. Two ways, see DESIGN.md: `user` for a node that runs as an ordinary user, `own-uid` for one that runs as root.
 */
import type { JobLimits } from '../sandbox.ts'
import { IDENTITY, INSIDE, processorList } from './inside.ts'

/**
 * `user`: one user namespace, in which the node's own user is called `builder`. `own-uid`: root makes the mounts, then becomes a
 * user that nobody else is, which is called `builder` in a user namespace of its own.
 */
export type SandboxWay = 'user' | 'own-uid'

/** A file or folder of the machine that is seen inside. */
export interface Mount {
  readonly from: string
  readonly to: string
  readonly writable?: boolean
}

/** Absolute paths of the programs that a sandbox is made with; the same inside. */
export interface SandboxPrograms {
  readonly bubblewrap: string
  readonly setpriv: string
  readonly prlimit: string
  readonly taskset: string
}

/** What a command is made of. */
export interface CommandPlan {
  readonly way: SandboxWay
  readonly programs: SandboxPrograms
  /** The user outside that an `own-uid` step runs as. */
  readonly uid: number
  /** The machine's programs and libraries: folders, and links to folders. */
  readonly system: { readonly folders: readonly string[]; readonly links: ReadonlyArray<readonly [string, string]> }
  readonly mounts: readonly Mount[]
  readonly limits: JobLimits
  /** Descriptors on which bubblewrap says the id of the step's first process, and reads the filter of system calls. */
  readonly descriptors: { readonly status?: number; readonly filter?: number }
  readonly program: readonly string[]
}

/** What holds a step inside. */
export interface ConfinementPlan {
  readonly programs: SandboxPrograms
  readonly limits: JobLimits
  /** Where the step runs, absolute, inside. */
  readonly directory: string
  /** The processors that the step may use; undefined: all. */
  readonly processors: readonly number[] | undefined
}

/** Open files of one process. */
const OPEN_FILES_MAX = 16_384
const MEMORY_FOLDER_SHARE = 4
/** Some belong to the machine and may be written by who is root outside, whatever rights it has left. Bubblewrap covers not all. */
const KERNEL_KNOBS = ['sys', 'sysrq-trigger', 'irq', 'bus', 'fs', 'acpi', 'scsi', 'asound'].map(
  (name) => `/proc/${name}`,
)

const OWN = ['--uid', String(IDENTITY.uid), '--gid', String(IDENTITY.gid)]

/** The command line that starts the runner; its first word is bubblewrap. */
export function commandOf(plan: CommandPlan): readonly [string, ...string[]] {
  const { bubblewrap, setpriv } = plan.programs
  const { status, filter } = plan.descriptors
  const descriptors = [
    ...(status === undefined ? [] : ['--json-status-fd', String(status)]),
    ...(filter === undefined ? [] : ['--seccomp', String(filter)]),
  ]
  // Low ports of the sandbox's own loopback: the runner listens for questions about names there. The namespaces that this is a right
  // in must be of the last user namespace, so they are made by a bubblewrap that mounts nothing.
  const rights = ['--cap-drop', 'ALL', '--cap-add', 'CAP_NET_BIND_SERVICE']
  const apart = ['--unshare-net', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try', '--hostname', IDENTITY.host]
  const inner = [
    bubblewrap,
    '--dev-bind',
    '/',
    '/',
    '--unshare-user',
    ...OWN,
    ...rights,
    ...apart,
    '--die-with-parent',
    '--',
  ]
  const first = [bubblewrap, '--unshare-pid', '--as-pid-1', '--die-with-parent', '--new-session'] as const
  if (plan.way === 'user') {
    const user = ['--unshare-user', ...OWN, '--cap-drop', 'ALL']
    return [...first, ...user, ...descriptors, ...tree(plan), '--', ...inner, ...plan.program]
  }
  const becoming = [
    '--cap-drop',
    'ALL',
    '--cap-add',
    'CAP_SETUID',
    '--cap-add',
    'CAP_SETGID',
    '--cap-add',
    'CAP_SETPCAP',
  ]
  const become = [setpriv, '--reuid', String(plan.uid), '--regid', String(plan.uid), '--clear-groups']
  // A change of user forgets who is to die with whom: it is said again.
  const drop = ['--inh-caps=-all', '--bounding-set=-all', '--pdeathsig', 'SIGKILL']
  return [...first, ...becoming, ...descriptors, ...tree(plan), '--', ...become, ...drop, ...inner, ...plan.program]
}

/**
 * What the runner puts before the step's own words: a user namespace below its own, without rights and the last one that can be
 * made, and the limits that the kernel holds. The step sees the runner's processes and can do nothing to them but end them.
 */
export function confinementOf(plan: ConfinementPlan): readonly [string, ...string[]] {
  const { bubblewrap, setpriv, prlimit, taskset } = plan.programs
  const { limits, processors } = plan
  const bounds = {
    core: 0,
    // A brake: the watcher holds the limit of the whole step, but looks only now and then.
    data: limits.memoryBytes * 2,
    fsize: limits.diskBytes,
    nofile: OPEN_FILES_MAX,
    nproc: limits.processCount,
  }
  return [
    // Bubblewrap refuses to start with rights that it did not ask for.
    ...([setpriv, '--ambient-caps=-all', '--inh-caps=-all'] as const),
    ...[bubblewrap, '--dev-bind', '/', '/', '--unshare-user', '--disable-userns', ...OWN, '--cap-drop', 'ALL'],
    ...KERNEL_KNOBS.flatMap((path) => ['--ro-bind-try', path, path]),
    ...['--die-with-parent', '--chdir', plan.directory, '--'],
    ...(processors === undefined ? [] : [taskset, '-c', processors.join(',')]),
    ...[prlimit, ...Object.entries(bounds).map(([name, value]) => `--${name}=${value}:${value}`)],
  ]
}

/** Everything that is seen; what is not the job's own or in memory is read-only. */
function tree({ system, mounts, limits }: CommandPlan): string[] {
  const memory = ['--perms', '1777', '--size', String(Math.ceil(limits.memoryBytes / MEMORY_FOLDER_SHARE)), '--tmpfs']
  return [
    ...system.folders.flatMap((folder) => ['--ro-bind', folder, folder]),
    ...system.links.flatMap(([path, target]) => ['--symlink', target, path]),
    ...['--proc', '/proc', '--dev', '/dev', ...memory, '/dev/shm', '--remount-ro', '/dev', ...memory, '/tmp'],
    ...foldersAbove(mounts).flatMap((folder) => ['--dir', folder]),
    ...mounts.flatMap(({ from, to, writable }) => [writable ? '--bind' : '--ro-bind', from, to]),
    ...['--remount-ro', '/', '--chdir', INSIDE.job],
  ]
}

/** Bubblewrap itself would make them for root alone. */
function foldersAbove(mounts: readonly Mount[]): readonly string[] {
  const folders = new Set<string>()
  for (const { to } of mounts) {
    const names = to.split('/').slice(1, -1)
    names.forEach((_, at) => {
      folders.add(`/${names.slice(0, at + 1).join('/')}`)
    })
  }
  return [...folders]
}

/** The files that say how many processors there are, by their place inside. */
export function processorFiles(cpuCount: number): Readonly<Record<string, string>> {
  const list = processorList(cpuCount)
  const folder = '/sys/devices/system/cpu'
  return { [`${folder}/online`]: list, [`${folder}/possible`]: list, [`${folder}/present`]: list }
}
