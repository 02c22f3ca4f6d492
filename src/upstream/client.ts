/**
 * The rules of asking upstream, over any transport: a free lane, an upstream that is well, attempts with jitter, redirects and
 * challenges within each, and a body that frees all of it at its end. `createUndiciUpstream` and `createMemoryUpstream` are
 * this over the wire and over scripts. It does not know documents, blobs or caches: those are `serve/`.
 */
import { AppError, errorChain, isKind, wrapError } from '../base/errors.ts'
import { decoded, EMPTY_BODY, ownedBody, portion } from './body.ts'
import { createExchanger } from './exchange.ts'
import { contentLength, replyHeaders } from './headers.ts'
import type { Health } from './health.ts'
import { UPSTREAM_LIMITS } from './limits.ts'
import { createLines, type Line, type UpstreamDependencies, type UpstreamOptions } from './line.ts'
import { rangedReply } from './ranges.ts'
import { openSession, type Session } from './session.ts'
import { firstHop } from './target.ts'
import type { Transport, WirePhase, WireReply } from './transport.ts'
import type { Upstream, UpstreamReply, UpstreamRequest } from './upstream.ts'

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
      const reply = await attempts(line, session, asked, () => exchange(line, asked, first, session.signal))
      session.headersArrived()
      return finished(line, session, asked, reply)
    } catch (cause) {
      session.end()
      throw session.explain(cause)
    }
  }

  async function attempts(
    line: Line,
    session: Session,
    asked: UpstreamRequest,
    once: () => Promise<WireReply>,
  ): Promise<WireReply> {
    const attemptsMax = asked.interactive ? limits.interactiveAttempts : limits.backgroundAttempts
    let last: AppError | undefined
    for (let attempt = 1; ; attempt += 1) {
      const trial = enter(line, last)
      let reply: WireReply
      try {
        reply = await once()
      } catch (cause) {
        const error = wrapError(session.explain(cause), 'unavailable.upstream', `asking ${asked.upstream} failed`)
        last = error
        if (error.kind === 'aborted') {
          trial.undecided()
          throw error
        }
        line.health.failed(errorChain(error).join(': '))
        const waitMs = pauseMs(line, asked, error, attempt, attemptsMax)
        if (error.kind === 'unavailable') trial.failed(POINTS[phaseOf(error)] ?? 1)
        else trial.succeeded()
        if (waitMs === undefined) throw error
        dependencies.logger.debug({ upstream: asked.upstream, attempt, waitMs, error: error.message }, 'asking again')
        await dependencies.clock.sleep(waitMs, session.signal)
        continue
      }
      trial.succeeded()
      return reply
    }
  }

  /** How long to wait before the next attempt; undefined if there is none. Blocks the upstream where it asked to be left alone. */
  function pauseMs(
    line: Line,
    asked: UpstreamRequest,
    error: AppError,
    attempt: number,
    attemptsMax: number,
  ): number | undefined {
    const stated = error.data.retryAfterMs
    const refused = error.code === 'exhausted.quota'
    const wantedMs = typeof stated === 'number' ? stated : refused ? limits.retryAfterDefaultMs : undefined
    const passing = refused || (error.kind === 'unavailable' && RETRIED.has(phaseOf(error)))
    const repeatable = passing && asked.method !== 'POST' && attempt < attemptsMax
    if (wantedMs !== undefined && (!repeatable || wantedMs > limits.retryAfterWaitMs)) {
      line.health.block(wantedMs)
      return undefined
    }
    if (!repeatable) return undefined
    const spanMs = Math.min(limits.backoffMaxMs, limits.backoffBaseMs * 2 ** (attempt - 1))
    return (wantedMs ?? 0) + dependencies.random.fraction() * spanMs
  }

  function finished(line: Line, session: Session, asked: UpstreamRequest, reply: WireReply): UpstreamReply {
    session.onEnd(() => reply.discard())
    const { 'content-encoding': encoding, ...rest } = replyHeaders(reply.headers)
    if (asked.method === 'HEAD' || [204, 205, 304].includes(reply.status)) {
      session.end()
      return { status: reply.status, headers: rest, body: EMPTY_BODY, sizeBytes: contentLength(rest) }
    }
    const plain = encoding === undefined || encoding.trim().toLowerCase() === 'identity'
    if (!plain) delete rest['content-length']
    const ranged = rangedReply({ status: reply.status, headers: rest }, asked.range, limits.skipBytesMax)
    const whole = decoded(reply.body, encoding)
    const cut = ranged.skipBytes > 0 || ranged.takeBytes !== undefined
    const body = ownedBody(cut ? portion(whole, ranged.skipBytes, ranged.takeBytes) : whole, {
      end: () => session.end(),
      error: (cause) => {
        const error = session.explain(cause)
        if (isKind(error, 'aborted')) return error
        const broken = wrapError(error, 'unavailable.upstream', `the body from ${asked.upstream} broke off`, {
          phase: 'broken',
        })
        line.health.failed(errorChain(broken).join(': '))
        return broken
      },
    })
    return { status: ranged.status, headers: ranged.headers, body, sizeBytes: ranged.sizeBytes }
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

/** How much each kind of failure weighs towards opening the breaker (`UpstreamLimits.breakerPoints`): a host that cannot be reached should not be waited for again. */
const POINTS: Readonly<Record<WirePhase, number>> = {
  connect: 3,
  'connect-timeout': 6,
  tls: 6,
  'headers-timeout': 3,
  broken: 2,
  status: 1,
}

/** Failures after which another attempt may help while somebody waits; time-outs have used up the patience already. */
const RETRIED: ReadonlySet<string> = new Set(['connect', 'broken', 'status'])

function phaseOf(error: AppError): WirePhase {
  return (error.data.phase ?? 'broken') as WirePhase
}

/** Leave for the next attempt; if the breaker has opened meanwhile, the failure that opened it says more. */
function enter(line: Line, last: AppError | undefined): ReturnType<Health['enter']> {
  try {
    return line.health.enter()
  } catch (refusal) {
    throw last ?? refusal
  }
}
