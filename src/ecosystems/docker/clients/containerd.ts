/**
 * containerd: `certs.d/_default/hosts.toml` names this node for every registry without a file of its own, and `config.toml`
 * must say where certs.d is. Pure. Specification: containerd's docs/hosts.md and docs/cri/registry.md.
 */
import { AppError } from '../../../base/errors.ts'
import type { ClientSetup, ClientTarget, ClientUpstream } from '../../ecosystem.ts'
import { ended, isTable, isWithin, parseToml, type Segment, segmentsOf, type Table, tableAt, textOf } from './toml.ts'

const HOME = '/etc/containerd'
const HOSTS = `${HOME}/certs.d`
const HUB_HOSTS: ReadonlySet<string> = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io'])

/** The setup of containerd (nerdctl and the CRI included). */
export const containerd: ClientSetup = {
  name: 'containerd',
  title: 'containerd',
  program: 'containerd',
  files: () => [
    { path: `${HOSTS}/_default/hosts.toml`, mode: 0o644, role: 'default' },
    { path: `${HOSTS}/docker.io/hosts.toml`, mode: 0o644, role: 'docker.io' },
    { path: `${HOME}/config.toml`, mode: 0o644, role: 'config' },
  ],
  edit(text, target, file) {
    if (file.role === 'config') return withConfigPath(text, file.path)
    // A registry with a file of its own is looked up there and nowhere else.
    if (text === undefined && file.role !== 'default') return undefined
    return withHost(text ?? '', target, file.path)
  },
  undo(text, target, file, before) {
    const rest = file.role === 'config' ? withoutConfigPath(text, before, file.path) : withoutHost(text, target, before)
    return before === undefined && /^\s*(?:version\s*=\s*2\s*)?$/.test(rest) ? undefined : rest
  },
  upstreams(text, file): ClientUpstream[] {
    if (file.role !== 'docker.io') return []
    const root = parseToml(text, file.path)
    const hosts = Object.entries(tableAt(root, ['host']) ?? {})
    return hosts
      .filter(([, host]) => !(isTable(host) && host.override_path === true))
      .map(([url]) => (/^https?:/.test(url) ? url : `https://${url}`).replace(/\/+$/, ''))
      .filter((url) => !HUB_HOSTS.has(URL.parse(url)?.hostname ?? 'docker.io'))
      .map((url) => ({ name: 'docker.io', url }))
  },
  afterwards:
    'restart containerd if its config.toml was changed (systemctl restart containerd); ctr wants --hosts-dir /etc/containerd/certs.d',
}

function withHost(text: string, target: ClientTarget, path: string): string {
  const root = parseToml(text, path)
  if (tableAt(root, ['host', target.url]) !== undefined) return text
  const ours = `[host.${JSON.stringify(target.url)}]\n  capabilities = ["pull", "resolve"]\n`
  const segments = segmentsOf(text)
  // Hosts are tried in the order in which they stand.
  const first = segments.findIndex((segment) => segment.path[0] === 'host')
  const at = first < 0 ? segments.length : first
  const ahead = ended(textOf(segments.slice(0, at)))
  const edited = `${ahead}${ahead === '' ? '' : '\n'}${ours}${first < 0 ? '' : '\n'}${textOf(segments.slice(at))}`
  return confirmed(edited, path, (now) => tableAt(now, ['host', target.url]) !== undefined)
}

function withoutHost(text: string, target: ClientTarget, before: string | undefined): string {
  const ours = ['host', target.url]
  if (before !== undefined && segmentsOf(before).some((segment) => isWithin(segment.path, ours))) return text
  return textOf(segmentsOf(text).filter((segment) => !isWithin(segment.path, ours)))
}

/** Where `config_path` stands in each version of the configuration. */
function registryPath(root: Table): readonly string[] {
  const version = root.version ?? 1
  if (version === 1) return ['plugins', 'cri', 'registry']
  return ['plugins', version === 2 ? 'io.containerd.grpc.v1.cri' : 'io.containerd.cri.v1.images', 'registry']
}

function withConfigPath(text: string | undefined, path: string): string {
  const root = text === undefined ? { version: 2 } : parseToml(text, path)
  const at = registryPath(root)
  const registry = tableAt(root, at)
  const present = registry?.config_path
  const disabled = root.disabled_plugins
  if (Array.isArray(disabled) && disabled.some((name) => /(?:^|\.)cri$/.test(String(name)))) return text ?? ''
  if (typeof present === 'string' && present.split(':').includes(HOSTS)) return text ?? ''
  if (registry?.mirrors !== undefined) {
    throw new AppError('usage.config', `${path} is not changed: its old registry.mirrors exclude the use of ${HOSTS}`, {
      data: { path },
    })
  }
  const wanted = typeof present === 'string' && present !== '' ? `${present}:${HOSTS}` : HOSTS
  const edited = placed(text ?? 'version = 2\n', at, wanted)
  return confirmed(edited, path, (now) => tableAt(now, at)?.config_path === wanted)
}

function placed(text: string, at: readonly string[], value: string): string {
  const segments = segmentsOf(text)
  const index = segments.findIndex((segment) => isSame(segment.path, at))
  const segment = segments[index]
  const setting = `config_path = ${JSON.stringify(value)}`
  if (segment === undefined) {
    const header = `[${at.map((key) => (/^\w+$/.test(key) ? key : JSON.stringify(key))).join('.')}]`
    return `${ended(text)}\n${header}\n  ${setting}\n`
  }
  const lines = [...segment.lines]
  const line = settingLine(segment)
  if (line >= 0) {
    lines[line] = (lines[line] ?? '').replace(/config_path\s*=\s*(?:"[^"]*"|'[^']*')/, () => setting)
  } else {
    const indent = /^\s*/.exec(lines[0] ?? '')?.[0] ?? ''
    lines.splice(0, 1, ended(lines[0] ?? ''), `${indent}  ${setting}\n`)
  }
  return textOf(segments.map((each) => (each === segment ? { ...each, lines } : each)))
}

function withoutConfigPath(text: string, before: string | undefined, path: string): string {
  const root = parseToml(text, path)
  const at = registryPath(root)
  const then = segmentsOf(before ?? '').find((segment) => isSame(segment.path, at))
  const segments = segmentsOf(text)
  const segment = segments.find((each) => isSame(each.path, at))
  const line = segment === undefined ? -1 : settingLine(segment)
  const value = tableAt(root, at)?.config_path
  if (segment === undefined || line < 0 || typeof value !== 'string' || !value.split(':').includes(HOSTS)) return text
  const lineThen = then === undefined ? -1 : settingLine(then)
  const lines = [...segment.lines]
  lines.splice(line, 1, ...(lineThen < 0 ? [] : [then?.lines[lineThen] ?? '']))
  const empty = then === undefined && lines.slice(1).every((each) => each.trim() === '')
  return textOf(segments.map((each) => (each === segment ? { ...each, lines: empty ? [] : lines } : each)))
}

function settingLine(segment: Segment): number {
  return segment.lines.findIndex((line) => /^\s*config_path\s*=/.test(line))
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && isWithin(a, b)
}

/** `edited` if it means what it should; forms that this file does not write (inline tables) would not. @throws usage.config */
function confirmed(edited: string, path: string, holds: (root: Table) => boolean): string {
  let root: Table | undefined
  try {
    root = parseToml(edited, path)
  } catch {
    root = undefined
  }
  if (root !== undefined && holds(root)) return edited
  throw new AppError('usage.config', `${path} is not changed: it is written in a form that cannot be added to`, {
    data: { path },
  })
}
