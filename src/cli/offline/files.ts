/** The user's files as the commands for offline use read and write them. Adapter. */
import { open } from 'node:fs/promises'
import { AppError, wrapError } from '../../base/errors.ts'

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
