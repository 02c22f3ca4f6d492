/** A response body over a lean connection as a `ByteStream`: chunks are copied into a bounded queue, the peer is paused beyond it. */
import { AppError } from '../../../base/errors.ts'
import type { ByteStream } from '../../../base/streams.ts'
import type { LeanConnection, LeanRequest, Receiver } from './lean-connection.ts'
import type { ResponseHead } from './response-head.ts'

const QUEUE_BYTES_MAX = 2_097_152

/** A response whose first bytes arrived. */
export interface StreamedResponse {
  readonly head: ResponseHead
  readonly stream: ByteStream
}

/**
 * Sends a request and resolves when the first byte of its body is there (at once if the body is empty). `onDone` is called when
 * the connection is free again; leaving the stream early destroys the connection.
 * @throws unavailable.peer, untrusted.reply
 */
export function requestStream(
  connection: LeanConnection,
  request: LeanRequest,
  onDone: () => void,
): Promise<StreamedResponse> {
  return new Promise((resolve, reject) => {
    const queue: Buffer[] = []
    let queuedBytes = 0
    let head: ResponseHead | undefined
    let ended = false
    let failure: AppError | undefined
    let wake: (() => void) | undefined
    const change = (): void => {
      if (head !== undefined && (queue.length > 0 || ended)) resolve({ head, stream })
      wake?.()
      wake = undefined
    }
    const receiver: Receiver = {
      head(found) {
        head = found
      },
      body(chunk) {
        queue.push(Buffer.from(chunk))
        queuedBytes += chunk.byteLength
        change()
        return queuedBytes < QUEUE_BYTES_MAX
      },
      end() {
        ended = true
        onDone()
        change()
      },
      fail(error) {
        failure = error
        reject(error)
        change()
      },
    }
    const stream = (async function* () {
      try {
        for (;;) {
          const chunk = queue.shift()
          if (chunk !== undefined) {
            const wasFull = queuedBytes >= QUEUE_BYTES_MAX
            queuedBytes -= chunk.byteLength
            if (wasFull && queuedBytes < QUEUE_BYTES_MAX && !ended) connection.resume()
            yield chunk
          } else if (failure !== undefined) throw failure
          else if (ended) return
          else
            await new Promise<void>((next) => {
              wake = next
            })
        }
      } finally {
        if (!ended) connection.destroy(new AppError('aborted.caller', 'the reader left'))
      }
    })()
    connection.send(request, receiver)
  })
}
