/** Which want a request is, by the rows of its ecosystem's routing table. Pure. */
import type { Want } from '../base/located.ts'
import type { Ecosystem, RequestView } from '../ecosystems/ecosystem.ts'

/** The want of the first row that matches; HEAD is GET without a body. @throws usage.request if a name in the path is malformed */
export function match(request: RequestView & { readonly ecosystem: Ecosystem }): Want {
  for (const { methods, pattern, want } of request.ecosystem.routes) {
    if (!methods.includes(request.method) && !(request.method === 'HEAD' && methods.includes('GET'))) continue
    const found = pattern.exec(request.path)
    if (found !== null) return want(present(found.groups ?? {}), request)
  }
  const message = `this node does not answer ${request.method} ${request.path.slice(0, 200)}`
  return { kind: 'unsupported', reason: { code: 'unsupported', message } }
}

/** Groups that took part in the match. */
function present(groups: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const taken: Record<string, string> = {}
  for (const [name, value] of Object.entries(groups)) if (value !== undefined) taken[name] = value
  return taken
}

/** The path with its query, as a neighbour is asked for it. */
export function pathAndQuery({ path, query }: Pick<RequestView, 'path' | 'query'>): string {
  const encoded = new URLSearchParams(query).toString()
  return encoded === '' ? path : `${path}?${encoded}`
}
