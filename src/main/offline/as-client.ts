/** How `keep/sync` becomes a client of this node's own read flow, and what this machine would pull. Used by `wire.ts`. */
import type { Ask } from '../../keep/sync/types.ts'
import type { ServeRequest } from '../../serve/serve.ts'

/** A sync's request as a client on this machine would make it. `endpoints` are the URLs by the ids of ecosystems. */
export function asClient(asked: Ask, endpoints: Readonly<Record<string, string>>): ServeRequest {
  const url = URL.parse(endpoints[asked.ecosystem.id] ?? '')
  return { ...asked, base: url?.origin ?? 'http://127.0.0.1', body: undefined }
}

/** Node's name of an architecture as image indexes spell it; containers run Linux everywhere. */
export function containerPlatform(architecture: string): string {
  const spelled: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' }
  return `linux/${spelled[architecture] ?? architecture}`
}
