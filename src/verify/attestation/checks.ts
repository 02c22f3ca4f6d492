/** A list of checks as people are shown it: what was asked, and what was found; after the first no nothing more is asked. Pure. */
import { AppError, errorChain } from '../../base/errors.ts'

/** One check. */
export interface AttestationCheck {
  readonly name: string
  /** Undefined: it was not reached. */
  readonly holds: boolean | undefined
  readonly found: string
}

/** How checking ended. */
export interface Checked<T> {
  readonly checks: readonly AttestationCheck[]
  /** Why it is no; undefined: it is yes. */
  readonly failure: AppError | undefined
  /** What was checked, as far as it was read. */
  readonly value: T | undefined
}

/** Makes one check: what it gives is told by `found`. */
export type Check = <T>(name: string, made: () => T, found: (value: T) => string) => T

/** Runs `all`, which makes its checks one after the other, those that are `expected` at least. */
export function runChecks<T>(expected: readonly string[], all: (check: Check) => T): Checked<T> {
  const checks: AttestationCheck[] = []
  const check: Check = (name, made, found) => {
    try {
      const value = made()
      checks.push({ name, holds: true, found: found(value) })
      return value
    } catch (error) {
      checks.push({ name, holds: false, found: errorChain(error).join(': ') })
      throw error
    }
  }
  try {
    const value = all(check)
    return { checks, failure: undefined, value }
  } catch (error) {
    if (!(error instanceof AppError) || error.kind === 'bug') throw error
    const made = new Set(checks.map(({ name }) => name))
    const missed = expected.filter((name) => !made.has(name))
    const left = missed.map((name): AttestationCheck => ({ name, holds: undefined, found: 'not reached' }))
    return { checks: [...checks, ...left], failure: error, value: undefined }
  }
}
