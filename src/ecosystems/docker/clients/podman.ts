/**
 * podman, buildah and skopeo: a drop-in beside registries.conf that puts this node before Docker Hub and before the mirrors
 * that were there. Pure. Specification: containers-registries.conf(5) and containers-registries.conf.d(5).
 */
import type { ClientEnvironment, ClientSetup, ClientTarget, ClientUpstream } from '../../ecosystem.ts'
import { ended, isTable, parseToml, type Segment, segmentsOf, type Table, textOf } from './toml.ts'

const HUB = 'docker.io'

/** The setup of podman and its kin. */
export const podman: ClientSetup = {
  name: 'podman',
  title: 'podman, buildah, skopeo',
  program: 'podman',
  files: (env) => [
    { path: `${home(env)}/registries.conf.d/050-pyrsia.conf`, mode: 0o644, role: 'ours' },
    { path: `${home(env)}/registries.conf`, mode: 0o644, role: 'main' },
  ],
  edit(text, target, file) {
    if (file.role === 'main') return text
    const root = parseToml(text ?? '', file.path)
    const mirrors = hubOf(root)?.mirror
    const first = Array.isArray(mirrors) && isTable(mirrors[0]) ? mirrors[0].location : undefined
    if (text !== undefined && first === locationOf(target.url)) return text
    const rest = ended(withoutHub(text ?? ''))
    return `${rest}${rest === '' ? '' : '\n'}${blockOf(target)}`
  },
  undo(text, _target, file, before) {
    if (file.role === 'main') return text
    parseToml(text, file.path)
    const rest = withHubOf(before ?? '', withoutHub(text))
    return before === undefined && rest.replaceAll(NOTE, '').trim() === '' ? undefined : rest
  },
  upstreams(text, file) {
    const hub = hubOf(parseToml(text, file.path))
    if (hub === undefined) return []
    const mirrors = Array.isArray(hub.mirror) ? hub.mirror : []
    return [...mirrors, hub].filter(isTable).flatMap(urlOf)
  },
  afterwards: undefined,
}

const NOTE = '# Written by pyrsia setup podman; pyrsia setup podman --undo takes it away.\n'

function home(env: ClientEnvironment): string {
  return env.user === 'root' ? '/etc/containers' : `${env.home}/.config/containers`
}

function blockOf(target: ClientTarget): string {
  const mirrors = [target.url, ...target.behind.map((each) => each.url)].map((url) => {
    const insecure = url.startsWith('http:') ? 'insecure = true\n' : ''
    return `\n[[registry.mirror]]\nlocation = ${JSON.stringify(locationOf(url))}\n${insecure}`
  })
  return `${NOTE}[[registry]]\nprefix = "${HUB}"\nlocation = "${HUB}"\n${mirrors.join('')}`
}

/** Host, port and path of a URL: what this format calls a location. */
function locationOf(url: string): string {
  return url.replace(/^https?:\/\//, '').replace(/\/+$/, '')
}

function hubOf(root: Table): Table | undefined {
  const registries = Array.isArray(root.registry) ? root.registry.filter(isTable) : []
  return registries.find((registry) => (registry.prefix ?? registry.location) === HUB)
}

function urlOf(registry: Table): ClientUpstream[] {
  const { location, insecure } = registry
  if (typeof location !== 'string' || location === '' || location === HUB) return []
  return [{ name: HUB, url: `${insecure === true ? 'http' : 'https'}://${location.replace(/\/+$/, '')}` }]
}

/** `text` without the registry entry of Docker Hub, its mirrors and our note. */
function withoutHub(text: string): string {
  return textOf(parted(text).rest).replace(NOTE, '')
}

/** `text`, in which no entry of Docker Hub is, with the one that `before` had. */
function withHubOf(before: string, text: string): string {
  const hub = textOf(parted(before).hub)
  return hub === '' ? text : `${ended(text)}${hub}`
}

/** The segments of Docker Hub's entry, and all others. */
function parted(text: string): { readonly hub: Segment[]; readonly rest: Segment[] } {
  const hub: Segment[] = []
  const rest: Segment[] = []
  let within = false
  for (const segment of segmentsOf(text)) {
    if (segment.path.length === 1 && segment.path[0] === 'registry') within = isHub(segment)
    else if (segment.path[0] !== 'registry') within = false
    ;(within ? hub : rest).push(segment)
  }
  return { hub, rest }
}

/** True for the header of the entry that `hubOf` finds: without a prefix, its location is what it is for. */
function isHub(segment: Segment): boolean {
  return hubOf(parseToml(textOf([segment]), '')) !== undefined
}
