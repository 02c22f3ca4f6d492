/**
 * Reads `pnpm-lock.yaml`, lockfile versions 5 to 9: the section `packages`, whose entries are a line with the package and
 * an indented `resolution: {…}` on one line, as pnpm writes them. Not a YAML parser: a file that has another shape is refused.
 */
import { AppError } from '../../../base/errors.ts'
import type { LockedFile } from '../../ecosystem.ts'
import { eachOnce, lockedTarball } from './locked-tarball.ts'

/** Every registry tarball of the lockfile once. @throws usage.request */
export function readPnpmLock(bytes: Uint8Array): LockedFile[] {
  const text = new TextDecoder().decode(bytes)
  if (!/^lockfileVersion: ['"]?[5-9]\b/m.test(text)) {
    throw new AppError('usage.request', 'reading a pnpm-lock.yaml: wanted lockfileVersion 5 to 9, found another file')
  }
  return eachOnce(entriesOf(text.split(/\r?\n/)), 'pnpm-lock.yaml')
}

function* entriesOf(lines: readonly string[]): Generator<LockedFile | undefined> {
  let section = ''
  let key: string | undefined
  for (const line of lines) {
    if (line.startsWith('<<<<<<<')) throw unreadable('a file without the marks of a merge conflict', line)
    if (/^\S/.test(line)) {
      section = line
      continue
    }
    if (section !== 'packages:' || line.trim() === '') continue
    const entry = /^ {2}(\S.*):$/.exec(line)?.[1]
    if (entry !== undefined) key = unquoted(entry)
    const resolution = /^ {4}resolution: ?(.*)$/.exec(line)?.[1]
    if (resolution === undefined) continue
    if (key === undefined || !/^\{.*\}$/.test(resolution)) throw unreadable('resolution: {…} on one line', line)
    yield lockedFile(key, resolution)
  }
}

function lockedFile(key: string, resolution: string): LockedFile | undefined {
  const facts = new Map<string, string>()
  for (const [, name = '', value = ''] of resolution.matchAll(/[{ ,](\w+): ('[^']*'|"[^"]*"|[^,}]+)/g)) {
    facts.set(name, unquoted(value.trim()))
  }
  if (facts.has('type') || facts.has('repo') || facts.has('directory')) return undefined
  const named = coordinatesOf(key)
  if (named === undefined) return undefined
  const [integrity, resolved] = [facts.get('integrity'), facts.get('tarball')]
  return lockedTarball({ ...named, resolved, integrity, tellsIntegrity: false })
}

/** `name@1.0.0`, `/name@1.0.0(peer@2.0.0)`, and of old lockfiles `/name/1.0.0_peer@2.0.0`. */
function coordinatesOf(key: string): { readonly name: string; readonly version: string } | undefined {
  const bare = key.replace(/^\//, '').replace(/\(.*$/, '')
  const [, name, version] =
    /^((?:@[^/@]+\/)?[^/@]+)@([^/@]+)$/.exec(bare) ?? /^((?:@[^/@]+\/)?[^/@]+)\/([^/_]+)(?:_.*)?$/.exec(bare) ?? []
  return name === undefined || version === undefined ? undefined : { name, version }
}

function unquoted(text: string): string {
  return /^(['"])(.*)\1$/.exec(text)?.[2] ?? text
}

function unreadable(wanted: string, line: string): AppError {
  return new AppError(
    'usage.request',
    `reading a pnpm-lock.yaml: wanted ${wanted}, found ${JSON.stringify(line.slice(0, 100))}`,
  )
}
