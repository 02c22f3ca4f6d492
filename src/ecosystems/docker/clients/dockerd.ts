/**
 * dockerd: `registry-mirrors` of daemon.json, with this node before the mirrors that were there. Pure.
 * Specification: the dockerd reference; the file is strict JSON, and a daemon that cannot read it does not start.
 */
import { applyEdits, findNodeAtLocation, type JSONPath, modify, type ParseError, parse, parseTree } from 'jsonc-parser'
import { AppError } from '../../../base/errors.ts'
import type { ClientEnvironment, ClientSetup } from '../../ecosystem.ts'
import { dockerDoctor } from './doctor.ts'

const KEY = 'registry-mirrors'

/** The setup of dockerd, rootless and Docker Desktop included. */
export const dockerd: ClientSetup = {
  name: 'docker',
  title: 'Docker',
  program: 'dockerd',
  files: (env) => [{ path: `${home(env)}/daemon.json`, mode: 0o644, role: 'daemon' }],
  edit(text, target, file) {
    const present = read(text ?? '', file.path)
    const mirrors = mirrorsOf(present, file.path)
    if (mirrors?.[0] !== undefined && same(mirrors[0], target.url)) return text
    if (text === undefined || text.trim() === '') return `${JSON.stringify({ [KEY]: [target.url] }, null, 2)}\n`
    const later = mirrors?.findIndex((mirror) => same(mirror, target.url)) ?? -1
    const cleared = later < 0 ? text : removed(text, [KEY, later])
    return mirrors === undefined ? added(cleared, target.url) : inserted(cleared, target.url)
  },
  undo(text, target, file, before) {
    const mirrors = mirrorsOf(read(text, file.path), file.path) ?? []
    const then = before === undefined ? undefined : mirrorsOf(read(before, file.path), file.path)
    const index = mirrors.findIndex((mirror) => same(mirror, target.url))
    if (index < 0 || then?.some((mirror) => same(mirror, target.url))) return text
    const rest = removed(text, mirrors.length === 1 && then === undefined ? [KEY] : [KEY, index])
    return before === undefined && Object.keys(read(rest, file.path)).length === 0 ? undefined : rest
  },
  upstreams: (text, file) =>
    (mirrorsOf(read(text, file.path), file.path) ?? []).map((url) => ({
      name: 'docker.io',
      url: url.replace(/\/+$/, ''),
    })),
  afterwards: 'reload the docker daemon: systemctl reload docker (or restart it)',
  doctor: dockerDoctor,
}

function home(env: ClientEnvironment): string {
  if (env.platform === 'darwin') return `${env.home}/.docker`
  if (env.user === 'root') return '/etc/docker'
  const named = env.variables.XDG_CONFIG_HOME
  return `${named === undefined || named === '' ? `${env.home}/.config` : named}/docker`
}

function read(text: string, path: string): Readonly<Record<string, unknown>> {
  if (text.trim() === '') return {}
  const errors: ParseError[] = []
  const value: unknown = parse(text, errors, { disallowComments: true, allowTrailingComma: false })
  const [error] = errors
  if (error !== undefined || typeof value !== 'object' || value === null || Array.isArray(value)) {
    const before = text.slice(0, error?.offset ?? 0)
    const line = before.split('\n').length
    throw new AppError('usage.config', `${path} is not changed: line ${line} is not the JSON of an object`, {
      data: { path, line },
    })
  }
  return value as Readonly<Record<string, unknown>>
}

function mirrorsOf(settings: Readonly<Record<string, unknown>>, path: string): readonly string[] | undefined {
  const mirrors = settings[KEY]
  if (mirrors === undefined) return undefined
  if (Array.isArray(mirrors) && mirrors.every((mirror) => typeof mirror === 'string')) return mirrors
  throw new AppError('usage.config', `${path} is not changed: its ${KEY} is not a list of URLs`, { data: { path } })
}

/** Ours as the first mirror, spaced as the one that was. The library's own formatting would reach the neighbours' lines too. */
function inserted(text: string, url: string): string {
  const list = findNodeAtLocation(parseTree(text) ?? { type: 'null', offset: 0, length: 0 }, [KEY])
  const open = (list?.offset ?? 0) + 1
  const first = list?.children?.[0]?.offset
  const space = first === undefined ? '' : text.slice(open, first)
  return `${text.slice(0, open)}${space}${JSON.stringify(url)}${first === undefined ? '' : ','}${text.slice(open)}`
}

/** A new list as the first property, on a line of its own. */
function added(text: string, url: string): string {
  const open = text.indexOf('{') + 1
  const rest = text.slice(open)
  const eol = text.includes('\r\n') ? '\r\n' : '\n'
  const indent = /\n([ \t]+)\S/.exec(text)?.[1] ?? '  '
  const property = `${eol}${indent}${JSON.stringify(KEY)}: ${JSON.stringify([url])}`
  const empty = /^\s*\}/.test(rest)
  return `${text.slice(0, open)}${property}${empty ? eol : ','}${empty ? rest.trimStart() : rest}`
}

function removed(text: string, at: JSONPath): string {
  return applyEdits(text, modify(text, at, undefined, {}))
}

function same(a: string, b: string): boolean {
  return a.replace(/\/+$/, '') === b.replace(/\/+$/, '')
}
