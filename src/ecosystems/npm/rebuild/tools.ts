/**
 * Node and npm for a build: the versions that were published with the release, as packages of the registry, by digest. Where the
 * registry does not have one, the nearest is taken and named. 2-trust.md, "Sandbox".
 */
import semver from 'semver'
import type { RecipeGot, RecipeJob, RecipeNeed } from '../../../base/rebuild/build-plan.ts'
import { isObject } from '../packument/packument.ts'
import { readJsonObject } from './manifest.ts'

/** The tools of a build. */
export interface Tools {
  readonly kind: 'tools'
  readonly node: string
  readonly npm: string
  /** For the result: names and versions, and what was published where it is another. */
  readonly toolchains: readonly string[]
}

type Asking<T> = Generator<RecipeNeed, T, RecipeGot>
type Missing = { readonly kind: 'missing'; readonly reason: string }

/** Where the tools are in the sandbox. */
export const NODE = '/build/tools/node/bin/node'
/** The npm program, which Node runs. */
export const NPM = '/build/tools/npm/bin/npm-cli.js'

const PACKUMENT_BYTES_MAX = 64 * 1_048_576
/** The npm that came with a Node of this major, and for each major of npm the Node that it was made for. */
const NPM_OF_NODE: Readonly<Record<number, number>> = {
  10: 6,
  12: 6,
  14: 6,
  16: 8,
  18: 10,
  20: 10,
  22: 10,
  24: 11,
  26: 11,
}
const NODE_OF_NPM: Readonly<Record<number, number>> = { 5: 8, 6: 14, 7: 16, 8: 16, 9: 18, 10: 20, 11: 24 }
/** Below it npm has neither `ci` nor locks that it makes alone. */
const NPM_OLDEST = 6

/** Places Node and npm in `tools/`. `wanted` are versions as published. */
export function* placeTools(
  job: RecipeJob,
  wanted: { readonly node: string | undefined; readonly npm: string | undefined },
): Asking<Tools | Missing> {
  const machine = yield step('which machine this is', ['uname', '-m'])
  const arch = machine.kind === 'ran' ? ARCHES[machine.log.trim()] : undefined
  if (arch === undefined) return missing('this machine is neither an x64 nor an arm64')
  const major = wanted.npm === undefined ? undefined : semver.parse(wanted.npm)?.major
  const node = yield* place(job, `node-linux-${arch}`, 'node.tgz', (available) =>
    chooseNode(wanted.node, major, available),
  )
  if (node === undefined) return missing(`the registry has no Node for linux-${arch} as of the request`)
  const npm = yield* place(job, 'npm', 'npm.tgz', (available) => chooseNpm(wanted.npm, node, available))
  if (npm === undefined) return missing('the registry has no npm as of the request')
  const unpack = (name: string): string =>
    `mkdir -p ${name} && tar -xzf ../inputs/${name}.tgz -C ${name} --strip-components=1 --no-same-owner`
  const unpacked = yield step('unpack Node and npm', [
    'sh',
    '-c',
    `${unpack('node')} && ${unpack('npm')} && chmod 0755 node/bin/node`,
  ])
  if (unpacked.kind !== 'ran' || unpacked.exitCode !== 0) return missing('Node and npm cannot be unpacked')
  const named = (name: string, used: string, published: string | undefined): string =>
    published === undefined || published === used ? `${name} ${used}` : `${name} ${used} for ${published}`
  const toolchains = [named('node', node, wanted.node), named('npm', npm, wanted.npm)]
  return { kind: 'tools', node, npm, toolchains }
}

const ARCHES: Readonly<Record<string, string>> = { x86_64: 'x64', aarch64: 'arm64' }

function step(name: string, argv: readonly [string, ...string[]]): RecipeNeed {
  return { kind: 'run', step: { name, argv, directory: 'tools', env: {} } }
}

/** Puts the version that `choose` takes of a package among the inputs; undefined if there is none. */
function* place(
  job: RecipeJob,
  name: string,
  as: string,
  choose: (available: readonly string[]) => string | undefined,
): Asking<string | undefined> {
  const asked = { kind: 'input', digests: [], asOfSeconds: job.requestedAtSeconds, tool: true } as const
  const index = `${as}.json`
  const listed = yield { ...asked, requestPath: `/${name}`, as: index }
  if (listed.kind !== 'done') return undefined
  const got = yield { kind: 'read', path: `inputs/${index}`, bytesMax: PACKUMENT_BYTES_MAX }
  const versions = got.kind === 'bytes' ? readJsonObject(got.bytes)?.versions : undefined
  const version = choose(isObject(versions) ? Object.keys(versions) : [])
  if (version === undefined) return undefined
  const placed = yield { ...asked, requestPath: `/${name}/-/${name}-${version}.tgz`, as }
  return placed.kind === 'done' ? version : undefined
}

/** The Node to build with: the published one, else the newest of its major, else of the nearest. */
export function chooseNode(
  published: string | undefined,
  npmMajor: number | undefined,
  available: readonly string[],
): string | undefined {
  const stable = stableOf(available)
  if (published !== undefined && stable.includes(published)) return published
  const major = semver.parse(published ?? null)?.major ?? NODE_OF_NPM[npmMajor ?? -1]
  if (major !== undefined) return newestNear(major, stable)
  // Nothing says: the newest that is or becomes a long-term line.
  return stable.findLast((version) => semver.major(version) % 2 === 0)
}

/** The npm to build with: the published one, else the newest of its major, else the one that fits the Node. */
export function chooseNpm(
  published: string | undefined,
  node: string,
  available: readonly string[],
): string | undefined {
  const stable = stableOf(available).filter((version) => semver.major(version) >= NPM_OLDEST)
  if (published !== undefined && stable.includes(published)) return published
  const nodeMajor = semver.major(node)
  const fits = NPM_OF_NODE[nodeMajor] ?? NPM_OF_NODE[nodeMajor + 1] ?? (nodeMajor < 15 ? 6 : 11)
  const major = semver.parse(published ?? null)?.major ?? fits
  return newestNear(Math.max(NPM_OLDEST, major), stable)
}

function stableOf(versions: readonly string[]): string[] {
  return versions.filter((version) => semver.parse(version)?.prerelease.length === 0).sort(semver.compare)
}

/** The newest of the major, else of the next above, else of the next below. */
function newestNear(major: number, sorted: readonly string[]): string | undefined {
  const same = sorted.findLast((version) => semver.major(version) === major)
  if (same !== undefined) return same
  const above = sorted.find((version) => semver.major(version) > major)
  if (above === undefined) return sorted.at(-1)
  return sorted.findLast((version) => semver.major(version) === semver.major(above))
}

function missing(reason: string): Missing {
  return { kind: 'missing', reason }
}
