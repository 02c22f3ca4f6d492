/** Disk and proxy: what a node and its clients need of the machine. A step of `doctor.ts`. */
import type { ClientEnvironment } from '../../ecosystems/ecosystem.ts'
import type { Checked } from './check-node.ts'
import type { Finding } from './finding.ts'
import type { NodeFacts } from './node-facts.ts'
import type { Senses } from './senses.ts'

/** With less, the next large file does not fit. */
const FREE_BYTES_MIN = 200_000_000
/** Of the limit: what is pinned cannot be evicted, so that beyond this little room is left for anything new. */
const PINNED_SHARE_MAX = 0.9
const PROXY_VARIABLES = ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'] as const

/** Checks the machine. */
export async function checkMachine(node: NodeFacts, environment: ClientEnvironment, senses: Senses): Promise<Checked> {
  const findings: Finding[] = []
  const well: string[] = []
  const room = await senses.room(node.data)
  if (room !== undefined && room.freeBytes < FREE_BYTES_MIN) {
    findings.push({
      severity: 'error',
      check: 'disk.full',
      wanted: `${megabytes(FREE_BYTES_MIN)} free for the store in ${node.data}`,
      found: `${megabytes(room.freeBytes)} of ${megabytes(room.totalBytes)} are free`,
      mend: 'pyrsia cache gc --to-bytes N, make room, or start the node with --data on another disk',
    })
  } else if (room !== undefined) well.push(`The disk has room: ${megabytes(room.freeBytes)} are free`)
  if (node.builder) {
    const sandbox = await senses.sandbox()
    if ('name' in sandbox) well.push(`Builds run contained by ${sandbox.name}`)
    else {
      findings.push({
        severity: 'error',
        check: 'builder.sandbox',
        wanted: 'a sandbox for the builds of --builder',
        found: sandbox.reason,
        mend: sandbox.advice,
      })
    }
  }
  findings.push(...storeFindings(node), ...(await proxyFindings(node, environment.variables, senses)))
  return { findings, well }
}

function storeFindings({ running }: NodeFacts): Finding[] {
  const findings: Finding[] = []
  if (running === undefined) return findings
  const { pinnedBytes, limitBytes, damaged } = running.store
  if (pinnedBytes > limitBytes * PINNED_SHARE_MAX) {
    findings.push({
      severity: 'warning',
      check: 'store.pinned',
      wanted: 'room in the store for what is not pinned',
      found: `${megabytes(pinnedBytes)} of ${megabytes(limitBytes)} are pinned and cannot be evicted`,
      mend: 'pyrsia config edit --diskspace SIZE, or let something go: pyrsia sync --list, pyrsia cache ls',
    })
  }
  if (damaged > 0) {
    findings.push({
      severity: 'warning',
      check: 'store.damaged',
      wanted: 'stored blobs as they were verified',
      found: `${damaged} are damaged and are not served`,
      mend: 'pyrsia cache scrub; damaged blobs point at a failing disk',
    })
  }
  return findings
}

async function proxyFindings(
  node: NodeFacts,
  variables: ClientEnvironment['variables'],
  senses: Senses,
): Promise<Finding[]> {
  const findings: Finding[] = []
  const seen = new Map<string, boolean>()
  const hosts = new Set(Object.values(node.endpoints).map((url) => new URL(url).hostname))
  for (const name of PROXY_VARIABLES) {
    const value = variables[name]
    if (value === undefined || value === '') continue
    const proxy = URL.parse(value.includes('://') ? value : `http://${value}`)
    const address = proxy === null ? undefined : { host: bareHost(proxy.hostname), port: portOf(proxy) }
    const key = `${address?.host}:${address?.port}`
    const answers =
      address === undefined ? false : (seen.get(key) ?? (await senses.listens(address.host, address.port)))
    seen.set(key, answers)
    if (!answers) {
      findings.push({
        severity: 'error',
        check: 'proxy.dead',
        wanted: `the proxy of the environment variable ${name} to answer`,
        found: address === undefined ? 'its value is no address' : `nothing listens at ${key}`,
        mend: `unset ${name}`,
      })
    }
    const past = [...hosts].filter((host) => !isExempt(host, variables.no_proxy ?? variables.NO_PROXY ?? ''))
    if (/^https/i.test(name) || past.length === 0) continue
    findings.push({
      severity: 'warning',
      check: 'proxy.node',
      wanted: `clients to ask the node at ${past.join(', ')} directly`,
      found: `${name} sends them through a proxy, which cannot reach this machine's loopback`,
      mend: `export no_proxy=${past.join(',')} NO_PROXY=${past.join(',')}`,
    })
  }
  return findings
}

function isExempt(host: string, list: string): boolean {
  const entries = list.split(/[\s,]+/).map((entry) => entry.replace(/^\*?\./, '').toLowerCase())
  return entries.some((entry) => entry === '*' || (entry !== '' && (host === entry || host.endsWith(`.${entry}`))))
}

function portOf({ port, protocol }: URL): number {
  if (port !== '') return Number(port)
  return protocol === 'https:' ? 443 : protocol.startsWith('socks') ? 1080 : 80
}

function bareHost(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '')
}

function megabytes(bytes: number): string {
  return `${Math.floor(bytes / 1e6)} MB`
}
