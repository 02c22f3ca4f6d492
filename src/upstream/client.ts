/**
 * The rules of asking upstream, over any transport: a free lane, an upstream that is well, attempts with jitter, redirects and
 * challenges within each, and a body that frees all of it at its end. `createUndiciUpstream` and `createMemoryUpstream` are
 * this over the wire and over scripts. It does not know documents, blobs or caches: those are `serve/`.
 */
import { AppError } from '../base/errors.ts'
import { UPSTREAM_LIMITS } from './limits.ts'
import { createLines, type UpstreamDependencies, type UpstreamOptions } from './line.ts'
import { attempted } from './request/attempts.ts'
import { createExchanger } from './request/exchange.ts'
import { openedReply } from './request/reply.ts'
import { openSession } from './request/session.ts'
import { firstHop } from './rules/target.ts'
import type { Upstream, UpstreamReply, UpstreamRequest } from './upstream.ts'
import type { Transport } from './wire/transport.ts'

/** The client over `transport`, which it owns. @throws usage.config for a malformed or repeated upstream */
export function createClient(
  options: UpstreamOptions,
  dependencies: UpstreamDependencies & { readonly transport: Transport },
): Upstream {
  const limits = { ...UPSTREAM_LIMITS, ...options.limits }
  const lines = createLines(options, limits, dependencies)
  const closing = new AbortController()
  const exchange = createExchanger(limits, { ...dependencies, lines, closing: closing.signal })

  async function request(asked: UpstreamRequest): Promise<UpstreamReply> {
    if (closing.signal.aborted) throw new AppError('aborted.shutdown', 'the upstream client is closed')
    const line = lines.get(asked.upstream)
    if (line === undefined)
      throw new AppError('absent.upstream', `no upstream is called ${asked.upstream.slice(0, 200)}`)
    if (options.offline) {
      throw new AppError('unavailable.offline', `${asked.upstream} is not asked: the node was started offline`)
    }
    const first = firstHop(line.rules, asked.path)
    const budgetMs = asked.interactive ? limits.interactiveBudgetMs : limits.backgroundBudgetMs
    const session = openSession(asked, closing.signal, budgetMs, dependencies.clock)
    try {
      session.onEnd(await line.lanes.enter(asked.interactive, session.signal))
      if (asked.patienceMs !== undefined) session.hurry(asked.patienceMs)
      const once = () => exchange(line, asked, first, session.signal)
      const reply = await attempted({ line, session, asked, once }, limits, dependencies)
      session.headersArrived()
      return openedReply(line, session, asked, reply, limits.skipBytesMax)
    } catch (cause) {
      session.end()
      throw session.explain(cause)
    }
  }

  return {
    request,
    config: (name) => lines.get(name)?.config,
    askable: (name) => !options.offline && !closing.signal.aborted && (lines.get(name)?.health.askable() ?? false),
    states: () => [...lines.values()].map((line) => line.health.state(options.offline)),
    async close() {
      closing.abort(new AppError('aborted.shutdown', 'the upstream client is closed'))
      await dependencies.transport.close()
    },
  }
}
