/** The running transfers by every name that their blob was asked by: the single flight of blobs. */
import { type Algorithm, algorithmOf, type Digest, isStrong } from '../../base/digest.ts'
import { AppError, errorChain } from '../../base/errors.ts'
import type { Located } from '../../base/located.ts'
import type { BlobInfo } from '../../store/store.ts'
import type { Cleared } from '../check.ts'
import type { ServeParts } from '../parts.ts'
import { createSlots, type Slots } from '../waiting/slots.ts'
import type { SeekOptions } from './seek.ts'
import { Transfer } from './transfer.ts'

/** All transfers of the node. */
export class Transfers {
  readonly #byName = new Map<string, Transfer>()
  readonly #running = new Set<Transfer>()
  readonly #ends = new Set<Promise<void>>()
  readonly #parts: ServeParts
  readonly #slots: Slots
  readonly #onStored: (transfer: Transfer, blob: BlobInfo) => void
  #closed = false

  /** `onStored` is called for every blob that came in, before its clients see the end. */
  constructor(parts: ServeParts, onStored: (transfer: Transfer, blob: BlobInfo) => void) {
    this.#parts = parts
    this.#onStored = onStored
    this.#slots = createSlots('transfers', parts.limits.transfersMax, parts.limits.transfersWaitingMax)
  }

  /** The running transfer of this file, if there is one whose blob satisfies all that is stated for it. */
  running(located: Located): Transfer | undefined {
    for (const name of namesOf(located)) {
      const transfer = this.#byName.get(name)
      if (transfer !== undefined && agree(transfer.options.cleared.located, located)) return transfer
    }
    return undefined
  }

  /** Starts a transfer; the caller asked `running` in the same turn. @throws aborted.shutdown */
  start(cleared: Cleared, aliases: readonly Algorithm[], seek: SeekOptions): Transfer {
    if (this.#closed) throw new AppError('aborted.shutdown', 'the node is shutting down')
    const names = namesOf(cleared.located)
    const onEnd = (ended: Transfer) => {
      this.#running.delete(ended)
      for (const name of names) if (this.#byName.get(name) === ended) this.#byName.delete(name)
      if (ended.blob !== undefined) this.#tell(ended, ended.blob)
    }
    const transfer = new Transfer({ cleared, aliases, seek, onEnd }, this.#parts)
    this.#running.add(transfer)
    for (const name of names) this.#byName.set(name, transfer)
    const end = transfer.run(this.#slots).finally(() => this.#ends.delete(end))
    this.#ends.add(end)
    return transfer
  }

  /** The blob is there whatever becomes of a note about it: a disk may be too full for that. */
  #tell(transfer: Transfer, blob: BlobInfo): void {
    try {
      this.#onStored(transfer, blob)
    } catch (error) {
      this.#parts.logger.warn({ id: blob.id, why: errorChain(error) }, 'what is known of a new blob could not be noted')
    }
  }

  /**
   * Has the whole blob in the store when it resolves.
   * @throws whatever ended the transfer; aborted.caller
   */
  async whole(cleared: Cleared, aliases: readonly Algorithm[], seek: SeekOptions, signal: AbortSignal): Promise<void> {
    const transfer = this.running(cleared.located) ?? this.start(cleared, aliases, seek)
    transfer.join()
    try {
      await transfer.stored(signal)
    } finally {
      transfer.leave()
    }
  }

  /** All that run or wait for their turn. */
  list(): readonly Transfer[] {
    return [...this.#running]
  }

  /** Aborts all and waits until they ended. */
  async close(): Promise<void> {
    this.#closed = true
    for (const transfer of this.#running) transfer.abort(new AppError('aborted.shutdown', 'the node is shutting down'))
    await Promise.all(this.#ends)
  }
}

/** Strong digests prove the same bytes wherever they come from; weak ones only name bytes of one upstream. */
function namesOf(located: Located): string[] {
  const strong = located.digests.filter(isStrong)
  return strong.length > 0 ? strong : located.digests.map((digest) => `${digest} ${located.upstream}`)
}

function agree(a: Located, b: Located): boolean {
  return b.digests.every((digest) => a.digests.every((other) => !contradict(digest, other)))
}

function contradict(a: Digest, b: Digest): boolean {
  return a !== b && algorithmOf(a) === algorithmOf(b)
}
