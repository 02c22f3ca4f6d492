/** By what the log's index finds an entry. Entries of kinds that this version does not know are kept and found by their index only. */
import { parseEntry } from '../../base/entries/entry.ts'
import { entryKeys } from '../../base/entries/entry-keys.ts'
import { isKind } from '../../base/errors.ts'
import type { KeysOf } from '../../log/log.ts'

/** The keys of an entry's bytes. */
export const indexKeysOf: KeysOf = (bytes) => {
  try {
    const entry = parseEntry(bytes)
    return { kind: entry.kind, ...entryKeys(entry) }
  } catch (error) {
    if (isKind(error, 'usage')) return { kind: undefined, purls: [], digests: [] }
    throw error
  }
}
