/**
 * The canonical form of an archive: its entries sorted by the bytes of their paths, one line of canonical JSON each, without what
 * differs between builds of the same thing (times, order, compression; outside layers owners and all of the mode but who may execute).
 * docs/spec/canonical-form.md has it for others. 2-trust.md, "Canonical forms".
 */
import { createHash } from 'node:crypto'
import { canonicalText } from '../base/crypto/canonical-json.ts'
import type { Archive, Entry, Tree } from './archive.ts'

const SPECIAL_BITS = 0o7000
const EXECUTE_BITS = 0o111

/** What of an entry counts. */
export interface CanonicalEntry {
  readonly path: string
  readonly type: string
  /** Outside layers: `x` if anybody may execute the file, then the special bits, if any; in layers: the whole mode, octal. */
  readonly mode: string
  readonly [key: string]: string | number | Readonly<Record<string, string>>
}

/** The part of an entry that counts; what it does not have is left out. */
export function canonicalEntry(entry: Entry, layer: boolean): CanonicalEntry {
  const { owner } = entry
  return {
    path: entry.path,
    type: entry.type,
    mode: layer ? entry.mode.toString(8) : shortMode(entry),
    ...(entry.sha256 === undefined ? {} : { sha256: entry.sha256, size: entry.sizeBytes }),
    ...(entry.target === undefined ? {} : { target: entry.target }),
    ...(layer && owner !== undefined
      ? { owner: `${owner.uid}:${owner.gid}`, user: owner.user, group: owner.group }
      : {}),
    ...(entry.device === undefined ? {} : { device: entry.device }),
    ...(Object.keys(entry.attributes).length === 0 ? {} : { attributes: entry.attributes }),
  }
}

/** SHA-256 of the canonical form, hex. */
export function digestOfTree(tree: Tree & Pick<Archive, 'attributes'>, layer: boolean): string {
  const hash = createHash('sha256')
  hash.update(`pyrsia.canonical/1 ${layer ? 'layer' : 'tree'} ${canonicalText(tree.attributes)}\n`)
  for (const { entry } of sortedByPath(tree.entries)) hash.update(`${canonicalText(canonicalEntry(entry, layer))}\n`)
  return hash.digest('hex')
}

/** Entries with the bytes of their paths, in the order of these. */
export function sortedByPath(entries: readonly Entry[]): { readonly entry: Entry; readonly key: Buffer }[] {
  return entries.map((entry) => ({ entry, key: Buffer.from(entry.path) })).sort((a, b) => Buffer.compare(a.key, b.key))
}

/** Of links nobody asks for the mode; folders are entered by whoever may read them. */
function shortMode({ type, mode }: Entry): string {
  const special = mode & SPECIAL_BITS
  const executable = type === 'file' && (mode & EXECUTE_BITS) !== 0
  return `${executable ? 'x' : ''}${special === 0 ? '' : special.toString(8)}`
}
