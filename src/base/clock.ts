/** Time, randomness and logging as values that are handed in, so that a whole network runs in one process under a seed. */

/** The time, and waiting for it. The real one is `main/effects.ts`; tests and the simulation hand in their own. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00Z, as the machine believes. For records and ages, never for measuring. */
  nowMs(): number
  /** Milliseconds of a clock that never goes back. For measuring and deadlines. */
  monotonicMs(): number
  /** Resolves after `ms`. @throws aborted.caller as soon as `signal` aborts */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Calls `fn` once after `ms` unless the returned function was called before. Does not keep the process alive. */
  after(ms: number, fn: () => void): () => void
}

/** A source of randomness. */
export interface Random {
  /** `count` random bytes. */
  bytes(count: number): Uint8Array
  /** A number in [0, 1). */
  fraction(): number
}

/** Facts of a log line; never keys, tokens or credentials. */
export type LogFacts = Readonly<Record<string, unknown>>

/** A structured logger. */
export interface Logger {
  debug(facts: LogFacts, message: string): void
  info(facts: LogFacts, message: string): void
  warn(facts: LogFacts, message: string): void
  error(facts: LogFacts, message: string): void
  /** A logger that adds `facts` to each line. */
  child(facts: LogFacts): Logger
}

/** A logger that says nothing. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
}
