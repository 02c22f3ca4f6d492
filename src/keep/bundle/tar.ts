/**
 * Tar archives as bundles use them (POSIX.1-1988 ustar, plain files only; sizes beyond 8 GiB in base 256, as GNU tar writes
 * them). The reader is strict: whatever is no plain file, has no valid checksum or follows the end is refused. Nothing is
 * ever written to a disk by the names that stand in an archive. Pure.
 */
import { AppError } from '../../base/errors.ts'
import type { ByteStream } from '../../base/streams.ts'

const BLOCK_BYTES = 512
const OCTAL_SIZE_MAX = 8 ** 11 - 1
/** Zeros that may follow the end, as tools pad archives to whole records. */
const PADDING_BYTES_MAX = 1_048_576

/** A file of an archive. */
export interface TarEntry {
  readonly name: string
  readonly sizeBytes: number
  /** Its bytes, once; what is left unread is skipped. @throws untrusted.bundle if the archive ends within it */
  readonly body: ByteStream
}

/** The header block of a plain file of at most 100 name bytes. @throws bug.assertion */
export function tarHeader(name: string, sizeBytes: number): Buffer {
  if (Buffer.byteLength(name) > 100) throw new AppError('bug.assertion', `a bundle cannot name a file ${name}`)
  const header = Buffer.alloc(BLOCK_BYTES)
  header.write(name, 0, 100)
  header.write('0000644\0', 100)
  header.write('0000000\0', 108)
  header.write('0000000\0', 116)
  if (sizeBytes <= OCTAL_SIZE_MAX) {
    header.write(`${sizeBytes.toString(8).padStart(11, '0')}\0`, 124)
  } else {
    header.writeUInt8(0x80, 124)
    header.writeBigUInt64BE(BigInt(sizeBytes), 128)
  }
  header.write('00000000000\0', 136)
  header.write('0', 156)
  header.write('ustar\0', 257)
  header.write('00', 263)
  header.write(`${checksumOf(header).toString(8).padStart(6, '0')}\0 `, 148)
  return header
}

/** The zeros that fill up the last block of a file. */
export function tarPadding(sizeBytes: number): Buffer {
  return Buffer.alloc((BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES)
}

/** What ends an archive. */
export function tarEnd(): Buffer {
  return Buffer.alloc(2 * BLOCK_BYTES)
}

/** The files of an archive in their order; ends when the archive has ended as it should. @throws untrusted.bundle */
export async function* readTar(stream: ByteStream): AsyncGenerator<TarEntry, void, undefined> {
  const input = new Input(stream)
  try {
    for (;;) {
      const header = await input.exactly(BLOCK_BYTES)
      if (isZero(header)) break
      const { name, sizeBytes } = readHeader(header)
      let leftBytes = sizeBytes
      const body = (async function* (): AsyncGenerator<Uint8Array, void, undefined> {
        while (leftBytes > 0) {
          const chunk = await input.some(leftBytes)
          leftBytes -= chunk.byteLength
          yield chunk
        }
      })()
      yield { name, sizeBytes, body }
      while (leftBytes > 0) leftBytes -= (await input.some(leftBytes)).byteLength
      if (!isZero(await input.exactly(tarPadding(sizeBytes).byteLength))) throw malformed('zeros after a file')
    }
    if (!isZero(await input.exactly(BLOCK_BYTES))) throw malformed('two blocks of zeros at the end')
    await input.onlyZeros(PADDING_BYTES_MAX)
  } finally {
    await input.leave()
  }
}

function readHeader(header: Buffer): { readonly name: string; readonly sizeBytes: number } {
  const stated = octal(header, 148, 8)
  if (stated !== checksumOf(header)) throw malformed('a header with its checksum')
  const type = header[156]
  if (type !== 0x30 && type !== 0) throw malformed('plain files only')
  if (header[345] !== 0 && header.toString('latin1', 257, 262) === 'ustar') throw malformed('short names only')
  const end = header.indexOf(0)
  const name = header.toString('utf8', 0, end < 0 || end > 100 ? 100 : end)
  return { name, sizeBytes: sizeOf(header) }
}

function sizeOf(header: Buffer): number {
  const first = header[124] ?? 0
  if ((first & 0x80) === 0) return octal(header, 124, 12)
  const size = header.readBigUInt64BE(128)
  if (first !== 0x80 || !isZero(header.subarray(125, 128)) || size > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw malformed('a file of a sensible size')
  }
  return Number(size)
}

function octal(header: Buffer, offset: number, length: number): number {
  const text = header.toString('latin1', offset, offset + length).replace(/[\0 ]+$/, '')
  if (!/^[0-7]+$/.test(text)) throw malformed('octal numbers in headers')
  return Number.parseInt(text, 8)
}

/** The sum of the header's bytes, its own field taken as spaces. */
function checksumOf(header: Buffer): number {
  let sum = 8 * 0x20
  for (const [at, byte] of header.entries()) if (at < 148 || at >= 156) sum += byte
  return sum
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0)
}

function malformed(wanted: string): AppError {
  return new AppError('untrusted.bundle', `reading a bundle: wanted ${wanted}, found something else`)
}

/** The archive's bytes, asked for by counts. */
class Input {
  readonly #chunks: AsyncIterator<Uint8Array>
  #rest: Buffer = Buffer.alloc(0)
  #ended = false

  constructor(stream: ByteStream) {
    this.#chunks = stream[Symbol.asyncIterator]()
  }

  /** At least one byte and at most `bytesMax`. @throws untrusted.bundle at the end */
  async some(bytesMax: number): Promise<Buffer> {
    if (this.#rest.byteLength === 0 && !(await this.#more())) {
      throw new AppError('untrusted.bundle', 'reading a bundle: it ends too early')
    }
    const taken = this.#rest.subarray(0, bytesMax)
    this.#rest = this.#rest.subarray(taken.byteLength)
    return taken
  }

  /** A copy of just so many bytes; few. @throws untrusted.bundle */
  async exactly(bytes: number): Promise<Buffer> {
    const found = Buffer.alloc(bytes)
    for (let at = 0; at < bytes; ) at += (await this.some(bytes - at)).copy(found, at)
    return found
  }

  /** Reads to the end. @throws untrusted.bundle if anything but `bytesMax` zeros follows */
  async onlyZeros(bytesMax: number): Promise<void> {
    let leftBytes = bytesMax
    while (this.#rest.byteLength > 0 || (await this.#more())) {
      leftBytes -= this.#rest.byteLength
      if (leftBytes < 0 || !isZero(this.#rest)) throw malformed('nothing after the end')
      this.#rest = this.#rest.subarray(this.#rest.byteLength)
    }
  }

  async leave(): Promise<void> {
    if (!this.#ended) await this.#chunks.return?.()
  }

  async #more(): Promise<boolean> {
    while (!this.#ended) {
      const next = await this.#chunks.next()
      if (next.done === true) this.#ended = true
      else if (next.value.byteLength > 0) {
        const { buffer, byteOffset, byteLength } = next.value
        this.#rest = Buffer.from(buffer, byteOffset, byteLength)
        return true
      }
    }
    return false
  }
}
