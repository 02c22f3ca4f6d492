/**
 * What a cosigner last signed, in one file for all origins, so that no part of it can be lost alone. Written before any answer.
 * Where it is missing nothing is signed: an empty store under an old key would sign second histories. A restored older copy
 * cannot be seen from inside; `confirm` takes what others hold, and `confirmFirst` demands to be told once after each start.
 */
import { dirname, join } from 'node:path'
import type { Json } from '../../base/crypto/canonical-json.ts'
import { AppError } from '../../base/errors.ts'
import type { CosignerStore, TreeHead } from '../log.ts'
import { sameHash } from '../tree/hash.ts'
import { Turns } from '../turns.ts'
import { DurableWriter } from './durable.ts'
import { fileFailure, type LogFiles, nodeLogFiles } from './files.ts'
import { type LogLock, lockLog } from './lock.ts'
import { headOfSealed, seal, sealedHead, unseal } from './sealed.ts'

const FORMAT = 'pyrsia.cosigner/1'
/** Logs that one cosigner follows: its record stays small enough to be written for every signature. */
const ORIGINS_MAX = 1000

/** Options of a cosigner's store. */
export interface CosignerOptions {
  /** Made with mode 0700 in a directory that is there. */
  readonly directory: string
  /** `true` only when the cosigner's key was made in this moment. */
  readonly create: boolean
  /** Nothing is signed for an origin before `confirm` was called for it; false where nobody else could know (solo networks). */
  readonly confirmFirst: boolean
}

/** What the store needs; only differs in tests. */
export interface CosignerDependencies {
  readonly files?: LogFiles
  readonly lock?: (path: string) => LogLock
}

interface Signed {
  readonly last: TreeHead
  /** Others hold something that this store does not know of: nothing more is signed. */
  readonly refused: boolean
}

/** Opens the store. @throws damaged.cosigner if it is missing or unreadable, conflict.running, unavailable.storage */
export async function openCosignerStore(
  { directory, create, confirmFirst }: CosignerOptions,
  { files = nodeLogFiles, lock = lockLog }: CosignerDependencies = {},
): Promise<CosignerStore> {
  await files.makeDirectory(directory, 0o700)
  const held = lock(join(directory, 'lock'))
  try {
    const store = new DiskCosigner(files, directory, confirmFirst, held)
    await store.open(create)
    return store
  } catch (error) {
    held.release()
    throw fileFailure(error, `opening ${directory}`)
  }
}

class DiskCosigner implements CosignerStore {
  readonly #files: LogFiles
  readonly #path: string
  readonly #incoming: string
  readonly #directory: string
  readonly #confirmFirst: boolean
  readonly #lock: LogLock
  readonly #confirmed = new Set<string>()
  readonly #turns = new Turns()
  #signed: ReadonlyMap<string, Signed> = new Map()
  /** True after a failed write: the disk may have the new record or the old one. */
  #uncertain = false

  constructor(files: LogFiles, directory: string, confirmFirst: boolean, lock: LogLock) {
    this.#files = files
    this.#directory = directory
    this.#path = join(directory, 'signed')
    this.#incoming = join(directory, 'incoming')
    this.#confirmFirst = confirmFirst
    this.#lock = lock
  }

  async open(create: boolean): Promise<void> {
    const found = await this.#read()
    await this.#files.remove(this.#incoming)
    await this.#files.makeDirectory(this.#incoming, 0o700)
    await this.#files.syncDirectory(dirname(this.#directory))
    if (found === undefined && !create)
      throw this.#damaged('it is missing; signing without it could sign second histories')
    // Written again also if it is there: a rename that is seen may not be durable.
    await this.#write(found ?? new Map())
  }

  last(origin: string): TreeHead | undefined {
    return this.#usable(origin)?.last
  }

