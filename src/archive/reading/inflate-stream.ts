/** Runs a reader with bounded memory: deflate streams are unpacked chunk by chunk, the next one while the last is being hashed. */
import { createInflateRaw, type InflateRaw } from 'node:zlib'
import { throwIfAborted } from '../../base/errors.ts'
import type { Inflated, InflateNeed, Reading } from './inflate-need.ts'
import { inflateNow } from './inflate-now.ts'

const CHUNK_BYTES = 1_048_576
/** Smaller ones cost less at once than a round through the thread pool. */
const SMALL_BYTES = 1_048_576

/** The reader's result. @throws untrusted.archive, exhausted.size, aborted.caller */
export async function readStreaming<T>(reading: Reading<T>, signal?: AbortSignal): Promise<T> {
  let step = reading.next()
  while (step.done !== true) {
    throwIfAborted(signal)
    const need = step.value
    const small = need.packedBytesMax <= SMALL_BYTES && need.sizeBytesMax <= SMALL_BYTES
    let inflated: Inflated
    try {
      inflated = small ? inflateNow(need) : await inflateStream(need)
    } catch (error) {
      // Into the reader, which may turn it into a value.
      step = reading.throw(error)
      continue
    }
    step = reading.next(inflated)
  }
  return step.value
}

/** Unpacks one stream; at most some chunks of 1 MiB are in memory. @throws what the sink throws */
export async function inflateStream(need: InflateNeed): Promise<Inflated> {
  const engine = createInflateRaw({ chunkSize: CHUNK_BYTES })
  const state = {
    sizeBytes: 0,
    outcome: undefined as Inflated | undefined,
    thrown: undefined as unknown,
    failed: false,
  }
  const ended = new Promise<void>((resolve) => {
    engine.on('end', resolve)
    engine.on('close', resolve)
    engine.on('error', (error) => {
      state.outcome ??= { kind: 'broken', reason: error.message }
      resolve()
    })
  })
  let behind: Promise<void> = Promise.resolve()
  engine.on('data', (chunk: Buffer) => {
    state.sizeBytes += chunk.byteLength
    // In a microtask, so that the engine goes on with the next chunk meanwhile.
    behind = behind.then(() => {
      if (state.failed || state.outcome !== undefined) return
      try {
        if (state.sizeBytes > need.sizeBytesMax) state.outcome = { kind: 'long' }
        else need.sink(chunk)
      } catch (error) {
        state.failed = true
        state.thrown = error
      }
      if (state.failed || state.outcome !== undefined) engine.destroy()
    })
  })
  await feed(engine, need, ended, () => state.failed || state.outcome !== undefined)
  await ended
  await behind
  const packedBytes = engine.bytesWritten
  engine.destroy()
  if (state.failed) throw state.thrown
  return state.outcome ?? { kind: 'end', packedBytes }
}

async function feed(engine: InflateRaw, need: InflateNeed, ended: Promise<void>, over: () => boolean): Promise<void> {
  for (let done = 0; done < need.packedBytesMax && !over(); ) {
    const length = Math.min(CHUNK_BYTES, need.packedBytesMax - done)
    // A copy: the source's bytes are its own again with the next read.
    const chunk = Buffer.from(need.source.read(need.offsetBytes + done, length))
    done += length
    // The engine does not call back for what comes after the end of the stream.
    const taken = new Promise<void>((resolve) => engine.write(chunk, () => resolve()))
    await Promise.race([taken, ended])
    if (engine.readableEnded || engine.destroyed) return
  }
  if (!engine.destroyed) engine.end()
}
