/** Reads a tar archive, plain or in one gzip member. */
import type { Archive, ByteSource } from '../archive.ts'
import { readGzip } from '../gzip/read-gzip.ts'
import type { Reading } from '../reading/inflate-need.ts'
import type { ReadOptions } from '../reading/options.ts'
import { TarReader } from './tar-reader.ts'

const CHUNK_BYTES = 4_194_304

/** Reads it. @throws untrusted.archive, exhausted.size */
export function* readTar(source: ByteSource, options: ReadOptions): Reading<Archive> {
  const reader = new TarReader(options)
  const magic = source.read(0, Math.min(2, source.sizeBytes))
  if (magic[0] === 0x1f && magic[1] === 0x8b) {
    const { attributes, remarks } = yield* readGzip(source, options.limits, (chunk) => reader.push(chunk))
    return { ...reader.finish(), attributes, remarks }
  }
  for (let at = 0; at < source.sizeBytes; at += CHUNK_BYTES) {
    reader.push(source.read(at, Math.min(CHUNK_BYTES, source.sizeBytes - at)))
  }
  return { ...reader.finish(), attributes: {}, remarks: [] }
}
