/**
 * Archives as values: what a strict reader found in a file, the forms in which two files are compared, and the rules that an ecosystem
 * may bring. Types alone: the readers are `reading/`, the comparison is `compare.ts`. 2-trust.md, "Canonical forms".
 */
import type { Level } from '../base/entries/result.ts'

/** Where a file's bytes are. `read` gives exactly `lengthBytes` bytes, which stay as they are until the next call. */
export interface ByteSource {
  readonly sizeBytes: number
  read(offsetBytes: number, lengthBytes: number): Uint8Array
}

/** What an entry is. `whiteout` stands in layers alone: it takes a path of a lower layer away. */
export type EntryType = 'file' | 'directory' | 'symlink' | 'hardlink' | 'character' | 'block' | 'fifo' | 'whiteout'

/** One entry, as every reader of the format sees it; where readers would differ the archive is malformed. */
export interface Entry {
  /** As it stands in the archive, without the slash at the end that folders have. */
  readonly path: string
  readonly type: EntryType
  /** Permission bits, 0 to 0o7777. */
  readonly mode: number
  /** Bytes of the content, unpacked; 0 for everything but files. */
  readonly sizeBytes: number
  /** SHA-256 of a file's content, hex; undefined for everything else. */
  readonly sha256: string | undefined
  /** What a link points at. */
  readonly target: string | undefined
  /** Numbers and names of user and group, as tar archives have them. */
  readonly owner: Owner | undefined
  /** Major and minor number of a device. */
  readonly device: string | undefined
  /**
   * All else that says something and is not known to be harmless: extended attributes, unknown pax keys and zip extra fields,
   * comments. Values as text or `hex:…`.
   */
  readonly attributes: Readonly<Record<string, string>>
}

/** Whose a tar entry is. */
export interface Owner {
  readonly uid: number
  readonly gid: number
  readonly user: string
  readonly group: string
}

/** What a strict reader found. */
export interface Archive {
  /** In the order of the file; no path twice. */
  readonly entries: readonly Entry[]
  /** Contents of the files that were asked to be kept, by path. */
  readonly contents: ReadonlyMap<string, Uint8Array>
  /** Things of the archive as a whole that count: its comment. */
  readonly attributes: Readonly<Record<string, string>>
  /** SHA-256 of everything but the compression, hex: equal for two files of level `container`. */
  readonly unpacked: string
  /** What no level looks at, for people: the header of a gzip member. */
  readonly remarks: readonly string[]
}

/** What rules see and make: the entries, and the contents of those that a rule asked for. */
export interface Tree {
  readonly entries: readonly Entry[]
  readonly contents: ReadonlyMap<string, Uint8Array>
}

/** One change that a rule made, or would make: with `before` and `after` for people, at most 200 characters each. */
export interface Change {
  readonly path: string
  readonly before: string
  readonly after: string
}

/**
 * A pure pass over a tree that makes alike what may differ between builds without meaning. It never hides content: what it takes
 * away it has checked against the rest, or it is stated in `before`. Applied twice it is applied once.
 */
export interface Rule {
  /** With its version, e.g. `record/1`: the version is raised with every change of what it does. */
  readonly name: string
  /** `metadata`: nothing is lost; `excluded`: something is left out, so the result is never equal. */
  readonly level: 'metadata' | 'excluded'
  /** True for files whose content it must see. */
  wants(path: string): boolean
  apply(tree: Tree): { readonly tree: Tree; readonly changes: readonly Change[] }
}

/** How files of one kind are read and compared. */
export interface Format {
  /** With its version, e.g. `wheel/1`. */
  readonly name: string
  /** `tar` may be within one gzip member; `bytes` is no archive: only `exact` is equal. */
  readonly container: 'zip' | 'tar' | 'bytes'
  /** True: full mode, owner, devices and hard links are allowed and count (a layer of an image). */
  readonly layer: boolean
  /** In the order in which they are applied. */
  readonly rules: readonly Rule[]
  /** What must also hold of an archive of this kind. @throws untrusted.archive */
  check?(archive: Archive): void
}

/** Bounds of one archive. */
export interface ArchiveLimits {
  readonly entriesMax: number
  /** Bytes of all entries, unpacked. */
  readonly unpackedBytesMax: number
  /** Unpacked bytes per packed byte, where more than `ratioFromBytes` come out. */
  readonly ratioMax: number
  readonly ratioFromBytes: number
  /** Bytes of a path, and of a link's target. */
  readonly pathBytesMax: number
  /** Bytes of contents that are kept, together. */
  readonly keptBytesMax: number
}

/** How reading ended. */
export type Readable =
  | { readonly kind: 'archive'; readonly archive: Archive }
  | { readonly kind: 'malformed'; readonly reason: string }

/** One difference between two trees; `a` and `b` are short texts for people. */
export interface Difference {
  readonly path: string
  readonly what: 'entry' | 'type' | 'content' | 'mode' | 'target' | 'owner' | 'device' | 'attributes'
  /** Undefined: there is no such entry in `a`. */
  readonly a: string | undefined
  readonly b: string | undefined
}

/** A rule that was needed. */
export interface FiredRule {
  readonly name: string
  readonly a: readonly Change[]
  readonly b: readonly Change[]
}

/** How two files relate. */
export interface FileComparison {
  readonly level: Level
  readonly rules: readonly FiredRule[]
  /** What is left after the rules; empty unless the level is `mismatch`. In the order of paths, at most `DIFFERENCES_MAX`. */
  readonly differences: readonly Difference[]
  /** How many differences there are. */
  readonly differenceCount: number
  /** Why a side is malformed. */
  readonly malformed: { readonly a: string | undefined; readonly b: string | undefined }
  /** What else differs and is not looked at by the level: order, times, compression. For people. */
  readonly remarks: readonly string[]
}

/** How many differences are listed. */
export const DIFFERENCES_MAX = 1000

/** Bounds of archives that a registry may serve. */
export const ARCHIVE_LIMITS: ArchiveLimits = {
  entriesMax: 1_000_000,
  unpackedBytesMax: 32 * 1024 ** 3,
  ratioMax: 250,
  ratioFromBytes: 64 * 1024 ** 2,
  pathBytesMax: 4096,
  keptBytesMax: 64 * 1024 ** 2,
}
