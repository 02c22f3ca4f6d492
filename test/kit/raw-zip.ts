/** Writes zip archives field by field, so that any of them can lie. What is not said is what a good writer would write. */
import { crc32, deflateRawSync } from 'node:zlib'

/** One entry; whatever begins with `local` stands in the local header alone. */
export interface RawZipEntry {
  readonly name: string | Buffer
  readonly content?: string | Buffer
  readonly method?: number
  /** What stands in the file as content, instead of the packed content. */
  readonly packed?: Buffer
  readonly flags?: number
  readonly mode?: number
  /** External attributes, instead of those made of `mode`. */
  readonly attributes?: number
  readonly time?: number
  readonly crc?: number
  readonly sizeBytes?: number
  readonly packedBytes?: number
  readonly extra?: Buffer
  readonly comment?: string
  readonly localName?: string
  readonly localFlags?: number
  readonly localMethod?: number
  readonly localCrc?: number
  readonly localSizeBytes?: number
  readonly localPackedBytes?: number
  readonly localExtra?: Buffer
  /** Follows the content: a data descriptor, or a gap. */
  readonly after?: Buffer
  /** Where the directory says that the local header is. */
  readonly offset?: number
  /** True: it stands in the file and the directory says nothing of it. */
  readonly hidden?: boolean
  /** True: it stands in the directory and has no place in the file of its own. */
  readonly only?: boolean
}

/** Of the archive as a whole. */
export interface RawZipOptions {
  readonly prefix?: Buffer
  readonly beforeDirectory?: Buffer
  readonly afterDirectory?: Buffer
  readonly suffix?: Buffer
  readonly comment?: string | Buffer
  readonly count?: number
  readonly directoryOffset?: number
  readonly directoryBytes?: number
  /** With the zip64 records, the narrow fields set to say so. */
  readonly wide?: boolean
  readonly wideCount?: number
  /** Order of the directory: indexes of the entries. */
  readonly order?: readonly number[]
}

/** The archive. */
export function rawZip(entries: readonly RawZipEntry[], options: RawZipOptions = {}): Buffer {
  const parts: Buffer[] = [options.prefix ?? Buffer.alloc(0)]
  const directory: Buffer[] = []
  let offset = parts[0]?.byteLength ?? 0
  for (const entry of entries) {
    const { local, central } = records(entry, offset)
    if (entry.only !== true) {
      parts.push(local)
      offset += local.byteLength
    }
    if (entry.hidden !== true) directory.push(central)
  }
  if (options.beforeDirectory !== undefined) {
    parts.push(options.beforeDirectory)
    offset += options.beforeDirectory.byteLength
  }
  const table = Buffer.concat(options.order?.map((at) => directory[at] ?? Buffer.alloc(0)) ?? directory)
  const end = ending(directory.length, table.byteLength, offset, options)
  return Buffer.concat([
    ...parts,
    table,
    options.afterDirectory ?? Buffer.alloc(0),
    end,
    options.suffix ?? Buffer.alloc(0),
  ])
}