  advance(origin: string, expected: TreeHead | undefined, next: TreeHead): Promise<void> {
    return this.#turns.take(async () => {
      await this.#settle()
      const last = this.#usable(origin)?.last
      const doing = `cosigning ${origin} at ${next.size}`
      if (this.#confirmFirst && !this.#confirmed.has(origin)) {
        throw new AppError('unavailable.unconfirmed', `${doing}: others were not yet asked what was signed before`)
      }
      if (!sameHead(last, expected)) {
        throw new AppError(
          'conflict.changed',
          `${doing}: wanted ${sizeOf(expected)} as the last one signed, found ${sizeOf(last)}`,
        )
      }
      if (last !== undefined && next.size < last.size) {
        throw new AppError('conflict.changed', `${doing}: one of size ${last.size} was signed already`)
      }
      if (last !== undefined && next.size === last.size && !sameHash(next.root, last.root)) {
        throw new AppError('untrusted.proof', `${doing}: another root of this size was signed already`)
      }
      if (sameHead(last, next)) return
      if (last === undefined && this.#signed.size >= ORIGINS_MAX) {
        throw new AppError('exhausted.queue', `${doing}: ${ORIGINS_MAX} logs are cosigned already`)
      }
      await this.#write(new Map(this.#signed).set(origin, { last: next, refused: false }))
    })
  }

  confirm(origin: string, newest: TreeHead | undefined): Promise<void> {
    return this.#turns.take(async () => {
      await this.#settle()
      const last = this.#usable(origin)?.last
      const older = newest !== undefined && (last === undefined || newest.size > last.size)
      const other = newest !== undefined && last?.size === newest.size && !sameHash(last.root, newest.root)
      if (older || other) {
        // Also remembers how far it goes, so that nothing smaller is signed by whoever repairs this by hand.
        await this.#write(
          new Map(this.#signed).set(origin, { last: older ? newest : (last as TreeHead), refused: true }),
        )
        this.#usable(origin)
      }
      this.#confirmed.add(origin)
    })
  }

  close(): void {
    this.#lock.release()
  }

  /** What was signed for an origin. @throws damaged.cosigner if nothing more may be */
  #usable(origin: string): Signed | undefined {
    const signed = this.#signed.get(origin)
    if (signed?.refused !== true) return signed
    throw this.#damaged(
      `others hold a checkpoint of ${origin} with this cosigner's signature that it does not know of; was an old copy restored?`,
    )
  }

  async #settle(): Promise<void> {
    if (!this.#uncertain) return
    const found = await this.#read()
    if (found === undefined) throw this.#damaged('it is missing')
    await this.#write(found)
  }

  async #read(): Promise<ReadonlyMap<string, Signed> | undefined> {
    const bytes = await this.#files.read(this.#path)
    if (bytes === undefined) return undefined
    try {
      const { format, logs } = unseal(bytes, this.#path)
      if (format !== FORMAT) throw this.#damaged('it is no record of a cosigner')
      const rows = Object.entries(logs as Readonly<Record<string, { readonly last: Json; readonly refused: Json }>>)
      return new Map(
        rows.map(([origin, { last, refused }]) => [
          origin,
          { last: headOfSealed(last, this.#path) as TreeHead, refused: refused === true },
        ]),
      )
    } catch (error) {
      throw this.#damaged('it cannot be read', error)
    }
  }

  async #write(signed: ReadonlyMap<string, Signed>): Promise<void> {
    const logs = Object.fromEntries(
      [...signed].map(([origin, { last, refused }]) => [origin, { last: sealedHead(last), refused }]),
    )
    this.#uncertain = true
    try {
      const durable = new DurableWriter(this.#files, this.#directory, this.#incoming)
      await durable.replace({ path: this.#path, bytes: seal({ format: FORMAT, logs }) }, 0o600)
    } catch (error) {
      throw fileFailure(error, `writing ${this.#path}`)
    }
    this.#uncertain = false
    this.#signed = signed
  }

  #damaged(why: string, cause?: unknown): AppError {
    return new AppError('damaged.cosigner', `${this.#path}, which says what was cosigned: ${why}`, {
      data: { path: this.#path },
      cause,
    })
  }
}

function sameHead(a: TreeHead | undefined, b: TreeHead | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return a.size === b.size && sameHash(a.root, b.root)
}

function sizeOf(head: TreeHead | undefined): string {
  return head === undefined ? 'none' : `size ${head.size}`
}
