/**
 * Which tools a test needs, declared in one place: `test('dockerd pulls ...', needs('root', 'dockerd'), async (t) => ...)`.
 * What is missing makes the test a skip whose reason begins with `LEFT_OUT`; `npm test` lists those at its end with the line
 * that installs them, and fails on them when CI=true. A tool is looked up in PATH, the sbin directories and `.cache/tools`.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The root of the clone. */
export const REPOSITORY: string = fileURLToPath(new URL('../..', import.meta.url))

/** How the reason of a skip for want of tools begins. */
export const LEFT_OUT = 'left out, needs '

/** Where `npm run test:tools` puts the clients that are npm packages. */
export const TOOLS_BIN: string = join(REPOSITORY, '.cache/tools/node_modules/.bin')

/** Where `npm run test:tools` puts the clients that are Python packages. */
export const PYTHON_BIN: string = join(REPOSITORY, '.cache/tools/python/bin')

/** Where `npm run test:tools` puts the back ends that make Python packages, as wheels. */
export const WHEELS: string = join(REPOSITORY, '.cache/tools/wheels')

/** Where `npm run test:tools` puts what it builds with Go. */
export const GO_BIN: string = join(REPOSITORY, '.cache/tools/go')

/** Properties of the machine that are no program: what is asked to find out. */
const CONDITIONS: Readonly<Record<string, () => boolean>> = {
  root: () => process.getuid?.() === 0,
  'python-wheels': () => existsSync(join(WHEELS, 'installed')),
  'maven-plugins': () => existsSync('/usr/share/maven-repo/org/apache/maven/plugins/maven-dependency-plugin'),
  netns: () => process.getuid?.() === 0 && spawnSync('unshare', ['--net', 'true'], { stdio: 'ignore' }).status === 0,
}

/** Debian's `busybox-static` and its like: programs that a package brings under another name. */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  'docker-registry': ['docker-registry', 'registry'],
  bubblewrap: ['bwrap'],
  docker: ['docker'],
}

/** PATH as tests should hand it to clients: this Node first, then the machine's own, sbin included. */
export const TOOL_PATH: string = [
  join(REPOSITORY, 'node_modules/.bin'),
  TOOLS_BIN,
  PYTHON_BIN,
  GO_BIN,
  process.env.PATH ?? '',
  '/usr/local/sbin',
  '/usr/sbin',
  '/sbin',
].join(delimiter)

/** The absolute path of a program, or undefined if this machine does not have it. */
export function findTool(name: string): string | undefined {
  for (const program of PROGRAMS[name] ?? [name]) {
    for (const directory of TOOL_PATH.split(delimiter)) {
      const path = join(directory, program)
      if (directory !== '' && isExecutable(path)) return path
    }
  }
  return undefined
}

/** The absolute path of a program that the test declared with `needs`. @throws Error if it is not there */
export function toolPath(name: string): string {
  const path = findTool(name)
  if (path === undefined) throw new Error(`${name} is not installed: declare it with needs('${name}')`)
  return path
}

/**
 * Options for `test()`: empty if this machine has every tool (a program's name, `root`, or `netns` for network namespaces),
 * else a skip that says what is missing.
 */
export function needs(...tools: readonly string[]): { skip?: string } {
  const missing = tools.filter((tool) => {
    const condition = CONDITIONS[tool]
    return condition === undefined ? findTool(tool) === undefined : !condition()
  })
  return missing.length === 0 ? {} : { skip: `${LEFT_OUT}${missing.join(', ')}` }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
