/** Makes zip archives for tests: deflated entries, or with `wide` the zip64 records that archives of many entries have. */
import { crc32, deflateRawSync } from 'node:zlib'

/** An archive of these files. */
export function makeZip(
  files: Readonly<Record<string, string | Uint8Array>>,
  options: { readonly wide?: boolean } = {},
): Buffer {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const [name, content] of Object.entries(files)) {
    const bytes = Buffer.from(content)
    const packed = deflateRawSync(bytes)
    const title = Buffer.from(name)
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt16LE(0x800, 2)
    common.writeUInt16LE(8, 4)
    common.writeUInt32LE(crc32(bytes), 10)
    common.writeUInt32LE(packed.byteLength, 14)
    common.writeUInt32LE(bytes.byteLength, 18)
    common.writeUInt16LE(title.byteLength, 22)
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, title, packed])
    const rest = Buffer.alloc(14)
    rest.writeUInt32LE(offset, 10)
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), common, rest, title]))
    parts.push(local)
    offset += local.byteLength
  }
  const table = Buffer.concat(directory)
  const count = directory.length
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 0, 'latin1')
  end.writeUInt16LE(options.wide ? 0xffff : count, 10)
  end.writeUInt32LE(options.wide ? 0xffffffff : table.byteLength, 12)
  end.writeUInt32LE(options.wide ? 0xffffffff : offset, 16)
  return Buffer.concat([...parts, table, ...(options.wide ? wideEnd(count, table.byteLength, offset) : []), end])
}

function wideEnd(count: number, sizeBytes: number, offset: number): Buffer[] {
  const record = Buffer.alloc(56)
  record.write('PK\x06\x06', 0, 'latin1')
  record.writeBigUInt64LE(44n, 4)
  record.writeBigUInt64LE(BigInt(count), 24)
  record.writeBigUInt64LE(BigInt(count), 32)
  record.writeBigUInt64LE(BigInt(sizeBytes), 40)
  record.writeBigUInt64LE(BigInt(offset), 48)
  const locator = Buffer.alloc(20)
  locator.write('PK\x06\x07', 0, 'latin1')
  locator.writeBigUInt64LE(BigInt(offset + sizeBytes), 8)
  locator.writeUInt32LE(1, 16)
  return [record, locator]
}
