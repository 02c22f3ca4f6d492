/**
 * The strict reader of zip archives: every byte of the file belongs to an entry, the directory or the end record, and whoever reads by
 * local headers sees what whoever reads by the directory sees. Contents are unpacked once, in the order of the file, and hashed.
 */
import { createHash, type Hash } from 'node:crypto'
import type { Archive, ArchiveLimits, ByteSource, Entry } from '../archive.ts'
import { ContentHasher } from '../hasher.ts'
import { malformed, shown, tooLarge } from '../malformed.ts'
import { checkPath, checkTarget, Names, nameText } from '../paths.ts'
import type { Reading } from '../reading/inflate-need.ts'
import type { ReadOptions } from '../reading/options.ts'
import { type CentralRecord, FLAGS, readCentral } from './central.ts'
import { findDirectory } from './end.ts'
import { attributesOf } from './extra.ts'
import { type Placed, placeEntries } from './local.ts'

const STORED_CHUNK_BYTES = 4_194_304
const TYPES = { directory: 0o040000, file: 0o100000, symlink: 0o120000 } as const
const TYPE_BITS = 0o170000
const DOS_DIRECTORY = 0x10

/** Reads a zip archive. @throws untrusted.archive, exhausted.size */
export function* readZip(source: ByteSource, options: ReadOptions): Reading<Archive> {
  const { limits } = options
  const directory = findDirectory(source)
  const records = readCentral(source, directory, limits.entriesMax)
  checkTotal(records, limits)
  const placed = placeEntries(source, records, directory)
  const unpacked = createHash('sha256').update(directory.comment)
  const names = new Names(false)
  const entries: Entry[] = []
  const contents = new Map<string, Uint8Array>()
  let keptBytes = 0
  for (const each of placed) {
    const shape = shapeOf(each.record, options)
    const keeps = shape.type === 'symlink' || (shape.type === 'file' && options.keep(shape.path, each.record.sizeBytes))
    const hasher = new ContentHasher(each.record.sizeBytes, { keep: keeps, checksum: true })
    keptBytes += keeps ? each.record.sizeBytes : 0
    if (keptBytes > limits.keptBytesMax) throw tooLarge(`at most ${limits.keptBytesMax} bytes to look into`, 'more')
    yield* passContent(source, each, hasher)
    const entry = entryOf(each, shape, hasher, options)
    names.add(entry, each.record.at)
    if (entry.type === 'file' && hasher.kept !== undefined) contents.set(entry.path, hasher.kept)
    entries.push(entry)
    unpacked.update(uncompressed(each)).update(entry.sha256 ?? `link ${entry.target ?? ''}`)
  }
  names.finish()
  const comment = directory.comment.byteLength > 0 ? { comment: `hex:${directory.comment.toString('hex')}` } : {}
  return { entries, contents, attributes: comment, unpacked: finish(unpacked, records), remarks: [] }
}

/** The order of the directory counts as well. */
function finish(unpacked: Hash, records: readonly CentralRecord[]): string {
  for (const { nameBytes } of records) unpacked.update(nameBytes).update('\0')
  return unpacked.digest('hex')
}

function checkTotal(records: readonly CentralRecord[], limits: ArchiveLimits): void {
  let packedBytes = 0
  let sizeBytes = 0
  for (const record of records) {
    packedBytes += record.packedBytes
    sizeBytes += record.sizeBytes
  }
  if (sizeBytes > limits.unpackedBytesMax)
    throw tooLarge(`at most ${limits.unpackedBytesMax} bytes, unpacked`, `${sizeBytes}`)
  if (sizeBytes > limits.ratioFromBytes && sizeBytes > packedBytes * limits.ratioMax) {
    throw tooLarge(`at most ${limits.ratioMax} bytes from each`, `${sizeBytes} from ${packedBytes}`)
  }
}

interface Shape {
  readonly path: string
  readonly type: 'file' | 'directory' | 'symlink'
  readonly mode: number
}

