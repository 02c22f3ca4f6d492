/**
 * buildx with the docker-container driver: its BuildKit runs in a container and reads no daemon.json. New builders take
 * `buildkitd.default.toml` of buildx's own folder, where this node becomes the first mirror of Docker Hub. Pure. Specification:
 * buildx's "Default configuration" and BuildKit's buildkitd.toml.
 */
import { AppError } from '../../../base/errors.ts'
import type { ClientEnvironment, ClientSetup } from '../../ecosystem.ts'
import { ended, isTable, parseToml, type Segment, segmentsOf, type Table, tableAt, textOf } from './toml.ts'

const HUB = 'docker.io'
const REGISTRY = 'registry'

/** The setup of buildx. */
export const buildx: ClientSetup = {
  name: 'buildx',
  title: 'buildx (docker-container driver)',
  program: 'docker-buildx',
  files: (env) => [{ path: `${home(env)}/buildkitd.default.toml`, mode: 0o644, role: 'own' }],
  edit(text = '', target, file) {
    const host = locationOf(target.url)
    const root = parseToml(text, file.path)
    const mirrors = mirrorsOf(root, file.path)
    if (mirrors[0] === host && tableAt(root, [REGISTRY, host]) !== undefined) return text
    const list = `  mirrors = ${JSON.stringify([host, ...mirrors.filter((mirror) => mirror !== host)])}`
    const pointed = withMirrors(text, list)
    const known = tableAt(root, [REGISTRY, host]) !== undefined || !target.url.startsWith('http:')
    const edited = known ? pointed : `${ended(pointed)}[${REGISTRY}.${JSON.stringify(host)}]\n  http = true\n`
    return confirmed(edited, file.path, host)
  },
  undo(text, target, file, before) {
    const host = locationOf(target.url)
    const then = parseToml(before ?? '', file.path)
    parseToml(text, file.path)
    const keepsHost = tableAt(then, [REGISTRY, host]) !== undefined
    const kept = segmentsOf(text).filter((segment) => keepsHost || !isRegistry(segment, host))
    const rest = mirrorsOf(then, file.path)[0] === host ? textOf(kept) : withoutMirror(kept, host, before)
    return before === undefined && rest.trim() === '' ? undefined : rest
  },
  upstreams(text, file) {
    const root = parseToml(text, file.path)
    return mirrorsOf(root, file.path).map((mirror) => {
      const isPlain = tableAt(root, [REGISTRY, mirror])?.http === true
      return { name: HUB, url: `${isPlain ? 'http' : 'https'}://${mirror.replace(/\/+$/, '')}` }
    })
  },
  afterwards:
    'only new builders read it, and theirs must reach this machine: docker buildx create --name pyrsia --driver docker-container --driver-opt network=host --use',
}

function home({ home, variables }: ClientEnvironment): string {
  if (variables.BUILDX_CONFIG) return variables.BUILDX_CONFIG
  return `${variables.DOCKER_CONFIG || `${home}/.docker`}/buildx`
}

/** Host, port and path: what this format calls a mirror. */
function locationOf(url: string): string {
  return url.replace(/^https?:\/\//, '').replace(/\/+$/, '')
}

function mirrorsOf(root: Table, path: string): readonly string[] {
  const mirrors = tableAt(root, [REGISTRY, HUB])?.mirrors ?? []
  if (Array.isArray(mirrors) && mirrors.every((mirror) => typeof mirror === 'string')) return mirrors
  throw refused(path, 'its mirrors are no list of names')
}

function withMirrors(text: string, list: string): string {
  const segments = segmentsOf(text)
  const hub = segments.find((segment) => isRegistry(segment, HUB))
  if (hub === undefined) return `${ended(text)}[${REGISTRY}."${HUB}"]\n${list}\n`
  const lines = [...hub.lines]
  const at = mirrorsLine(hub)
  if (at >= 0) lines[at] = `${list}${endOf(lines[at])}`
  else lines.splice(0, 1, ended(lines[0] ?? ''), `${list}\n`)
  return textOf(segments.map((segment) => (segment === hub ? { ...segment, lines } : segment)))
}

/** The line of `before` in the place of ours, if it had one; else without the line, and without a table that it alone made. */
function withoutMirror(segments: readonly Segment[], host: string, before: string | undefined): string {
  const hub = segments.find((segment) => isRegistry(segment, HUB))
  const at = hub === undefined ? -1 : mirrorsLine(hub)
  if (hub === undefined || at < 0 || !hub.lines[at]?.includes(JSON.stringify(host))) return textOf(segments)
  const then = segmentsOf(before ?? '').find((segment) => isRegistry(segment, HUB))
  const line = then === undefined ? -1 : mirrorsLine(then)
  const lines = [...hub.lines]
  const restored = line < 0 ? [] : [`${(then?.lines[line] ?? '').replace(/\r?\n$/, '')}${endOf(lines[at])}`]
  lines.splice(at, 1, ...restored)
  const isOurs = then === undefined && lines.slice(1).every((each) => each.trim() === '')
  return textOf(segments.map((segment) => (segment === hub ? { ...segment, lines: isOurs ? [] : lines } : segment)))
}

function isRegistry({ path }: Segment, name: string): boolean {
  return path.length === 2 && path[0] === REGISTRY && path[1] === name
}

function mirrorsLine({ lines }: Segment): number {
  return lines.findIndex((line) => /^\s*mirrors\s*=/.test(line))
}

function endOf(line: string | undefined): string {
  return /\r?\n$/.exec(line ?? '')?.[0] ?? ''
}

/** `edited` if it means what it should: forms that this file does not write (lists over several lines) would not. @throws usage.config */
function confirmed(edited: string, path: string, host: string): string {
  let root: Table | undefined
  try {
    root = parseToml(edited, path)
  } catch {
    root = undefined
  }
  const hub = root === undefined ? undefined : tableAt(root, [REGISTRY, HUB])
  if (isTable(hub) && Array.isArray(hub.mirrors) && hub.mirrors[0] === host) return edited
  throw refused(path, 'it is written in a form that cannot be added to')
}

function refused(path: string, why: string): AppError {
  return new AppError('usage.config', `${path} is not changed: ${why}`, { data: { path } })
}
