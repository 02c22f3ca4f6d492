/**
 * One blob on its way into the store, for all clients that wait for it. Pulls from one place after the other, resumes at the
 * exact byte, commits only when every digest agrees, and lets clients see what `release.ts` allows until then. See
 * docs/decisions/0010-one-transfer-per-blob.md.
 */
import { type Algorithm, algorithmOf, type Digest } from '../../base/digest.ts'
import { AppError, errorChain, throwIfAborted, wrapError } from '../../base/errors.ts'
import type { Origin } from '../../base/located.ts'
import type { ByteRange, ByteStream } from '../../base/streams.ts'
import type { BlobInfo, BlobReader } from '../../store/store.ts'
import type { Cleared } from '../check.ts'
import { leaveUnread } from '../documents/refresh.ts'
import type { ServeParts } from '../parts.ts'
import { endsAttemptOnly } from '../reply/reasons.ts'
import { type Bell, createBell } from '../waiting/bell.ts'
import type { Slots } from '../waiting/slots.ts'
import { Incoming } from './incoming.ts'
import { type OpenPlace, type Place, placeError } from './place.ts'
import { type Hold, releasableBytes } from './release.ts'
import { type SeekOptions, seek } from './seek.ts'

/** What is known when the first bytes may be given. */
export interface TransferHead {
  /** Undefined: nobody stated it and the end has not come. */
  readonly sizeBytes: number | undefined
  readonly mediaType: string | undefined
  readonly source: 'peer' | 'upstream'
  /** The blob, if it is complete already. */
  readonly blob: BlobInfo | undefined
}

/** What makes a transfer. */
export interface TransferOptions {
  readonly cleared: Cleared
  /** Aliases that its ecosystem asks by. */
  readonly aliases: readonly Algorithm[]
  readonly seek: SeekOptions
  /** Called once, when the blob is in the store or the transfer failed. */
  readonly onEnd: (transfer: Transfer) => void
}

/** A transfer. Clients hold it by `join` and `leave`; without clients it ends as `parts.limits` says. */
export class Transfer {
  readonly options: TransferOptions
  readonly startedAtMs: number
  readonly #parts: ServeParts
  readonly #bell: Bell = createBell()
  readonly #life = new AbortController()
  readonly #incoming: Incoming
  /** Places whose bytes are in what was written, with their last opening. */
  readonly #contributors = new Map<Place, OpenPlace>()
  #clients = 0
  #stopLingering = () => {}
  #sizeBytes: number | undefined
  /** Who stated the size; undefined: it was known beforehand, or nobody did. */
  #sizeFrom: Place | undefined
  #mediaType: string | undefined
  #source: 'peer' | 'upstream' | undefined
  /** Some client was told the size. */
  #told = false
  /** May be given to clients. */
  #releasedBytes = 0
  /** Was given to some client. */
  #givenBytes = 0
  #blob: BlobInfo | undefined
  #reader: BlobReader | undefined
  /** The writer may be gone and the blob not yet open. */
  #committing = false
  #failure: AppError | undefined

