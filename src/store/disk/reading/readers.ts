/** Open blobs as the store's readers: over a file that is joined, or over bytes that were checked a moment ago. */
import type { BlobInfo, BlobReader } from '../../store.ts'
import { type CheckedSource, checkedStream, keptStream } from './checked-stream.ts'

/** A reader of a file that its maker has joined; `close` leaves it. */
export function fileReader(info: BlobInfo, source: CheckedSource): BlobReader {
  let closed = false
  return {
    info,
    stream: (range, signal) => checkedStream(source, range, signal),
    async close() {
      if (!closed) source.file.leave()
      closed = true
    },
  }
}

/** A reader of a whole blob in memory. */
export function keptReader(info: BlobInfo, blob: Buffer): BlobReader {
  return { info, stream: (range, signal) => keptStream(blob, range, signal), async close() {} }
}
