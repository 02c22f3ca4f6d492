/** `pyrsia ping`: is the node up, and how quickly does it answer. */
import type { PingView } from '../http/http.ts'
import type { CliContext, CommonOptions } from './context.ts'
import { json } from './format.ts'

/** @throws unavailable.node */
export async function ping(context: CliContext, options: CommonOptions): Promise<void> {
  const node = await context.connect(options.data)
  const startedMs = context.monotonicMs()
  const found = await node.get<PingView>('/api/ping')
  const roundTripMs = Math.round((context.monotonicMs() - startedMs) * 10) / 10
  if (options.json) context.out(json({ ...found, url: node.url, roundTripMs }))
  else context.out(`Pyrsia ${found.version} answers at ${node.url} in ${roundTripMs} ms\n`)
}
