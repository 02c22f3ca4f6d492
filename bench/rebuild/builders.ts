/** Three builders that differ in what should not matter: user, umask, time zone, locale, host, directory, processors, and Python. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { BuilderSetup, BuildReport } from './builder-process.ts'
import { type Listed, purlOf } from './lists.ts'

/** What one builder differs in. */
export interface Surroundings {
  readonly name: string
  readonly umask: string
  readonly zone: string
  readonly locale: string
  /** Undefined: who runs the benchmark. */
  readonly uid: number | undefined
  readonly host: string | undefined
  readonly directory: string
  readonly cpuCount: number
  /** Prefix of a Python that takes the place of `/usr/local`; undefined: the machine's own. */
  readonly python: string | undefined
}

/** A builder that is running. */
export interface BuilderProcess {
  readonly surroundings: Surroundings
  /** Builds; what takes more than `timeoutMs` is given up, and the builder started anew. */
  build(listed: Listed, timeoutMs: number): Promise<BuildReport>
  close(): Promise<void>
}

const PROGRAM = fileURLToPath(new URL('builder-process.ts', import.meta.url))
const NOBODY = 65_534

/** The three, as far as this machine can have them: another user and another host name are root's to give. */
export function threeSurroundings(python: string | undefined): readonly Surroundings[] {
  const isRoot = process.getuid?.() === 0
  const plain = { uid: undefined, host: undefined, python: undefined }
  return [
    { ...plain, name: 'a', umask: '022', zone: 'UTC', locale: 'C.UTF-8', directory: 'a', cpuCount: 1 },
    {
      ...plain,
      name: 'b',
      umask: '077',
      zone: 'Asia/Kathmandu',
      locale: 'tr_TR.UTF-8',
      uid: isRoot ? NOBODY : undefined,
      directory: 'another place, with a long name/b',
      cpuCount: 2,
    },
    {
      ...plain,
      name: 'c',
      umask: '000',
      zone: 'America/St_Johns',
      locale: 'de_DE.ISO-8859-1',
      host: isRoot ? 'elsewhere' : undefined,
      directory: 'c',
      cpuCount: 1,
      python: isRoot ? python : undefined,
    },
  ]
}

/** What differs, for people. */
export function describe({ name, umask, zone, locale, uid, host, directory, cpuCount, python }: Surroundings): string {
  const user = uid === undefined ? 'the user who runs it' : `user ${uid}`
  const version =
    python === undefined ? "the machine's" : execFileSync(join(python, 'bin/python3'), ['--version']).toString().trim()
  return `| ${name} | ${umask} | ${zone} | ${locale} | ${user} | ${host ?? "the machine's"} | \`…/${directory}\` | ${cpuCount} | ${version} |`
}

/** Starts one below `root`. */
export function startBuilder(
  surroundings: Surroundings,
  root: string,
  setup: Pick<BuilderSetup, 'registries' | 'mirrors' | 'asOfSeconds'>,
): BuilderProcess {
  const directory = join(root, surroundings.directory)
  let running: Running | undefined
  const start = (): Running => {
    rmSync(directory, { recursive: true, force: true })
    mkdirSync(directory, { recursive: true })
    if (surroundings.uid !== undefined) chownSync(directory, surroundings.uid, surroundings.uid)
    for (let place = directory; place.startsWith(root); place = join(place, '..')) chmodSync(place, 0o755)
    // A folder that it makes in one that is its own, so that it can take it away again.
    return run(surroundings, { ...setup, directory: join(directory, 'data'), cpuCount: surroundings.cpuCount })
  }
  return {
    surroundings,
    async build(listed, timeoutMs) {
      running ??= start()
      const report = await running.ask(purlOf(listed), timeoutMs)
      if (report !== undefined) return report
      await running.stop()
      running = undefined
      return { seconds: timeoutMs / 1000, outcome: 'error', reason: `no answer in ${timeoutMs / 1000} s` }
    },
    async close() {
      await running?.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

interface Running {
  /** Undefined: no answer in that time, or its process ended. */
  ask(purl: string, timeoutMs: number): Promise<BuildReport | undefined>
  stop(): Promise<void>
}

function run({ umask, zone, locale, uid, host, python }: Surroundings, setup: BuilderSetup): Running {
  const child = spawnIn({ host, python }, [process.execPath, PROGRAM, JSON.stringify(setup)], {
    env: {
      PATH: process.env.PATH ?? '',
      TZ: zone,
      LANG: locale,
      LC_ALL: locale,
      BENCH_UMASK: umask,
      HOME: setup.directory,
    },
    uid,
  })
  let answer: ((line: string | undefined) => void) | undefined
  if (child.stdout === null) throw new Error('a builder has no output')
  createInterface({ input: child.stdout }).on('line', (line) => answer?.(line))
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  void ended.then(() => answer?.(undefined))
  return {
    async ask(purl, timeoutMs) {
      const line = await new Promise<string | undefined>((resolve) => {
        answer = resolve
        setTimeout(resolve, timeoutMs, undefined).unref()
        child.stdin?.write(`${purl}\n`)
      })
      answer = undefined
      return line === undefined ? undefined : (JSON.parse(line) as BuildReport)
    },
    async stop() {
      child.stdin?.end()
      const timer = setTimeout(() => process.kill(-(child.pid ?? 0), 'SIGKILL'), 2_000)
      await ended
      clearTimeout(timer)
    },
  }
}

/** In namespaces of its own where the host's name or `/usr/local` is to be another. */
function spawnIn(
  { host, python }: Pick<Surroundings, 'host' | 'python'>,
  command: readonly string[],
  { env, uid }: { readonly env: Record<string, string>; readonly uid: number | undefined },
): ChildProcess {
  const options = { env, stdio: ['pipe', 'pipe', 'inherit'] as ['pipe', 'pipe', 'inherit'], detached: true, cwd: '/' }
  const [program = '', ...args] = command
  if (host === undefined) return spawn(program, args, uid === undefined ? options : { ...options, uid, gid: uid })
  const script = [
    `hostname ${host}`,
    // The linker finds the other Python's library by a cache of its own.
    ...(python === undefined
      ? []
      : [
          'mount -t tmpfs tmpfs /mnt',
          `mount --bind ${JSON.stringify(python)} /usr/local`,
          'ldconfig -C /mnt/ld.so.cache',
          'mount --bind /mnt/ld.so.cache /etc/ld.so.cache',
        ]),
    'exec "$@"',
  ].join(' && ')
  return spawn(
    'unshare',
    ['--mount', '--uts', '--propagation', 'private', 'sh', '-c', script, 'sh', ...command],
    options,
  )
}
