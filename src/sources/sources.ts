/**
 * Gets the source of a release at a commit, and says what it got. Interface only: `git.ts` is real, `memory.ts` the twin. Nothing of
 * what is fetched is run: no hooks, no filters, no submodules. 2-trust.md, "Sandbox".
 */
import type { Hex32 } from '../base/entries/fields.ts'

/** What is wanted. */
export interface SourceWanted {
  /** An https URL. */
  readonly repository: string
  /** A full commit id, or names of tags, best first. */
  readonly revisions: readonly [string, ...string[]]
  /** An existing empty folder, absolute. */
  readonly into: string
}

/** What was checked out, without anything of git's own. */
export interface SourceTree {
  /** The revision of those wanted that was taken. */
  readonly revision: string
  /** 40 or 64 hex digits. */
  readonly commit: string
  /** Time of the commit, seconds since 1970. */
  readonly committedAtSeconds: number
  /** SHA-256 of the content: paths, types, exec bits, link targets and bytes. */
  readonly tree: Hex32
  readonly fileCount: number
  readonly sizeBytes: number
  /** Submodules and large-file pointers, which are not followed. */
  readonly left: readonly string[]
}

/** Gets sources. */
export interface Sources {
  /** What it is, e.g. `git 2.39.5`. */
  readonly name: string
  /**
   * Checks out, umask 022.
   * @throws absent.source if nobody can read the repository or none of the revisions exists; exhausted.size; unavailable.source;
   * untrusted.source for a tree that leads out of its folder or a commit that is not what its id says; aborted.caller
   */
  checkout(wanted: SourceWanted, signal: AbortSignal): Promise<SourceTree>
  /** Content digest of a folder, by the same rules. */
  digest(folder: string, signal: AbortSignal): Promise<Hex32>
}
