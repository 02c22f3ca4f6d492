/** A file as a source of bytes, read as it is asked for: archives larger than memory are read this way. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { AppError } from '../base/errors.ts'
import type { ByteSource } from './archive.ts'
import { malformed } from './malformed.ts'

/** An open file. Whoever opened it closes it. */
export interface FileSource extends ByteSource {
  close(): void
}

/** Opens a file. @throws usage.request if it cannot be opened or is no file; reading throws untrusted.archive if it shrank meanwhile */
export function openFileSource(path: string): FileSource {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (cause) {
    throw new AppError('usage.request', `cannot open ${path}`, { cause })
  }
  const stat = fstatSync(file)
  if (!stat.isFile()) {
    closeSync(file)
    throw new AppError('usage.request', `${path} is no file`)
  }
  return {
    sizeBytes: stat.size,
    read(offsetBytes, lengthBytes) {
      const bytes = Buffer.allocUnsafe(lengthBytes)
      for (let done = 0; done < lengthBytes; ) {
        const found = readSync(file, bytes, done, lengthBytes - done, offsetBytes + done)
        if (found === 0) throw malformed(offsetBytes + done, 'as many bytes as the file had', 'its end')
        done += found
      }
      return bytes
    },
    close: () => closeSync(file),
  }
}