function records(entry: RawZipEntry, offset: number): { readonly local: Buffer; readonly central: Buffer } {
  const content = Buffer.from(entry.content ?? '')
  const name = Buffer.from(entry.name)
  const method = entry.method ?? 8
  const packed = entry.packed ?? (method === 8 ? deflateRawSync(content) : content)
  const flags = entry.flags ?? (/[^\0-\x7f]/.test(name.toString('latin1')) ? 0x800 : 0)
  const crc = entry.crc ?? crc32(content)
  const sizeBytes = entry.sizeBytes ?? content.byteLength
  const packedBytes = entry.packedBytes ?? packed.byteLength
  const localName = Buffer.from(entry.localName ?? name)
  const localExtra = entry.localExtra ?? Buffer.alloc(0)
  const local = Buffer.alloc(30)
  local.writeUInt32LE(0x04034b50, 0)
  fields(local, 4, entry.localFlags ?? flags, entry.localMethod ?? method, entry.time ?? 0x21)
  local.writeUInt32LE(entry.localCrc ?? crc, 14)
  local.writeUInt32LE(entry.localPackedBytes ?? packedBytes, 18)
  local.writeUInt32LE(entry.localSizeBytes ?? sizeBytes, 22)
  local.writeUInt16LE(localName.byteLength, 26)
  local.writeUInt16LE(localExtra.byteLength, 28)
  const extra = entry.extra ?? Buffer.alloc(0)
  const comment = Buffer.from(entry.comment ?? '')
  const central = Buffer.alloc(46)
  central.writeUInt32LE(0x02014b50, 0)
  central.writeUInt16LE(0x0314, 4)
  fields(central, 6, flags, method, entry.time ?? 0x21)
  central.writeUInt32LE(crc, 16)
  central.writeUInt32LE(packedBytes, 20)
  central.writeUInt32LE(sizeBytes, 24)
  central.writeUInt16LE(name.byteLength, 28)
  central.writeUInt16LE(extra.byteLength, 30)
  central.writeUInt16LE(comment.byteLength, 32)
  central.writeUInt32LE(entry.attributes ?? ((entry.mode ?? 0o100644) * 0x10000) >>> 0, 38)
  central.writeUInt32LE(entry.offset ?? offset, 42)
  return {
    local: Buffer.concat([local, localName, localExtra, packed, entry.after ?? Buffer.alloc(0)]),
    central: Buffer.concat([central, name, extra, comment]),
  }
}

function fields(header: Buffer, at: number, flags: number, method: number, date: number): void {
  header.writeUInt16LE(20, at)
  header.writeUInt16LE(flags, at + 2)
  header.writeUInt16LE(method, at + 4)
  header.writeUInt16LE(date, at + 8)
}

function ending(count: number, sizeBytes: number, offset: number, options: RawZipOptions): Buffer {
  const comment = Buffer.from(options.comment ?? '')
  const end = Buffer.alloc(22)
  const wide = options.wide === true
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(wide ? 0xffff : (options.count ?? count), 8)
  end.writeUInt16LE(wide ? 0xffff : (options.count ?? count), 10)
  end.writeUInt32LE(wide ? 0xffffffff : (options.directoryBytes ?? sizeBytes), 12)
  end.writeUInt32LE(wide ? 0xffffffff : (options.directoryOffset ?? offset), 16)
  end.writeUInt16LE(comment.byteLength, 20)
  if (!wide) return Buffer.concat([end, comment])
  const record = Buffer.alloc(56)
  record.writeUInt32LE(0x06064b50, 0)
  record.writeBigUInt64LE(44n, 4)
  record.writeBigUInt64LE(BigInt(options.wideCount ?? count), 24)
  record.writeBigUInt64LE(BigInt(options.wideCount ?? count), 32)
  record.writeBigUInt64LE(BigInt(sizeBytes), 40)
  record.writeBigUInt64LE(BigInt(options.directoryOffset ?? offset), 48)
  const locator = Buffer.alloc(20)
  locator.writeUInt32LE(0x07064b50, 0)
  locator.writeBigUInt64LE(BigInt(offset + sizeBytes + (options.afterDirectory?.byteLength ?? 0)), 8)
  locator.writeUInt32LE(1, 16)
  return Buffer.concat([record, locator, end, comment])
}

/** An extra field. */
export function extraField(id: number, data: Buffer): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt16LE(id, 0)
  head.writeUInt16LE(data.byteLength, 2)
  return Buffer.concat([head, data])
}

/** Numbers of 4 bytes, little-endian; of 8 where they are bigints. */
export function numbers(...values: readonly (number | bigint)[]): Buffer {
  return Buffer.concat(
    values.map((value) => {
      const bytes = Buffer.alloc(typeof value === 'bigint' ? 8 : 4)
      if (typeof value === 'bigint') bytes.writeBigUInt64LE(value)
      else bytes.writeUInt32LE(value)
      return bytes
    }),
  )
}