  constructor(options: TransferOptions, parts: ServeParts) {
    const { located } = options.cleared
    this.options = options
    this.#parts = parts
    this.startedAtMs = parts.clock.nowMs()
    this.#sizeBytes = located.sizeBytes
    const stated = located.digests.map(algorithmOf).filter((algorithm) => algorithm !== 'sha256')
    this.#incoming = new Incoming(parts.store, {
      digests: located.digests,
      aliases: [...new Set([...options.aliases, ...stated])],
      sizeBytes: located.sizeBytes,
      bytesMax: located.bytesMax,
    })
  }

  get writtenBytes(): number {
    return this.#blob?.sizeBytes ?? this.#incoming.writtenBytes
  }
  get sizeBytes(): number | undefined {
    return this.#sizeBytes
  }
  get source(): 'peer' | 'upstream' | undefined {
    return this.#source
  }
  get clients(): number {
    return this.#clients
  }
  /** The blob, once it is in the store. */
  get blob(): BlobInfo | undefined {
    return this.#blob
  }

  /** Runs to its end. Never throws: clients learn of a failure from their own calls. */
  async run(slots: Slots): Promise<void> {
    let giveBack = () => {}
    try {
      giveBack = await slots.take(this.#life.signal)
      await this.#obtain()
    } catch (error) {
      this.#failure = wrapError(error, 'bug.assertion', `${this.options.cleared.located.label}: the transfer failed`)
      this.#releasedBytes = 0
      await this.#incoming.abort()
    } finally {
      giveBack()
      this.#stopLingering()
      if (this.#clients === 0) this.#releaseReader()
      this.options.onEnd(this)
      this.#bell.ring()
    }
  }

  /** Counts a client in. */
  join(): void {
    this.#clients++
    this.#stopLingering()
  }

  /** Counts a client out; the last one's going starts the lingering. */
  leave(): void {
    this.#clients--
    if (this.#clients > 0) return
    if (this.#blob !== undefined || this.#failure !== undefined) {
      this.#releaseReader()
      return
    }
    this.#stopLingering = this.#parts.clock.after(this.#parts.limits.lingerMs, () => {
      if (!this.#worthFinishing()) this.abort(new AppError('aborted.caller', 'nobody waits for the transfer any more'))
    })
  }

  /** Ends it; clients' streams fail with `reason`. */
  abort(reason: AppError): void {
    this.#life.abort(reason)
  }

  /** Resolves as soon as bytes may be given. @throws why there are none; aborted.caller */
  async ready(signal: AbortSignal): Promise<TransferHead> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure
      if (this.#source !== undefined && (this.#blob !== undefined || this.#releasedBytes > 0)) {
        const { located } = this.options.cleared
        const mediaType = located.mediaType ?? this.#mediaType
        const sizeBytes = this.#blob?.sizeBytes ?? this.#sizeBytes
        this.#told ||= sizeBytes !== undefined
        return {
          sizeBytes,
          mediaType,
          source: this.#source,
          blob: this.#blob,
        }
      }
      await this.#bell.next(signal)
    }
  }

  /** True if the blob will be held to all of these digests. */
  demands(digests: readonly Digest[]): boolean {
    return digests.every((digest) => this.options.cleared.located.digests.includes(digest))
  }

  /** Resolves when the whole blob is in the store. @throws why it is not; aborted.caller */
  async stored(signal: AbortSignal): Promise<BlobInfo> {
    while (this.#blob === undefined) {
      if (this.#failure !== undefined) throw this.#failure
      await this.#bell.next(signal)
    }
    return this.#blob
  }

  /** The bytes from the start, or the range, as they may be given. Completes only when the whole blob is verified, a range when its bytes were released. */
  async *read(range: ByteRange | undefined, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    let at = range?.offset ?? 0
    for (;;) {
      throwIfAborted(signal)
      if (this.#failure !== undefined) throw this.#failure
      const end = range === undefined ? this.#blob?.sizeBytes : range.offset + range.lengthBytes
      if (end !== undefined && at >= end) return
      const uptoBytes = Math.min(this.#releasedBytes, end ?? this.#releasedBytes)
      if (at >= uptoBytes) {
        await this.#bell.next(signal)
        continue
      }
      const [blob, epoch] = [this.#blob, this.#incoming.epoch]
      try {
        for await (const chunk of this.#bytes({ offset: at, lengthBytes: uptoBytes - at }, signal)) {
          if (this.#incoming.epoch !== epoch) break
          at += chunk.byteLength
          this.#givenBytes = Math.max(this.#givenBytes, at)
          yield chunk
        }
      } catch (error) {
        // The bytes moved into the store, or began anew, while they were being read: look again from where this client is.
        if (this.#committing) await this.#bell.next(signal)
        else if (this.#blob === blob && this.#incoming.epoch === epoch) throw error
      }
    }
  }

  #releaseReader(): void {
    void this.#reader?.close()
    this.#reader = undefined
  }

  #bytes(range: ByteRange, signal: AbortSignal): ByteStream {
    if (this.#blob !== undefined) {
      if (this.#reader === undefined) throw new AppError('absent.blob', `${this.#blob.id} is no longer open`)
      return this.#reader.stream(range, signal)
    }
    if (this.#incoming.writer === undefined) throw new AppError('bug.assertion', 'bytes were released before they came')
    return this.#incoming.writer.read(range)
  }

  async #obtain(): Promise<void> {
    const { signal } = this.#life
    const { cleared } = this.options
    let failure: AppError | undefined
    let opens = 0
    for await (const place of seek(cleared, this.options.seek, this.#parts, signal)) {
      for (let again = true; again; ) {
        if (opens++ === this.#parts.limits.opensMax) throw failure ?? nowhere(cleared)
        const beforeBytes = this.#incoming.writtenBytes
        try {
          await this.#pull(place)
          return
        } catch (error) {
          throwIfAborted(signal)
          failure = placeError(place.kind, cleared.located.label, error)
          if (!endsAttemptOnly(failure)) throw failure
          this.#parts.logger.debug(
            { label: cleared.located.label, place: place.kind, why: errorChain(failure) },
            'a source failed',
          )
          again = await this.#recover(place, failure, beforeBytes)
        }
      }
    }
    throw failure ?? nowhere(cleared)
  }

  /** True if the same place is worth opening again. @throws untrusted.digest if clients have bytes that can no longer be right */
  async #recover(place: Place, failure: AppError, beforeBytes: number): Promise<boolean> {
    if (failure.kind !== 'untrusted' && failure.code !== 'exhausted.size') {
      const hopeless = failure.kind === 'absent' || failure.code === 'unavailable.timeout'
      return !hopeless && this.#incoming.writtenBytes > beforeBytes
    }
    // With bytes or a size of others in it nobody can tell who lied: this place is asked for all of it, alone.
    const others = [...this.#contributors.keys(), this.#sizeFrom].some((one) => one !== undefined && one !== place)
    if (!others) this.#contributors.get(place)?.settle(false)
    await this.#restart()
    return others
  }

  async #restart(): Promise<void> {
    this.#releasedBytes = 0
    this.#contributors.clear()
    if (this.#givenBytes === 0 && !this.#told) {
      this.#sizeBytes = this.options.cleared.located.sizeBytes
      this.#sizeFrom = undefined
    }
    await this.#incoming.restart(this.#givenBytes)
  }

  async #pull(place: Place): Promise<void> {
    const incoming = this.#incoming
    const halfBytes = (this.#sizeBytes ?? Number.POSITIVE_INFINITY) / 2
    // Behind strangers' bytes nothing can be given before the end: early on it is better to begin anew.
    if (place.streams && incoming.provenBytes < incoming.writtenBytes && incoming.writtenBytes < halfBytes) {
      await this.#restart()
    }
    if (this.#sizeBytes !== undefined && incoming.writer !== undefined && incoming.writtenBytes === this.#sizeBytes) {
      return await this.#commit()
    }
    const hurry = new AbortController()
    const stopHurry = place.hurry ? this.#hurry(hurry) : () => {}
    try {
      const opened = await place.open(incoming.writtenBytes, AbortSignal.any([this.#life.signal, hurry.signal]))
      await this.#accept(place, opened)
      for await (const chunk of opened.stream) {
        this.#contributors.set(place, opened)
        await incoming.append(chunk, opened.hold !== 'all')
        this.#parts.ledger.received(place.kind, chunk.byteLength)
        this.#release(opened.hold)
      }
    } catch (error) {
      if (hurry.signal.aborted) throw hurry.signal.reason
      throw error
    } finally {
      stopHurry()
    }
    const missingBytes = (this.#sizeBytes ?? 0) - incoming.writtenBytes
    if (missingBytes > 0) {
      throw new AppError(
        'unavailable.upstream',
        `wanted ${this.#sizeBytes} bytes, the stream ended ${missingBytes} before`,
      )
    }
    await this.#commit()
  }

  async #accept(place: Place, opened: OpenPlace): Promise<void> {
    try {
      const stated = opened.sizeBytes
      if (stated !== undefined && this.#sizeBytes !== undefined && stated !== this.#sizeBytes) {
        throw new AppError('untrusted.size', `wanted ${this.#sizeBytes} bytes, found ${stated} stated`)
      }
      await this.#incoming.begin(stated)
      if (this.#sizeBytes === undefined && stated !== undefined) {
        this.#sizeBytes = stated
        this.#sizeFrom = place
      }
      this.#mediaType ??= opened.mediaType
      this.#source = place.kind
    } catch (error) {
      await leaveUnread(opened.stream)
      throw error
    }
  }

  #release(hold: Hold): void {
    const { provenBytes, writtenBytes } = this.#incoming
    const bytes = Math.min(provenBytes, releasableBytes(hold, writtenBytes, this.#sizeBytes))
    if (bytes <= this.#releasedBytes) return
    this.#releasedBytes = bytes
    this.#bell.ring()
  }

  async #commit(): Promise<void> {
    this.#committing = true
    try {
      await this.#commitOnce()
    } finally {
      this.#committing = false
      this.#bell.ring()
    }
  }

  async #commitOnce(): Promise<void> {
    const { cleared } = this.options
    const origin = this.#origin()
    const facts = { mediaType: cleared.located.mediaType ?? this.#mediaType, share: cleared.share, origin }
    const blob = await this.#incoming.commit(facts, this.#releasedBytes, () => {
      this.#releasedBytes = 0
      return this.#givenBytes
    })
    for (const contributor of this.#contributors.values()) contributor.settle(true)
    if (this.#sizeBytes !== undefined && blob.sizeBytes !== this.#sizeBytes) {
      throw new AppError(
        'bug.assertion',
        `${blob.id} has ${blob.sizeBytes} bytes, clients were told ${this.#sizeBytes}`,
      )
    }
    if (this.#clients > 0) this.#reader = await this.#parts.store.open(blob.id)
    this.#sizeBytes = blob.sizeBytes
    this.#releasedBytes = blob.sizeBytes
    this.#blob = blob
  }

  /** The least trusted of all who gave bytes: what is found by weak digests depends on it. */
  #origin(): Origin {
    const origins = [...this.#contributors.values()].map((opened) => opened.origin())
    const doubtful = origins.find((origin) => origin.kind === 'peer' && !origin.trusted)
    return doubtful ?? origins[0] ?? { kind: 'upstream', name: this.options.cleared.located.upstream }
  }

  #hurry(controller: AbortController): () => void {
    const { clock, limits } = this.#parts
    return clock.after(limits.strangerPatienceMs, () => {
      // A third in the time given so far means that the rest comes about as soon as upstream could give it.
      if (this.#incoming.writtenBytes >= (this.#sizeBytes ?? Number.POSITIVE_INFINITY) / 3) return
      controller.abort(new AppError('unavailable.timeout', `peers were slow for ${limits.strangerPatienceMs} ms`))
    })
  }

  #worthFinishing(): boolean {
    if (this.#sizeBytes === undefined || this.#incoming.writtenBytes === 0) return false
    const missingBytes = this.#sizeBytes - this.#incoming.writtenBytes
    return missingBytes <= this.#parts.limits.finishBytesMax || missingBytes <= this.#sizeBytes / 2
  }
}

function nowhere({ located, sources }: Cleared): AppError {
  if (sources === 'peers') return new AppError('absent.blob', `${located.label}: no peer has it`)
  return new AppError(
    'unavailable.upstream',
    `${located.label}: it is neither in the store nor at a peer, and ${located.upstream} cannot be asked now`,
  )
}
