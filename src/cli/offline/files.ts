/** The user's files as the commands for offline use read and write them. Adapter. */
import { open, rename, rm } from 'node:fs/promises'
import { AppError, wrapError } from '../../base/errors.ts'
import type { ByteStream } from '../../base/streams.ts'

/** A file's text. @throws usage.request if it cannot be read; exhausted.size beyond `bytesMax` */
export async function readText(path: string, bytesMax: number): Promise<string> {
  try {
    const file = await open(path, 'r')
    try {
      const { size } = await file.stat()
      if (size > bytesMax) {
        throw new AppError('exhausted.size', `${path}: wanted at most ${bytesMax} bytes, found ${size}`)
      }
      return await file.readFile('utf8')
    } finally {
      await file.close()
    }
  } catch (cause) {
    throw wrapError(cause, 'usage.request', `cannot read ${path}`)
  }
}

/** A file's bytes, in chunks. @throws usage.request if it cannot be read */
export async function* readBytes(path: string): ByteStream {
  try {
    const file = await open(path, 'r')
    try {
      yield* file.createReadStream({ highWaterMark: 1_048_576 })
    } finally {
      await file.close()
    }
  } catch (cause) {
    throw wrapError(cause, 'usage.request', `cannot read ${path}`)
  }
}

/**
 * Writes a file whole or not at all; returns its size in bytes. Readable by its owner only.
 * @throws usage.request if it cannot be written; what the stream throws
 */
export async function writeBytes(path: string, bytes: ByteStream): Promise<number> {
  const beside = `${path}.part`
  try {
    const file = await open(beside, 'w', 0o600)
    let sizeBytes = 0
    try {
      for await (const chunk of bytes) {
        await file.writeFile(chunk)
        sizeBytes += chunk.byteLength
      }
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(beside, path)
    return sizeBytes
  } catch (cause) {
    await rm(beside, { force: true })
    throw wrapError(cause, 'usage.request', `cannot write ${path}`)
  }
}
