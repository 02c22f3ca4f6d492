/**
 * Reads `yarn.lock`, of yarn 1 (a format of its own) and of yarn 2 and later (YAML of a fixed shape). Both are blocks of a
 * line with the wanted ranges and indented properties; what is indented further is of no interest here. The checksums of the
 * later yarns are of its own archives, not of the registry's tarballs.
 */
import { AppError } from '../../../base/errors.ts'
import type { LockedFile } from '../../ecosystem.ts'
import { eachOnce, lockedTarball } from './locked-tarball.ts'

interface Block {
  readonly wanted: string
  readonly properties: Map<string, string>
}

/** Every registry tarball of the lockfile once. @throws usage.request */
export function readYarnLock(bytes: Uint8Array): LockedFile[] {
  const text = new TextDecoder().decode(bytes)
  const isFirst = /^# yarn lockfile v1$/m.test(text)
  if (!isFirst && !/^__metadata:$/m.test(text)) {
    throw new AppError('usage.request', 'reading a yarn.lock: wanted "# yarn lockfile v1" or __metadata, found neither')
  }
  return eachOnce(blocksOf(text).map(isFirst ? firstYarnFile : laterYarnFile), 'yarn.lock')
}

function blocksOf(text: string): Block[] {
  const blocks: Block[] = []
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith('<<<<<<<')) {
      throw new AppError('usage.request', 'reading a yarn.lock: it has the marks of a merge conflict')
    }
    const wanted = /^([^\s#].*):$/.exec(line)?.[1]
    if (wanted !== undefined) {
      blocks.push({ wanted, properties: new Map() })
      continue
    }
    const [, key, value] = /^ {2}([A-Za-z]+):? (\S.*)$/.exec(line) ?? []
    if (key !== undefined && value !== undefined) blocks.at(-1)?.properties.set(key, unquoted(value))
  }
  return blocks
}

/** `version`, `resolved` and `integrity`; the package's own name stands in the URL, an alias in the ranges. */
function firstYarnFile({ wanted, properties }: Block): LockedFile | undefined {
  const resolved = properties.get('resolved')
  const first = unquoted(wanted.split(', ')[0] ?? '')
  const name = nameInUrl(resolved) ?? first.slice(0, Math.max(0, first.indexOf('@', 1)))
  return lockedTarball({
    name,
    version: properties.get('version') ?? '',
    resolved,
    integrity: properties.get('integrity'),
    tellsIntegrity: false,
  })
}

/** `resolution: "name@npm:version"`, where needed with `::__archiveUrl=` and the escaped URL of the tarball. */
function laterYarnFile({ properties }: Block): LockedFile | undefined {
  const [locator = '', bindings] = (properties.get('resolution') ?? '').split('::', 2)
  const [, name, version] = /^(.+)@npm:([^@]+)$/.exec(locator) ?? []
  if (name === undefined || version === undefined) return undefined
  const resolved = new URLSearchParams(bindings ?? '').get('__archiveUrl') ?? undefined
  return lockedTarball({ name, version, resolved, integrity: undefined, tellsIntegrity: false })
}

function nameInUrl(url: string | undefined): string | undefined {
  const pathname = URL.parse(url ?? '')?.pathname.replace(/%2f/gi, '/')
  return /((?:\/@[^/]+)?\/[^/]+)\/-\/[^/]+\.tgz$/.exec(pathname ?? '')?.[1]?.slice(1)
}

function unquoted(text: string): string {
  return /^"(.*)"$/.exec(text)?.[1] ?? text
}
