/** Extra fields of a zip entry (APPNOTE 4.5): what is harmless, what says something, what is refused because readers disagree. */
import { malformed } from '../malformed.ts'

/** One field. */
export interface ExtraField {
  readonly id: number
  readonly data: Buffer
}

/** Sizes and offset that do not fit into 32 bits. */
export const ZIP64_FIELD = 0x0001
/** Times and numbers of users, which no level looks at: NTFS, extended timestamp, Info-ZIP's old and new Unix fields. */
const HARMLESS = new Set([0x000a, 0x5455, 0x5855, 0x7855, 0x7875])
/** Some readers take the name from it, some do not. */
const UNICODE_PATH = 0x7075
const UNICODE_COMMENT = 0x6375
/** Marks a jar; without data it says nothing. */
const JAR_MARK = 0xcafe
const ENCRYPTION = new Set([0x0014, 0x0015, 0x0016, 0x0017, 0x0018, 0x0019, 0x9901])

/** The fields, which must fill the whole space, each id once. @throws untrusted.archive */
export function readExtra(extra: Buffer, offsetBytes: number): readonly ExtraField[] {
  const fields: ExtraField[] = []
  const seen = new Set<number>()
  for (let at = 0; at < extra.byteLength; ) {
    const left = extra.byteLength - at
    const length = left < 4 ? 0 : extra.readUInt16LE(at + 2)
    if (left < 4 || 4 + length > left) throw malformed(offsetBytes + at, 'a whole extra field', `${left} bytes`)
    const id = extra.readUInt16LE(at)
    if (seen.has(id)) throw malformed(offsetBytes + at, 'each extra field once', `0x${hex4(id)} again`)
    if (id === UNICODE_PATH || id === UNICODE_COMMENT || ENCRYPTION.has(id)) {
      throw malformed(offsetBytes + at, 'extra fields on which readers agree', `0x${hex4(id)}`)
    }
    seen.add(id)
    fields.push({ id, data: Buffer.from(extra.subarray(at + 4, at + 4 + length)) })
    at += 4 + length
  }
  return fields
}

/** What the fields say beyond what is harmless, as attributes of the entry. */
export function attributesOf(fields: readonly ExtraField[], where: string): Record<string, string> {
  const attributes: Record<string, string> = {}
  for (const { id, data } of fields) {
    if (id === ZIP64_FIELD || HARMLESS.has(id) || (id === JAR_MARK && data.byteLength === 0)) continue
    attributes[`${where} extra 0x${hex4(id)}`] = `hex:${data.toString('hex')}`
  }
  return attributes
}

/** The data of the zip64 field, if there is one. */
export function zip64Of(fields: readonly ExtraField[]): Buffer | undefined {
  return fields.find(({ id }) => id === ZIP64_FIELD)?.data
}

function hex4(id: number): string {
  return id.toString(16).padStart(4, '0')
}
