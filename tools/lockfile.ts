/**
 * `npm run lockfile`, after each `npm install`: gives every optional dependency its entry in package-lock.json. npm leaves out
 * those that the registry at hand does not have (a mirror with one platform's binaries), and then `npm ci` refuses the lockfile
 * as not in sync. The entries carry version and platform; a hash only where some registry gave one.
 */
import { readFileSync, writeFileSync } from 'node:fs'

/** One package of a lockfile, as far as this is concerned with it. */
export interface LockEntry {
  readonly version?: string
  readonly integrity?: string
  readonly cpu?: readonly string[]
  readonly os?: readonly string[]
  readonly libc?: readonly string[]
  readonly dev?: boolean
  readonly optional?: boolean
  readonly license?: string
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** The `packages` of a lockfile, by path. */
export type LockPackages = Readonly<Record<string, LockEntry>>

const SYSTEMS = ['android', 'darwin', 'freebsd', 'linux', 'win32']
const PROCESSORS = ['arm64', 'arm', 'x64', 'ia32', 'ppc64', 's390x', 'riscv64']

/** Entries that are missing: path to entry. Platforms are read from the name, as such packages are called. */
export function missingEntries(packages: LockPackages): Record<string, LockEntry> {
  const missing: Record<string, LockEntry> = {}
  for (const [path, { optionalDependencies, dev, license }] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(optionalDependencies ?? {})) {
      if (`node_modules/${name}` in packages || `${path}/node_modules/${name}` in packages) continue
      const words = name.split('-')
      const libc = words.includes('musl') ? ['musl'] : words.includes('gnu') ? ['glibc'] : undefined
      missing[`node_modules/${name}`] = {
        version,
        cpu: PROCESSORS.filter((one) => words.includes(one)),
        ...(dev === true ? { dev } : {}),
        ...(libc === undefined ? {} : { libc }),
        ...(license === undefined ? {} : { license }),
        optional: true,
        os: SYSTEMS.filter((one) => words.includes(one)),
      }
    }
  }
  return missing
}

if (import.meta.main) {
  const file = new URL('../package-lock.json', import.meta.url)
  const lock = JSON.parse(readFileSync(file, 'utf8')) as { packages: LockPackages }
  const missing = missingEntries(lock.packages)
  const rows = Object.entries({ ...lock.packages, ...missing })
  const packages = Object.fromEntries(rows.sort(([a], [b]) => a.localeCompare(b, 'en')))
  if (Object.keys(missing).length > 0) writeFileSync(file, `${JSON.stringify({ ...lock, packages }, undefined, 2)}\n`)
  process.stdout.write(`${Object.keys(missing).length} entries added to package-lock.json\n`)
}
