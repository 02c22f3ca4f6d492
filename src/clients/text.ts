/** Configuration files as text, and a file's text without what setup wrote. Pure. */
import { AppError } from '../base/errors.ts'
import type { KnownClient } from './plan.ts'
import type { SetupRecord } from './record.ts'

/** The text of a file, byte order mark included. @throws usage.config if it is not UTF-8 */
export function textOf(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new AppError('usage.config', `${path} is not changed: it is not UTF-8 text`, { cause, data: { path } })
  }
}

/** The bytes of a text. */
export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** `text` without the keys of every client in `record`; undefined if nothing is left of the file. @throws usage.config */
export function undoneText(
  text: string,
  record: SetupRecord,
  known: ReadonlyMap<string, KnownClient>,
): string | undefined {
  const before = record.before === null ? undefined : textOf(Buffer.from(record.before, 'base64'), record.path)
  let rest: string | undefined = text
  for (const { name, role, mode, target } of record.clients) {
    const client = known.get(name)
    if (client === undefined || rest === undefined) continue
    rest = client.setup.undo(rest, target, { path: record.path, mode, role }, before)
  }
  return rest
}
