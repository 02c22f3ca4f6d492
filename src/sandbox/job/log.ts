/** What the steps of a job printed: kept up to a limit, headed by their names. Pure. */

/** The log of one job. */
export interface JobLog {
  /** How much more is kept, bytes. */
  roomBytes(): number
  /** Starts the part of a step. */
  begin(step: string): void
  /** Output of the step; what exceeds the limit is dropped and counted. */
  add(bytes: Uint8Array): void
  /** A line of the sandbox itself; never dropped. */
  note(line: string): void
  /** What the step prints from now on is dropped before it comes here. */
  full(): void
  /** Counts what was dropped before it came here. */
  dropped(sizeBytes: number): void
  /** Ends the part of the step, saying what was dropped. */
  end(): void
  /** The end of what the step printed, at most 64 KiB. */
  tail(): string
  bytes(): Uint8Array
}

const TAIL_BYTES = 65_536

/** A log that keeps `bytesMax` of what steps print. */
export function createJobLog(bytesMax: number): JobLog {
  const chunks: Uint8Array[] = []
  let keptBytes = 0
  let droppedBytes = 0
  let isFull = false
  let partAt = 0
  const push = (text: string): void => {
    chunks.push(Buffer.from(text))
  }
  return {
    roomBytes: () => bytesMax - keptBytes,
    begin(step) {
      push(`== ${plain(step)}\n`)
      partAt = chunks.length
      droppedBytes = 0
      isFull = false
    },
    add(bytes) {
      const kept = Uint8Array.from(bytes.subarray(0, bytesMax - keptBytes))
      keptBytes += kept.length
      droppedBytes += bytes.length - kept.length
      if (kept.length > 0) chunks.push(kept)
    },
    note: (line) => push(`-- ${plain(line)}\n`),
    full() {
      isFull = true
    },
    dropped(sizeBytes) {
      droppedBytes += sizeBytes
    },
    end() {
      if (droppedBytes === 0 && isFull) push(`-- further output was dropped: the log of a build holds ${bytesMax}\n`)
      if (droppedBytes > 0)
        push(`-- ${droppedBytes} bytes of output were dropped: the log of a build holds ${bytesMax}\n`)
    },
    tail() {
      const part = Buffer.concat(chunks.slice(partAt))
      return part.subarray(Math.max(0, part.length - TAIL_BYTES)).toString('utf8')
    },
    bytes: () => Buffer.concat(chunks),
  }
}

/** One line, without what moves a terminal's cursor. */
function plain(text: string): string {
  return text.replace(/\p{Cc}/gu, ' ')
}
