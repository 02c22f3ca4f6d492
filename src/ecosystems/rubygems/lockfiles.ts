/**
 * Reads `Gemfile.lock` and `gems.locked` (Bundler's `LockfileParser`). Versions before 2.5, and projects that did not opt in,
 * have no CHECKSUMS: then the digests come from the index when the files are fetched.
 */
import { type Digest, digestOf } from '../../base/digest.ts'
import { AppError } from '../../base/errors.ts'
import { purlParts } from '../../base/purl.ts'
import type { LockedFile, LockfileReader } from '../ecosystem.ts'
import { packagePurl, releasePurl } from './coordinates.ts'
import { isGemDefaultUrl } from './default-upstream.ts'
import { filePath, fullNameOf, infoPath, isGemName, readNumber } from './names.ts'

const ENTRIES_MAX = 100_000
/** `    name (1.0.0-java)`, four spaces: dependencies have six. */
const SPEC = /^ {4}(\S+) \(([^()\s]+)\)$/
/** `  name (1.0.0-java) sha256=...,...` */
const CHECKSUM = /^ {2}(\S+) \(([^()\s]+)\) (\S+)$/

/** The readers. */
export const gemLockfiles: readonly LockfileReader[] = [
  { fileName: /^(?:(?:Gemfile|.+\.gemfile)\.lock|gems\.locked)$/, read: readGemfileLock },
]

/** One `GEM` section. */
interface Section {
  readonly remotes: string[]
  readonly specs: { readonly name: string; readonly number: string }[]
}

/**
 * Every gem of a registry once, behind the indexes that Bundler reads first; git and path sources are not the registry's. Where the lockfile names the default registry
 * beside others, the others' gems are not: asking the registry for a private name would tell it. @throws usage.request
 */
function readGemfileLock(bytes: Uint8Array): LockedFile[] {
  const lines = new TextDecoder().decode(bytes).split(/\r?\n/)
  if (lines.some((line) => line.startsWith('<<<<<<< '))) throw unreadable('it has the marks of a merge conflict')
  if (!lines.some((line) => /^(?:GEM|PATH|GIT|DEPENDENCIES)$/.test(line))) throw unreadable('it has no sections')
  const { sections, checksums } = parse(lines)
  const ofDefault = sections.filter(({ remotes }) => remotes.some(isGemDefaultUrl))
  const found = new Map<string, LockedFile>()
  for (const { specs } of ofDefault.length === 0 ? sections : ofDefault) {
    for (const { name, number } of specs) {
      const release = readNumber(number)
      if (release === undefined || !isGemName(name)) continue
      const fullName = fullNameOf({ name, ...release })
      const digest = checksums.get(`${name} ${number}`)
      found.set(fullName, {
        purl: releasePurl({ name, ...release }),
        digests: digest === undefined ? [] : [digest],
        requestPath: filePath(fullName),
      })
    }
  }
  if (found.size > ENTRIES_MAX) throw unreadable(`wanted at most ${ENTRIES_MAX} gems, found ${found.size}`)
  return [...indexesOf([...found.values()]), ...found.values()]
}

/** Bundler reads the list of everything, and the info document of each gem, before it asks for one. */
function indexesOf(files: readonly LockedFile[]): LockedFile[] {
  const [first] = files
  if (first === undefined) return []
  const names = new Set(files.map(({ purl }) => purlParts(purl).name))
  const infos = [...names].map((name) => ({ purl: packagePurl(name), digests: [], requestPath: infoPath(name) }))
  return [{ purl: first.purl, digests: [], requestPath: '/versions' }, ...infos]
}

function parse(lines: readonly string[]): {
  readonly sections: readonly Section[]
  readonly checksums: ReadonlyMap<string, Digest>
} {
  const sections: Section[] = []
  const checksums = new Map<string, Digest>()
  let title = ''
  for (const line of lines) {
    if (/^\S/.test(line)) {
      title = line
      if (title === 'GEM') sections.push({ remotes: [], specs: [] })
      continue
    }
    const section = sections.at(-1)
    if (title === 'GEM' && section !== undefined) readGemLine(line, section)
    if (title === 'CHECKSUMS') readChecksum(line, checksums)
  }
  return { sections, checksums }
}

function readGemLine(line: string, section: Section): void {
  const remote = /^ {2}remote: (\S+)$/.exec(line)?.[1]
  if (remote !== undefined) section.remotes.push(remote)
  const [, name, number] = SPEC.exec(line) ?? []
  if (name !== undefined && number !== undefined) section.specs.push({ name, number })
}

function readChecksum(line: string, checksums: Map<string, Digest>): void {
  const [, name, number, stated = ''] = CHECKSUM.exec(line) ?? []
  const hex = /(?:^|,)sha256=([0-9a-f]{64})(?:,|$)/.exec(stated)?.[1]
  if (name !== undefined && hex !== undefined) checksums.set(`${name} ${number}`, digestOf('sha256', hex))
}

function unreadable(why: string): AppError {
  return new AppError('usage.request', `reading a Gemfile.lock: ${why}`)
}
