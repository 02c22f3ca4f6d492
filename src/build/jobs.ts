/**
 * What a builder must not forget between its commitment and the verdict: the result that it committed to, and the salt. Written before
 * anything of it is sent; so after kill -9 the same commitment is sent again, and never another one.
 */
import { canonicalJson, type Json } from '../base/crypto/canonical-json.ts'
import { type Envelope, envelopeJson, envelopeOfJson } from '../base/crypto/dsse.ts'
import { type Hex32, hex32 } from '../base/entries/fields.ts'
import { type BuildResult, buildResult } from '../base/entries/result.ts'
import { AppError } from '../base/errors.ts'
import type { Notebook } from '../store/store.ts'
import type { Job } from './builder.ts'

/** What a builder commits to. */
export interface Bound {
  readonly result: BuildResult
  /** 32 bytes. */
  readonly salt: Hex32
  readonly commitment: Hex32
  /** The signed statement that the result names. */
  readonly envelope: Envelope
}

/** What is remembered of jobs, and how far the log was looked through. */
export interface JobBook {
  find(job: Job): Bound | undefined
  keep(job: Job, bound: Bound): void
  forget(job: Job): void
  /** Selections below this index need not be looked at again. */
  cursor(): number
  setCursor(index: number): void
}

const JOBS = 'build.jobs'
const CURSOR = 'build.cursor'

/** The book in the notes of the store. */
export function createJobBook(notebook: Notebook, network: string): JobBook {
  const keyOf = ({ request, attempt }: Job): string => `${network} ${request} ${attempt}`
  return {
    find(job) {
      const found = notebook.get(JOBS, keyOf(job)) as Record<string, unknown> | undefined
      if (found === undefined) return undefined
      try {
        return {
          result: buildResult.parse(found.result),
          salt: hex32.parse(found.salt),
          commitment: hex32.parse(found.commitment),
          envelope: envelopeOfJson(found.envelope),
        }
      } catch (cause) {
        throw new AppError('damaged.database', `what was committed to for ${job.purl} cannot be read`, { cause })
      }
    },
    keep(job, { result, salt, commitment, envelope }) {
      const kept = { result: result as unknown as Json, salt, commitment, envelope: envelopeJson(envelope) }
      // Canonical, so that what is read is what was hashed.
      notebook.set(JOBS, keyOf(job), JSON.parse(Buffer.from(canonicalJson(kept)).toString('utf8')))
    },
    forget: (job) => notebook.delete(JOBS, keyOf(job)),
    cursor: () => (notebook.get(CURSOR, network) as number | undefined) ?? 0,
    setCursor: (index) => notebook.set(CURSOR, network, index),
  }
}