/** Type and mode, whoever wrote the archive: some installers look at the upper half of the attributes whatever the host is. */
function shapeOf(record: CentralRecord, options: ReadOptions): Shape {
  const { name, at, externalAttributes } = record
  const unix = externalAttributes >>> 16
  const path = name.endsWith('/') ? name.slice(0, -1) : name
  const isDirectory = name.endsWith('/')
  checkPath(path, at, { layer: false, pathBytesMax: options.limits.pathBytesMax })
  const bits = unix & TYPE_BITS
  const type = isDirectory ? 'directory' : bits === TYPES.symlink ? 'symlink' : 'file'
  // Folders that say they are files, or everything at once, are found in one jar of thirty; all readers go by the slash.
  const agrees = bits === 0 || bits === TYPES[type] || (isDirectory && (bits === TYPES.file || bits === TYPE_BITS))
  if (!agrees) throw malformed(at + 38, `the attributes of a ${type} for ${shown(name)}`, `type 0o${bits.toString(8)}`)
  if (!isDirectory && (externalAttributes & DOS_DIRECTORY) !== 0) {
    throw malformed(at + 38, `a slash at the end of the folder ${shown(name)}`, 'none')
  }
  if (isDirectory && record.sizeBytes !== 0)
    throw malformed(at + 24, `no content of the folder ${shown(name)}`, `${record.sizeBytes} bytes`)
  if (type === 'symlink' && record.sizeBytes > options.limits.pathBytesMax) {
    throw malformed(at + 24, `a link's target of at most ${options.limits.pathBytesMax} bytes`, `${record.sizeBytes}`)
  }
  return { path, type, mode: bits === TYPE_BITS ? 0 : unix & 0o7777 }
}

function* passContent(source: ByteSource, { record, contentAt }: Placed, hasher: ContentHasher): Reading<void> {
  const { method, packedBytes, sizeBytes } = record
  if (method === 0) {
    for (let done = 0; done < sizeBytes; done += STORED_CHUNK_BYTES) {
      hasher.update(source.read(contentAt + done, Math.min(STORED_CHUNK_BYTES, sizeBytes - done)))
    }
  } else {
    const inflated = yield {
      source,
      offsetBytes: contentAt,
      packedBytesMax: packedBytes,
      sizeBytesMax: sizeBytes,
      expectedBytes: sizeBytes,
      sink: (chunk) => hasher.update(chunk),
    }
    const wanted = `${packedBytes} bytes that unpack to ${sizeBytes} for ${shown(record.name)}`
    if (inflated.kind === 'broken') throw malformed(contentAt, wanted, inflated.reason)
    if (inflated.kind === 'long') throw malformed(contentAt, wanted, 'more')
    if (inflated.packedBytes !== packedBytes || hasher.seenBytes !== sizeBytes) {
      throw malformed(contentAt, wanted, `${inflated.packedBytes} that unpack to ${hasher.seenBytes}`)
    }
  }
  if (hasher.crc32 !== record.crc32) {
    throw malformed(contentAt, `content of ${shown(record.name)} with the CRC-32 ${record.crc32}`, `${hasher.crc32}`)
  }
}

function entryOf({ record, extra }: Placed, shape: Shape, hasher: ContentHasher, options: ReadOptions): Entry {
  const target = shape.type === 'symlink' ? nameText(hasher.kept ?? Buffer.alloc(0), record.at) : undefined
  if (target !== undefined)
    checkTarget(shape.path, target, record.at, { layer: false, pathBytesMax: options.limits.pathBytesMax })
  return {
    ...shape,
    sizeBytes: shape.type === 'file' ? record.sizeBytes : 0,
    sha256: shape.type === 'file' ? hasher.digest() : undefined,
    target,
    owner: undefined,
    device: undefined,
    attributes: {
      ...attributesOf(extra, 'local'),
      ...attributesOf(record.extra, 'central'),
      ...(record.comment.byteLength > 0 ? { comment: `hex:${record.comment.toString('hex')}` } : {}),
    },
  }
}

/** Both headers without what compression, its method and the places in the file have to do with. */
function uncompressed({ record, header, extra }: Placed): Buffer {
  const local = Buffer.from(header.subarray(0, 30))
  local.writeUInt16LE(record.flags & FLAGS.utf8, 6)
  const central = Buffer.from(record.bytes.subarray(0, 46))
  central.writeUInt16LE(record.flags & FLAGS.utf8, 8)
  for (const [bytes, versionAt, methodAt, crcAt] of [
    [local, 4, 8, 14],
    [central, 6, 10, 16],
  ] as const) {
    bytes.writeUInt16LE(0, versionAt)
    bytes.writeUInt16LE(0, methodAt)
    // CRC and both sizes; the content's own digest stands for them.
    bytes.fill(0, crcAt, crcAt + 12)
  }
  // Lengths of extra fields, without the zip64 ones.
  local.writeUInt16LE(0, 28)
  central.writeUInt16LE(0, 30)
  central.writeUInt32LE(0, 42)
  const fields = [...extra, ...record.extra].filter(({ id }) => id !== 1)
  const told = fields.map(({ id, data }) => `${id} ${data.toString('hex')}\n`).join('')
  return Buffer.concat([local, central, record.nameBytes, record.comment, Buffer.from(`\n${told}\n`)])
}
