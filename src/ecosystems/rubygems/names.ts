/**
 * Names of packages and of their files. Source: RubyGems' `Gem::Specification` (`VALID_NAME_PATTERN`, `full_name`) and
 * `Gem::Version` (`VERSION_PATTERN`). A file is called `<name>-<version>[-<platform>]`, and all three may hold dashes: what is
 * the name shows only in the index, so there can be several candidates.
 */
import { AppError } from '../../base/errors.ts'

const NAME_LENGTH_MAX = 200
const FILE_LENGTH_MAX = 400
/** Readings of one file name that are looked up. */
const CANDIDATES_MAX = 4

const NAME = /^[\w-][\w.-]*$/
const VERSION = /^\d+(?:\.[0-9A-Za-z]+)*$/
const PLATFORM = /^\w[\w.-]*$/
/** What platforms are made of in practice (`Gem::Platform`): a processor, perhaps a system, perhaps its version. */
const USUAL_PLATFORM =
  /^(?:(?:universal|x86_64|x86|x64|i\d86|amd64|arm\w*|aarch64\w*|ppc\w*|powerpc\w*|s390x|riscv64|sparc\w*)(?:-[a-z]\w*(?:-[\w.]+)?)?|java|jruby|ruby|mswin\d*|mingw\d*|dalvik\d*)$/

/** A version of a package for a platform. */
export interface Release {
  readonly name: string
  readonly version: string
  /** Undefined: pure Ruby, which fits everywhere. */
  readonly platform: string | undefined
}

/** True if `name` may be the name of a package. */
export function isGemName(name: string): boolean {
  return name.length <= NAME_LENGTH_MAX && NAME.test(name)
}

/** True if `text` may be a version, as files and indexes write it. */
export function isGemVersion(text: string): boolean {
  return text.length <= NAME_LENGTH_MAX && VERSION.test(text)
}

/** True if `text` may be a platform. */
export function isPlatform(text: string): boolean {
  return text.length <= NAME_LENGTH_MAX && PLATFORM.test(text)
}

/** The package that a path segment names. @throws usage.request */
export function readGemName(encoded: string): string {
  const name = decodeSegment(encoded)
  if (!isGemName(name)) throw malformed('the name of a gem', name)
  return name
}

/** A file's name without its ending, of which at least one reading is possible. @throws usage.request */
export function readFullName(encoded: string): string {
  const fullName = decodeSegment(encoded)
  if (fullName.length > FILE_LENGTH_MAX || !NAME.test(fullName) || readingsOf(fullName).length === 0) {
    throw malformed('a name, a version and perhaps a platform', fullName)
  }
  return fullName
}

/**
 * What a file's name may mean, the likeliest first: a usual platform at its end, then no platform, then anything. No more
 * than a few are given.
 */
export function readingsOf(fullName: string): Release[] {
  const found: { readonly release: Release; readonly rank: number }[] = []
  for (const { index } of fullName.matchAll(/-(?=\d)/g)) {
    const release = readAt(fullName, index)
    if (release === undefined) continue
    const { platform } = release
    const rank = platform === undefined ? 1 : USUAL_PLATFORM.test(platform) ? 0 : 2
    found.push({ release, rank })
  }
  // Of equal rank the longest name comes first: `name-2-1.0.0` is rather a version of `name-2` than one for a platform 1.0.0.
  found.reverse().sort((a, b) => a.rank - b.rank)
  return found.slice(0, CANDIDATES_MAX).map(({ release }) => release)
}

/** `1.0.0`, or `1.0.0-java` for a platform: how the compact index and lockfiles write it. */
export function numberOf({ version, platform }: Pick<Release, 'version' | 'platform'>): string {
  return platform === undefined ? version : `${version}-${platform}`
}

/** The reverse of `numberOf`; undefined if `text` is none. `ruby` is the platform of what has none. */
export function readNumber(text: string): Omit<Release, 'name'> | undefined {
  const dash = text.indexOf('-')
  const version = dash < 0 ? text : text.slice(0, dash)
  const platform = dash < 0 ? undefined : text.slice(dash + 1)
  if (!isGemVersion(version) || (platform !== undefined && !isPlatform(platform))) return undefined
  return { version, platform: platform === 'ruby' ? undefined : platform }
}

/** What the files of a release are called, without an ending. */
export function fullNameOf(release: Release): string {
  return `${release.name}-${numberOf(release)}`
}

/** The path of a release's file below a registry's base. */
export function filePath(fullName: string): string {
  return `/gems/${fullName}.gem`
}

/** The path of a package's info document below a registry's base. */
export function infoPath(name: string): string {
  return `/info/${name}`
}

function readAt(fullName: string, dash: number): Release | undefined {
  const name = fullName.slice(0, dash)
  const number = readNumber(fullName.slice(dash + 1))
  return isGemName(name) && number !== undefined ? { name, ...number } : undefined
}

function decodeSegment(encoded: string): string {
  try {
    return decodeURIComponent(encoded)
  } catch (cause) {
    const shown = JSON.stringify(encoded.slice(0, 100))
    throw new AppError('usage.request', `wanted a percent-encoded name, found ${shown}`, { cause })
  }
}

function malformed(wanted: string, found: string): AppError {
  return new AppError('usage.request', `wanted ${wanted}, found ${JSON.stringify(found.slice(0, 100))}`)
}
