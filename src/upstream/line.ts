/** The configured upstreams as the client keeps them: rules, lanes and health of each. Made by `client.ts`. */
import type { Clock, Logger, Random } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import type { UpstreamLimits } from './limits.ts'
import { hostPort, parseBase, type TargetRules } from './rules/target.ts'
import { createHealth, type Health } from './state/health.ts'
import { createLanes, type Lanes } from './state/lanes.ts'
import type { UpstreamConfig } from './upstream.ts'

/** What every upstream client is given. */
export interface UpstreamOptions {
  /** Names are unique. */
  readonly upstreams: readonly UpstreamConfig[]
  /** True: nothing is ever asked. */
  readonly offline: boolean
  /** `host:port` of private hosts that redirects and documents may lead to, besides the upstreams themselves. */
  readonly allowPrivate?: readonly string[]
  /** Single bounds that differ from `UPSTREAM_LIMITS`. */
  readonly limits?: Partial<UpstreamLimits>
}

/** Time, randomness and a log. */
export interface UpstreamDependencies {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** One upstream as the client keeps it. */
export interface Line {
  readonly config: UpstreamConfig
  readonly rules: TargetRules
  readonly lanes: Lanes
  readonly health: Health
}

/** The lines of all upstreams by name. @throws usage.config for a malformed or repeated one */
export function createLines(
  options: UpstreamOptions,
  limits: UpstreamLimits,
  dependencies: UpstreamDependencies,
): ReadonlyMap<string, Line> {
  const bases = options.upstreams.map((config) => parseBase(config.name, config.url))
  const configured = new Set([...bases.map(hostPort), ...(options.allowPrivate ?? [])])
  const lines = new Map<string, Line>()
  for (const [index, config] of options.upstreams.entries()) {
    const base = bases[index]
    if (base === undefined || lines.has(config.name) || !/^[\x21-\x7e]{1,255}$/.test(config.name)) {
      throw new AppError('usage.config', `wanted upstreams with different, printable names, found ${config.name}`)
    }
    lines.set(config.name, {
      config,
      rules: { base, configured },
      lanes: createLanes({
        name: config.name,
        lanes: limits.connections,
        reserve: limits.interactiveReserve,
        queue: limits.queue,
      }),
      health: createHealth(config, limits, dependencies),
    })
  }
  return lines
}
