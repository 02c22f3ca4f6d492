/**
 * Who may speak to a port at all: the Host header must be one of a closed list and the request must not come from another
 * web site (`3-registries.md`, "All of them"). That stops DNS rebinding and pages that probe loopback. Pure; asked per request.
 */
import type { IncomingHttpHeaders } from 'node:http'

/** Decides by headers alone. */
export interface HostGuard {
  /** Why the request is refused, one sentence; undefined: it may pass. */
  refusal(headers: IncomingHttpHeaders): string | undefined
}

/** What a guard is made of. */
export interface HostGuardOptions {
  /** Port that the server listens on. */
  readonly port: number
  /** Host names and IP literals without brackets under which it can be reached, beside the loopback names. */
  readonly hosts: readonly string[]
  /** Further Host headers, `name` (with the listening port or none) or `name:port`. */
  readonly extra: readonly string[]
  /** Values of Sec-Fetch-Site that are refused. */
  readonly refusedSites: readonly string[]
}

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '::1']

/** A guard for one listening port. */
export function createHostGuard(options: HostGuardOptions): HostGuard {
  const allowed = new Set<string>()
  for (const host of [...LOOPBACK_NAMES, ...options.hosts]) {
    const name = bracket(host.toLowerCase())
    allowed.add(`${name}:${options.port}`)
    if (options.port === 80) allowed.add(name)
  }
  for (const entry of options.extra) {
    const name = entry.toLowerCase()
    allowed.add(name)
    if (!/:[0-9]+$/.test(name) || name.endsWith(']')) allowed.add(`${name}:${options.port}`)
  }
  const sites = new Set(options.refusedSites)
  return {
    refusal(headers) {
      const host = headers.host
      if (host === undefined) return 'the request names no Host'
      if (!allowed.has(host.toLowerCase())) {
        return `the Host ${JSON.stringify(host.slice(0, 100))} is not one of this node: start it with --allowed-host if it should be`
      }
      const site = headers['sec-fetch-site']
      if (typeof site === 'string' && sites.has(site)) return 'the request comes from a page of another web site'
      return undefined
    },
  }
}

function bracket(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
}
