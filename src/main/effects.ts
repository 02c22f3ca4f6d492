/**
 * The real clock, randomness and logger: the only place where the whole program takes time and chance from the machine.
 * Built once by `daemon.ts` and handed to every part by `wire.ts`.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { type DestinationStream, destination, type Logger as PinoLogger, pino } from 'pino'
import type { Clock, LogFacts, Logger, Random } from '../base/clock.ts'
import { errorChain, wrapError } from '../base/errors.ts'
import type { LogLevel } from './config/settings.ts'
import { logLine } from './log-line.ts'

/** The machine's clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  async sleep(ms, signal) {
    try {
      await wait(ms, undefined, signal === undefined ? {} : { signal })
    } catch (cause) {
      throw wrapError(cause, 'aborted.caller', 'waiting was given up because the caller left')
    }
  },
  after(ms, fn) {
    const timer = setTimeout(fn, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
}

/** The machine's randomness. */
export const systemRandom: Random = {
  bytes: (count) => randomBytes(count),
  fraction: () => randomBytes(4).readUInt32BE() / 2 ** 32,
}

/**
 * Trusts the machine's certificate authorities beside Node's own list, as the stock clients do: a company's proxy or mirror
 * that npm or dockerd accepts must not be an unknown issuer to the node. Peers are not concerned: their keys are pinned.
 */
export function trustSystemCertificates(): void {
  setDefaultCACertificates([...new Set([...getCACertificates('default'), ...getCACertificates('system')])])
}

/** A logger and the way to empty its buffer before the process ends. */
export interface LogSink {
  readonly logger: Logger
  flush(): void
}

/** Lines that wait for a slow reader of stderr are dropped beyond this, so that logging never fills the memory. */
const LOG_BUFFER_BYTES_MAX = 1_048_576

/** Structured logs, one JSON line each (or, for a `person` who watches, one readable line), on stderr: stdout is for readiness. */
export function createLogSink(level: LogLevel, person: boolean): LogSink {
  const stream = destination({ dest: 2, sync: false, minLength: 0, maxLength: LOG_BUFFER_BYTES_MAX })
  // A reader of stderr that goes away must not take the node with it.
  stream.on('error', () => {})
  return {
    logger: adapt(
      pino(
        { level, base: null },
        person ? { write: (json) => stream.write(logLine(json)) } : (stream as DestinationStream),
      ),
    ),
    flush() {
      try {
        stream.flushSync()
      } catch {
        // stderr is closed or was never opened: there is nobody left to tell.
      }
    },
  }
}

function adapt(inner: PinoLogger): Logger {
  return {
    debug: (facts, message) => inner.debug(plain(facts), message),
    info: (facts, message) => inner.info(plain(facts), message),
    warn: (facts, message) => inner.warn(plain(facts), message),
    error: (facts, message) => inner.error(plain(facts), message),
    child: (facts) => adapt(inner.child(plain(facts))),
  }
}

/** Errors lose their message in JSON: they are written as the chain of their messages. */
function plain(facts: LogFacts): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(facts)) out[key] = value instanceof Error ? errorChain(value) : value
  return out
}
